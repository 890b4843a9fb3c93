"""What runs in a project at the moment: commands, and below each its workers and its programs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digpy.agent import processes
from digpy.agent.processes import Process
from digpy.control.locks import CommandLocks
from digpy.filelock import is_locked

_BELOW = {"worker": "spawner", "spawner": "keeper", "keeper": "program", "program": "program"}
"""What is started by which process. Of a command or scheduler it is a worker if it holds its lock;
everything else is called a process: what watches files, or delivers notifications."""


class Running(NamedTuple):
    """A process of a command. `depth` is how far below the command it is; `age` is in seconds."""

    pid: int
    role: str
    name: str
    age: float
    depth: int


class LivingCommand(NamedTuple):
    """A command, and all its processes.

    Attributes:
        role: ``command``, ``scheduler`` (the one that leads), or ``standby`` (one that waits).
        attempts: those it leads; also led, and not among them, is what these require.
        noted: its process, as it described itself.
        processes: empty if they cannot be seen from here: in another container, another user's.
    """

    role: str
    attempts: list[int]
    noted: object
    processes: list[Running]


def living_commands(state: Path) -> list[LivingCommand]:
    """Every living command and scheduler of the state directory."""
    locks = CommandLocks(state)
    leads = state / "locks" / "scheduler"
    leaders = {process.pid for process in processes.holders(str(leads))}
    found: dict[int, tuple[Process, str, list[int]]] = {
        process.pid: (process, "scheduler" if process.pid in leaders else "standby", [])
        for process in processes.holders(str(locks.schedulers_path), shared=True)
    }
    unseen: list[LivingCommand] = []
    workers: set[int] = set()
    if is_locked(leads) and not leaders:
        unseen.append(LivingCommand("scheduler", [], leads.read_text("utf-8", "replace"), []))
    for attempt in filter(locks.is_held, lock_files(state)):
        holders = processes.holders(str(locks.path(attempt)))
        for holder in holders:
            found.setdefault(holder.pid, (holder, "command", []))[2].append(attempt)
        workers |= {process.pid for process in processes.holders(str(locks.worker_path(attempt)))}
        if not holders:
            noted = locks.holder(attempt).get("pid")
            unseen.append(LivingCommand("command", [attempt], noted, []))
    everyone = list(processes.everyone())
    seen = [
        LivingCommand(role, attempts, process.pid, list(_below(process, everyone, role, workers)))
        for process, role, attempts in found.values()
    ]
    return seen + unseen


def lock_files(state: Path) -> list[int]:
    """The attempts that have a lock file, held or not."""
    try:
        names = [path.name for path in (state / "locks").iterdir()]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdecimal())


def _below(
    process: Process, everyone: list[Process], role: str, workers: set[int], depth: int = 0
) -> Iterator[Running]:
    name, age = processes.name_of(process.pid), processes.age(process)
    yield Running(process.pid, role, name, age, depth)
    for other in everyone:
        if other.parent == process.pid:
            inner = "worker" if other.pid in workers else _BELOW.get(role, "process")
            yield from _below(other, everyone, inner, workers, depth + 1)
