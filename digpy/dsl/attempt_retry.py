"""``_attempt_retry``: how often, and after which failures, a whole attempt is tried again."""

from __future__ import annotations

from typing import NamedTuple

from digpy.dsl.coercion import to_integer
from digpy.durations import in_units
from digpy.values import SECOND, Json, to_json

CLASSES = ("infra", "limit", "user")
"""Whose fault a failure can be; see `digpy.store.phases.REASONS`."""


class AttemptRetry(NamedTuple):
    """A rule that was understood: `limit` further attempts, `interval` microseconds after an end.

    `on` are the classes of failures after which there is one; a canceled attempt has none.
    """

    limit: int
    on: tuple[str, ...] = ("infra",)
    interval: int = 0


def parse_attempt_retry(value: Json) -> AttemptRetry:
    """Read an ``_attempt_retry``: a number, or a mapping with ``limit``, ``on`` and ``interval``.

    Raises `ValueError`, which says what is wrong.
    """
    if not isinstance(value, dict):
        return AttemptRetry(_limit(value))
    strange = sorted(set(value) - {"limit", "on", "interval"})
    if strange:
        raise ValueError(f"_attempt_retry has no key {strange[0]}; there are limit, on, interval")
    if "limit" not in value:
        raise ValueError("_attempt_retry needs a limit")
    on = value.get("on", ["infra"])
    if not isinstance(on, list) or not on or any(word not in CLASSES for word in on):
        raise ValueError(f"on of _attempt_retry must be a list of {', '.join(CLASSES)}")
    return AttemptRetry(
        _limit(value["limit"]), tuple(map(str, on)), _interval(value.get("interval", 0))
    )


def _limit(value: Json) -> int:
    count = None if isinstance(value, bool) else to_integer(value)
    if count is None or count < 0:
        raise ValueError(f"the limit of _attempt_retry is no number from 0 up: {to_json(value)}")
    return count


def _interval(value: Json) -> int:
    seconds = to_integer(value) if not isinstance(value, (bool, str)) else None
    length = in_units(value) if isinstance(value, str) else None
    if seconds is not None and seconds >= 0:
        return seconds * SECOND
    if length is None:
        raise ValueError(f"interval of _attempt_retry is no duration: {to_json(value)}")
    return length
