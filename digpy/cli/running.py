"""What runs in a project at the moment: commands, and below each its worker and its programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digpy.agent import processes
from digpy.agent.processes import Process
from digpy.control.locks import CommandLocks

_ROLES = ("command", "worker", "spawner", "keeper")
"""Of a process, by how far it is below its command; what is below a keeper is a program."""


class Running(NamedTuple):
    """A process of a command. `depth` is how far below the command it is; `age` is in seconds."""

    pid: int
    role: str
    name: str
    age: float
    depth: int


class LivingCommand(NamedTuple):
    """A command that leads `attempt` (and what that requires), and all its processes.

    `processes` is empty if they cannot be seen from here: in another container, another user's.
    """

    attempt: int
    noted_pid: object
    processes: list[Running]


def living_commands(state: Path) -> list[LivingCommand]:
    """Every living command of the state directory, by the attempt it leads."""
    locks = CommandLocks(state)
    found = []
    for attempt in lock_files(state):
        if not locks.is_held(attempt):
            continue
        tree = [
            running
            for holder in processes.holders(str(locks.path(attempt)))
            for running in _below(holder, list(processes.everyone()), 0)
        ]
        found.append(LivingCommand(attempt, locks.holder(attempt).get("pid"), tree))
    return found


def lock_files(state: Path) -> list[int]:
    """The attempts that have a lock file, held or not."""
    try:
        names = [path.name for path in (state / "locks").iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def _below(process: Process, everyone: list[Process], depth: int) -> Iterator[Running]:
    role = _ROLES[depth] if depth < len(_ROLES) else "program"
    name, age = processes.name_of(process.pid), processes.age(process)
    yield Running(process.pid, role, name, age, depth)
    for other in everyone:
        if other.parent == process.pid:
            yield from _below(other, everyone, depth + 1)
