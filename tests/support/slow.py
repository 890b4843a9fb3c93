"""A workflow that goes on in its middle until it is let go, and commands that run it."""

from __future__ import annotations

import signal

from digpy.agent.rundir import RunDirectory, leftovers
from tests.support.command import Command, CommandProject
from tests.support.eventually import eventually

SLOW = {
    "w.dig": """\
timezone: UTC
+before:
  sh>: sh effect.sh before
+slow:
  sh>: . ./slow.sh
+after:
  sh>: sh effect.sh after
""",
    "slow.sh": """\
sh effect.sh slow
sleep 1000 > /dev/null 2>&1 &
until test -e go; do sleep 0.02; done
""",
}
"""A task in the middle that goes on until the file ``go`` exists, with a child of its own."""

STUBBORN = {
    **SLOW,
    "slow.sh": """\
trap '' TERM
sh effect.sh slow
until test -e go; do sleep 0.02; done
""",
}
"""The same, but it does not listen."""


def texts(project: CommandProject) -> list[str]:
    """What the tasks left, in order."""
    return [effect.text for effect in project.effects]


def let_go(project: CommandProject) -> None:
    """Let the slow task end."""
    project.write({"go": ""})


def has_exit(project: CommandProject) -> bool:
    """Whether the keeper of a run has written how its program ended."""
    state = project.directory / ".digpy"
    return any(RunDirectory(state, run).was_proved_empty for run in leftovers(state))


def started(project: CommandProject, *arguments: str, **environment: str) -> Command:
    """A command whose slow task runs."""
    command = project.start(*arguments, **environment)
    eventually(lambda: project.did("slow")() or not command.is_alive)
    assert command.is_alive, command.err
    return command


def kill_command(command: Command) -> None:
    """``kill -9`` of the command alone; nothing may survive it."""
    command.send(signal.SIGKILL)
    eventually(lambda: not command.alive, within=2)
