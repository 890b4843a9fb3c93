"""Events are numbered within their attempt, and a decision is written once."""

from __future__ import annotations

import pytest

from digpy.errors import InternalError
from digpy.store import events
from digpy.store.database import Database
from digpy.store.events import NewEvent
from tests.support.store import new_attempt, new_session


@pytest.fixture
def attempt(database: Database) -> int:
    with database.transaction() as tx:
        return new_attempt(tx)


def test_events_come_back_in_order_with_all_they_said(database: Database, attempt: int) -> None:
    first = NewEvent(9, "task.lost", "supervisor", 4, 2, {"evidence": "exit"}, "lost-4.2", 8)
    with database.transaction() as tx:
        assert events.append(tx, attempt, first, NewEvent(5, "attempt.started", "worker")) == 2
    with database.reading() as tx:
        assert events.of_attempt(tx, attempt) == [
            (1, 9, "task.lost", "supervisor", 4, 2, {"evidence": "exit"}, "lost-4.2", 8),
            (2, 5, "attempt.started", "worker", None, None, {}, None, None),
        ]
        assert [event.seq for event in events.of_attempt(tx, attempt, after=1)] == [2]


def test_each_attempt_counts_its_own_events(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        other = new_attempt(tx, session=new_session(tx, 1))
        events.append(tx, attempt, NewEvent(1, "kill.sent", "user"))
        events.append(tx, other, NewEvent(1, "kill.sent", "user"))
        assert [event.seq for event in events.of_attempt(tx, other)] == [1]


def test_an_event_with_a_known_key_is_passed_over(database: Database, attempt: int) -> None:
    once = NewEvent(1, "attempt.ended", "executor", dedupe="ended")
    with database.transaction() as tx:
        assert events.append(tx, attempt, once, NewEvent(2, "kill.sent", "user"), once) == 2
        assert events.append(tx, attempt, once) == 0
        kinds = [event.kind for event in events.of_attempt(tx, attempt)]
        assert kinds == ["attempt.ended", "kill.sent"]


def test_events_without_a_key_are_never_passed_over(database: Database, attempt: int) -> None:
    again = NewEvent(1, "cancel.repeated", "user")
    with database.transaction() as tx:
        assert events.append(tx, attempt, again, again) == 2


def test_no_events_are_no_work(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        assert events.append(tx, attempt) == 0


def test_a_kind_that_nobody_knows_is_a_bug(database: Database, attempt: int) -> None:
    with database.transaction() as tx, pytest.raises(InternalError, match=r"kill\.bill"):
        events.append(tx, attempt, NewEvent(1, "kill.bill", "user"))
