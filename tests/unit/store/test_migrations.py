"""Steps happen together or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from digpy.control.limits import deadlines
from digpy.errors import Unavailable
from digpy.store import attempts, events, projects, tasks
from digpy.store.database import open_database
from digpy.store.migrations import SCRIPTS, migrate

STEP = """
from alembic import op

revision = "9999"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE added (x)")
    {}
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection as `open_database` has it when it migrates."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of this release with a project in it."""
    database = open_database(tmp_path / "digpy.db")
    with database.transaction() as tx:
        projects.ensure_project(tx, "default")
    database.close()
    return tmp_path / "digpy.db"


def with_step(directory: Path, statement: str) -> Path:
    """The migrations of a release to come."""
    ignored = shutil.ignore_patterns("__pycache__")
    scripts = shutil.copytree(SCRIPTS, directory / "migrations", ignore=ignored)
    (scripts / "versions" / "9999_next.py").write_text(STEP.format(statement))
    return scripts


def test_a_later_step_runs_on_the_rows_there_are(path: Path, tmp_path: Path) -> None:
    scripts = with_step(tmp_path, 'op.execute("INSERT INTO added SELECT name FROM projects")')
    connection = connect(path)
    migrate(connection, scripts)
    connection.execute("COMMIT")
    assert connection.execute("SELECT x FROM added").fetchall() == [("default",)]
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    connection.close()


def test_a_failing_step_leaves_everything_as_it_was(path: Path, tmp_path: Path) -> None:
    connection = connect(path)
    with pytest.raises(sqlite3.OperationalError, match="no such table: missing"):
        migrate(connection, with_step(tmp_path, 'op.execute("DELETE FROM missing")'))
    connection.close()
    assert "added" not in tables(path)
    open_database(path).close()


def test_a_step_that_breaks_references_is_undone(path: Path, tmp_path: Path) -> None:
    broken = "INSERT INTO revisions VALUES (1, 99, 'hash', 1)"
    connection = connect(path)
    with pytest.raises(Unavailable, match="1 references lead nowhere"):
        migrate(connection, with_step(tmp_path, f'op.execute("{broken}")'))
    connection.close()
    assert "added" not in tables(path)


OLD_ROWS = (
    "INSERT INTO projects VALUES (1, 'default')",
    "INSERT INTO revisions VALUES (1, 1, 'hash', 5)",
    "INSERT INTO workflows VALUES (1, 1, 'w', 'UTC', 1, '{}')",
    "INSERT INTO sessions VALUES (1, 'uuid', 1, 'w', 0)",
    "INSERT INTO attempts (id, session, idx, workflow_id, timezone, params, options, limits, phase,"
    " version, epoch, command, created_at, started_at)"
    " VALUES (1, 1, 1, 1, 'UTC', '{}', '{}', '{}', 'running', 3, 2, 1, 10, 12)",
    "INSERT INTO launches (attempt, epoch, launcher, name, intended_at)"
    " VALUES (1, 1, 'local', '1/1', 11), (1, 2, 'local', '1/2', 20)",
    "INSERT INTO events (attempt, seq, at, kind, actor, data)"
    " VALUES (1, 1, 11, 'launch.intended', 'supervisor', '{}')",
    "INSERT INTO tasks VALUES (1, 1, NULL, 0, 0, '+w', NULL, 0, 'planned', NULL, 0, NULL,"
    " 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL)",
    "INSERT INTO tasks VALUES (1, 2, 1, 0, 0, '+w+a', NULL, 1, 'planned', 'error', 0, NULL,"
    " 2, 2, 0, 1, NULL, NULL, '{\"s\":1}', 15, NULL)",
    "INSERT INTO task_outputs (attempt, number, round, error) VALUES (1, 2, 0, '{}')",
)


def first_release(tmp_path: Path) -> Path:
    """A database as the first release left it, with an attempt that runs."""
    path = tmp_path / "old.db"
    ignored = shutil.ignore_patterns("__pycache__", "000[2-9]_*.py")
    connection = connect(path)
    migrate(connection, shutil.copytree(SCRIPTS, tmp_path / "old", ignore=ignored))
    for statement in OLD_ROWS:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()
    return path


def test_a_database_of_the_first_release_is_brought_up_to_date(tmp_path: Path) -> None:
    database = open_database(first_release(tmp_path))
    with database.reading() as tx:
        row = attempts.load(tx, 1)
        (event,) = events.of_attempt(tx, 1)
    database.close()
    assert (row.phase, row.epoch, row.starting_since) == ("running", 2, 20)
    assert (row.losses, row.unclean, row.clock_shifts, row.sla_at) == (0, False, {}, None)
    assert (event.kind, event.supervisor_epoch) == ("launch.intended", None)


def test_tasks_of_the_first_release_go_on_without_a_deadline(tmp_path: Path) -> None:
    database = open_database(first_release(tmp_path))
    with database.reading() as tx:
        _, task = tasks.load(tx, 1)
        (output,) = tasks.load_outputs(tx, 1)
    database.close()
    assert (task.full_name, task.verdict, task.fence, task.retries) == ("+w+a", "error", 2, 1)
    assert (task.state_params, task.started_at) == ({"s": 1}, 15)
    assert (task.timeout, task.deadline_at) == (None, None)
    assert output.error == {}


def test_an_attempt_of_the_first_release_has_no_limit_it_did_not_know(tmp_path: Path) -> None:
    database = open_database(first_release(tmp_path))
    with database.reading() as tx:
        assert deadlines(attempts.load(tx, 1)) == []
    database.close()


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    return found
