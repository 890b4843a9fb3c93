"""A year of a project with fifty schedules, by a clock that jumps: every session, once each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.support.instants import instant
from tests.support.scheduling import ECHO, Scheduled

NEW_YORK = ZoneInfo("America/New_York")
BEGIN, END = datetime(2016, 1, 1, tzinfo=UTC), datetime(2017, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
END_ALL = """
    UPDATE attempts SET phase = 'canceled', ended_at = 1
     WHERE phase NOT IN ('canceled', 'failure', 'success') AND phase = 'queued'
"""
"""Finds them by an index."""

Expected = Callable[[], Iterator[datetime]]


def days(zone: ZoneInfo | None = None, month: int | None = None) -> Iterator[datetime]:
    """The first moments of the days of a zone, of a month if there is one."""
    day = datetime(2015, 12, 30, tzinfo=UTC)
    while day <= END:
        if month in (None, day.month):
            yield day.replace(tzinfo=zone or UTC)
        day += 24 * HOUR


def schedules() -> Iterator[tuple[str, Expected, timedelta]]:
    """Schedules, each with its session times, counted by hand, and from when to run they take."""
    for hour in range(10):
        yield (
            f"timezone: UTC\nschedule: {{daily>: '{hour:02}:30:00'}}\n",
            days,
            hour * HOUR + HOUR / 2,
        )
    for hour in range(5):
        yield (
            f"timezone: America/New_York\nschedule: {{daily>: '{hour:02}:00:00'}}\n",
            lambda: days(NEW_YORK),
            hour * HOUR,
        )
    for weekday in range(15):
        yield (
            f"timezone: UTC\nschedule: {{weekly>: '{weekday % 7},07:00:00'}}\n",
            lambda w=weekday % 7: (d for d in days() if (d.weekday() + 1) % 7 == w),  # type: ignore[misc]
            7 * HOUR,
        )
    for day in (1, 2, 5, 10, 13, 15, 20, 25, 28, 29, 30, 31):
        yield (
            f"timezone: UTC\nschedule: {{monthly>: '{day},00:00:00'}}\n",
            lambda n=day: (d for d in days() if d.day == n),  # type: ignore[misc]
            0 * HOUR,
        )
    for minute in range(4):
        yield (
            f"timezone: UTC\nschedule: {{cron>: '{minute} 6 * * mon-fri'}}\n",
            lambda m=minute: (  # type: ignore[misc]
                d + 6 * HOUR + m * HOUR / 60 for d in days() if d.weekday() < 5
            ),
            0 * HOUR,
        )
    yield (
        "timezone: UTC\nschedule: {cron>: '0 0 L * *', delay: 90m}\n",
        lambda: (d for d in days() if (d + 24 * HOUR).day == 1),
        HOUR * 3 / 2,
    )
    yield "timezone: UTC\nschedule: {every: 36h}\n", _every_36_hours, 0 * HOUR
    for _ in range(2):
        yield (
            "timezone: UTC\nschedule: {cron>: '0 */6 * * *'}\n",
            lambda: (d + n * 6 * HOUR for d in days() for n in range(4)),
            0 * HOUR,
        )


def _every_36_hours() -> Iterator[datetime]:
    time = datetime(2000, 1, 1, tzinfo=UTC)
    while time < END:
        yield time
        time += 36 * HOUR


def run_a_year(site: Scheduled) -> None:
    """Look whenever something is due; attempts end at once."""
    with closing(sqlite3.connect(site.state / "digpy.db", isolation_level=None)) as rows:
        rows.execute("PRAGMA synchronous = OFF")
        while True:
            (due,) = rows.execute("SELECT min(next_run_time) FROM schedules").fetchone()
            if due >= instant("2017-01-01"):
                return
            site.clock.set(due)
            site.look()
            rows.execute(END_ALL)


def test_every_session_of_a_year_is_started_once_and_on_time(tmp_path: Path) -> None:
    wanted = {f"w{number:02}": found for number, found in enumerate(schedules())}
    assert len(wanted) == 50
    site = Scheduled(
        tmp_path, {name: text + ECHO for name, (text, _, _) in wanted.items()}, now="2016-01-01"
    )
    run_a_year(site)
    for name, (text, times, delay) in wanted.items():
        expected = [
            (instant(time.isoformat()), instant((time + delay).isoformat()))
            for time in (local.astimezone(UTC) for local in times())
            if BEGIN <= time + delay < END
        ]
        assert [(row.session_time, row.created_at) for row in site.attempts(name)] == expected, text
    assert site.said == []
    site.close()
