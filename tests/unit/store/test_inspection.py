"""Looking at a database file changes nothing about it and fails for none."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from digpy.errors import Unavailable
from digpy.store import projects as project_rows
from digpy.store.database import REVISION, open_database
from digpy.store.inspection import inspect, looking


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound database, in a directory whose name has to be quoted."""
    path = tmp_path / "a ?#%" / "digpy.db"
    open_database(path, durability="relaxed").close()
    return path


def stamp(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
        connection.commit()


def test_a_sound_database_is_sound(path: Path) -> None:
    found = inspect(path)
    assert (found.stamp, found.age, found.damage) == (REVISION, "current", ())


def test_its_size_is_known(path: Path) -> None:
    assert inspect(path).size == path.stat().st_size


def test_what_cannot_be_opened_is_not_called_damaged(path: Path) -> None:
    found = inspect(path.with_name("gone"))
    assert (found.unreadable, found.damage) == ("unable to open database file", ())


def test_a_log_that_is_not_written_back_is_measured(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO projects (name) VALUES ('x')")
        connection.commit()
        assert inspect(path).wal > 0


def test_looking_leaves_no_trace(path: Path) -> None:
    with looking(path) as tx:
        assert project_rows.find_project(tx, "x") is None
    assert list(path.parent.iterdir()) == [path]


def test_looking_sees_what_is_not_written_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO projects (name) VALUES ('x')")
        connection.commit()
        with looking(path) as tx:
            assert project_rows.find_project(tx, "x") == 1


def test_looking_at_what_is_no_database_is_said(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)
    with looking(path) as tx, pytest.raises(Unavailable, match="file is not a database"):
        project_rows.find_project(tx, "x")


@pytest.mark.parametrize(("revision", "age"), [("0000", "older"), ("9999", "newer")])
def test_the_schema_is_compared_with_ours(path: Path, revision: str, age: str) -> None:
    stamp(path, revision)
    assert inspect(path).age == age


def test_what_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)
    found = inspect(path)
    assert (found.age, found.damage) == ("unknown", ("file is not a database",))


def test_a_damaged_page_is_found(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    path.write_bytes(data)
    assert inspect(path).damage


def test_a_database_of_somebody_else_has_no_stamp(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
    assert inspect(path).stamp is None


def test_nothing_is_changed(path: Path) -> None:
    stamp(path, "0000")
    before = hashlib.sha256(path.read_bytes()).digest()
    inspect(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before
