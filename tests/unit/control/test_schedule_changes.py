"""What people change about schedules, and what a scheduler makes of it."""

from __future__ import annotations

import pytest

from digpy.control.schedule_changes import Move, disable, enable, moved, reschedule
from digpy.errors import Conflict, NotFound
from digpy.store.schedules import ScheduleRow
from tests.support.instants import instant, shown
from tests.support.scheduling import Schedule, Scheduled, schedule

__all__ = ["schedule"]

HOURLY = "schedule: {hourly>: '00:10'}"


def change(site: Scheduled, move: Move) -> ScheduleRow:
    with site.open().transaction() as tx:
        return reschedule(tx, 1, move, site.clock.now())


def times(row: ScheduleRow) -> tuple[str, str]:
    return shown(row.next_session_time)[11:16], shown(row.next_run_time)[11:19]


def test_sessions_are_skipped_by_their_number(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    assert times(change(site, Move(2, None, None))) == ("03:00", "03:00:10")


def test_sessions_are_skipped_up_to_a_time(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    row = change(site, Move(None, instant("2016-01-01T04:00:11"), None))
    assert times(row) == ("05:00", "05:00:10")


def test_the_next_session_can_be_run_at_another_time(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    change(site, Move(1, None, instant("2016-01-01T06:00")))
    site.look_at("2016-01-01T05:59:59")
    before = site.sessions("w")
    site.look_at("2016-01-01T06:00")
    assert (before, site.sessions("w")[:2]) == ([], ["2016-01-01T02:00", "2016-01-01T03:00"])


def test_skipped_sessions_are_not_started(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    change(site, Move(2, None, None))
    site.look_at("2016-01-01T04:30")
    assert site.sessions("w") == ["2016-01-01T03:00", "2016-01-01T04:00"]


def test_skipping_nothing_is_refused(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    with pytest.raises(Conflict, match="Specified time to skip schedules is already past"):
        change(site, Move(0, None, None))


def test_a_move_can_be_tried(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    row = moved(site.schedule("w"), Move(2, None, None), site.clock.now())
    assert (times(row)[0], times(site.schedule("w"))[0]) == ("03:00", "01:00")


def test_a_disabled_schedule_says_since_when(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    with site.database.transaction() as tx:
        assert disable(tx, 1, 77).disabled_at == 77
        assert enable(tx, 1, 78).disabled_at is None


def test_what_was_due_meanwhile_can_be_left_out(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    with site.database.transaction() as tx:
        disable(tx, 1, site.clock.now())
    site.look_at("2016-01-01T04:30")
    with site.open().transaction() as tx:
        enable(tx, 1, site.clock.now(), skip=True)
    site.look()
    site.look_at("2016-01-01T05:30")
    assert site.sessions("w") == ["2016-01-01T05:00"]


def test_leaving_out_nothing_is_no_mistake(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    with site.database.transaction() as tx:
        assert times(enable(tx, 1, site.clock.now(), skip=True))[0] == "01:00"


@pytest.mark.parametrize("what", [disable, enable])
def test_a_schedule_that_does_not_exist_cannot_be_changed(schedule: Schedule, what: object) -> None:
    site = schedule(w=HOURLY)
    assert callable(what)
    with site.database.transaction() as tx, pytest.raises(NotFound, match="schedule 7 does not"):
        what(tx, 7, 1)
