"""The types of schedules: what the value of each means.

A value becomes a calendar of session times, and the seconds from there to the run times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import NamedTuple, TypeAlias

from digpy.dsl.cron import CronPattern, read_cron, read_day, read_weekdays
from digpy.dsl.written import Unreadable, clock_time, count_of, duration, plain_text
from digpy.values import SECOND, Json

WITH_DELAY = frozenset({"cron", "minutes_interval", "seconds_interval", "every"})
"""Types whose sessions run when the option ``delay`` says."""

WITH_AT = frozenset({"hourly", "daily", "weekly", "monthly"})
"""Types whose value may also stand under ``at``, beside ``_type``."""


class Interval(NamedTuple):
    """Sessions that are `seconds` apart, counted from the beginning of the day `since`.

    That day is one of the zone of the workflow; None is the epoch.
    """

    seconds: int
    since: date | None


Calendar: TypeAlias = tuple[CronPattern, ...] | Interval
"""Patterns of which one at least matches a session time, or an interval."""

_MIDNIGHT = CronPattern(
    minutes=frozenset((0,)),
    hours=frozenset((0,)),
    days=frozenset(range(1, 32)),
    months=frozenset(range(1, 13)),
    weekdays=frozenset(range(7)),
)
_EVERY_HOUR = frozenset(range(24))


def _cron(value: Json) -> tuple[Calendar, int]:
    return read_cron(plain_text(value)), 0


def _hourly(value: Json) -> tuple[Calendar, int]:
    delay = clock_time(plain_text(value), "MM:SS", "a time in the hour", '"30:00"')
    return (_MIDNIGHT._replace(hours=_EVERY_HOUR),), delay


def _daily(value: Json) -> tuple[Calendar, int]:
    return (_MIDNIGHT,), _time_of_day(plain_text(value))


def _weekly(value: Json) -> tuple[Calendar, int]:
    written, time = _day_and_time(value, '"mon,09:00:00"')
    if re.search(r"[ \t|]|^-", written.strip()):
        raise Unreadable(
            f'"{written}" is not a day of the week', help="it is 0 to 7, or sun to sat"
        )
    days = read_weekdays(written)
    return (_MIDNIGHT._replace(weekdays=days),), _time_of_day(time.strip())


def _monthly(value: Json) -> tuple[Calendar, int]:
    written, time = _day_and_time(value, '"1,09:00:00"')
    days = frozenset((read_day(written),))
    return (_MIDNIGHT._replace(days=days),), _time_of_day(time)


def _minutes_interval(value: Json) -> tuple[Calendar, int]:
    minutes = frozenset(range(0, 60, count_of(value, "minutes")))
    return (_MIDNIGHT._replace(minutes=minutes, hours=_EVERY_HOUR),), 0


def _seconds_interval(value: Json) -> tuple[Calendar, int]:
    return Interval(count_of(value, "seconds"), None), 0


def _every(value: Json) -> tuple[Calendar, int]:
    seconds = duration(value) // SECOND
    if seconds == 0:
        raise Unreadable(f"{value} is no distance between sessions", help="write 1s at least")
    return Interval(seconds, date(2000, 1, 1)), 0


def _day_and_time(value: Json, example: str) -> tuple[str, str]:
    text = plain_text(value)
    written, _, time = text.partition(",")
    if not written or not time:
        raise Unreadable(f'"{text}" is not a day and a time', help=f"for example {example}")
    return written, time


def _time_of_day(text: str) -> int:
    return clock_time(text, "HH:MM:SS", "a time of day", '"09:00:00"')


TYPES: dict[str, Callable[[Json], tuple[Calendar, int]]] = {
    "cron": _cron,
    "hourly": _hourly,
    "daily": _daily,
    "weekly": _weekly,
    "monthly": _monthly,
    "minutes_interval": _minutes_interval,
    "seconds_interval": _seconds_interval,
    "every": _every,
}
"""How the value of each type is read; raises `Unreadable`."""
