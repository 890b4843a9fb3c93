"""A schedule is kept by the name of its workflow, and moves only from where it was seen."""

from __future__ import annotations

import pytest

from digpy.errors import InternalError, NotFound
from digpy.store import projects, schedules
from digpy.store.database import Database, Transaction
from digpy.store.schedules import NewSchedule, Place
from digpy.values import Template
from tests.support.store import keep_workflow

PLACE = Place(100, 110, None)


def described(tx: Transaction, workflow: str = "w") -> NewSchedule:
    project = projects.ensure_project(tx, "default")
    return NewSchedule(
        project, workflow, keep_workflow(tx), "UTC", {"daily>": "00:00:00"}, {"a": Template("${b}")}
    )


@pytest.fixture
def schedule(database: Database) -> int:
    with database.transaction() as tx:
        return schedules.insert(tx, described(tx), PLACE, 5)


def test_what_is_kept_is_read_back(database: Database, schedule: int) -> None:
    with database.transaction() as tx:
        new, row = described(tx), schedules.load(tx, schedule)
        assert NewSchedule._make(row[1:7]) == new
        assert type(row.params["a"]) is Template
        assert row.place == PLACE
        assert row[10:] == (None, None, 5, 5)
        assert schedules.find(tx, new.project, "w") == row


def test_a_workflow_has_one_schedule(database: Database, schedule: int) -> None:
    with database.transaction() as tx, pytest.raises(InternalError, match="UNIQUE"):
        schedules.insert(tx, described(tx), PLACE, schedule)


def test_what_does_not_exist_is_not_found(database: Database) -> None:
    with database.reading() as tx:
        assert schedules.find(tx, 1, "w") is None
        with pytest.raises(NotFound, match="schedule 7 does not exist"):
            schedules.load(tx, 7)


def test_a_schedule_moves_on_and_forgets_its_error(database: Database, schedule: int) -> None:
    with database.transaction() as tx:
        row = schedules.load(tx, schedule)
        assert schedules.move(tx, row, row.place, 6, error="full")
        failed = schedules.load(tx, schedule)
        assert schedules.move(tx, failed, Place(200, 210, 100), 7)
        moved = schedules.load(tx, schedule)
    assert (failed.error, moved.error) == ("full", None)
    assert (moved.place, moved.updated_at) == (Place(200, 210, 100), 7)


def test_a_schedule_that_has_moved_is_left_where_it_is(database: Database, schedule: int) -> None:
    with database.transaction() as tx:
        row = schedules.load(tx, schedule)
        schedules.move(tx, row, Place(200, 210, 100), 6)
        assert not schedules.move(tx, row, Place(300, 310, 200), 7)
        assert schedules.load(tx, schedule).next_session_time == 200


def test_a_disabled_schedule_has_no_run_time(database: Database, schedule: int) -> None:
    with database.transaction() as tx:
        assert schedules.run_times(tx, 1) == {schedule: 110}
        schedules.disable(tx, schedule, 6)
        assert schedules.run_times(tx, 1) == {}
        schedules.enable(tx, schedule, 7)
        assert schedules.run_times(tx, 1) == {schedule: 110}


def test_schedules_are_listed_in_pages(database: Database) -> None:
    with database.transaction() as tx:
        made = [schedules.insert(tx, described(tx, name), PLACE, 5) for name in "abc"]
        first = schedules.page(tx, size=2)
        second = schedules.page(tx, after=first[-1].id, size=2)
    assert [row.id for row in (*first, *second)] == made


def test_the_number_of_a_schedule_is_never_used_again(database: Database, schedule: int) -> None:
    with database.transaction() as tx:
        schedules.delete(tx, schedule)
        assert schedules.insert(tx, described(tx), PLACE, 5) > schedule
