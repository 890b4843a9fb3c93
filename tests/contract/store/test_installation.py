"""What concerns no attempt: events of the installation, and its clocks."""

from __future__ import annotations

import pytest

from digpy.errors import InternalError
from digpy.store import installation
from digpy.store.database import Database
from digpy.store.installation import Anchor


def test_events_come_back_in_order(database: Database) -> None:
    with database.transaction() as tx:
        assert installation.append(tx, 9, "disk.low", "agent", {"free": 5})
        assert installation.append(tx, 5, "supervisor.db_gap", "supervisor", {})
        found = installation.events(tx)
        assert installation.events(tx, after=1) == found[1:]
    assert found == [
        (1, 9, "disk.low", "agent", {"free": 5}, None),
        (2, 5, "supervisor.db_gap", "supervisor", {}, None),
    ]


def test_an_event_with_a_known_key_is_passed_over(database: Database) -> None:
    with database.transaction() as tx:
        assert installation.append(tx, 1, "disk.low", "agent", {}, dedupe="low")
        assert not installation.append(tx, 2, "disk.low", "agent", {}, dedupe="low")
        assert [event.at for event in installation.events(tx)] == [1]


def test_a_kind_that_nobody_knows_is_a_bug(database: Database) -> None:
    with database.transaction() as tx, pytest.raises(InternalError, match=r"disk\.blue"):
        installation.append(tx, 1, "disk.blue", "agent", {})


def test_each_boot_has_its_own_clocks(database: Database) -> None:
    with database.transaction() as tx:
        installation.set_anchor(tx, "yesterday", Anchor(7, 70))
        installation.set_anchor(tx, "today", Anchor(1, 90))
        installation.set_anchor(tx, "today", Anchor(2, 91))
        assert installation.anchor(tx, "yesterday") == (7, 70)
        assert installation.anchor(tx, "today") == (2, 91)
        assert installation.anchor(tx, "tomorrow") is None
