"""The janitor: sees that nothing of a dead agent's runs is alive, and what they left.

No database: the supervising command, or the next ``digpy run``, writes down what it finds. The
keepers do most of the work, as they end with their agent; the janitor waits for them, and kills
what a dead keeper left.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from digpy.agent.processes import Mark, Process, bearers, kill, look
from digpy.agent.rundir import RunDirectory, installation, this_boot
from digpy.spi import Exit, Run

REAPED = "P1 reaped"
"""The keeper reported to the agent that the tree is empty."""
BY_KEEPER = "P2 janitor:keeper"
"""The keeper saw the tree empty before it ended, and the run's lock is free."""
BY_SCAN = "P2 janitor:scan"
"""Two scans of all processes found nothing of the run, and its lock is free."""
BY_REBOOT = "P3 reboot"
"""The machine has been started since."""

_PAUSE = 0.002
_PAUSE_LONG = 0.05


class Settled(NamedTuple):
    """What became of a run.

    Attributes:
        run: which one.
        proof: how we know that nothing of it is alive; None: something is (see `survivors`),
            nothing may be marked.
        exit: how the program ended, if it ended by itself and its files are complete; None: the
            run is lost.
        started: whether a program may have run at all.
        request: what the agent wrote down before the start; None if it did not get that far.
        survivors: numbers of the processes that could not be killed.
    """

    run: Run
    proof: str | None
    exit: Exit | None
    started: bool
    request: object = None
    survivors: tuple[int, ...] = ()


def settle(
    state: Path, runs: Iterable[Run], *, patience: float = 5, limit: float = 60
) -> list[Settled]:
    """Wait until nothing of `runs` is alive, killing what must be, and harvest, in their order.

    Their agent must be dead, or have given them up. Keepers and spawner get `patience` seconds to
    do it themselves, then they are killed too. After `limit` seconds what is still alive
    (uninterruptible sleep, another user's) is returned without a proof.
    """
    runs = list(runs)
    inquest = Inquest(state, runs, patience=patience)
    settled = {found.run: found for found in inquest.look()}
    pause = _PAUSE
    end = time.monotonic() + limit
    while inquest.is_open and time.monotonic() < end:
        time.sleep(pause)
        pause = min(2 * pause, _PAUSE_LONG)
        settled |= {found.run: found for found in inquest.look()}
    settled |= {left.run: left for left in inquest.give_up()}
    return [settled[run] for run in runs]


class Inquest:
    """Settling some runs step by step, for those who have something else to do meanwhile.

    With `patience` None nobody is waited for: the keepers of these runs are known to be dead, and
    the spawner has cleared up or is dead too.
    """

    def __init__(self, state: Path, runs: Iterable[Run], *, patience: float | None) -> None:
        self._state = state
        self._installation = installation(state)
        self._patience = patience or 0
        deadline = None if patience is None else time.monotonic() + patience
        self._cases = [_Case(RunDirectory(state, run), deadline) for run in runs]

    @property
    def is_open(self) -> bool:
        """Whether there are runs without a verdict."""
        return bool(self._cases)

    def look(self) -> list[Settled]:
        """Look once, kill what must not be; returns the runs that are settled by now, each once."""
        settled = [self._verdict(case) for case in self._cases]
        suspects = [
            case
            for case, verdict in zip(self._cases, settled, strict=True)
            if verdict is None and not self._is_guarded(case)
        ]
        if suspects:
            self._scan(suspects)
        done = [verdict for verdict in settled if verdict is not None]
        closed = {verdict.run for verdict in done}
        self._cases = [case for case in self._cases if case.directory.run not in closed]
        return done

    def give_up(self) -> list[Settled]:
        """The runs that are not settled, without proof, and with the processes that live."""
        return [
            Settled(
                case.directory.run,
                None,
                None,
                started=True,
                request=_body(case.directory),
                survivors=tuple(sorted(case.survivors)),
            )
            for case in self._cases
        ]

    def _verdict(self, case: _Case) -> Settled | None:
        directory = case.directory
        request = directory.request
        if request is not None and request.boot != this_boot():
            return Settled(directory.run, BY_REBOOT, None, started=True, request=_body(directory))
        if directory.is_locked:
            case.calm = 0
            return None
        proof = BY_KEEPER if directory.was_proved_empty else BY_SCAN
        if proof == BY_SCAN and case.calm < 2:
            return None
        return Settled(
            directory.run,
            proof,
            directory.exit,
            started=directory.keeper is not None,
            request=_body(directory),
        )

    def _is_guarded(self, case: _Case) -> bool:
        """Whether keeper or spawner live: they find what no scan finds, and end when it is gone."""
        if case.deadline is None:
            return False
        guards = _alive_guards(case.directory)
        if not guards:
            case.deadline = None
        elif time.monotonic() >= case.deadline:
            # The keeper first: its death is something the spawner can clear up after.
            guards[0].send(signal.SIGKILL)
            case.deadline = time.monotonic() + self._patience
        return bool(guards)

    def _scan(self, cases: list[_Case]) -> None:
        marks = {case.directory.run: case.directory.mark(self._installation) for case in cases}
        found = bearers(list(marks.values()))
        # A lock file that was removed meanwhile may have left its inode to somebody else's lock:
        # then this scan says nothing about the run, and nobody is killed for it.
        valid = {
            mark.run
            for run, mark in marks.items()
            if RunDirectory(self._state, run).mark(self._installation).lock == mark.lock
        }
        found = [(process, mark) for process, mark in found if mark.run in valid]
        kill(_unique(found))
        for case in cases:
            name = str(case.directory.run)
            if name not in valid:
                case.calm = 0
                continue
            case.survivors = {process.pid for process, mark in found if mark.run == name}
            case.calm = 0 if case.survivors else case.calm + 1


class _Case:
    """One run that is looked into.

    Attributes:
        calm: scans in a row that found nothing of it.
        deadline: when its keeper and spawner have had time enough; None: they are dead.
    """

    __slots__ = ("calm", "deadline", "directory", "survivors")

    def __init__(self, directory: RunDirectory, deadline: float | None) -> None:
        self.directory = directory
        self.deadline = deadline
        self.calm = 0
        self.survivors: set[int] = set()


def _alive_guards(directory: RunDirectory) -> list[Process]:
    request = directory.request
    if request is None or request.is_copy:
        return []
    return [
        process
        for guard in (directory.keeper, request.spawner)
        if guard is not None
        and (process := look(guard.pid)) is not None
        and process.start == guard.start
    ]


def _body(directory: RunDirectory) -> object:
    request = directory.request
    return None if request is None else request.body


def _unique(found: list[tuple[Process, Mark]]) -> list[Process]:
    return list({process.pid: process for process, _ in found}.values())
