"""Session times as sets of instants: those of a pattern of local times, and those of an interval.

All numbers are seconds since the epoch. A set is decided by the schedule and the zone alone, and
every answer is its nearest member, so it does not matter where a search starts (language D46), or
whether one steps or jumps.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Protocol

from digpy.control.local_clock import DAY, END, EPOCH_DAY, FIRST, LocalClock
from digpy.dsl.cron import LAST, CronPattern

_MINUTES = DAY // 60
_FIRST_DAY = 1 - EPOCH_DAY
_LAST_DAY = date.max.toordinal() - EPOCH_DAY


class Calendar(Protocol):
    """A set of session times."""

    def next(self, after: int) -> int:
        """The first one after `after`; `END` or more if there is none."""

    def previous(self, before: int) -> int:
        """The last one before `before`; `FIRST` if there is none."""


class Beat:
    """Sessions that are `seconds` apart; one of them is at `origin`."""

    __slots__ = ("_origin", "_seconds")

    def __init__(self, seconds: int, origin: int) -> None:
        self._seconds = seconds
        self._origin = origin

    def next(self, after: int) -> int:
        """See `Calendar`."""
        return after + self._seconds - (after - self._origin) % self._seconds

    def previous(self, before: int) -> int:
        """See `Calendar`."""
        return max(FIRST, before - 1 - (before - 1 - self._origin) % self._seconds)


class LocalTimes:
    """Sessions at the local times that match a pattern."""

    __slots__ = ("_clock", "_days", "_last_day", "_months", "_times", "_weeks")

    def __init__(self, pattern: CronPattern, clock: LocalClock) -> None:
        self._clock = clock
        # Sets are the bits of numbers, so that finding the nearest member is one operation.
        self._times = _bits(
            hour * 60 + minute for hour in pattern.hours for minute in pattern.minutes
        )
        self._days = _bits(pattern.days - {LAST})
        self._last_day = LAST in pattern.days
        self._months = _bits(pattern.months)
        self._weeks = _weeks(pattern.weekdays)

    def next(self, after: int) -> int:
        """See `Calendar`."""
        if after >= END:
            return END
        after = max(after, FIRST)
        found = END
        minute = self._clock.local_span(after)[0] // 60
        while (minute := self._minute_after(minute)) < END // 60 + _MINUTES:
            instant, is_skipped = self._clock.instant(minute * 60)
            if instant > after:
                found = min(found, instant)
                # A skipped time moves behind some that follow it; those may come before it.
                if not is_skipped:
                    break
        return found

    def previous(self, before: int) -> int:
        """See `Calendar`."""
        before = min(before, END)
        found = until = FIRST
        minute = -(-self._clock.local_span(max(before, FIRST))[1] // 60)
        while (minute := self._minute_before(minute)) * 60 > until:
            instant, _ = self._clock.instant(minute * 60)
            if found < instant < before:
                found = instant
                # What is earlier on the wall is later only if it was skipped shortly before.
                until = self._clock.shown_before(found)
        return found

    def _minute_after(self, minute: int) -> int:
        """The first local minute after `minute` that matches."""
        day, minute = divmod(minute + 1, _MINUTES)
        found = self._day_from(day)
        times = self._times >> minute << minute if found == day else 0
        if not times:
            found = self._day_from(max(found, day + 1))
            times = self._times
        return found * _MINUTES + _lowest(times)

    def _minute_before(self, minute: int) -> int:
        """The last local minute before `minute` that matches."""
        day, minute = divmod(minute - 1, _MINUTES)
        found = self._day_until(day)
        times = self._times & ((2 << minute) - 1) if found == day else 0
        if not times:
            found = self._day_until(min(found, day - 1))
            times = self._times
        return found * _MINUTES + times.bit_length() - 1

    def _day_from(self, day: int) -> int:
        """The first matching day that is not before `day`, counted from 1970."""
        if day <= _LAST_DAY:
            start = date.fromordinal(day + EPOCH_DAY)
            year, month, first = start.year, start.month, start.day
            while year <= date.max.year:
                if days := self._days_of(year, month) >> first << first:
                    return date(year, month, _lowest(days)).toordinal() - EPOCH_DAY
                year, month, first = year + month // 12, month % 12 + 1, 1
        return _LAST_DAY + 1

    def _day_until(self, day: int) -> int:
        """The last matching day that is not after `day`, counted from 1970."""
        if day >= _FIRST_DAY:
            start = date.fromordinal(day + EPOCH_DAY)
            year, month, last = start.year, start.month, start.day
            while year >= date.min.year:
                if days := self._days_of(year, month) & ((2 << last) - 1):
                    return date(year, month, days.bit_length() - 1).toordinal() - EPOCH_DAY
                year, month, last = year - (month == 1), (month - 2) % 12 + 1, 31
        return _FIRST_DAY - 1

    def _days_of(self, year: int, month: int) -> int:
        """The days of a month that match, as bits."""
        if not self._months >> month & 1:
            return 0
        weekday, length = monthrange(year, month)
        days = self._days & ((2 << length) - 1)
        if self._last_day:
            days |= 1 << length
        return days & self._weeks[(weekday + 1) % 7]


@lru_cache  # there are 127 of them
def _weeks(weekdays: frozenset[int]) -> tuple[int, ...]:
    """The days of a month that are one of `weekdays`, as bits; by the weekday of its first day."""
    return tuple(
        _bits(day for day in range(1, 32) if (first + day - 1) % 7 in weekdays)
        for first in range(7)
    )


def _bits(members: Iterable[int]) -> int:
    found = 0
    for member in members:
        found |= 1 << member
    return found


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
