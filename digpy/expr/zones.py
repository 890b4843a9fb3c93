"""What a script must know about a time zone: the instants at which its offset changes."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_EARLIEST_MS = -8_640_000_000_000_000  # the first instant of a JavaScript Date
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all arithmetic here is in UTC, without a zone
_FROM = datetime(1840, 1, 1)  # noqa: DTZ001 - no place had left its local mean time before
_UNTIL = datetime(2100, 1, 1)  # noqa: DTZ001 - js/date.js knows that the rules repeat from here
_STEP = timedelta(days=7)  # shorter than the shortest time a zone ever kept an offset
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=64)
def transitions(name: str) -> tuple[tuple[int, float, str], ...]:
    """Lists every change of a zone's clock as `(instant, offset, abbreviation)`, oldest first.

    The instant is in milliseconds since 1970 UTC, the offset in minutes east of UTC, with a fraction
    where a zone kept local mean time. The first entry holds since the beginning of time; the list ends
    in 2100, when the rules in force have long begun to repeat.

    Raises:
        ZoneInfoNotFoundError: no zone has this name.
        ValueError: the name cannot be that of a zone.
    """
    zone = ZoneInfo(name)
    clock = _clock(zone, _FROM)
    found = [(_EARLIEST_MS, *clock)]
    before = _FROM
    while before < _UNTIL:
        after = before + _STEP
        if _clock(zone, after) != clock:
            instant = _first_difference(zone, before, after)
            clock = _clock(zone, instant)
            found.append(((instant - _EPOCH) // _SECOND * 1000, *clock))
            after = instant
        before = after
    return tuple(found)


def _clock(zone: tzinfo, instant: datetime) -> tuple[float, str]:
    local = instant.replace(tzinfo=UTC).astimezone(zone)
    offset = local.utcoffset()
    assert offset is not None  # noqa: S101 - a ZoneInfo always knows its offset
    return offset / timedelta(minutes=1), local.tzname() or ""


def _first_difference(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """Finds, to the second, where the clock of `before` stops being valid."""
    clock = _clock(zone, before)
    low, high = 0, int((after - before) / _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if _clock(zone, before + middle * _SECOND) == clock:
            low = middle
        else:
            high = middle
    return before + high * _SECOND
