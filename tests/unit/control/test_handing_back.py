"""A worker that has to leave: what it ran is run again by the next one, and nothing is charged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digpy.control.leadership import Leadership
from digpy.engine.states import TaskState
from digpy.spi import RetryLater
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.supervision import PACE, SLEEP, Supervised

Make = Callable[..., Supervised]

HANDED_BACK = "handed back"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Supervised] = []

    def build(workflow: str = SLEEP, *settings: str) -> Supervised:
        made.append(Supervised(tmp_path, workflow, *settings))
        return made[-1]

    yield build
    for each in made:
        each.close()


def handed_back(site: Supervised) -> None:
    """The worker claims the program, and hands it back."""
    (request,) = site.claim()
    site.report(request, HANDED_BACK)


# What becomes of a task


def test_a_task_that_was_handed_back_is_claimed_again(make: Make) -> None:
    site = make()
    site.supervisor()
    site.hello()
    handed_back(site)
    assert [request.run.fence for request in site.claim()] == [2]


def test_it_may_be_handed_back_more_often_than_it_may_be_lost(make: Make) -> None:
    site = make(SLEEP, "executor.task_max_losses=2")
    site.supervisor()
    site.hello()
    for _ in range(3):
        handed_back(site)
    assert len(site.claim()) == 1


def test_it_keeps_what_it_had_stored_for_its_next_run(make: Make) -> None:
    site = make()
    site.supervisor()
    site.hello()
    (request,) = site.claim()
    site.report(request, RetryLater(0, {"job": 7}))
    handed_back(site)
    assert [request.state for request in site.claim()] == [{"job": 7}]


def test_a_task_that_must_not_run_twice_has_failed(make: Make) -> None:
    site = make("+slow:\n  sh>: sleep 1000\n  rerun_on_crash: never\n")
    site.supervisor()
    site.hello()
    handed_back(site)
    assert site.states()["slow"] is TaskState.ERROR


def test_its_run_is_proved_dead(make: Make) -> None:
    site = make()
    site.supervisor()
    site.hello()
    handed_back(site)
    assert site.unproved() == []


# What a supervisor does


def test_the_worker_is_told_how_long_programs_have(make: Make) -> None:
    site = make()
    site.supervisor().drain(7 * SECOND)
    assert {"drain": 7 * SECOND} in site.worker.channel.sent


def test_an_attempt_whose_worker_has_left_stays_as_it_is(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    supervisor.drain(0)
    site.die(0)
    supervisor.tick()
    assert supervisor.finished
    row = site.row()
    assert (row.phase, row.epoch, row.losses_total) == (Phase.RUNNING, 1, 0)
    assert [event.data for event in site.events("worker.left")] == [{"epoch": 1}]


def test_a_limit_that_passes_meanwhile_still_stops_the_attempt(make: Make) -> None:
    site = make("_run_timeout: 10s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    supervisor.drain(60 * SECOND)
    site.sleep(supervisor, 10 * SECOND)
    assert site.asked() == ["run_timeout"]


def test_an_attempt_without_a_worker_gets_none_any_more(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.launcher.is_refused = True
    site.die()
    supervisor.tick()
    supervisor.drain(0)
    supervisor.tick()
    assert (supervisor.finished, len(site.launcher.workers)) == (True, 1)


def test_a_supervisor_that_was_replaced_does_not_say_that_its_worker_left(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    supervisor.drain(0)
    with site.database.transaction() as tx:
        later = Leadership(f"attempt/{site.attempt}", "other", PACE.lease)
        later.seize(tx, site.clock.now())
    site.die(0)
    supervisor.tick()
    assert supervisor.finished
    assert site.events("worker.left") == []
