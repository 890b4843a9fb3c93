"""Steps happen together or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from digpy.errors import Unavailable
from digpy.store import projects
from digpy.store.database import open_database
from digpy.store.migrations import SCRIPTS, migrate

STEP = """
from alembic import op

revision = "0002"
down_revision = "0001"


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
    (scripts / "versions" / "0002_next.py").write_text(STEP.format(statement))
    return scripts


def test_a_later_step_runs_on_the_rows_there_are(path: Path, tmp_path: Path) -> None:
    scripts = with_step(tmp_path, 'op.execute("INSERT INTO added SELECT name FROM projects")')
    connection = connect(path)
    migrate(connection, scripts)
    connection.execute("COMMIT")
    assert connection.execute("SELECT x FROM added").fetchall() == [("default",)]
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
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


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    return found
