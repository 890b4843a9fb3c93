"""``sla:`` of a real run: it is missed once, whoever dies, and with ``fail`` what ran is dead."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from digpy.agent import processes
from digpy.clock import SystemClock
from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually

Make = Callable[[Mapping[str, str]], CommandProject]

ENDLESS = "sleep 1000 > /dev/null 2>&1 &\nsh effect.sh started $!\nwait\n"
"""A program with a child of its own, whose number it leaves; it never ends by itself."""

PATIENT = "sh effect.sh started\nuntil test -e go; do sleep 0.01; done\n"
"""A program that ends when it may."""

ALERT = """\
sla: {duration: 00:00:01, +notice: {sh>: sh effect.sh}}
+a: {sh>: . ./patient.sh}
+after: {sh>: sh effect.sh}
"""

FAIL = """\
sla: {duration: 00:00:01, fail: true, +notice: {sh>: sh effect.sh}}
_error: {sh>: "sh effect.sh ${error.message}"}
+a: {sh>: . ./endless.sh, _canceled: {sh>: "sh effect.sh ${cancel_cause}"}}
+after: {sh>: sh effect.sh}
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def workflow(text: str) -> dict[str, str]:
    return {"w.dig": "timezone: UTC\n" + text, "endless.sh": ENDLESS, "patient.sh": PATIENT}


def left(project: CommandProject) -> dict[str, str]:
    """The last text that each task left."""
    return {effect.task.removeprefix("+w"): effect.text for effect in project.effects}


def times_missed(project: CommandProject) -> int:
    return len(project.rows("SELECT seq FROM events WHERE kind = 'sla.missed'"))


def test_the_work_goes_on_beside_the_tasks_that_say_so(project: Make) -> None:
    run = project(workflow(ALERT))
    command = run.start()
    eventually(lambda: "^sla+notice" in left(run))
    assert list(left(run)) == ["+a", "^sla+notice"]
    run.write({"go": ""})
    ended = command.wait()
    assert ended.code == 0
    assert list(left(run)) == ["+a", "^sla+notice", "+after"]
    assert "[WARN] +w: it has missed its sla\n" in ended.err
    assert "  3 tasks ran\n" in ended.err
    run.assert_clean()


def test_with_fail_what_ran_is_dead_and_the_run_fails(project: Make) -> None:
    run = project(workflow(FAIL))
    ended = run.run()
    assert ended.code == 1
    sleeper = int(run.effects[0].text.removeprefix("started "))
    assert processes.look(sleeper) is None
    assert sorted(left(run)) == ["+a", "+a^canceled", "^error", "^sla+notice"]
    assert left(run)["+a^canceled"] == "sla"
    assert left(run)["^error"] == "SLA violation"
    assert ": it missed its sla, and was to fail then\n" in ended.err
    assert "  never ran because of it: +w+after\n" in ended.err
    run.assert_clean()


def test_a_task_cut_out_of_its_workflow_misses_it_as_well(project: Make) -> None:
    run = project(workflow("sla: {duration: 00:00:01, fail: true}\n+g: {+a: {wait>: 1000s}}\n"))
    assert run.run("+a").code == 1
    (attempt,) = run.rows("SELECT reason FROM attempts")
    assert attempt["reason"] == "sla"


@pytest.mark.parametrize("when", ["before", "mid", "after"])
def test_a_crash_while_it_is_written_down_changes_nothing(
    project: Make, when: str, tmp_path: Path
) -> None:
    run = project(workflow(FAIL))
    once = tmp_path / "once"
    ended = run.run(DIGPY_FAILPOINT=f"executor.{when}_commit:2", DIGPY_FAILPOINT_ONCE=str(once))
    assert once.exists()
    assert ended.code == 1
    assert times_missed(run) == 1
    tasks = [effect.task for effect in run.effects]
    assert tasks.count("+w^sla+notice") == tasks.count("+w^error") == 1
    assert "+w+after" not in tasks
    assert ": it missed its sla, and was to fail then\n" in ended.err
    run.assert_clean()


def test_a_worker_that_dies_afterwards_does_not_miss_it_again(project: Make) -> None:
    run = project(workflow(ALERT))
    command = run.start()
    eventually(lambda: "^sla+notice" in left(run))
    eventually(lambda: run.rows("SELECT 1 FROM tasks WHERE full_name = '+w^sla' AND how = 'ran'"))
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: len([e for e in run.effects if e.task == "+w+a"]) == 2)
    run.write({"go": ""})
    assert command.wait().code == 0
    assert times_missed(run) == 1
    assert [effect.task for effect in run.effects].count("+w^sla+notice") == 1
    run.assert_clean()


def test_time_goes_on_while_nobody_runs_it(project: Make) -> None:
    run = project(workflow(FAIL.replace("00:00:01", "00:00:02")))
    command = run.start()
    eventually(lambda: "+a" in left(run))
    command.send(signal.SIGKILL)
    eventually(lambda: not command.alive)
    (attempt,) = run.rows("SELECT sla_at FROM attempts")
    eventually(lambda: SystemClock().now() > attempt["sla_at"])
    assert run.run().code == 1
    tasks = [effect.task for effect in run.effects]
    assert tasks.count("+w+a") == 1, "it was started again though it is to fail"
    assert tasks.count("+w^sla+notice") == 1
