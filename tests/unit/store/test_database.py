"""Opening a file, transactions on it, and everything a file can be that is not ours."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digpy.errors import ConfigError, DigpyError, InternalError, Locked, Unavailable
from digpy.store import database as module
from digpy.store import projects
from digpy.store.database import Database, open_database

ROOT = Path(module.__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digpy.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = open_database(path, durability="relaxed", patience=0.05)
    yield database
    database.close()


@contextmanager
def locked(path: Path, seconds: str = "0") -> Iterator[int]:
    """Another process, which is named, holds the write lock, for `seconds` or the block's time."""
    script = (
        "import sqlite3, sys, time\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "time.sleep(float(sys.argv[2])) if sys.argv[2] != '0' else sys.stdin.read()\n"
        "connection.execute('COMMIT')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", script, str(path), seconds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        yield other.pid


def raw(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Execute on a connection of our own; the rows of the last statement."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    finally:
        connection.close()
    return rows


# Transactions


def test_what_was_committed_is_there_after_opening_again(path: Path) -> None:
    database = open_database(path)
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
    database.close()
    again = open_database(path, create=False)
    with again.reading() as tx:
        assert tx.one("projects.find", {"name": "default"}) == (project,)
    again.close()


def test_an_error_in_the_block_rolls_back(database: Database) -> None:
    def write() -> None:
        with database.transaction() as tx:
            projects.ensure_project(tx, "default")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    with database.reading() as tx:
        assert tx.one("projects.find", {"name": "default"}) is None


def test_a_transaction_inside_a_transaction_is_a_bug(database: Database) -> None:
    with (
        database.transaction(),
        pytest.raises(InternalError, match="inside a transaction"),
        database.reading(),
    ):
        pass


def test_reading_refuses_to_write(database: Database) -> None:
    with database.reading() as tx, pytest.raises(InternalError, match="only reads"):
        tx.change("attempts.set_command", {"id": 1, "command": 1})


def test_reading_sees_one_state(database: Database, path: Path) -> None:
    other = open_database(path)
    with database.reading() as tx:
        with other.transaction() as writer:
            projects.ensure_project(writer, "default")
        assert tx.one("projects.find", {"name": "default"}) is None
    other.close()


def test_reading_does_not_wait_for_a_writer(database: Database, path: Path) -> None:
    with locked(path), database.reading() as tx:
        assert tx.run("projects.find", {"name": "default"}) == []


def test_more_rows_than_there_can_be_are_a_bug(database: Database) -> None:
    with database.transaction() as tx:
        project = projects.ensure_project(tx, "default")
        for content in ("one", "two"):
            revision = projects.ensure_revision(tx, project, content, 1)
            tx.many("workflows.put", [(revision, name, "UTC", 1, "") for name in ("a", "b")])
        with pytest.raises(InternalError, match="found 2 rows"):
            tx.one("workflows.list", {"revision": revision})


# Durability


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("relaxed", 1)])
def test_durability_is_the_level_of_syncing(path: Path, durability: str, level: int) -> None:
    database = open_database(path, durability=durability)
    connection = database._connection  # the setting is the connection's own: no other way to see it
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    database.close()


def test_an_unknown_durability_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError, match='"sloppy"; it can be "full" or "relaxed"'):
        open_database(path, durability="sloppy")
    assert not path.exists()


# One writer


def test_a_writer_waits_for_the_other_one(path: Path) -> None:
    database = open_database(path)
    with locked(path, seconds="0.2"), database.transaction() as tx:
        projects.ensure_project(tx, "default")
    database.close()


def test_patience_ends_and_names_the_file(database: Database, path: Path) -> None:
    with (
        locked(path),
        pytest.raises(Unavailable, match=f'"{path}" is locked by (another )?process'),
        database.transaction(),
    ):
        pass
    with database.transaction() as tx:  # nothing is broken by having waited
        projects.ensure_project(tx, "default")


def test_who_holds_the_lock_is_named(database: Database, path: Path) -> None:
    with (
        locked(path) as holder,
        pytest.raises(Locked, match=rf"locked by process {holder};"),
        database.transaction(),
    ):
        pass


def test_somebody_patient_waits_longer_and_is_asked_each_second(
    database: Database, path: Path
) -> None:
    waits: list[float] = []
    database.be_patient(waits.append)
    with locked(path, seconds="1.5"), database.transaction() as tx:
        projects.ensure_project(tx, "default")
    assert [round(seconds) for seconds in waits] == [1]


def test_what_the_patient_one_is_told_may_end_the_waiting(database: Database, path: Path) -> None:
    def give_up(_: float) -> None:
        raise KeyboardInterrupt

    database.be_patient(give_up)
    with locked(path), pytest.raises(KeyboardInterrupt), database.transaction():
        pass
    with database.transaction() as tx:  # nothing is broken by having given up
        projects.ensure_project(tx, "default")


def test_two_processes_take_turns(path: Path) -> None:
    open_database(path).close()
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from digpy.store.database import open_database\n"
        "from digpy.store import projects\n"
        "database = open_database(Path(sys.argv[1]), durability='relaxed')\n"
        "for turn in range(150):\n"
        "    with database.transaction() as tx:\n"
        "        projects.ensure_project(tx, f'{sys.argv[2]}-{turn}')\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(path), name], cwd=ROOT)
        for name in ("one", "two")
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert raw(path, "SELECT count(*) FROM projects") == [(300,)]


def test_many_processes_make_one_database(path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from digpy.store.database import open_database\n"
        "sys.stdin.read()\n"
        "open_database(Path(sys.argv[1])).close()\n"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], cwd=ROOT, stdin=subprocess.PIPE)
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.close()
    assert [opener.wait(60) for opener in openers] == [0, 0, 0, 0]
    assert raw(path, "SELECT version_num FROM alembic_version") == [(module.REVISION,)]


# Processes


def test_a_connection_does_not_cross_a_fork(database: Database) -> None:
    child = os.fork()
    if child == 0:
        try:
            with database.transaction():
                os._exit(1)
        except InternalError as error:
            os._exit(0 if "belongs to another process" in str(error) else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_closed_database_is_unavailable(path: Path) -> None:
    database = open_database(path)
    database.close()
    database.close()
    with pytest.raises(Unavailable, match="is closed"), database.transaction():
        pass


def test_a_database_that_rests_opens_itself_again(path: Path) -> None:
    database = open_database(path)
    database.rest()
    with database.transaction() as tx:
        assert tx.run("projects.find", {"name": "p"}) == []
    database.close()


def test_a_database_that_rests_may_cross_a_fork_closed(database: Database) -> None:
    database.rest()
    opened = {path.name for path in Path("/dev/fd").iterdir() if _is(path, database.path)}
    assert opened == set()


def _is(link: Path, target: Path) -> bool:
    try:
        return link.resolve() == target
    except OSError:
        return False


def test_after_a_rest_something_may_have_changed(database: Database) -> None:
    before = database.changes()
    database.rest()
    assert database.changes() != before


def test_a_closed_database_does_not_wake_up(path: Path) -> None:
    database = open_database(path)
    database.close()
    database.rest()
    with pytest.raises(Unavailable, match="is closed"):
        database.changes()


# Files


def test_a_missing_file_is_made_with_its_directory(tmp_path: Path) -> None:
    path = tmp_path / ".digpy" / "digpy.db"
    open_database(path).close()
    assert path.exists()


def test_a_missing_file_is_not_made_when_nobody_asked(path: Path) -> None:
    with pytest.raises(Unavailable, match=f'there is no database "{path}"'):
        open_database(path, create=False)
    assert not path.exists()


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be used"):
        open_database(tmp_path / "file" / "digpy.db")


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be used"):
        open_database(tmp_path)


def test_a_file_of_something_else_is_refused_untouched(path: Path) -> None:
    path.write_bytes(b"this is no database\n" * 100)
    with pytest.raises(Unavailable, match="is damaged or no database"):
        open_database(path)
    assert path.read_bytes() == b"this is no database\n" * 100


def test_somebody_elses_database_is_refused(path: Path) -> None:
    raw(path, "CREATE TABLE theirs (x)")
    with pytest.raises(Unavailable, match="not one of digpy's"):
        open_database(path)
    assert raw(path, "SELECT name FROM sqlite_master") == [("theirs",)]


def test_a_cut_off_file_is_refused(path: Path) -> None:
    open_database(path).close()
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(Unavailable, match="is damaged"):
        open_database(path)


def damage_an_index(path: Path) -> None:
    """Overwrite the index of projects' names."""
    index = "sqlite_autoindex_projects_1"
    ((page,),) = raw(path, f"SELECT rootpage FROM sqlite_master WHERE name = '{index}'")
    assert isinstance(page, int)
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)


def test_a_damaged_connection_is_never_used_again(path: Path) -> None:
    open_database(path).close()
    damage_an_index(path)
    database = open_database(path)
    for _ in range(2):
        with pytest.raises(Unavailable, match="is damaged") as caught, database.reading() as tx:
            tx.run("projects.find", {"name": "default"})
        assert caught.value.exit_code == 74
    database.close()
    assert path.with_name("digpy.db.suspect").exists()  # the next one to open it looks closer


def test_after_the_disk_failed_the_whole_database_is_looked_through(path: Path) -> None:
    open_database(path).close()
    suspect = path.with_name("digpy.db.suspect")
    suspect.touch()
    open_database(path).close()
    assert not suspect.exists()
    damage_an_index(path)
    suspect.touch()
    with pytest.raises(Unavailable, match="was damaged by a failing disk"):
        open_database(path)
    assert suspect.exists()


def test_a_full_disk_rolls_back_and_passes(database: Database) -> None:
    connection = database._connection  # a limit of the connection plays the disk
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(Unavailable, match="the disk is full"), database.transaction() as tx:
        projects.ensure_project(tx, "x" * 100_000)
    connection.execute("PRAGMA max_page_count=100000")
    with database.transaction() as tx:
        projects.ensure_project(tx, "x" * 100_000)


# Stamps


def test_a_new_file_bears_the_revision_of_this_release(path: Path) -> None:
    open_database(path).close()
    assert raw(path, "SELECT version_num FROM alembic_version") == [(module.REVISION,)]


def test_a_newer_file_is_refused_untouched(path: Path) -> None:
    open_database(path).close()
    raw(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"newer digpy: its schema is 9999.* Nothing was changed"):
        open_database(path)
    assert raw(path, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_an_older_file_is_migrated(path: Path) -> None:
    # What `alembic downgrade base` leaves: a database of ours in which no step has run.
    raw(path, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    database = open_database(path)
    with database.transaction() as tx:
        projects.ensure_project(tx, "default")
    database.close()
    assert raw(path, "SELECT version_num FROM alembic_version") == [(module.REVISION,)]


def test_a_stamp_that_no_step_bears_is_refused(path: Path) -> None:
    open_database(path).close()
    raw(path, "UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(Unavailable, match="cannot be migrated"):
        open_database(path)
    assert raw(path, "SELECT version_num FROM alembic_version") == [("0000",)]


# Start-up


def test_a_plain_run_imports_neither_sqlalchemy_nor_alembic(path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from digpy.store import attempts, events, launches, leases, projects, runs, tasks\n"
        "from digpy.store.database import open_database\n"
        "open_database(Path(sys.argv[1])).close()\n"
        "heavy = {'sqlalchemy', 'alembic', 'asyncio', 'dataclasses', 'logging', 'subprocess'}\n"
        "print(*(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")


def test_errors_of_the_store_are_all_ours(database: Database) -> None:
    with database.transaction() as tx, pytest.raises(DigpyError):
        tx.many("events.append", [("too", "few")])
