"""Looking at the processes of this machine, and ending exactly the right ones.

Linux only in substance: without ``/proc`` the lists are empty. Standard library only, and no
`pathlib` or `typing`: the spawner imports this, and its start is part of the time that the first
program of a run takes.
"""

# pathlib would be a third of the spawner's start.
# ruff: noqa: PTH112, PTH116, PTH123, PTH208

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Container, Iterator

LINUX = os.path.isdir("/proc/self/fdinfo")
"""Whether processes can be looked at; elsewhere one that leaves its process group may survive."""


class Process:
    """One process, told apart from a later one with the same number by when it started."""

    __slots__ = ("group", "parent", "pid", "session", "start")

    def __init__(self, pid: int, start: int, parent: int, group: int, session: int) -> None:
        self.pid = pid
        self.start = start
        self.parent = parent
        self.group = group
        self.session = session

    def send(self, number: int) -> None:
        """Send a signal to this process, and never to another one that has taken its number."""
        if not hasattr(os, "pidfd_open"):
            os.kill(self.pid, number)
            return
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # Opened first, compared second: the descriptor cannot move on to a successor.
            if is_alive(self.pid, self.start):
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        except PermissionError:
            # Another user's (``sudo``). It stays in the next scan, so nobody takes it for dead.
            return
        finally:
            os.close(descriptor)


class Mark:
    """How the processes of one run are recognised when descent no longer tells.

    `run` and `installation` are what ``DIGPY_RUN`` and ``DIGPY_INSTALLATION`` hold in their
    environment; `lock` is (device, inode) of the run's ``run.record``, which they inherited locked;
    None if there is no such file.
    """

    __slots__ = ("installation", "lock", "run")

    def __init__(self, run: str, installation: str, lock: tuple[int, int] | None) -> None:
        self.run = run
        self.installation = installation
        self.lock = lock


def boot_id() -> str:
    """The name of this boot of the machine; empty where boots have no names."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def look(pid: int) -> Process | None:
    """The process numbered `pid`, None if there is none or it is a mere zombie."""
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return None
    # The name in parentheses may contain anything, parentheses and spaces too.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X") and int(fields[17]) <= 1:
        return None
    return Process(pid, int(fields[19]), int(fields[1]), int(fields[2]), int(fields[3]))


def is_alive(pid: int, start: int) -> bool:
    """Whether the process `pid` that started at `start` (ticks since boot) still exists."""
    process = look(pid)
    return process is not None and process.start == start


def everyone() -> Iterator[Process]:
    """All processes but zombies; one that comes or goes meanwhile may be missing."""
    if not LINUX:
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            process = look(int(name))
            if process is not None:
                yield process


def descendants(root: int, sparing: Container[int] = ()) -> list[Process]:
    """All processes below `root`, without those in `sparing` and whatever is below them."""
    children: dict[int, list[Process]] = {}
    for process in everyone():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    parents = [root]
    while parents:
        for process in children.get(parents.pop(), ()):
            if process.pid not in sparing:
                found.append(process)
                parents.append(process.pid)
    return found


def bearers(marks: Collection[Mark]) -> list[tuple[Process, Mark]]:
    """Processes with the environment of one of `marks`, or its lock; never the caller itself.

    Strong, not complete: a process that emptied its environment and closed its descriptors is not
    found.
    """
    by_run = {b"DIGPY_RUN=" + mark.run.encode(): mark for mark in marks}
    by_lock = {mark.lock: mark for mark in marks if mark.lock is not None}
    found: list[tuple[Process, Mark]] = []
    me = os.getpid()
    for process in everyone():
        if process.pid == me:
            continue
        variables = set(_read(f"/proc/{process.pid}/environ").split(b"\0"))
        bearing = {
            mark.run: mark
            for run in by_run.keys() & variables
            if b"DIGPY_INSTALLATION=" + (mark := by_run[run]).installation.encode() in variables
        }
        bearing |= {
            by_lock[lock].run: by_lock[lock] for lock in by_lock.keys() & _locks(process.pid)
        }
        found += [(process, mark) for mark in bearing.values()]
    return found


def members(installation: str) -> list[tuple[Process, str]]:
    """Programs of the installation's runs, and the run of each, as their environment says."""
    found = []
    for process in everyone():
        run, owner = "", ""
        for variable in _read(f"/proc/{process.pid}/environ").split(b"\0"):
            name, _, value = variable.partition(b"=")
            if name == b"DIGPY_RUN":
                run = value.decode(errors="replace")
            elif name == b"DIGPY_INSTALLATION":
                owner = value.decode(errors="replace")
        if run and owner == installation:
            found.append((process, run))
    return found


def name_of(pid: int) -> str:
    """The short name of a process; empty if it is gone. Its arguments may hold secrets."""
    return _read(f"/proc/{pid}/comm").decode(errors="replace").strip()


def age(process: Process) -> float:
    """Seconds since `process` started."""
    boottime = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return max(0.0, time.clock_gettime(boottime) - process.start / os.sysconf("SC_CLK_TCK"))


def holders(path: str, *, shared: bool = False) -> list[Process]:
    """Processes that hold the file `path` locked exclusively, or `shared`; none without a file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return []
    lock = (status.st_dev, status.st_ino)
    kind = b"READ" if shared else b"WRITE"
    return [process for process in everyone() if lock in _locks(process.pid, kind)]


def kill(processes: Collection[Process]) -> None:
    """Stop all of `processes`, then kill them: what is stopped cannot fork meanwhile."""
    for process in processes:
        process.send(signal.SIGSTOP)
    for process in processes:
        process.send(signal.SIGKILL)


def _locks(pid: int, kind: bytes = b"WRITE") -> set[tuple[int, int]]:
    # Exclusive flocks unless asked otherwise, and only of whoever shares the locked open file:
    # somebody who merely reads the file, or probes it with a shared lock as the janitor does, is
    # not part of a run.
    found: set[tuple[int, int]] = set()
    try:
        names = os.listdir(f"/proc/{pid}/fdinfo")
    except OSError:  # gone meanwhile, or another user's
        return found
    for name in names:
        info = _read(f"/proc/{pid}/fdinfo/{name}")
        if b"FLOCK" in info and kind in info:
            try:
                status = os.stat(f"/proc/{pid}/fd/{name}")
            except OSError:  # closed meanwhile
                continue
            found.add((status.st_dev, status.st_ino))
    return found


def _read(path: str) -> bytes:
    # Empty for what does not exist (any more) or may not be read.
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""
