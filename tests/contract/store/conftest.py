"""One suite for every database that digpy can keep its truth in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.store.database import Database, open_database


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of ours; relaxed, because no test here cuts the power."""
    assert request.param == "sqlite"
    database = open_database(tmp_path / "digpy.db", durability="relaxed")
    yield database
    database.close()
