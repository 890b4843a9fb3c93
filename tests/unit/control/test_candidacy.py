"""One of several schedulers leads; a dead one is replaced at once, a silent one after a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.control.candidacy import Candidacy
from digpy.control.leadership import Leadership
from digpy.store.database import Database, open_database

LEASE = 15


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "digpy.db")
    yield database
    database.close()


class Candidates:
    """Schedulers of one project, each as if it were a process of its own."""

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self._path = path

    def make(self, holder: str) -> Candidacy:
        return Candidacy(Leadership("installation", holder, LEASE), self._path)

    def leads(self, candidate: Candidacy, now: int) -> bool:
        """Whether it leads now, after a try."""
        with self._database.transaction() as tx:
            leads = candidate.try_to_lead(tx, now)
        if leads:
            candidate.hold()
        return leads


@pytest.fixture
def candidates(database: Database, tmp_path: Path) -> Candidates:
    return Candidates(database, tmp_path / "locks" / "scheduler")


def test_the_first_one_leads(candidates: Candidates) -> None:
    assert candidates.leads(candidates.make("a:1"), 0)


def test_a_second_one_does_not_lead_beside_it(candidates: Candidates) -> None:
    first = candidates.make("a:1")
    assert candidates.leads(first, 0)
    assert not candidates.leads(candidates.make("a:2"), 1)
    first.give_up()


def test_the_lead_of_a_dead_one_is_free_at_once(candidates: Candidates) -> None:
    first = candidates.make("a:1")
    assert candidates.leads(first, 0)
    first.give_up()  # as the kernel does
    assert candidates.leads(candidates.make("a:2"), 1)


def test_one_that_is_silent_is_replaced_when_its_lease_is_over(candidates: Candidates) -> None:
    frozen = candidates.make("a:1")
    assert candidates.leads(frozen, 0)
    assert not candidates.leads(candidates.make("a:2"), LEASE)
    assert candidates.leads(candidates.make("a:3"), LEASE + 1)
    frozen.give_up()


def test_a_free_lock_proves_nothing_about_another_holder(candidates: Candidates) -> None:
    frozen = candidates.make("a:1")
    assert candidates.leads(frozen, 0)
    assert candidates.leads(candidates.make("a:2"), LEASE + 1)  # without the lock
    frozen.give_up()
    assert not candidates.leads(frozen, LEASE + 2)


def test_who_leads_is_named(candidates: Candidates, database: Database) -> None:
    first = candidates.make("a:1")
    assert candidates.leads(first, 0)
    with database.reading() as tx:
        assert candidates.make("a:2").other(tx) == "another scheduler (a:1)"
    first.give_up()
