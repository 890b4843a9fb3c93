"""When sessions of a schedule are due, without any clock: pure arithmetic on instants.

Instants are UTC microseconds, as everywhere. A session time is a member of the schedule's set of
times (`digpy.control.calendars`); its run time is so much later as the schedule says. `start` and
`end` are about run times. Follows digdag 0.10.5 except that the answers do not depend on where a
search starts (language D46), and that the session before another one is one of the schedule (D12).
"""

from __future__ import annotations

from typing import NamedTuple

from digpy.control.calendars import Beat, Calendar, LocalTimes
from digpy.control.local_clock import END, FIRST, LocalClock
from digpy.dsl.schedule import ScheduleDefinition, read_schedule
from digpy.dsl.schedule_types import Interval
from digpy.values import SECOND, Params


class ScheduledTime(NamedTuple):
    """A session time, and when that session runs."""

    session_time: int
    run_time: int

    @property
    def is_finished(self) -> bool:
        """It is `FINISHED`: no session is left."""
        return self.session_time >= FINISHED.session_time


FINISHED = ScheduledTime(END * SECOND, END * SECOND)
"""What follows the last session: 9999-01-01T00:00:00Z, as in digdag 0.10.5."""


def upcoming(
    schedule: ScheduleDefinition, timezone: str, after: int, count: int
) -> list[ScheduledTime]:
    """The first `count` sessions that run at the instant `after` or later.

    Fewer if the schedule ends before that. Raises `ConfigError` for an unknown `timezone`.
    """
    trigger = Trigger(schedule, timezone)
    found: list[ScheduledTime] = []
    following = trigger.first_from(after)
    while len(found) < count and not following.is_finished:
        found.append(following)
        following = trigger.next_after(following.session_time)
    return found


def trigger_of(schedule: Params, timezone: str) -> Trigger:
    """The trigger of a compiled workflow's ``schedule`` in its ``timezone``."""
    return Trigger(read_schedule(schedule), timezone)


class Trigger:
    """The session times of a schedule in the zone called `timezone`.

    Raises `ConfigError` if there is no such zone.
    """

    __slots__ = ("_calendars", "_delay", "_end", "_start", "schedule")

    def __init__(self, schedule: ScheduleDefinition, timezone: str) -> None:
        self.schedule = schedule
        clock = LocalClock(timezone)
        calendar, start, end = schedule.calendar, schedule.start, schedule.end
        self._delay = schedule.delay
        self._start = FIRST if start is None else clock.midnight(start)
        self._end = END if end is None else clock.midnight(end, 1)
        self._calendars: tuple[Calendar, ...]
        if isinstance(calendar, Interval):
            origin = 0 if calendar.since is None else clock.midnight(calendar.since)
            self._calendars = (Beat(calendar.seconds, origin),)
        else:
            self._calendars = tuple(LocalTimes(pattern, clock) for pattern in calendar)

    def first_from(self, instant: int) -> ScheduledTime:
        """The first session that runs at `instant` or later; `FINISHED` if there is none."""
        return self._first_after(-(-instant // SECOND) - self._delay - 1)

    def next_after(self, session_time: int) -> ScheduledTime:
        """The first session after `session_time`; `FINISHED` if there is none."""
        return self._first_after(session_time // SECOND)

    def last_until(self, instant: int) -> ScheduledTime | None:
        """The last session that runs at `instant` or earlier; None if there is none."""
        before = min(instant // SECOND + 1, self._end) - self._delay
        found = max(calendar.previous(before) for calendar in self._calendars)
        return self._scheduled(found) if found + self._delay >= self._start else None

    def previous_before(self, session_time: int) -> ScheduledTime:
        """The last session before `session_time`, whatever `start` and `end` are."""
        before = -(-session_time // SECOND)
        return self._scheduled(max(calendar.previous(before) for calendar in self._calendars))

    def _first_after(self, second: int) -> ScheduledTime:
        after = max(second, self._start - self._delay - 1)
        found = min(calendar.next(after) for calendar in self._calendars)
        if found >= END or found + self._delay >= self._end:
            return FINISHED
        return self._scheduled(found)

    def _scheduled(self, second: int) -> ScheduledTime:
        return ScheduledTime(second * SECOND, (second + self._delay) * SECOND)
