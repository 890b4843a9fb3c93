"""The attempts that one scheduler runs: for each a lock, a pipe for orders, and a supervisor.

A scheduler leads attempts as ``digpy run`` leads its own, so every other command finds them in the
same way. What differs is the end: a crew does not cancel what it runs, it hands it back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from digpy.clock import Clock
from digpy.control.leadership import Deposed
from digpy.control.limits import passed
from digpy.control.locks import CommandLocks
from digpy.control.orders import Orders
from digpy.control.recovery import Control, Guard, Settle, StillAlive, end_abandoned, relaunch
from digpy.control.session_times import session_text
from digpy.control.supervisor import Supervisor
from digpy.errors import DiskFull, Locked, Unavailable
from digpy.failpoints import reach
from digpy.launchers.local import Channel, LocalLauncher, LocalWorker
from digpy.store import attempts as attempt_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.phases import RESTING, Phase
from digpy.values import SECOND

_AGAIN = 5 * SECOND
"""When an attempt is looked at again of which something went wrong."""

_PATIENCE = 5.0
"""Seconds that workers get to clear up after themselves before they are killed."""

_PAUSE = 0.005

Tell = Callable[[str], None]


class _Led(NamedTuple):
    """What is held for one attempt, and the attempts that it requires."""

    row: AttemptRow
    lock: int
    orders: Orders
    supervisor: Supervisor


class Crew:
    """Runs attempts that were admitted or left by a scheduler that is gone.

    `supervise` makes the supervisor of the attempt with that id. Each method may raise `Deposed`
    and `Unavailable`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators, once
        self,
        state: Path,
        control: Control,
        launcher: LocalLauncher,
        supervise: Callable[[AttemptRow], Supervisor],
        settle: Settle,
        clock: Clock,
        guard: Guard,
        tell: Tell,
    ) -> None:
        self._state = state
        self._control = control
        self._launcher = launcher
        self._supervise = supervise
        self._settle = settle
        self._clock = clock
        self._guard = guard
        self._tell = tell
        self._locks = CommandLocks(state)
        self._led: dict[int, _Led] = {}
        self._channels: dict[int, Channel] = {}

    def __len__(self) -> int:
        """How many attempts it leads, those that these require not counted."""
        return len(self._led)

    @property
    def waits_for(self) -> list[Orders | Channel]:
        """What there is to wait for beside instants."""
        orders = [led.orders for led in self._led.values()]
        return [*orders, *(channel for channel in self._channels.values() if not channel.closed)]

    def lead(self, attempt: int) -> bool:
        """Run an attempt that was just admitted; False if another command has taken it."""
        row = self._load(attempt)
        if not self._take(row):
            return False
        self._tell(f"{named(row)}: session {_session(row)} starts (attempt {row.id})")
        return True

    def adopt(self) -> int:
        """Take over what schedulers that are gone were running; how many attempts that were.

        The caller sees to it that no command begins to lead one meanwhile.
        """
        with self._control.database.reading() as tx:
            left = _abandoned(tx, self._led, self._locks)
        return sum(self._adopt(row) for row in left)

    def tick(self) -> tuple[int, list[int]]:
        """Look after all of them: when to look again, and the attempts that are over."""
        at, over = self._clock.now() + _AGAIN, []
        for attempt, led in list(self._led.items()):
            at = min(at, self._look_after(led))
            self._follow(attempt, led.supervisor.worker)
            if led.supervisor.finished:
                self._let_go(attempt)
                over.append(attempt)
        return at, over

    def listen(self) -> None:
        """Only hear the workers: one of them may be frozen, and hold the database."""
        for led in self._led.values():
            with suppress(Locked, DiskFull):
                led.supervisor.listen()

    def drain(self, patience: int) -> None:
        """Have all workers leave; programs have `patience` (microseconds) to finish."""
        for led in self._led.values():
            led.supervisor.drain(patience)

    def abandon(self) -> None:
        """Have all workers and programs end now, and wait for it; attempts stay as they are."""
        workers = [worker for led in self._led.values() if (worker := led.supervisor.worker)]
        for worker in workers:
            self._launcher.terminate(worker)
        deadline = time.monotonic() + _PATIENCE
        for worker in workers:
            while self._launcher.probe(worker) is None and time.monotonic() < deadline:
                time.sleep(_PAUSE)
            self._launcher.terminate(worker, kill=True)
            self._launcher.reap(worker)
        for attempt in list(self._led):
            self._let_go(attempt)

    # Beginning

    def _take(self, row: AttemptRow) -> bool:
        lock = self._locks.take(row.id, {"pid": os.getpid(), "since": self._clock.now()})
        if lock is None:
            return False
        try:
            orders = Orders(self._state, row.id)
        except OSError as error:
            os.close(lock)
            raise Unavailable(f"{self._state} takes no pipes: {error}") from error
        self._led[row.id] = _Led(row, lock, orders, self._supervise(row))
        reach("crew.before_launch")
        return True

    def _adopt(self, row: AttemptRow) -> bool:
        if not self._take(row):
            return False
        with self._control.database.reading() as tx:
            unfinished = attempt_rows.unfinished(tx, row.id)
        try:
            for each in unfinished:
                cause = passed(each, self._clock.now())
                if each.phase is Phase.CANCELING or cause is not None:
                    why = cause or each.cause or "user"
                    end_abandoned(self._control, each.id, why, self._settle, self._guard)
                else:
                    relaunch(self._control, each, self._settle, self._clock, self._guard)
        except StillAlive as error:
            self._let_go(row.id)
            self._tell(f"{named(row)}: attempt {row.id} cannot go on yet: {error}")
            return False
        self._tell(f"{named(row)}: attempt {row.id} ({_session(row)}) was left behind: it goes on")
        return True

    # Looking after

    def _look_after(self, led: _Led) -> int:
        try:
            for order in led.orders.take():
                if order.verb == "cancel":
                    led.supervisor.cancel("user", order.attempt, "user")
                else:
                    led.supervisor.kill("user", order.attempt)
            return led.supervisor.tick()
        except (Deposed, Unavailable) as error:
            if not isinstance(error, StillAlive):
                raise
            self._tell(f"attempt {led.row.id}: {error}")
        except Exception as error:  # noqa: BLE001 - the others must not suffer; it is shown
            text = f"{type(error).__name__}: {error}"
            self._tell(f"attempt {led.row.id} could not be looked after: {text}")
        return self._clock.now() + _AGAIN

    def _follow(self, attempt: int, worker: LocalWorker | None) -> None:
        """Close the channel of a worker that was replaced."""
        known, channel = self._channels.get(attempt), None if worker is None else worker.channel
        if known is channel:
            return
        if known is not None:
            known.close()
            del self._channels[attempt]
        if channel is not None:
            self._channels[attempt] = channel

    def _let_go(self, attempt: int) -> None:
        led = self._led.pop(attempt)
        self._follow(attempt, None)
        led.orders.close()
        os.close(led.lock)

    def _load(self, attempt: int) -> AttemptRow:
        with self._control.database.reading() as tx:
            return attempt_rows.load(tx, attempt)


def _abandoned(tx: Transaction, led: dict[int, _Led], locks: CommandLocks) -> list[AttemptRow]:
    """Attempts that came from the queue and that nobody runs; not those they require."""
    found: dict[int, AttemptRow] = {}
    for row in attempt_rows.each_unfinished(tx):
        if row.phase in RESTING or row.command in led or row.command in found:
            continue
        first = attempt_rows.load(tx, row.command)
        if first.queued_since is not None and not locks.is_held(row.command):
            found[row.command] = first
    return list(found.values())


def named(row: AttemptRow) -> str:
    """The workflow of an attempt, and the attempt's own name if it has one."""
    name = row.retry_attempt_name
    return row.workflow if name is None else f"{row.workflow} ({name})"


def _session(row: AttemptRow) -> str:
    return session_text(row.session_time, row.timezone)
