"""A worker that says nothing is suspected, and lost after the documented time; never earlier."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from digpy.control.supervisor import Supervisor
from digpy.errors import Locked
from digpy.values import SECOND
from tests.support.supervision import PACE, Supervised

LIMIT = PACE.silence


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Supervised]:
    site = Supervised(tmp_path, "+slow: {sh>: sleep 1000}\n")
    yield site
    site.close()


@pytest.fixture
def frozen(site: Supervised) -> Supervisor:
    """The supervisor of a worker that has said hello, just now, and nothing since."""
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    supervisor.tick()
    site.frozen = True
    return supervisor


def test_a_worker_that_is_silent_for_less_than_its_time_is_left_alone(
    site: Supervised, frozen: Supervisor
) -> None:
    site.watch(frozen, LIMIT - 1)
    assert not site.is_killed()


def test_a_worker_that_is_silent_for_its_time_is_killed_at_that_instant(
    site: Supervised, frozen: Supervisor
) -> None:
    site.watch(frozen, LIMIT)
    assert [worker.status for worker in site.launcher.workers] == [137, None]
    assert any("silent for 300 s" in text for text in site.said)


def test_a_silent_worker_is_lost_like_any_other(site: Supervised, frozen: Supervisor) -> None:
    site.watch(frozen, LIMIT)
    assert [event.data["signal"] for event in site.events("worker.lost")] == [9]
    assert site.row().epoch == 2
    assert len(site.events("kill.forced")) == 1


def test_a_silent_worker_is_suspected_once_at_half_its_time(
    site: Supervised, frozen: Supervisor
) -> None:
    site.watch(frozen, LIMIT // 2 - 1)
    assert site.events("worker.suspected") == []
    site.watch(frozen, LIMIT // 2)
    (event,) = site.events("worker.suspected")
    assert event.data == {"epoch": 1, "seconds": 150}


def test_a_suspected_worker_that_is_heard_of_again_has_recovered(
    site: Supervised, frozen: Supervisor
) -> None:
    site.watch(frozen, 200 * SECOND)
    site.frozen = False
    site.watch(frozen, LIMIT)
    assert [event.data["seconds"] for event in site.events("worker.recovered")] == [200]
    assert not site.is_killed()


def test_a_worker_is_suspected_anew_after_it_has_recovered(
    site: Supervised, frozen: Supervisor
) -> None:
    for silent in (True, False, True):
        site.frozen = silent
        site.watch(frozen, 200 * SECOND)
    assert len(site.events("worker.suspected")) == 2


def test_silence_counts_anew_after_the_supervisor_or_the_machine_has_slept(
    site: Supervised, frozen: Supervisor
) -> None:
    site.watch(frozen, LIMIT - SECOND)
    site.sleep(frozen, 8 * 3600 * SECOND)
    site.watch(frozen, LIMIT - SECOND)
    assert not site.is_killed()
    site.watch(frozen, SECOND)
    assert len(site.launcher.workers) == 2


def test_a_clock_that_is_set_forward_does_not_make_a_worker_silent(
    site: Supervised, frozen: Supervisor
) -> None:
    site.clock.set(site.clock.now() + 24 * 3600 * SECOND)
    frozen.tick()
    assert site.events("worker.suspected") == []
    assert not site.is_killed()


def test_a_supervisor_that_only_listens_kills_a_silent_worker_too(
    site: Supervised, frozen: Supervisor
) -> None:
    with closing(sqlite3.connect(site.state / "digpy.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        for _ in range(LIMIT // (10 * SECOND)):
            assert not site.is_killed()
            site.clock.advance(10 * SECOND)
            with suppress(Locked):  # when it is killed that is to be noted
                frozen.listen()
        assert site.is_killed()


def test_a_supervisor_that_only_listens_leaves_alone_who_is_heard_of(
    site: Supervised, frozen: Supervisor
) -> None:
    for _ in range(LIMIT // (10 * SECOND)):
        site.clock.advance(10 * SECOND)
        site.worker.channel.arrived.append({"alive": True})
        frozen.listen()
    assert not site.is_killed()


def test_a_worker_that_beats_is_never_suspected(site: Supervised) -> None:
    supervisor = site.supervisor()
    site.hello()
    site.watch(supervisor, 3 * LIMIT)
    assert site.events("worker.suspected") == []
    assert len(site.launcher.workers) == 1


def test_a_silent_worker_is_killed_though_it_holds_the_database(
    site: Supervised, frozen: Supervisor
) -> None:
    with closing(sqlite3.connect(site.state / "digpy.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        worker = site.worker
        site.watch(frozen, LIMIT)
        assert worker.status == 137
        holder.execute("ROLLBACK")
    site.watch(frozen, 5 * SECOND)
    assert len(site.launcher.workers) == 2
