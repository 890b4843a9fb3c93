"""Every change of a clock from 2000 to 2037, in every zone there is, with every type of schedule.

Zones that kept the same time are looked at once. What a change can do depends on the two offsets
and on the time of day alone, so of each such kind the first one is compared with all the session
times around it, found by brute force; at all others it is enough that the answers fit together.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import available_timezones

import pytest

from digpy.control.triggers import Trigger
from digpy.dsl.cron import CronPattern
from digpy.dsl.schedule import read_schedule
from digpy.dsl.schedule_types import Interval
from digpy.dsl.timezones import timezone_name
from digpy.expr.transitions import transitions
from digpy.values import SECOND, Json

DAY = 86_400
FIRST, LAST = 946_684_800, 2_145_916_800  # 2000-01-01, 2038-01-01
AROUND = 26 * 3600

SCHEDULES: list[dict[str, Json]] = [
    {"hourly>": "15:30"},
    {"daily>": "07:00:00"},
    {"weekly>": "sun-mon,01:30:00"},
    {"monthly>": "28,00:00:00"},
    {"minutes_interval>": 25},
    {"seconds_interval>": 4_000},
    {"every": "45m"},
    {"cron>": "30 2 * * *"},
    {"cron>": "15,45 0-3 * * *|0 3 * * *"},
    {"cron>": "59 1 L,1-30/2 * *"},
]
BY_KIND = pytest.mark.parametrize("schedule", SCHEDULES, ids=[str(item) for item in SCHEDULES])


class Change(NamedTuple):
    """The clock of `zone` goes from one offset to another at `at`, all in seconds."""

    zone: str
    at: int
    before: int
    after: int


@cache
def changes() -> tuple[Change, ...]:
    tables = {}
    for name in sorted(available_timezones()):
        if timezone_name(name) == name:
            table = [(at // 1000, round(offset * 60)) for at, offset, _ in transitions(name)]
            tables.setdefault(tuple(pair for pair in table if pair[0] < LAST), name)
    return tuple(
        Change(name, at, before, after)
        for table, name in tables.items()
        for (_, before), (at, after) in pairwise(table)
        if at >= FIRST and before != after
    )


@cache
def kinds_of_change() -> tuple[Change, ...]:
    found: dict[tuple[int, int, int], Change] = {}
    for change in changes():
        found.setdefault((change.before, change.after, change.at % DAY), change)
    return tuple(found.values())


def meant(local: int, change: Change) -> int:
    """The later of the instants that `local` can mean; moved on if there is none."""
    readings = [local - change.before] if local - change.before < change.at else []
    if local - change.after >= change.at:
        readings.append(local - change.after)
    return max(readings, default=local - change.before)


def local_times(pattern: CronPattern, first: date, days: int) -> Iterator[int]:
    """The local times that match on some days, in seconds since 1970."""
    minutes = [
        minute
        for minute in range(24 * 60)
        if minute // 60 in pattern.hours and minute % 60 in pattern.minutes
    ]
    for day in (first + timedelta(days=count) for count in range(days)):
        is_last = (day + timedelta(days=1)).month != day.month
        if (
            day.month in pattern.months
            and (day.weekday() + 1) % 7 in pattern.weekdays
            and (day.day in pattern.days or (is_last and 32 in pattern.days))
        ):
            yield from ((day - date(1970, 1, 1)).days * DAY + minute * 60 for minute in minutes)


def all_around(schedule: dict[str, Json], change: Change) -> list[int]:
    """The session times closer than `AROUND` to a change, by trying every local time."""
    calendar = read_schedule(schedule).calendar
    assert not isinstance(calendar, Interval)
    first = date(1970, 1, 1) + timedelta(days=change.at // DAY - 4)
    found = {
        meant(local, change) for pattern in calendar for local in local_times(pattern, first, 8)
    }
    return sorted(item for item in found if abs(item - change.at) < AROUND)


LOCAL = [item for item in SCHEDULES if "every" not in item and "seconds_interval>" not in item]


@pytest.mark.parametrize("schedule", LOCAL, ids=[str(item) for item in LOCAL])
def test_session_times_around_a_change_are_those_found_by_trying_every_local_time(
    schedule: dict[str, Json],
) -> None:
    for change in kinds_of_change():
        expected = all_around(schedule, change)
        trigger = Trigger(read_schedule(schedule), change.zone)
        probes = {change.at, *expected} | {item + 1 for item in expected}
        for probe in sorted(probes):
            following = trigger.next_after(probe * SECOND).session_time // SECOND
            previous = trigger.previous_before(probe * SECOND).session_time // SECOND
            after, before = bisect_right(expected, probe), bisect_left(expected, probe)
            if after < len(expected):
                assert following == expected[after], (change, probe)
            if before > 0:
                assert previous == expected[before - 1], (change, probe)


@BY_KIND
def test_wherever_a_search_starts_the_answers_fit_together(schedule: dict[str, Json]) -> None:
    triggers: dict[str, Trigger] = {}
    for change in changes():
        if change.zone not in triggers:
            triggers[change.zone] = Trigger(read_schedule(schedule), change.zone)
        trigger = triggers[change.zone]
        shift = abs(change.after - change.before)
        for probe in (-shift, -1, 0, shift):
            instant = (change.at + probe) * SECOND
            following = trigger.next_after(instant).session_time
            last = trigger.previous_before(following).session_time
            assert last <= instant < following, (change, probe)
            assert trigger.next_after(last).session_time == following, (change, probe)
            assert trigger.previous_before(following + 1).session_time == following
