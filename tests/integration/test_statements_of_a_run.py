"""How many statements and transactions a task costs: what must not grow unnoticed.

In one process, and counted by SQLite itself.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest

from digpy.store.database import Database
from tests.support.recorded_execution import Scenario

TASKS = 400


class Cost(NamedTuple):
    """What was executed from the start of an attempt to its end."""

    statements: int
    commits: int


def _cost(directory: Path, task: str, tasks: int) -> Cost:
    lines = (f"+t{number:04}: {{{task}}}\n" for number in range(tasks))
    return _cost_of(directory, "".join(lines), tasks)


def _cost_of(directory: Path, workflow: str, tasks: int) -> Cost:
    directory.mkdir()
    scenario = Scenario(directory, {"w.dig": workflow}, {"executor.task_max_run": str(tasks + 10)})
    try:
        scenario.push()
        executed: list[str] = []
        _connection(scenario.database).set_trace_callback(executed.append)
        scenario.begin({"workflow": "w", "session_time": "2026-01-15T00:00:00+00:00"})
        scenario.run(lambda: False)
        _connection(scenario.database).set_trace_callback(None)
    finally:
        scenario.close()
    return Cost(len(executed), sum(text.upper().startswith("COMMIT") for text in executed))


def _connection(database: Database) -> sqlite3.Connection:
    found = [item for item in vars(database).values() if isinstance(item, sqlite3.Connection)]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def one(tmp_path: Path) -> Cost:
    return _cost(tmp_path / "one", "echo>: hello", 1)


def test_inline_tasks_are_committed_in_batches(tmp_path: Path, one: Cost) -> None:
    many = _cost(tmp_path / "many", "echo>: hello", TASKS)
    assert many.commits - one.commits <= TASKS / 100
    # One for the row that is inserted, one or two for the row that changes.
    assert (many.statements - one.statements) / TASKS <= 4


@pytest.mark.parametrize("parallel", ["false", "true", "{limit: 200}"])
def test_a_generated_task_costs_the_same_among_more_of_them(tmp_path: Path, parallel: str) -> None:
    few, more, many = (
        _cost_of(
            tmp_path / str(count),
            f"+l:\n  loop>: {count}\n  _parallel: {parallel}\n  _do: {{echo>: '${{i}}'}}\n",
            count,
        )
        for count in (TASKS, 2 * TASKS, 3 * TASKS)
    )
    first, second = more.statements - few.statements, many.statements - more.statements
    assert 0 < second <= first * 1.05
    assert second / TASKS <= 4


def test_a_program_costs_one_commit(tmp_path: Path, one: Cost) -> None:
    count = 20
    many = _cost(tmp_path / "many", 'sh>: "true"', count)
    # The one that takes the result of a program claims the next.
    assert many.commits - one.commits <= count + 1
