"""With hardly any room nothing new starts; what runs can finish."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.control.disk import Disk, Room
from digpy.errors import DiskFull
from digpy.spi import TaskResult
from digpy.store import installation as installation_rows
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.clock import ManualClock
from tests.support.supervision import Supervised

MIB = 1 << 20


class Played:
    """A disk of 100 GiB, of which as much is free as a test says."""

    def __init__(self, state: Path, clock: ManualClock | None = None) -> None:
        self.free = 1000 * MIB
        self.waits = 0
        self.clock = clock or ManualClock()
        self.disk = Disk(
            state,
            self.clock,
            min_free=512 * MIB,
            reserve=MIB,
            look=lambda _: Room(self.free, 100 << 30),
            wait=self._wait,
        )

    def _wait(self) -> None:
        self.waits += 1
        raise TimeoutError

    def low(self, free: int, after: int = SECOND) -> bool:
        """Whether the disk is low with so much room, a little later."""
        self.free = free
        self.clock.advance(after)
        return self.disk.is_low


def test_room_enough_is_not_low(tmp_path: Path) -> None:
    assert not Played(tmp_path).low(512 * MIB)


def test_less_than_the_least_is_low(tmp_path: Path) -> None:
    assert Played(tmp_path).low(512 * MIB - 1)


def test_a_small_disk_needs_a_twentieth_only(tmp_path: Path) -> None:
    small = Room(60 * MIB, 1000 * MIB)
    disk = Disk(tmp_path, ManualClock(), min_free=512 * MIB, reserve=0, look=lambda _: small)
    assert not disk.is_low


def test_nothing_is_watched_where_that_is_switched_off(tmp_path: Path) -> None:
    disk = Disk(tmp_path, ManualClock(), min_free=0, reserve=0, look=lambda _: Room(0, 1))
    assert not disk.is_low


def test_a_full_disk_that_is_not_watched_is_low_only_for_a_while(tmp_path: Path) -> None:
    clock = ManualClock()
    disk = Disk(tmp_path, clock, min_free=0, reserve=0, look=lambda _: Room(0, 1))
    assert not disk.make_room()
    assert disk.is_low
    clock.advance(60 * SECOND)
    assert not disk.is_low


def test_it_ends_when_there_has_been_room_for_a_minute(tmp_path: Path) -> None:
    played = Played(tmp_path)
    assert played.low(MIB)
    assert played.low(1000 * MIB)
    assert played.low(1000 * MIB, 59 * SECOND)
    assert not played.low(1000 * MIB)


def test_room_that_comes_and_goes_does_not_end_it(tmp_path: Path) -> None:
    played = Played(tmp_path)
    assert played.low(MIB)
    for _ in range(4):
        assert played.low(1000 * MIB, 40 * SECOND)
        assert played.low(MIB, 10 * SECOND)


def test_the_reserve_is_really_there(tmp_path: Path) -> None:
    Played(tmp_path).disk.prepare()
    assert (tmp_path / "reserve.bin").stat().st_blocks * 512 >= MIB


def test_a_full_disk_takes_the_reserve_first_and_then_waits(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.disk.prepare()
    played.disk.make_room()
    assert not (tmp_path / "reserve.bin").exists()
    assert (played.disk.is_low, played.waits) == (True, 0)
    with pytest.raises(TimeoutError):
        played.disk.make_room()
    assert played.waits == 1


def test_the_reserve_is_back_when_it_ends(tmp_path: Path) -> None:
    played = Played(tmp_path)
    played.disk.prepare()
    played.disk.make_room()
    assert played.low(1000 * MIB)
    assert not played.low(1000 * MIB, 60 * SECOND)
    assert (tmp_path / "reserve.bin").exists()


def test_no_reserve_is_left_where_there_is_no_room_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    Played(tmp_path).disk.prepare()
    assert not (tmp_path / "reserve.bin").exists()


# An attempt on such a disk


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Supervised]:
    site = Supervised(tmp_path, "_parallel: true\n+a: {sh>: 'true'}\n+b: {sh>: 'true'}\n")
    yield site
    site.close()


def with_disk(site: Supervised) -> Played:
    """Let the worker of `site` watch a played disk."""
    played = Played(site.state, site.clock)
    site.supervisor()
    site.hello()
    site.executor._disk = played.disk
    return played


def test_nothing_is_claimed_while_the_disk_is_low_and_everything_after(site: Supervised) -> None:
    played = with_disk(site)
    assert played.low(MIB)
    assert site.claim() == []
    assert site.executor.next_due(site.attempt) == site.clock.now() + 5 * SECOND
    assert played.low(1000 * MIB)
    assert not played.low(1000 * MIB, 60 * SECOND)
    assert len(site.claim()) == 2


def test_a_low_disk_is_said_and_noted_once(site: Supervised) -> None:
    played = with_disk(site)
    assert played.low(MIB)
    site.claim()
    site.claim()
    with site.database.reading() as tx:
        kinds = [event.kind for event in installation_rows.events(tx)]
    assert kinds.count("disk.low") == 1
    assert [e.text for _, e in site.logs.entries if "disk is almost full" in e.text] != []


def test_what_runs_can_finish_while_the_disk_is_low(site: Supervised) -> None:
    played = with_disk(site)
    requests = site.claim()
    assert played.low(MIB)
    for request in requests:
        site.report(request)
    assert site.row().phase is Phase.SUCCESS


def full(site: Supervised, pages: int) -> None:
    """Let the database grow by so many pages only."""
    connection: sqlite3.Connection = site.database._connection
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={count + pages}")


def test_a_full_database_loses_nothing_and_goes_on_when_there_is_room(site: Supervised) -> None:
    played = with_disk(site)
    first, second = site.claim()
    full(site, 0)
    with pytest.raises(TimeoutError):  # the reserve is missing here: it waits
        site.report(first, TaskResult(store={"much": "x" * 100_000}))
    assert played.disk.is_low
    full(site, 1000)
    site.report(first, TaskResult(store={"much": "x" * 100_000}))
    site.report(second)
    assert site.row().phase is Phase.SUCCESS


def test_the_reserve_makes_room_for_the_result_that_found_none(site: Supervised) -> None:
    played = with_disk(site)
    played.disk.prepare()
    first, _ = site.claim()
    full(site, 0)
    take = played.disk.make_room

    def make_room() -> bool:
        full(site, 1000)  # what the freed reserve leaves
        return take()

    played.disk.make_room = make_room  # type: ignore[method-assign]
    site.report(first, TaskResult(store={"much": "x" * 100_000}))
    assert not (site.state / "reserve.bin").exists()
    assert site.states()["a"] == "success"


def test_without_a_watch_a_full_database_is_an_error_of_its_own(site: Supervised) -> None:
    site.supervisor()
    site.hello()
    (first, _) = site.claim()
    full(site, 0)
    with pytest.raises(DiskFull, match="the disk is full"):
        site.report(first, TaskResult(store={"much": "x" * 100_000}))


def test_a_supervisor_that_cannot_write_says_so_once_and_goes_on(
    site: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DiskFull("the disk is full")

    supervisor = site.supervisor()
    site.hello()
    with monkeypatch.context() as patches:
        patches.setattr("digpy.control.supervisor.follow", refuse)
        patches.setattr("digpy.store.attempts.count_loss", refuse)
        site.die()
        site.watch(supervisor, 20 * SECOND)
    assert site.said.count("the disk is full") == 1
    assert (supervisor.finished, site.row().epoch) == (False, 1)
    site.watch(supervisor, 5 * SECOND)
    assert (len(site.launcher.workers), site.row().epoch) == (2, 2)
