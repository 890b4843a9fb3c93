"""The clock of a zone as digdag's JavaScript engine has it.

GraalJS 19.3.1 takes a zone's standard offset of 1 January 1970 for all years and adds the summer
time of the instant: London, on permanent British Standard Time that day, is an hour ahead ever
since, and Kathmandu never gets its 45 minutes. digpy has the true clock; with this one instead
every recorded result can still be compared.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING, _END = datetime(1840, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_WEEK, _SECOND, _MINUTE = timedelta(weeks=1), timedelta(seconds=1), timedelta(minutes=1)


@lru_cache
def transitions_of_1970(name: str) -> tuple[tuple[int, float, str], ...]:
    """What `digpy.expr.transitions.transitions` returns, for the clock of digdag's engine."""
    zone = ZoneInfo(name)

    def summer(instant: datetime) -> timedelta:
        return instant.astimezone(zone).dst() or timedelta()

    at_epoch = _EPOCH.astimezone(zone)
    standard = (at_epoch.utcoffset() or timedelta()) - summer(_EPOCH)

    def entry(instant: datetime) -> tuple[int, float, str]:
        milliseconds = (instant - _EPOCH) // _SECOND * 1000
        return milliseconds, (standard + summer(instant)) / _MINUTE, name

    table = [(-8_640_000_000_000_000, *entry(_BEGINNING)[1:])]
    before = _BEGINNING
    while before < _END:
        after = before + _WEEK
        if summer(after) != summer(before):
            low, high = before, after
            while high - low > _SECOND:
                middle = low + (high - low) // _SECOND // 2 * _SECOND
                if summer(middle) == summer(before):
                    low = middle
                else:
                    high = middle
            table.append(entry(high))
        before = after
    return tuple(table)
