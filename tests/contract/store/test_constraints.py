"""What the database itself refuses, whatever the code above it believes."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.engine.tree import TaskRow
from digpy.errors import InternalError
from digpy.store import attempts, projects, runs
from digpy.store.database import Database, Transaction
from digpy.store.phases import Phase
from tests.support.engine import LEAF
from tests.support.store import SavedPlay, new_attempt, new_session

CHILD: dict[str, Any] = {
    "number": 3,
    "parent": 1,
    "born": 0,
    "round": 0,
    "full_name": "+w+new",
    "origin": None,
    "source": 1,
    "state": "blocked",
    "verdict": None,
    "cancel": 0,
    "how": None,
    "fence": 0,
    "reported_fence": 0,
    "losses": 0,
    "retries": 0,
    "retry_at": None,
    "awaits": None,
    "state_params": None,
    "started_at": None,
    "ended_at": None,
    "timeout": None,
    "deadline_at": None,
}


def insert(tx: Transaction, attempt: int, **columns: Any) -> None:
    row = CHILD | columns
    tx.many("tasks.insert", [(attempt, *(row[name] for name in TaskRow._fields))])


@pytest.fixture
def attempt(database: Database) -> int:
    """An attempt with the tasks +w (1) and +w+a (2)."""
    return SavedPlay(database, {"+a": LEAF}).attempt


def test_a_new_child_is_welcome(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        insert(tx, attempt)


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({"state": "sleeping"}, "tasks_known_state"),
        ({"verdict": "running"}, "tasks_known_verdict"),
        ({"how": "guessed"}, "tasks_known_how"),
        ({"cancel": 2}, "tasks_cancel_is_a_flag"),
        ({"fence": 1, "reported_fence": 2}, "tasks_reported_after_claimed"),
        ({"state": "running", "fence": 1, "reported_fence": 1}, "tasks_running_is_claimed"),
        ({"state": "success"}, "tasks_ended_when_done"),
        ({"ended_at": 5}, "tasks_ended_when_done"),
        ({"state": "retry_waiting"}, "tasks_waiting_until_when"),
        ({"state": "group_retry_waiting"}, "tasks_waiting_until_when"),
        ({"parent": None}, "tasks_root_is_first"),
        ({"parent": 4}, "tasks_parent_before_child"),
        ({"parent": 3}, "tasks_parent_before_child"),
        ({"full_name": None}, "full_name"),
        ({"full_name": "+w+a"}, "full_name"),  # a duplicated subtask
        ({"number": 2}, "number"),  # a task is one row
        ({"number": 9, "parent": 8}, "FOREIGN KEY"),
        ({"awaits": 99}, "FOREIGN KEY"),
    ],
)
def test_a_task_that_must_not_be_is_refused(
    database: Database, attempt: int, columns: dict[str, Any], refused: str
) -> None:
    with pytest.raises(InternalError, match=refused), database.transaction() as tx:
        insert(tx, attempt, **columns)


def test_the_same_name_in_another_round_is_another_task(database: Database, attempt: int) -> None:
    with database.transaction() as tx:
        insert(tx, attempt, full_name="+w+a", born=1)


def test_a_second_root_is_refused(database: Database, attempt: int) -> None:
    with pytest.raises(InternalError, match="number"), database.transaction() as tx:
        insert(tx, attempt, number=1, parent=None, full_name="+again")


def test_a_task_needs_an_attempt(database: Database) -> None:
    with pytest.raises(InternalError, match="FOREIGN KEY"), database.transaction() as tx:
        insert(tx, 99, number=1, parent=None)


def test_an_output_needs_its_task(database: Database, attempt: int) -> None:
    with pytest.raises(InternalError, match="FOREIGN KEY"), database.transaction() as tx:
        tx.many("outputs.put", [(attempt, 77, 0, None, "{}", None, None, None)])


@pytest.mark.parametrize(
    ("columns", "refused"),
    [
        ({"phase": "sleeping"}, "attempts_known_phase"),
        ({"phase": "success"}, "attempts_ended_when_terminal"),
        ({"ended_at": 5}, "attempts_ended_when_terminal"),
        ({"phase": "running"}, "attempts_running_since_when"),
        ({"phase": "canceling"}, "attempts_canceling_since_when"),
        ({"phase": "canceling", "canceling_since": 5}, "attempts_canceling_since_when"),
    ],
)
def test_an_attempt_that_must_not_be_is_refused(
    database: Database, columns: dict[str, Any], refused: str
) -> None:
    instants = ("queued_since", "starting_since", "canceling_since", "ended_at")
    change = dict.fromkeys(("cause", "reason", "unclean", *instants))
    with database.transaction() as tx:
        attempt = new_attempt(tx)
    given = {"id": attempt, "was": "starting", "phase": "starting", **change, **columns}
    with pytest.raises(InternalError, match=refused), database.transaction() as tx:
        tx.change("attempts.set_phase", given)


def test_a_session_happens_once(database: Database) -> None:
    with database.transaction() as tx:
        row = attempts.load_session(tx, new_session(tx, 5))
    again = row._asdict() | {"uuid": "another"}
    with pytest.raises(InternalError, match="session_time"), database.transaction() as tx:
        tx.run("sessions.insert", again)


def test_a_uuid_belongs_to_one_session(database: Database) -> None:
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        attempts.ensure_session(tx, project, "w", 1, "the same")
    with pytest.raises(InternalError, match="uuid"), database.transaction() as tx:
        attempts.ensure_session(tx, project, "w", 2, "the same")


@pytest.mark.parametrize(
    ("outcome", "ended_at", "proof_at", "refused"),
    [
        ("vanished", 5, None, "task_runs_known_outcome"),
        ("lost", None, None, "task_runs_outcome_with_ended_at"),
        ("lost", 5, 5, "task_runs_proof_with_proof_at"),
    ],
)
def test_a_run_that_must_not_be_is_refused(
    database: Database,
    attempt: int,
    outcome: str,
    ended_at: int | None,
    proof_at: int | None,
    refused: str,
) -> None:
    key = {"attempt": attempt, "number": 2, "fence": 1}
    values = {"outcome": outcome, "ended_at": ended_at, "proof": None, "proof_at": proof_at}
    with database.transaction() as tx:
        runs.claim(tx, runs.Run(attempt, 2, 1), epoch=1, agent="a", token="t", at=5)
    with pytest.raises(InternalError, match=refused), database.transaction() as tx:
        tx.change("runs.finish", key | values)


def test_fences_count_from_one(database: Database, attempt: int) -> None:
    with (
        pytest.raises(InternalError, match="task_runs_fence_counts_from_one"),
        database.transaction() as tx,
    ):
        runs.claim(tx, runs.Run(attempt, 2, 0), epoch=1, agent="a", token="t", at=5)


def test_a_refused_row_takes_the_whole_transaction_with_it(database: Database) -> None:
    def write() -> None:
        with database.transaction() as tx:
            projects.ensure_project(tx, "default")
            insert(tx, 99)

    with pytest.raises(InternalError):
        write()
    with database.reading() as tx:
        assert tx.one("projects.find", {"name": "default"}) is None


def test_an_ended_attempt_is_ended_for_good(database: Database) -> None:
    with database.transaction() as tx:
        attempt = new_attempt(tx, phase=Phase.QUEUED)
        assert attempts.set_phase(tx, attempt, Phase.QUEUED, Phase.CANCELED, 9)
        row = attempts.load(tx, attempt)
        assert not attempts.adopt(tx, attempt, attempt)
        assert not attempts.say_hello(tx, attempt, 0, 10)
        assert not attempts.next_epoch(tx, attempt, 0, 5)
        assert not attempts.bump_version(tx, attempt, 0)
        assert attempts.load(tx, attempt) == row
