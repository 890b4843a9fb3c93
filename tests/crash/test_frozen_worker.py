"""A worker that is stopped, really: for a while, and for longer than anybody waits for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually
from tests.support.slow import SLOW, let_go, started, texts

Make = Callable[[Mapping[str, str]], CommandProject]

SOON = ("-X", "agent.heartbeat-interval=1s", "-X", "agent.lock-retention-time=4s")
"""A worker that is silent for four seconds is lost."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def test_a_worker_that_is_frozen_for_less_than_its_time_goes_on(project: Make) -> None:
    run = project(SLOW)
    command = started(run, *SOON)
    os.kill(command.worker, signal.SIGSTOP)
    eventually(lambda: run.events("worker.suspected"))
    os.kill(command.worker, signal.SIGCONT)
    eventually(lambda: run.events("worker.recovered"))
    let_go(run)
    assert command.wait().code == 0
    assert texts(run) == ["before", "slow", "after"]
    assert run.events("worker.lost") == []
    run.assert_clean()


def test_a_worker_that_is_frozen_for_longer_is_killed_and_its_task_runs_again(
    project: Make,
) -> None:
    run = project(SLOW)
    command = started(run, *SOON)
    os.kill(command.worker, signal.SIGSTOP)
    eventually(lambda: texts(run).count("slow") == 2)
    let_go(run)
    ended = command.wait()
    assert ended.code == 0
    assert "the worker has been silent for 4 s: killing it" in ended.err
    assert [event["signal"] for event in run.events("worker.lost")] == [9]
    run.assert_clean()


def test_a_worker_that_is_frozen_while_it_writes_does_not_keep_the_database(
    project: Make,
) -> None:
    run = project({"w.dig": "+a: {sh>: sh effect.sh a}\n+b: {sh>: sh effect.sh b}\n"})
    once = str(run.directory / "once")
    ended = run.run(
        *SOON,
        DIGPY_FAILPOINT="executor.mid_commit:2",
        DIGPY_FAILPOINT_ONCE=once,
        DIGPY_FAILPOINT_SIGNAL="SIGSTOP",
    )
    assert ended.code == 0
    assert set(texts(run)) == {"a", "b"}
    run.assert_clean()


def test_a_worker_that_is_frozen_while_it_writes_does_not_stop_a_scheduler(
    project: Make,
) -> None:
    schedule = "timezone: UTC\nschedule: {seconds_interval>: 1}\n"
    run = project({"w.dig": schedule + "+a: {sh>: 'sh effect.sh ${session_time}'}\n"})
    once = run.directory / "once"
    command = run.begin(
        "scheduler",
        *SOON,
        DIGPY_FAILPOINT="executor.mid_commit:2",
        DIGPY_FAILPOINT_ONCE=str(once),
        DIGPY_FAILPOINT_SIGNAL="SIGSTOP",
    )
    eventually(once.exists, within=20)
    eventually(lambda: run.events("worker.lost"), within=30)
    done = len(texts(run))
    eventually(lambda: len(texts(run)) > done + 2, within=20)
    command.send(signal.SIGTERM)
    assert command.wait().code == 0
    run.assert_clean()


def test_an_idle_worker_is_not_lost(project: Make) -> None:
    run = project({"w.dig": "+wait: {wait>: 7s}\n"})
    assert run.run(*SOON).code == 0
    assert run.events("worker.suspected") == []
