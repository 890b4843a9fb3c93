"""Each rule about the rows is broken once, by hand, and found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from digpy.store.invariants import violations
from tests.support.supervision import Supervised

WORKFLOW = "_parallel: true\n+a: {sh>: 'true'}\n+b: {sh>: 'true'}\n"

RUNNING = {
    "every launch has its row": "UPDATE attempts SET epoch = 2",
    "a running task has the row of its run": "DELETE FROM task_runs WHERE number = 2",
    "a run without an outcome is the newest of a running task": "UPDATE tasks SET state = 'ready'"
    " WHERE number = 2",
    "a run is claimed by a launch that there was, under a fence that there was": "UPDATE task_runs"
    " SET epoch = 9 WHERE number = 2",
    "a task belongs to a round that its parent has reached": "UPDATE tasks SET born = 3"
    " WHERE number = 2",
    "an attempt is said to have ended exactly once, when it has": "INSERT INTO events VALUES"
    " (1, 99, 0, 'attempt.ended', 'x', NULL, NULL, '{}', NULL, NULL)",
    "a run is claimed after the one before it is proved dead": "DROP INDEX task_runs_unproved;"
    " INSERT INTO task_runs SELECT attempt, number, 2, epoch, agent, token, 0, NULL, NULL, NULL,"
    " NULL FROM task_runs WHERE number = 2",
    "launches claim one after another": "UPDATE task_runs SET proof = 'P1', proof_at = 0;"
    " INSERT INTO task_runs SELECT attempt, number, 2, 0, agent, token, 0, NULL, NULL, NULL, NULL"
    " FROM task_runs WHERE number = 2",
}

ENDED = {
    "an attempt is said to have ended exactly once, when it has": "DELETE FROM events"
    " WHERE kind = 'attempt.ended'",
    "nothing moves in an attempt that has ended": "UPDATE tasks SET state = 'planned',"
    " ended_at = NULL WHERE number = 2",
    "an attempt ends as its root does": "UPDATE attempts SET phase = 'canceled'",
    "an attempt that something may be left of is marked": "UPDATE task_runs SET proof = NULL,"
    " proof_at = NULL WHERE number = 2",
    "an attempt is superseded by a later one, after it has ended": "UPDATE attempts"
    " SET superseded_by = 1",
    "one result is accepted for each round": "INSERT INTO task_runs SELECT attempt, number, 2,"
    " epoch, agent, token, 0, 0, 'succeeded', 'P1', 0 FROM task_runs WHERE number = 2",
    "a task whose last run succeeded is not to run again": "UPDATE tasks SET state = 'ready',"
    " ended_at = NULL WHERE number = 2",
}


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """The database of an attempt of which two programs run."""
    site = Supervised(tmp_path, WORKFLOW)
    site.supervisor()
    site.hello()
    site.claim()
    site.close()
    return site.state / "digpy.db"


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """The database of one that has succeeded."""
    site = Supervised(tmp_path, WORKFLOW)
    site.supervisor()
    site.hello()
    for request in site.claim():
        site.report(request)
    site.close()
    return site.state / "digpy.db"


def broken(path: Path, script: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return {found.rule for found in violations(path)}


def test_what_digpy_writes_breaks_no_rule(running: Path) -> None:
    assert violations(running) == []


def test_nor_does_an_attempt_that_has_ended(ended: Path) -> None:
    assert violations(ended) == []


@pytest.mark.parametrize("rule", RUNNING)
def test_a_contradiction_is_found_while_something_runs(running: Path, rule: str) -> None:
    assert rule in broken(running, RUNNING[rule])


@pytest.mark.parametrize("rule", ENDED)
def test_a_contradiction_is_found_afterwards(ended: Path, rule: str) -> None:
    assert rule in broken(ended, ENDED[rule])


def test_what_breaks_a_rule_is_named(ended: Path) -> None:
    with closing(sqlite3.connect(ended)) as connection, connection:
        connection.execute("UPDATE task_runs SET proof = NULL, proof_at = NULL WHERE number = 3")
    assert [found.where for found in violations(ended)] == ["1.3.1"]
