"""What is to be told to people, and the tries to tell it."""

from __future__ import annotations

import pytest

from digpy.store import notifications
from digpy.store.database import Database, Transaction
from digpy.store.notifications import NotificationRow
from tests.support.store import running_attempt


def added(tx: Transaction, at: int = 10, key: str = "key", attempt: int | None = None) -> bool:
    return notifications.add(tx, attempt, "crash", at, {"message": "gone"}, key)


def first(tx: Transaction) -> NotificationRow:
    row = notifications.first_waiting(tx)
    assert row is not None
    return row


def test_what_is_added_is_due_at_once(database: Database) -> None:
    with database.transaction() as tx:
        attempt = running_attempt(tx)
        assert added(tx, attempt=attempt)
        row = first(tx)
    body = {"message": "gone"}
    assert row == (1, attempt, "crash", 10, body, 0, 10, None, None, "key")


def test_the_same_thing_is_told_once(database: Database) -> None:
    with database.transaction() as tx:
        assert added(tx)
        assert not added(tx, at=20)
        assert notifications.count_waiting(tx) == 1


def test_what_was_delivered_is_not_told_again(database: Database) -> None:
    with database.transaction() as tx:
        added(tx)
        notifications.begin(tx, first(tx), 50)
        assert notifications.end(tx, 1, 1, delivered_at=12)
        assert not added(tx, at=20)
        assert notifications.first_waiting(tx) is None
        assert notifications.count_waiting(tx) == 0


def test_the_one_that_is_due_first_comes_first(database: Database) -> None:
    with database.transaction() as tx:
        added(tx, at=30, key="late")
        added(tx, at=20, key="early")
        assert first(tx).dedupe == "early"


def test_of_two_who_begin_a_try_one_has_it(database: Database) -> None:
    with database.transaction() as tx:
        added(tx)
        row = first(tx)
        assert notifications.begin(tx, row, 50)
        assert not notifications.begin(tx, row, 60)
        assert (first(tx).tries, first(tx).next_at) == (1, 50)


def test_a_late_outcome_does_not_count_after_the_next_try_has_begun(database: Database) -> None:
    with database.transaction() as tx:
        added(tx)
        notifications.begin(tx, first(tx), 50)
        notifications.begin(tx, first(tx), 90)
        assert not notifications.end(tx, 1, 1, delivered_at=55)
        assert first(tx).delivered_at is None


def test_a_try_that_failed_says_why_and_when_the_next_is_due(database: Database) -> None:
    with database.transaction() as tx:
        added(tx)
        notifications.begin(tx, first(tx), 50)
        assert notifications.end(tx, 1, 1, next_at=70, error="no")
        assert (first(tx).next_at, first(tx).error) == (70, "no")


@pytest.mark.parametrize(("before", "ids"), [(None, [3, 2]), (3, [2, 1]), (1, [])])
def test_the_newest_come_first_in_pages(
    before: int | None, ids: list[int], database: Database
) -> None:
    with database.transaction() as tx:
        for key in "abc":
            added(tx, key=key)
        assert [row.id for row in notifications.before(tx, before, 2)] == ids


def test_those_of_one_attempt_can_be_asked_for(database: Database) -> None:
    with database.transaction() as tx:
        attempt = running_attempt(tx)
        added(tx, key="all")
        added(tx, key="one", attempt=attempt)
        found = notifications.before(tx, None, 9, attempt=attempt)
    assert [row.dedupe for row in found] == ["one"]
