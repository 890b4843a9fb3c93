"""``_timeout``, ``_finally`` and ``_canceled`` of a real run: what is stopped is dead.

Nothing here is believed of what a program says: what it started is looked for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from digpy.agent import processes
from tests.support.command import Command, CommandProject, projects
from tests.support.eventually import eventually

Make = Callable[[Mapping[str, str]], CommandProject]

ENDLESS = "sleep 1000 > /dev/null 2>&1 &\nsh effect.sh started $!\nwait\n"
"""A program with a child of its own, whose number it leaves; it never ends by itself."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def tasks(project: CommandProject) -> list[str]:
    """Which tasks left something, in order."""
    return [effect.task.removeprefix("+w") for effect in project.effects]


def states(project: CommandProject) -> dict[str, str]:
    rows = project.rows("SELECT full_name, state FROM tasks ORDER BY number")
    return {row["full_name"]: row["state"] for row in rows}


def sleeper(project: CommandProject) -> int:
    """The child of the endless program of the newest run, once it is there."""
    (started, *_) = eventually(
        lambda: [effect.text for effect in reversed(project.effects) if "started" in effect.text]
    )
    return int(started.removeprefix("started "))


def workflow(text: str) -> dict[str, str]:
    return {"w.dig": "timezone: UTC\n" + text, "endless.sh": ENDLESS}


TIMED = """\
+g:
  _timeout: 2s
  _error: {sh>: "sh effect.sh ${error.message}"}
  _finally: {sh>: sh effect.sh}
  +a: {sh>: . ./endless.sh, _finally: {sh>: sh effect.sh}}
+after: {sh>: sh effect.sh}
"""

CANCELED = """\
_finally: {sh>: "sh effect.sh ${cancel_cause}"}
+a:
  sh>: . ./endless.sh
  _canceled: {sh>: "sh effect.sh ${cancel_cause}"}
  _finally: {sh>: "sh effect.sh ${cancel_cause}"}
+after: {sh>: sh effect.sh}
"""

SLOW_END = """\
+a:
  sh>: sh effect.sh
  _finally: {sh>: . ./endless.sh}
"""


class TestTimeout:
    def test_what_ran_is_dead_before_the_task_fails(self, project: Make) -> None:
        run = project(workflow(TIMED))
        ended = run.run()
        assert ended.code == 1
        assert processes.look(sleeper(run)) is None
        assert tasks(run) == ["+g+a", "+g+a^finally", "+g^error", "+g^finally"]
        assert run.effects[2].text == "timed out after 2s"
        assert "* +w+g:\n    timed out after 2s\n" in ended.err
        assert (states(run)["+w+g"], states(run)["+w+g+a"]) == ("group_error", "canceled")
        run.assert_clean()

    def test_a_program_that_does_not_listen_is_killed(self, project: Make) -> None:
        text = "+a: {sh>: 'trap \"\" TERM; . ./endless.sh', _timeout: '${seconds}s'}\n"
        run = project(workflow(text))
        ended = run.run("-p", "seconds=2", "-X", "agent.stop_grace=1")
        assert ended.code == 1
        assert processes.look(sleeper(run)) is None
        assert states(run)["+w+a"] == "error"
        assert "timed out after 2s" in ended.err
        run.assert_clean()

    def test_each_try_has_the_whole_time(self, project: Make) -> None:
        text = "+a: {sh>: . ./endless.sh, _timeout: 2s, _retry: {limit: 1, interval: 1s}}\n"
        run = project(workflow(text))
        assert run.run().code == 1
        assert tasks(run) == ["+a", "+a"]
        first, second = run.rows("SELECT claimed_at, ended_at FROM task_runs ORDER BY fence")
        assert first["ended_at"] - first["claimed_at"] >= 2_000_000
        assert second["ended_at"] - second["claimed_at"] >= 2_000_000
        run.assert_clean()

    def test_it_fires_though_nothing_runs(self, project: Make) -> None:
        run = project(workflow("+a: {wait>: 1000s, _timeout: 1s, _error: {sh>: sh effect.sh}}\n"))
        assert run.run().code == 1
        assert tasks(run) == ["+a^error"]

    @pytest.mark.parametrize("place", ["executor.after_commit:2", "executor.mid_commit:2"])
    def test_a_crash_between_the_decision_and_the_stop_changes_nothing(
        self, project: Make, place: str, tmp_path: Path
    ) -> None:
        run = project(workflow("+a: {sh>: . ./endless.sh, _timeout: 2s, _retry: 1}\n"))
        once = tmp_path / "once"
        ended = run.run(DIGPY_FAILPOINT=place, DIGPY_FAILPOINT_ONCE=str(once))
        assert once.exists()
        assert ended.code == 1
        assert "timed out after 2s" in ended.err
        assert tasks(run) == ["+a", "+a"]
        assert states(run)["+w+a"] == "error"
        run.assert_clean()

    def test_time_goes_on_while_nobody_runs_it(self, project: Make) -> None:
        run = project(workflow("+a: {sh>: . ./endless.sh, _timeout: 2s}\n"))
        command = run.start()
        eventually(run.did(f"started {sleeper(run)}"))
        command.send(signal.SIGKILL)
        eventually(lambda: not command.alive)
        (task,) = run.rows("SELECT deadline_at FROM tasks WHERE full_name = '+w+a'")
        eventually(lambda: _now() > task["deadline_at"])
        assert run.run().code == 1
        assert tasks(run) == ["+a"], "it was started again though its time was over"
        assert states(run)["+w+a"] == "error"


class TestCancel:
    def canceled(self, project: CommandProject, number: signal.Signals) -> Command:
        command = project.start()
        sleeper(project)
        command.send(number)
        return command

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_what_ran_is_dead_before_it_is_cleaned_up(
        self, project: Make, number: signal.Signals
    ) -> None:
        run = project(workflow(CANCELED))
        ended = self.canceled(run, number).wait()
        assert ended.code == 130
        assert processes.look(sleeper(run)) is None
        assert tasks(run) == ["+a", "+a^canceled", "+a^finally", "^finally"]
        assert {effect.text for effect in run.effects[1:]} == {"user"}
        assert run.attempt()["phase"] == "canceled"
        run.assert_clean()

    def test_a_limit_is_a_cause(self, project: Make) -> None:
        run = project(workflow("_run_timeout: 2s\n" + CANCELED))
        assert run.run().code == 1
        assert {effect.text for effect in run.effects[1:]} == {"run_timeout"}
        assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "run_timeout")
        run.assert_clean()

    def test_a_limit_that_is_to_be_told_is_told_when_everything_has_stopped(
        self, project: Make
    ) -> None:
        limit = "_run_timeout: {after: 2s, run_error: true}\n"
        handlers = "_error: {sh>: 'sh effect.sh ${error.message}'}\n"
        run = project(workflow(limit + handlers + "+a: {sh>: . ./endless.sh}\n"))
        assert run.run().code == 1
        assert [effect.text for effect in run.effects][1:] == ["timed out after 2s"]
        assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "run_timeout")
        run.assert_clean()

    def test_a_handler_that_is_told_of_a_limit_is_killed_after_its_own_time(
        self, project: Make
    ) -> None:
        limit = "_run_timeout: {after: 2s, run_error: true, error_timeout: 1s}\n"
        run = project(workflow(limit + "_error: {sh>: sleep 1000}\n+a: {sh>: . ./endless.sh}\n"))
        assert run.run().code == 1
        assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "run_timeout")
        assert states(run)["+w^error"] == "canceled"
        run.assert_clean()

    def test_a_failing_cleanup_is_shown_and_changes_nothing(self, project: Make) -> None:
        run = project(workflow("+a: {sh>: . ./endless.sh, _canceled: {fail>: left behind}}\n"))
        ended = self.canceled(run, signal.SIGINT).wait()
        assert ended.code == 130
        assert "* +w+a^canceled:\n    left behind" in ended.err
        assert states(run)["+w+a"] == "canceled"

    def test_the_cancel_timeout_ends_a_cleanup(self, project: Make) -> None:
        text = "_cancel_timeout: 3s\n+a: {sh>: . ./endless.sh, _canceled: {sh>: . ./endless.sh}}\n"
        run = project(workflow(text))
        assert self.canceled(run, signal.SIGINT).wait().code == 130
        assert tasks(run) == ["+a", "+a^canceled"]
        assert processes.look(sleeper(run)) is None
        assert states(run)["+w+a^canceled"] == "canceled"
        run.assert_clean()

    def test_a_second_signal_ends_a_cleanup(self, project: Make) -> None:
        run = project(workflow("+a: {sh>: . ./endless.sh, _finally: {sh>: . ./endless.sh}}\n"))
        command = self.canceled(run, signal.SIGINT)
        eventually(lambda: len(tasks(run)) == 2)
        command.send(signal.SIGINT)
        assert command.wait().code == 130
        assert processes.look(sleeper(run)) is None
        assert set(states(run).values()) == {"canceled"}
        run.assert_clean()

    def test_a_finally_that_runs_already_is_not_stopped(self, project: Make) -> None:
        text = "+a: {sh>: sh effect.sh, _finally: {sh>: . ./slow.sh}}\n"
        slow = "sh effect.sh slow\nuntil test -e go; do sleep 0.02; done\nsh effect.sh over\n"
        run = project({**workflow(text), "slow.sh": slow})
        command = run.start()
        eventually(run.did("slow"))
        command.send(signal.SIGINT)
        eventually(lambda: run.attempt()["phase"] == "canceling")
        run.write({"go": ""})
        assert command.wait().code == 130
        assert run.effects[-1].text == "over"
        assert states(run)["+w+a^finally"] == "success"


class TestCrash:
    def test_a_finally_whose_worker_is_killed_is_run_again(self, project: Make) -> None:
        run = project(workflow(SLOW_END))
        command = run.start()
        first = sleeper(run)
        os.kill(command.worker, signal.SIGKILL)
        eventually(lambda: len(tasks(run)) == 3)
        assert processes.look(first) is None
        run.write({"endless.sh": ""})
        os.kill(sleeper(run), signal.SIGTERM)
        assert command.wait().code == 0
        assert tasks(run) == ["+a", "+a^finally", "+a^finally"]
        outcomes = run.rows("SELECT outcome FROM task_runs WHERE number = 3 ORDER BY fence")
        assert [row["outcome"] for row in outcomes] == ["lost", "succeeded"]
        run.assert_clean()

    def test_a_task_that_was_taken_over_is_not_cleaned_up_again(self, project: Make) -> None:
        run = project(workflow(SLOW_END + "+b: {sh>: test -e go}\n"))
        run.write({"endless.sh": "sh effect.sh\n"})
        assert run.run().code == 1
        run.write({"go": ""})
        assert run.run().code == 0
        assert tasks(run) == ["+a", "+a^finally"]


def _now() -> int:
    from digpy.clock import SystemClock

    return SystemClock().now()
