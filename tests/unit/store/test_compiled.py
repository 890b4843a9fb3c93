"""The text that the package carries is what the expressions say, and what the migrations make."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from digpy.store import compile as compiling
from digpy.store.database import REVISION, load_statements, open_database
from digpy.store.migrations import head, migrate
from digpy.store.statements import statements


@pytest.mark.parametrize("name", sorted(compiling.files()))
def test_the_compiled_text_is_fresh(name: str) -> None:
    text = (compiling.DIRECTORY / name).read_text("utf-8")
    assert text == compiling.files()[name], "run python -m digpy.store.compile"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_statement_is_read_back_with_its_parameters(dialect: str) -> None:
    loaded = load_statements(dialect)
    assert list(loaded) == list(statements(dialect))
    mark = "?" if dialect == "sqlite" else "%s"
    for name, statement in loaded.items():
        assert statement.sql.count(mark) == len(statement.parameters), name
        assert ";" not in statement.sql, name


def test_both_dialects_take_the_same_parameters_in_the_same_order() -> None:
    ours, theirs = load_statements("sqlite"), load_statements("postgresql")
    differing = {n for n in ours if ours[n].parameters != theirs[n].parameters}
    assert differing == set()


def test_only_statements_that_change_rows_are_writes() -> None:
    reading = {
        name for name, statement in load_statements("sqlite").items() if not statement.writes
    }
    assert "attempts.load" in reading
    assert not reading & {"attempts.insert", "outputs.put", "leases.take", "runs.claim"}


def test_every_statement_is_understood_and_scans_no_table(tmp_path: Path) -> None:
    open_database(tmp_path / "digpy.db").close()
    connection = sqlite3.connect(tmp_path / "digpy.db")
    for name, statement in load_statements("sqlite").items():
        nothing = [None] * len(statement.parameters)
        plan = connection.execute("EXPLAIN QUERY PLAN " + statement.sql, nothing).fetchall()
        scanned = [step[3] for step in plan if step[3].startswith("SCAN")]
        allowed = (
            "SCAN CONSTANT ROW",
            "SCAN attempts USING COVERING INDEX attempts_unfinished",
            "SCAN task_runs USING INDEX task_runs_unproved",  # holds what may be alive only
        )
        assert all(step in allowed for step in scanned), (name, scanned)
    connection.close()


def test_the_release_knows_the_newest_migration() -> None:
    assert head() == REVISION


def test_migrations_make_the_compiled_schema(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    open_database(fresh).close()
    connection = sqlite3.connect(migrated, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    migrate(connection)
    connection.execute("COMMIT")
    connection.close()
    assert schema_of(migrated) == schema_of(fresh)


def test_two_runs_of_a_task_cannot_be_alive(tmp_path: Path) -> None:
    # No statement of ours tries; the database would refuse it all the same.
    open_database(tmp_path / "digpy.db").close()
    connection = sqlite3.connect(tmp_path / "digpy.db")
    columns = "(attempt, number, fence, epoch, agent, token, claimed_at)"
    insert = f"INSERT INTO task_runs {columns} VALUES (1, 2, ?, 1, 'a', 't', 5)"
    connection.execute(insert, [1])
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute(insert, [2])
    connection.close()


def definitions(sql: str) -> list[str]:
    """What stands between commas, outside of inner parentheses; a later column stands last."""
    head, _, rest = sql.partition("(")
    parts, depth = [""], 0
    for letter in rest[: rest.rindex(")")]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in (head, rest[rest.rindex(")") :], *parts)]


def schema_of(path: Path) -> dict[str, tuple[list[object], list[str]]]:
    """By table or index: its columns in order, and its definitions in any."""
    connection = sqlite3.connect(path)
    found = {}
    for name, sql in connection.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL"):
        columns: list[object] = connection.execute(f"PRAGMA table_xinfo({name})").fetchall()
        found[name] = (columns, sorted(definitions(re.sub(r"\s+", " ", sql))))
    connection.close()
    return found
