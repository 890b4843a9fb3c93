"""Stopping an attempt: what is done with commands that answer, that do not, and that are gone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digpy.control import stopping
from digpy.control.locks import CommandLocks
from digpy.control.recovery import Control
from digpy.control.stopping import Stopper
from digpy.errors import Conflict, NotFound
from digpy.spi import TaskResult
from digpy.store import attempts as attempt_rows
from digpy.store.phases import Phase
from tests.unit.control.test_executor import Site

ONE = "timezone: UTC\n+a: {sh>: 'true'}\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "ANSWER", 0.01)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An attempt that nobody runs."""
    made = Site(tmp_path, {"w.dig": ONE})
    yield made
    made.close()


class Surroundings:
    """What a stopper needs besides the database; remembers what it was asked for."""

    def __init__(self, site: Site, end_command: Callable[[int], None] | None = None) -> None:
        self.said: list[str] = []
        self.ended: list[int] = []
        self.stopper = Stopper(
            site.state,
            Control(site.database, site.executor, lambda: None),
            lambda _: [],
            end_command or self.ended.append,
            site.clock,
            self.said.append,
        )


def test_what_nobody_runs_is_ended(site: Site) -> None:
    row = Surroundings(site).stopper.stop(site.attempt)
    assert (row.phase, row.cause) == (Phase.CANCELED, "user")


def test_nobody_is_asked_or_ended_for_it(site: Site) -> None:
    around = Surroundings(site)
    around.stopper.stop(site.attempt)
    assert (around.said, around.ended) == ([], [])


def test_its_lock_is_free_afterwards(site: Site) -> None:
    Surroundings(site).stopper.stop(site.attempt)
    assert not CommandLocks(site.state).is_held(site.attempt)


def test_a_command_that_does_not_answer_is_ended_first(site: Site) -> None:
    lock = CommandLocks(site.state).take(site.attempt, {})
    assert lock is not None
    ended = []

    def end_command(command: int) -> None:
        ended.append(command)
        os.close(lock)

    around = Surroundings(site, end_command)
    row = around.stopper.stop(site.attempt)
    assert ended == [site.attempt]
    assert around.said == [
        f"the command that runs attempt {site.attempt} does not answer: ending it"
    ]
    assert row.phase is Phase.CANCELED


def test_somebody_who_settles_the_attempt_right_now_is_waited_for(site: Site) -> None:
    locks = CommandLocks(site.state)
    begun = threading.Event()

    def settle_for_a_while() -> None:
        with locks.starting():
            lock = locks.take(site.attempt, {})
            assert lock is not None
            begun.set()
            threading.Event().wait(20 * stopping.ANSWER)
            os.close(lock)

    settling = threading.Thread(target=settle_for_a_while)
    settling.start()
    begun.wait()
    around = Surroundings(site)
    assert around.stopper.stop(site.attempt).phase is Phase.CANCELED
    assert (around.said, around.ended) == ([], [])
    settling.join()


def test_a_command_that_cannot_be_ended_is_an_error_and_the_attempt_stays(site: Site) -> None:
    lock = CommandLocks(site.state).take(site.attempt, {})
    assert lock is not None

    def end_command(command: int) -> None:
        raise Conflict(f"{command} is out of reach")

    with pytest.raises(Conflict, match="is out of reach"):
        Surroundings(site, end_command).stopper.stop(site.attempt)
    assert not site.row().is_done
    os.close(lock)


def test_what_has_ended_is_not_stopped(site: Site) -> None:
    site.report(site.claim()["a"], TaskResult())
    with pytest.raises(Conflict, match=f"attempt {site.attempt} has ended already: success"):
        Surroundings(site).stopper.stop(site.attempt)


def test_what_was_stopped_is_not_stopped_again(site: Site) -> None:
    around = Surroundings(site)
    around.stopper.stop(site.attempt)
    with pytest.raises(Conflict, match=f"attempt {site.attempt} has ended already: canceled"):
        around.stopper.stop(site.attempt)


def test_what_ends_by_itself_meanwhile_was_not_stopped(site: Site) -> None:
    lock = CommandLocks(site.state).take(site.attempt, {})
    assert lock is not None

    def end_command(_: int) -> None:
        site.report(site.claim()["a"], TaskResult())
        os.close(lock)

    with pytest.raises(Conflict, match="has ended already: success"):
        Surroundings(site, end_command).stopper.stop(site.attempt)


def test_what_was_told_to_stop_by_a_command_that_is_gone_is_ended(site: Site) -> None:
    site.claim()
    site.executor.cancel(site.attempt, "run_timeout", "command")
    with site.database.reading() as tx:
        assert attempt_rows.load(tx, site.attempt).phase is Phase.CANCELING
    row = Surroundings(site).stopper.stop(site.attempt)
    assert (row.phase, row.reason) == (Phase.FAILURE, "run_timeout")


def test_there_must_be_such_an_attempt(site: Site) -> None:
    with pytest.raises(NotFound, match="attempt 99 does not exist"):
        Surroundings(site).stopper.stop(99)
