"""A run is written down before it exists, and holds its task until it is proved dead."""

from __future__ import annotations

import pytest

from digpy.errors import InternalError
from digpy.spi import Run
from digpy.store import attempts, runs
from digpy.store.database import Database, Transaction
from digpy.store.phases import Phase
from tests.support.engine import LEAF
from tests.support.store import SavedPlay


@pytest.fixture
def attempt(database: Database) -> int:
    return SavedPlay(database, {"+a": LEAF, "+b": LEAF}).attempt


def claim(tx: Transaction, run: Run) -> bool:
    return runs.claim(tx, run, epoch=1, agent="agent", token="token", at=5)


def test_a_claimed_run_may_be_alive(database: Database, attempt: int) -> None:
    run = Run(attempt, 2, 1)
    with database.transaction() as tx:
        assert claim(tx, run)
        (row,) = runs.unproved(tx, attempt)
        assert row == (run, 1, "agent", "token", 5, None, None, None, None)
        assert runs.unfinished(tx, attempt) == [row]


def test_a_task_is_not_claimed_again_before_its_run_is_proved_dead(
    database: Database, attempt: int
) -> None:
    with database.transaction() as tx:
        assert claim(tx, Run(attempt, 2, 1))
        assert runs.finish(tx, Run(attempt, 2, 1), "lost", 9)
        assert not claim(tx, Run(attempt, 2, 2))
        assert runs.prove(tx, Run(attempt, 2, 1), "P1", 10)
        assert claim(tx, Run(attempt, 2, 2))


def test_other_tasks_are_claimed_meanwhile(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        assert claim(tx, Run(attempt, 2, 1))
        assert claim(tx, Run(attempt, 3, 1))


def test_a_finished_and_proved_run_is_out_of_the_way(database: Database, attempt: int) -> None:
    run = Run(attempt, 2, 1)
    with database.transaction() as tx:
        claim(tx, run)
        assert runs.finish(tx, run, "succeeded", 9, proof="exit")
        assert runs.unproved(tx, attempt) == []
        assert runs.unfinished(tx, attempt) == []
        (row,) = runs.of_attempt(tx, attempt)
        assert row[5:] == (9, "succeeded", "exit", 9)


def test_the_first_outcome_counts(database: Database, attempt: int) -> None:
    run = Run(attempt, 2, 1)
    with database.transaction() as tx:
        claim(tx, run)
        assert runs.finish(tx, run, "failed", 9)
        assert not runs.finish(tx, run, "succeeded", 11)
        assert runs.of_attempt(tx, attempt)[0].outcome == "failed"


def test_the_first_proof_counts(database: Database, attempt: int) -> None:
    run = Run(attempt, 2, 1)
    with database.transaction() as tx:
        claim(tx, run)
        assert runs.prove(tx, run, "P2", 8)
        assert not runs.prove(tx, run, "P6", 9)
        assert runs.finish(tx, run, "lost", 10, proof="P3")
        assert runs.of_attempt(tx, attempt)[0][7:] == ("P2", 8)


def test_a_fence_is_claimed_once(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        claim(tx, Run(attempt, 2, 1))
        runs.finish(tx, Run(attempt, 2, 1), "succeeded", 9, proof="exit")
        with pytest.raises(InternalError, match="task_runs"):
            claim(tx, Run(attempt, 2, 1))


def test_a_task_that_does_not_exist_is_not_claimed(database: Database, attempt: int) -> None:
    with pytest.raises(InternalError), database.transaction() as tx:
        claim(tx, Run(attempt, 99, 1))


def test_what_ended_attempts_left_is_found_among_everything(database: Database) -> None:
    ended = SavedPlay(database, {"+a": LEAF}).attempt
    running = SavedPlay(database, {"+a": LEAF}).attempt
    with database.transaction() as tx:
        for attempt in (ended, running):
            assert claim(tx, Run(attempt, 2, 1))
        assert attempts.set_phase(tx, ended, Phase.RUNNING, Phase.FAILURE, 9, reason="task_error")
        assert [row.run for row in runs.left_by_ended(tx)] == [Run(ended, 2, 1)]
        assert runs.prove(tx, Run(ended, 2, 1), "P3 reboot", 10)
        assert runs.left_by_ended(tx) == []
