"""Stopping an attempt from outside of the command that runs it.

While that command lives, it is asked and its worker writes. A command that does not answer is
ended; whoever finds that no command lives ends the attempt itself, once its programs are proved
dead. Either way the attempt goes through `Executor.cancel`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from digpy.clock import Clock
from digpy.control.locks import CommandLocks
from digpy.control.orders import Order, give
from digpy.control.recovery import Control, Settle, end_abandoned
from digpy.errors import Conflict
from digpy.store import attempts as attempt_rows
from digpy.store.attempts import AttemptRow
from digpy.store.phases import Phase

ANSWER = 2.0
"""Seconds in which a living command has to take an order."""

_PAUSE = 0.01


class Stopper:
    """Stops attempts of the state directory `state`.

    `end_command` kills the command that leads an attempt, with its worker; it raises `Conflict` if
    it cannot. `tell` is told what a person should know meanwhile.
    """

    def __init__(
        self,
        state: Path,
        control: Control,
        settle: Settle,
        end_command: Callable[[int], None],
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._state = state
        self._control = control
        self._settle = settle
        self._end_command = end_command
        self._clock = clock
        self._tell = tell
        self._locks = CommandLocks(state)

    def stop(self, attempt: int, *, force: bool = False) -> AttemptRow:
        """Stop `attempt` and return it as it is then: canceling or ended; with `force`, ended.

        An attempt for which a command was started takes along what it required; a required one is
        stopped alone. Raises `NotFound`, and `Conflict` if it has ended already.
        """
        before = row = self._load(attempt)
        stopped = before.is_done
        while not stopped:
            stopped = self._try(row, force=force)
            row = self._load(attempt)
        if before.is_done or row.canceling_since is None:
            raise Conflict(f"attempt {attempt} has ended already: {row.phase}")
        return row

    def _try(self, row: AttemptRow, *, force: bool) -> bool:
        """Do the next thing that may stop the attempt; whether it is enough."""
        order = Order("kill" if force else "cancel", row.id)
        if not self._locks.is_held(row.command):
            self._end(row)
        elif self._is_taken(row.command, order):
            return self._is_obeyed(row, force=force)
        elif self._locks.is_held(row.command):
            self._tell(f"the command that runs attempt {row.id} does not answer: ending it")
            self._end_command(row.command)
        return self._load(row.id).is_done

    def _is_taken(self, command: int, order: Order) -> bool:
        if self._locks.is_deciding:
            # Perhaps about this attempt: somebody settles it, or is just beginning to lead it.
            with self._locks.starting():
                pass
        return self._locks.is_held(command) and give(self._state, command, order, patience=ANSWER)

    def _is_obeyed(self, row: AttemptRow, *, force: bool) -> bool:
        """Wait until what was asked for is in the database; False: the command is gone before."""
        while self._locks.is_held(row.command):
            now = self._load(row.id)
            if now.is_done or (now.phase is Phase.CANCELING and not force):
                return True
            time.sleep(_PAUSE)
        return False

    def _end(self, row: AttemptRow) -> None:
        """End an attempt without a command, and what it required, unless one comes to lead it."""
        with self._locks.starting():
            lock = self._locks.take(row.command, {"pid": os.getpid(), "since": self._clock.now()})
            if lock is None:
                return
            try:
                with self._control.database.reading() as tx:
                    left = attempt_rows.unfinished(tx, row.command)
                for other in left:
                    if row.id in (other.id, row.command):
                        end_abandoned(self._control, other.id, "user", self._settle, actor="user")
            finally:
                os.close(lock)

    def _load(self, attempt: int) -> AttemptRow:
        with self._control.database.reading() as tx:
            return attempt_rows.load(tx, attempt)
