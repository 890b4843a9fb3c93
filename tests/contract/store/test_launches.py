"""A launch is intended before it is made, and is over once."""

from __future__ import annotations

import pytest

from digpy.errors import InternalError
from digpy.store import launches
from digpy.store.database import Database
from tests.support.store import new_attempt


@pytest.fixture
def attempt(database: Database) -> int:
    with database.transaction() as tx:
        attempt = new_attempt(tx)
        launches.intend(tx, attempt, 1, "local", f"{attempt}/1", 10)
    return attempt


def test_the_life_of_a_launch(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        assert launches.created(tx, attempt, 1, "4711")
        assert launches.hello(tx, attempt, 1, 12)
        assert launches.end(tx, attempt, 1, 15, proof="P1 reaped")
        row = (attempt, 1, "local", f"{attempt}/1", "4711", 10, 12, 15, "P1 reaped")
        assert launches.of_attempt(tx, attempt) == [row]


def test_hello_is_said_once_and_never_after_the_end(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        assert launches.hello(tx, attempt, 1, 12)
        assert not launches.hello(tx, attempt, 1, 13)
        launches.intend(tx, attempt, 2, "local", f"{attempt}/2", 20)
        assert launches.end(tx, attempt, 2, 21)
        assert not launches.hello(tx, attempt, 2, 22)


def test_the_end_and_the_proof_are_written_once(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        assert launches.end(tx, attempt, 1, 15)
        assert not launches.end(tx, attempt, 1, 16)
        assert launches.prove(tx, attempt, 1, "P1")
        assert not launches.prove(tx, attempt, 1, "P6")
        newest = launches.newest(tx, attempt)
        assert newest is not None
        assert (newest.ended_at, newest.proof) == (15, "P1")


def test_the_newest_launch_has_the_highest_epoch(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        assert launches.newest(tx, attempt + 1) is None
        launches.intend(tx, attempt, 2, "local", f"{attempt}/2", 20)
        newest = launches.newest(tx, attempt)
        assert newest is not None
        assert newest.epoch == 2


def test_an_epoch_is_launched_once(database: Database, attempt: int) -> None:
    with pytest.raises(InternalError, match="launches"), database.transaction() as tx:
        launches.intend(tx, attempt, 1, "local", "another name", 20)


def test_a_name_is_launched_once(database: Database, attempt: int) -> None:
    with pytest.raises(InternalError, match="launches"), database.transaction() as tx:
        launches.intend(tx, attempt, 2, "local", f"{attempt}/1", 20)
