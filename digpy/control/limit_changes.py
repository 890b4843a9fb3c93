"""Changing the limits of an attempt that has not ended."""

from __future__ import annotations

from collections.abc import Mapping

from digpy.config import Settings
from digpy.control.limits import LIMITS, Limit, deadlines, effective_limits, value
from digpy.errors import Conflict, InternalError
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.events import NewEvent
from digpy.store.phases import TERMINAL, Phase
from digpy.values import Params, Template

_IN_ORDER = [phase for phase in Phase if phase not in TERMINAL]
_WITH_A_WORKER = frozenset({Phase.STARTING, Phase.RUNNING})


def change_limits(
    tx: Transaction,
    attempt: int,
    given: Mapping[str, int | None],
    settings: Settings,
    now: int,
    actor: str,
) -> AttemptRow:
    """Give `attempt` the limits `given`, by name, under the administrator's caps; return it.

    Values are microseconds, or counts; None is off. Whoever supervises the attempt reads them
    with its next look. Raises `NotFound`, and `Conflict` if the attempt has ended, if a limit has
    fired, or if it cannot matter any more.
    """
    row = attempt_rows.load(tx, attempt)
    if row.is_done:
        raise Conflict(f"attempt {attempt} has ended already: {row.phase}")
    for limit in LIMITS:
        if limit.name in given:
            _refuse_late_change(row, limit, now)
    effective = effective_limits(given, {}, settings, _no_templates)
    limits = {**row.limits, **{name: effective[name] for name in given}}
    if not attempt_rows.set_limits(tx, attempt, limits):
        raise InternalError(f"attempt {attempt} ended under its own lock")
    changes: Params = {
        "old": {name: value(row, name) for name in given},
        "new": {name: effective[name] for name in given},
    }
    event_rows.append(tx, attempt, NewEvent(now, "limits.changed", actor, data=changes))
    return attempt_rows.load(tx, attempt)


def _refuse_late_change(row: AttemptRow, limit: Limit, now: int) -> None:
    late = [deadline for deadline in deadlines(row) if deadline.at <= now]
    if row.cause == limit.name or any(deadline.limit is limit for deadline in late):
        raise Conflict(f"{limit.name} of attempt {row.id} has passed already: it is being stopped")
    to_come = _IN_ORDER[_IN_ORDER.index(row.phase) :]
    if not any(phase in (limit.phases or _WITH_A_WORKER) for phase in to_come):
        raise Conflict(f"attempt {row.id} is {row.phase}: {limit.name} does not matter any more")


def _no_templates(template: Template) -> str:
    raise InternalError(f"a limit that is a template: {template}")
