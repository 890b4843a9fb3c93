"""``digpy kill``: whatever an attempt does, and whoever runs it, it ends and nothing is left."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import Command, CommandProject, projects
from tests.support.eventually import eventually

Make = Callable[[Mapping[str, str]], CommandProject]


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


FAMILY = """\
sh effect.sh begin
trap '' TERM HUP INT
(setsid sleep 600 &)
sleep 600 &
sleep 600
"""
"""A program that does not want to end, with a child, and one that has left its group."""

REQUIRING = {
    "w.dig": """\
timezone: UTC
_parallel: true
+needed:
  require>: other
+beside:
  sh>: sh effect.sh beside; sleep 600
""",
    "other.dig": "timezone: UTC\n+work:\n  sh>: sh effect.sh other; sleep 600\n",
}


def running_family(make_project: Make) -> tuple[CommandProject, Command]:
    """A command whose only program runs."""
    project = make_project(
        {"w.dig": "timezone: UTC\n+a:\n  sh>: . ./family.sh\n", "family.sh": FAMILY}
    )
    command = project.start("-X", "agent.stop_grace=1s")
    eventually(project.did("begin"))
    return project, command


def requiring(make_project: Make) -> tuple[CommandProject, Command]:
    """A command that runs attempt 1 and attempt 2, which it requires."""
    project = make_project(REQUIRING)
    command = project.start("-X", "agent.stop_grace=1s")
    eventually(project.did("other"))
    eventually(project.did("beside"))
    return project, command


def assert_canceled(project: CommandProject, attempt: int = 1) -> None:
    row = project.attempt(attempt)
    assert (row["phase"], row["cause"], row["reason"]) == ("canceled", "user", "user")


# A living command is asked


def test_a_killed_attempt_leaves_no_process(make_project: Make) -> None:
    project, command = running_family(make_project)
    killed = project.digpy("kill", "1")
    assert (killed.code, killed.err) == (0, "")
    assert command.wait().code == 1
    assert_canceled(project)
    project.assert_clean()


def test_kill_says_what_it_has_done(make_project: Make) -> None:
    project, _ = running_family(make_project)
    assert project.digpy("kill", "--last").out == "Kill requested: attempt 1 (w) is canceling\n"


def test_by_force_it_returns_when_nothing_is_alive(make_project: Make) -> None:
    project, command = running_family(make_project)
    killed = project.digpy("kill", "1", "--force")
    assert killed.out == "Kill requested: attempt 1 (w) is canceled\n"
    assert_canceled(project)
    command.wait()
    assert project.events("kill.sent") == [{"target": "worker", "cause": "user"}]
    project.assert_clean()


def test_killing_twice_is_no_error_and_is_written_down(make_project: Make) -> None:
    project, command = running_family(make_project)
    assert [project.digpy("kill", "1").code for _ in range(2)] == [0, 0]
    command.wait()
    assert project.events("cancel.repeated") == [{"cause": "user"}]
    assert_canceled(project)


def test_force_ends_what_was_asked_politely_before(make_project: Make) -> None:
    project = make_project(
        {"w.dig": "timezone: UTC\n+a:\n  sh>: . ./family.sh\n", "family.sh": FAMILY}
    )
    command = project.start("-X", "agent.stop_grace=10m")
    eventually(project.did("begin"))
    assert project.digpy("kill", "1").code == 0
    assert project.digpy("kill", "1", "--force").code == 0
    assert command.wait().code == 1
    project.assert_clean()


def test_an_attempt_that_has_ended_cannot_be_killed(make_project: Make) -> None:
    project = make_project({"w.dig": "timezone: UTC\n+a:\n  echo>: hello\n"})
    project.run()
    killed = project.digpy("kill", "1")
    assert (killed.code, killed.err) == (1, "error: attempt 1 has ended already: success\n")


def test_an_attempt_that_does_not_exist_cannot_be_killed(make_project: Make) -> None:
    project = make_project({"w.dig": "timezone: UTC\n+a:\n  echo>: hello\n"})
    project.run()
    killed = project.digpy("kill", "2")
    assert (killed.code, killed.err) == (1, "error: attempt 2 does not exist\n")


# Required attempts


def test_a_required_attempt_is_stopped_alone(make_project: Make) -> None:
    project, command = requiring(make_project)
    project.digpy("kill", "2")
    eventually(lambda: project.attempt(2)["phase"] == "canceled")
    assert project.attempt(1)["phase"] == "running"
    assert command.is_alive


def test_a_required_attempt_is_killed_alone_by_force(make_project: Make) -> None:
    project, command = requiring(make_project)
    project.digpy("kill", "2", "--force")
    assert project.attempt(2)["phase"] == "canceled"
    eventually(lambda: [e.text for e in project.effects].count("beside") == 2)
    assert project.attempt(1)["phase"] == "running"
    assert command.is_alive


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_what_an_attempt_requires_is_stopped_with_it(
    make_project: Make, more: tuple[str, ...]
) -> None:
    project, command = requiring(make_project)
    project.digpy("kill", "1", *more)
    assert command.wait().code == 1
    assert_canceled(project, 1)
    assert_canceled(project, 2)
    project.assert_clean()


# Nobody answers


def test_a_command_that_does_not_answer_is_ended(make_project: Make) -> None:
    project, command = running_family(make_project)
    command.send(signal.SIGSTOP)
    killed = project.digpy("kill", "1")
    assert "does not answer: ending it" in killed.err
    assert command.wait().code == -signal.SIGKILL
    assert_canceled(project)
    project.assert_clean()


def test_a_command_that_is_frozen_with_all_its_processes_is_ended(make_project: Make) -> None:
    project, command = running_family(make_project)
    for process in command.alive:
        process.send(signal.SIGSTOP)
    assert project.digpy("kill", "1").code == 0
    assert_canceled(project)
    command.wait()
    project.assert_clean()


def test_what_a_dead_command_left_is_ended_with_what_it_required(make_project: Make) -> None:
    project, command = requiring(make_project)
    command.send(signal.SIGKILL)
    command.wait()
    killed = project.digpy("kill", "1")
    assert killed.out == "Kill requested: attempt 1 (w) is canceled\n"
    assert_canceled(project, 1)
    assert_canceled(project, 2)
    actors = project.rows("SELECT actor FROM events WHERE kind = 'attempt.canceling'")
    assert [row["actor"] for row in actors] == ["user", "user"]
    project.assert_clean()


# In every state

ASLEEP = "sh>: sh effect.sh begin; sleep 600"

STATES = {
    "running, with tasks that are blocked": f"+a:\n  {ASLEEP}\n+b:\n  echo>: never\n",
    "waiting for an instant": "+a:\n  +b:\n    sh>: sh effect.sh begin\n  +c:\n    wait>: 1h\n",
    "waiting for the retry of a task": """\
+a:
  sh>: sh effect.sh begin; false
  _retry: {limit: 3, interval: 3600}
""",
    "waiting for the retry of a group": """\
+a:
  _retry: {limit: 3, interval: 3600}
  +b:
    sh>: sh effect.sh begin; false
""",
    "waiting for another attempt": "+a:\n  require>: other\n",
    "in a background of several": f"_parallel: true\n+a:\n  {ASLEEP}\n+b:\n  {ASLEEP}\n",
    "in what a loop has generated": f"+a:\n  loop>: 2\n  _do:\n    {ASLEEP}\n",
}


@pytest.mark.parametrize("is_led", [True, False], ids=["by its command", "without a command"])
@pytest.mark.parametrize("state", STATES)
def test_an_attempt_can_be_killed_in_every_state(
    make_project: Make, state: str, is_led: bool
) -> None:
    project = make_project(
        {
            "w.dig": f"timezone: UTC\n{STATES[state]}",
            "other.dig": f"timezone: UTC\n+work:\n  {ASLEEP}\n",
        }
    )
    command = project.start("-X", "agent.stop_grace=1s")
    eventually(project.did("begin"))
    if "waiting" in state:
        waits = "SELECT 1 FROM tasks WHERE attempt = 1 AND state LIKE '%retry_waiting'"
        eventually(lambda: project.rows(waits))
    if not is_led:
        command.send(signal.SIGKILL)
        command.wait()
    assert project.digpy("kill", "1").code == 0
    command.wait()
    assert_canceled(project)
    moving = "SELECT * FROM tasks WHERE ended_at IS NULL AND state <> 'blocked'"
    assert project.rows(moving) == []
    project.assert_clean()


def test_an_attempt_whose_worker_has_not_reported_can_be_killed(make_project: Make) -> None:
    project = make_project({"w.dig": "timezone: UTC\n+a:\n  echo>: hello\n"})
    command = project.start(DIGPY_FAILPOINT="worker.before_hello", DIGPY_FAILPOINT_SIGNAL="SIGSTOP")
    eventually((project.directory / ".digpy/locks/1.orders").exists)
    assert project.attempt()["phase"] == "starting"
    assert project.digpy("kill", "1").code == 0
    assert command.wait().code == 1
    assert_canceled(project)
