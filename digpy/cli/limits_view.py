"""The limits of an attempt as people and programs see them: what holds, why, and the time left."""

from __future__ import annotations

from collections.abc import Iterator

from digpy import durations
from digpy.cli.view import length_text
from digpy.control.limits import ERROR_TIMEOUT, LIMITS, Limit, deadlines, value
from digpy.control.resources import instant
from digpy.store.attempts import AttemptRow
from digpy.store.phases import Phase
from digpy.values import SECOND, Json, Params


def limit_fields(row: AttemptRow, now: int) -> dict[str, object]:
    """``run_timeout`` and ``2h (workflow), 1 h 20 m left``, and so on for each limit."""
    ends = _ends(row)
    fields: dict[str, object] = {"attempt id": row.id, "phase": row.phase}
    for limit in _shown(row):
        text = f"{_amount(limit, value(row, limit.name))} ({_origin(row, limit)})"
        if limit.name in ends:
            left = ends[limit.name] - now
            text += f", {length_text(left)} left" if left > 0 else ", passed"
        fields[limit.name] = text
    return fields


def limits_as_json(row: AttemptRow, now: int) -> Params:
    """The limits by name; times in seconds."""
    ends = _ends(row)
    shown = _shown(row)
    return {limit.name: dict(_facts(row, limit, ends.get(limit.name), now)) for limit in shown}


def _shown(row: AttemptRow) -> list[Limit]:
    asked = [ERROR_TIMEOUT] if ERROR_TIMEOUT.name in row.limits else []
    return [*LIMITS, *asked]


def _facts(row: AttemptRow, limit: Limit, ends: int | None, now: int) -> Iterator[tuple[str, Json]]:
    number = value(row, limit.name)
    if limit.type == "duration":
        number = None if number is None else number // SECOND
    yield "value", number
    yield "origin", _origin(row, limit)
    if limit.type == "duration":
        yield "passesAt", instant(ends)
        yield "left", None if ends is None else max(0, ends - now) // SECOND


def _ends(row: AttemptRow) -> dict[str, int]:
    """When each limit that applies now passes. A worker that has said hello started in time."""
    is_greeted = row.phase is not Phase.STARTING
    return {found.limit.name: found.at for found in deadlines(row, greeted=is_greeted)}


def _amount(limit: Limit, number: int | None) -> str:
    if number is None:
        return "off"
    return durations.written(number) if limit.type == "duration" else str(number)


def _origin(row: AttemptRow, limit: Limit) -> str:
    found = row.limits.get(limit.name)
    return str(found.get("origin")) if isinstance(found, dict) else "not known"
