"""Looking at a database file without changing anything about it, whatever state it is in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote

from digpy.store.database import REVISION


class Inspection(NamedTuple):
    """What a database file is like.

    Attributes:
        size, wal: bytes of the file, and of the log of commits that are not in it yet.
        stamp: revision of its schema; None if that cannot be read.
        age: its schema, compared with what this release knows.
        damage: what SQLite complains about; empty if it is sound.
    """

    size: int
    wal: int
    stamp: str | None
    age: Literal["current", "older", "newer", "unknown"]
    damage: tuple[str, ...]


def inspect(path: Path) -> Inspection:
    """Inspect the database `path`, which exists. Never raises for what is wrong with it."""
    size, wal = _size(path), _size(path.with_name(path.name + "-wal"))
    try:
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(5)")]
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        return Inspection(size, wal, None, "unknown", (str(error),))
    stamp = None if row is None else str(row[0])
    damage = () if found == ["ok"] else tuple(found)
    return Inspection(size, wal, stamp, _age(stamp), damage)


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
