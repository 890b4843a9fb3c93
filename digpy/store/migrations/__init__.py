"""Bringing an older database up to date, one numbered step after another, forward only.

Imported only when a database's stamp is older than the release. A new database never comes here: it
is made from the compiled schema, and a test holds the two equal.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from digpy.errors import Unavailable

SCRIPTS = Path(__file__).parent


def migrate(connection: sqlite3.Connection, scripts: Path = SCRIPTS) -> None:
    """Run every step that `connection`'s database has not seen, and stamp it.

    The caller has begun a transaction and ends it, so the steps happen together or not at all.
    References between tables are not enforced on this connection (steps rebuild tables); they are
    checked at the end. Raises `Unavailable` for a stamp that no step bears and for references that
    lead nowhere, and the driver's own errors.
    """
    lent = _Lent(connection)
    engine = create_engine("sqlite://", creator=lambda: lent, poolclass=StaticPool)
    with engine.connect() as wrapped:
        config = configuration(scripts)
        config.attributes["connection"] = wrapped
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Unavailable(f"the database cannot be migrated: {error}") from error
        except DBAPIError as error:
            raise error.orig or error from error
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise Unavailable(f"the database cannot be migrated: {len(broken)} references lead nowhere")


class _Lent:
    """The caller's connection, whose transaction nobody here ends.

    SQLAlchemy begins with a rollback of its own, which would let go of the lock.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


def head(scripts: Path = SCRIPTS) -> str | None:
    """The newest step's revision."""
    return ScriptDirectory.from_config(configuration(scripts)).get_current_head()


def configuration(scripts: Path = SCRIPTS) -> Config:
    """Alembic's settings, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
