"""The agent's side of the process tree: starts programs, stops them, and says how they ended.

Single-threaded and never waiting: `Programs.fileno` is something for the caller's selector. One
spawner, started with the first program, and as many keepers as programs were ever running at once;
keepers are used again.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from digpy.agent.janitor import REAPED, Inquest, Settled
from digpy.agent.processes import look
from digpy.agent.rundir import RunDirectory, Spawned, installation
from digpy.agent.wire import Wire
from digpy.failpoints import reach
from digpy.spi import Command, Run
from digpy.values import Json

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL, unless somebody says otherwise."""

_INQUEST_PAUSE = 0.01
_SPAWN = "import sys; sys.path.append(sys.argv[1]); from digpy.agent import spawner; spawner.main()"
_PACKAGES = str(Path(__file__).parents[2])


class ProgramEnded(NamedTuple):
    """A program is over and nothing of it is alive.

    `code` is its exit code, or 128 + the signal's number. `by` is "exited" if it ended by itself,
    "killed" if somebody sent a signal first; then the code says nothing about the work.
    """

    run: Run
    code: int
    by: str
    proof: str


class ProgramRefused(NamedTuple):
    """Nothing was started: there is no such program or directory, or its arguments are too long."""

    run: Run
    error: str
    proof: str


class ProgramLost(NamedTuple):
    """What became of the program is unknown, or it could not be started here; nothing of it lives.

    `reason` is for people. `started` is False where it is certain that nothing of it ever ran.
    """

    run: Run
    reason: str
    proof: str
    started: bool = True


ProgramEvent: TypeAlias = ProgramEnded | ProgramRefused | ProgramLost


class Programs:
    """The programs of one agent; at most `limit` at once.

    `state` is the directory that holds ``runs/`` and ``logs/``.
    """

    def __init__(self, state: Path, *, limit: int) -> None:
        self._state = state.absolute()  # keepers have a directory of their own
        self._limit = limit
        self._installation = installation(state)
        self._selector = selectors.DefaultSelector()
        self._spawner: _Spawner | None = None
        self._keepers: dict[int, _Keeper] = {}
        self._busy: dict[Run, _Keeper | None] = {}  # None: the keeper is dead
        self._inquests: list[Inquest] = []
        self._last_number = 0

    def prepare(self) -> None:
        """Start what the first program needs, which takes longer than most of what follows."""
        self._idle_keeper()

    @property
    def room(self) -> int:
        """How many more programs may be started now."""
        return self._limit - len(self._busy)

    @property
    def running(self) -> list[Run]:
        """The runs that were started and have no event yet, oldest first."""
        return list(self._busy)

    def fileno(self) -> int:
        """Readable when `events` has something to do: an epoll or kqueue, good for any selector."""
        return self._selector.fileno()

    @property
    def timeout(self) -> float | None:
        """Seconds after which to call `events` even if nothing is readable; None: never."""
        return _INQUEST_PAUSE if self._inquests else None

    def start(self, run: Run, command: Command, request: dict[str, Json], retries: int = 0) -> None:
        """Start `command`; its end is an event. The row of `run` must have been committed.

        `request` is kept for whoever concludes the run if this process dies. `retries` is how
        often the task was tried again because it *failed*: it makes ``DIGPY_IDEMPOTENCY_KEY``,
        which a crash does not change. Raises `OSError` if the run directory cannot be written;
        then nothing was started.
        """
        directory = RunDirectory(self._state, run)
        stdin = directory.create(command)
        key = f"{self._installation}.{run.attempt}.{run.number}.{retries}"
        message: dict[str, Any] = {
            "run": str(run),
            "installation": self._installation,
            "argv": list(command.argv),
            "environment": {
                **command.environment,
                "DIGPY_RUN": str(run),
                "DIGPY_INSTALLATION": self._installation,
                "DIGPY_FENCE": str(run.fence),
                "DIGPY_IDEMPOTENCY_KEY": key,
            },
            "cwd": str(command.directory),
            "directory": str(directory.path),
            "log": str(directory.log),
            "stdin": str(stdin),
        }
        keeper = self._send_start(directory, request, message)
        keeper.run = run
        self._busy[run] = keeper
        reach("agent.after_keeper")

    def stop(self, run: Run, grace: float = GRACE) -> None:
        """Have `run` end: SIGTERM, and `grace` seconds later SIGKILL for its whole tree.

        A grace of 0 kills at once. Its end is an event like any other. A run that is not running
        has just ended: nothing happens.
        """
        keeper = self._busy.get(run)
        if keeper is None:
            return
        try:
            keeper.wire.send({"stop": grace})
        except OSError:  # the keeper has died, and with it the run: `events` will say so
            return

    def kill_all(self) -> None:
        """Have every run end at once."""
        for run in self._busy:
            self.stop(run, grace=0)

    def events(self) -> list[ProgramEvent]:
        """What has happened since the last call; never waits."""
        events: list[ProgramEvent] = []
        for key, _ in self._selector.select(0):
            if isinstance(key.data, _Keeper):
                events += self._hear_keeper(key.data)
            elif self._spawner is not None:
                self._hear_spawner(self._spawner)
        for inquest in self._inquests:
            for settled in inquest.look():
                events.append(_conclusion(settled))
        self._inquests = [inquest for inquest in self._inquests if inquest.is_open]
        for event in events:
            del self._busy[event.run]
        return events

    def discard(self, run: Run) -> None:
        """Delete what `run` left on disk; what it left is committed."""
        with suppress(OSError):  # another user's files (sudo); the next command tries again
            RunDirectory(self._state, run).remove()

    def close(self) -> None:
        """Kill what runs, and wait until all that this object started is gone. Events are lost."""
        for keeper in list(self._keepers.values()):
            self._forget(keeper)
        if self._spawner is not None:
            self._selector.unregister(self._spawner.wire)
            self._spawner.reap()
            self._spawner = None
        self._selector.close()

    def _send_start(
        self, directory: RunDirectory, request: dict[str, Json], message: dict[str, Any]
    ) -> _Keeper:
        while True:
            keeper = self._idle_keeper()
            # It names the process that might still start the run when we are dead.
            lock = directory.lock(keeper.spawner.identity, request)
            try:
                # From here on the lock is held by the socket, then by the keeper and its program.
                # Our copy is closed before the message that starts it: a keeper that finds the
                # lock taken when its tree is empty kills whoever has it.
                try:
                    keeper.locks.send({}, lock)
                finally:
                    os.close(lock)
                keeper.wire.send(message)
            except OSError:
                # It died idle, or is stuck: half a message starts nothing.
                self._forget(keeper)
                continue
            return keeper

    def _idle_keeper(self) -> _Keeper:
        for keeper in self._keepers.values():
            if keeper.run is None and keeper.spawner.is_alive:
                return keeper
        while True:
            spawner = self._running_spawner()
            pairs = socket.socketpair(), socket.socketpair()
            self._last_number += 1
            keeper = _Keeper(self._last_number, spawner, *(Wire(ours) for ours, _ in pairs))
            try:
                spawner.wire.send({"keeper": keeper.number}, *(end.fileno() for _, end in pairs))
            except OSError:
                keeper.close()
                self._drop(spawner)
                continue
            finally:
                for _, theirs in pairs:
                    theirs.close()
            self._keepers[keeper.number] = keeper
            self._selector.register(keeper.wire, selectors.EVENT_READ, keeper)
            return keeper

    def _running_spawner(self) -> _Spawner:
        if self._spawner is None:
            self._spawner = _Spawner()
            self._selector.register(self._spawner.wire, selectors.EVENT_READ, self._spawner)
        return self._spawner

    def _drop(self, spawner: _Spawner) -> None:
        """Kill a spawner that is dead or stuck; its keepers see its end and kill their trees."""
        os.kill(spawner.pid, signal.SIGKILL)
        while not spawner.wire.closed:
            self._hear_spawner(spawner)

    def _hear_keeper(self, keeper: _Keeper) -> list[ProgramEvent]:
        events: list[ProgramEvent] = []
        for message in keeper.wire.receive():
            run, keeper.run = keeper.run, None
            if run is None:
                continue
            if "refused" in message:
                events.append(ProgramRefused(run, message["refused"], REAPED))
            elif "unable" in message:
                events.append(ProgramLost(run, message["unable"], REAPED, started=False))
            else:
                events.append(ProgramEnded(run, message["ended"], message["by"], REAPED))
        if keeper.wire.closed:
            self._forget(keeper)
            if keeper.run is not None:
                self._busy[keeper.run] = None
                self._bury(keeper.run, keeper)
        return events

    def _bury(self, run: Run, keeper: _Keeper) -> None:
        """The keeper is dead: the spawner clears up what it left, unless that is dead too."""
        spawner = keeper.spawner
        if spawner.is_alive and keeper.number not in spawner.cleared:
            spawner.clearing[keeper.number] = run
        else:
            self._inquire(run)

    def _hear_spawner(self, spawner: _Spawner) -> None:
        for message in spawner.wire.receive():
            run = spawner.clearing.pop(message["gone"], None)
            if run is None:  # it knew before we did, or the keeper had nothing to do
                spawner.cleared.add(message["gone"])
            else:
                self._inquire(run)
        if spawner.wire.closed:
            self._selector.unregister(spawner.wire)
            self._spawner = None
            spawner.reap()
            for run in spawner.clearing.values():
                self._inquire(run)

    def _inquire(self, run: Run) -> None:
        self._inquests.append(Inquest(self._state, [run], patience=None))

    def _forget(self, keeper: _Keeper) -> None:
        del self._keepers[keeper.number]
        self._selector.unregister(keeper.wire)
        keeper.close()


class _Keeper:
    """One keeper process, as seen from here; `run` is what it is busy with."""

    __slots__ = ("locks", "number", "run", "spawner", "wire")

    def __init__(self, number: int, spawner: _Spawner, wire: Wire, locks: Wire) -> None:
        self.number = number
        self.spawner = spawner
        self.wire = wire
        self.locks = locks
        self.run: Run | None = None

    def close(self) -> None:
        """Let go of it: it ends."""
        self.wire.close()
        self.locks.close()


class _Spawner:
    """The spawner process, as seen from here.

    Attributes:
        clearing: runs whose keeper died, until the spawner says that nothing of them is left.
        cleared: keepers about which it said so before we saw them die.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        arguments = ["-I", "-S", "-B", "-X", "utf8", "-c", _SPAWN, _PACKAGES, str(theirs.fileno())]
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, *arguments],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, 2, 1),
                ],
                setsid=True,  # a terminal's Ctrl-C and hang-up are the command's to decide about
                setsigmask=(),
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        process = look(self.pid)
        self.identity = Spawned(self.pid, process.start if process is not None else 0)
        self.wire = Wire(ours)
        self.is_alive = True
        self.clearing: dict[int, Run] = {}
        self.cleared: set[int] = set()

    def reap(self) -> None:
        """Let go of it and wait for its end, which comes when its keepers are gone."""
        self.is_alive = False
        self.wire.close()
        with suppress(ChildProcessError):  # somebody else has waited for it
            os.waitpid(self.pid, 0)


def _conclusion(settled: Settled) -> ProgramEvent:
    proof = settled.proof or ""  # an inquest that looks without limit gives no verdict without one
    if settled.exit is not None:
        return ProgramEnded(settled.run, settled.exit.code, "exited", proof)
    return ProgramLost(settled.run, "its keeper was killed", proof, settled.started)
