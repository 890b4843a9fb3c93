"""Bringing an older database up to date, one numbered step after another, forward only.

Imported only when a database's stamp is older than the release. A new database never comes here: it
is made from the compiled schema, and a test holds the two equal.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from digpy.errors import Unavailable

SCRIPTS = Path(__file__).parent


def migrate(connection: sqlite3.Connection, scripts: Path = SCRIPTS) -> None:
    """Run every step that `connection`'s database has not seen, and stamp it.

    The caller has begun a transaction and commits it, so the steps happen together or not at all.
    References between tables are not enforced yet on this connection (steps rebuild tables); they
    are checked at the end. Raises `Unavailable` for a stamp that no step bears.
    """
    # Alembic's own connection is the caller's: nothing here begins, commits or closes.
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as wrapped:
        config = configuration(scripts)
        config.attributes["connection"] = wrapped
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise Unavailable(f"the database cannot be migrated: {error}") from error
        broken = connection.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise Unavailable(
                f"the database cannot be migrated: {len(broken)} references lead nowhere"
            )
        wrapped.detach()


def head(scripts: Path = SCRIPTS) -> str | None:
    """The newest step's revision."""
    return ScriptDirectory.from_config(configuration(scripts)).get_current_head()


def configuration(scripts: Path = SCRIPTS) -> Config:
    """Alembic's settings, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
