"""Looking at a database file without changing anything about it, whatever state it is in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote

from digpy.errors import Unavailable
from digpy.store.database import REVISION, Transaction, load_statements

_NOT_NOW = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class Inspection(NamedTuple):
    """What a database file is like.

    Attributes:
        size, wal: bytes of the file, and of the log of commits that are not in it yet.
        stamp: revision of its schema; None if that cannot be read.
        age: its schema, compared with what this release knows.
        damage: what SQLite complains about; empty if it is sound, or cannot be looked at.
        unreadable: why it cannot be looked at now, which says nothing about what is in it.
    """

    size: int
    wal: int
    stamp: str | None
    age: Literal["current", "older", "newer", "unknown"]
    damage: tuple[str, ...]
    unreadable: str | None = None


def inspect(path: Path) -> Inspection:
    """Inspect the database `path`, which exists. Never raises for what is wrong with it."""
    size, wal = _size(path), _size(path.with_name(path.name + "-wal"))
    try:
        with closing(_connect(path)) as connection:
            found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(5)")]
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_NOW:
            return Inspection(size, wal, None, "unknown", (), str(error))
        return Inspection(size, wal, None, "unknown", (str(error),))
    stamp = None if row is None else str(row[0])
    damage = () if found == ["ok"] else tuple(found)
    return Inspection(size, wal, stamp, _age(stamp), damage)


@contextmanager
def looking(path: Path) -> Iterator[Transaction]:
    """Read the database `path`, which exists, and leave no trace. Raises `Unavailable`."""

    def translate(error: Exception, name: str) -> Unavailable:
        return Unavailable(f'the database "{path}" cannot be read: {name}: {error}')

    # Without a log nobody has it open. SQLite would make one, and leave it there.
    is_alone = not path.with_name(path.name + "-wal").exists()
    try:
        connection = _connect(path, "&immutable=1" if is_alone else "")
    except sqlite3.Error as error:
        raise translate(error, "opening it") from error
    with closing(connection):
        yield Transaction(connection, load_statements("sqlite"), translate, writing=False)


def _connect(path: Path, more: str = "") -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro{more}", uri=True, timeout=5)


def _age(stamp: str | None) -> Literal["current", "older", "newer", "unknown"]:
    if stamp is None:
        return "unknown"
    if stamp == REVISION:
        return "current"
    return "newer" if stamp > REVISION else "older"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
