"""Becoming the one scheduler of a project: the lead for as long as it lasts, and a lock beside it.

Who leads is decided by the lease in the database. The lock file only shortens the wait: it proves
that the process which is noted in it, and which the lease names, is dead.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from digpy.control.leadership import Leadership
from digpy.store import leases as lease_rows
from digpy.store.database import Transaction


class Candidacy:
    """Wants to lead what `leadership` is about; `path` is the lock file."""

    def __init__(self, leadership: Leadership, path: Path) -> None:
        self.leadership = leadership
        self._path = path
        self._lock: int | None = None

    def try_to_lead(self, tx: Transaction, now: int) -> bool:
        """Lead, if nobody else does who may be alive."""
        if self.leadership.take(tx, now):
            return True
        lease = lease_rows.current(tx, self.leadership.scope)
        if lease is None or not self._locked() or lease.holder != self._noted():
            self.give_up()  # whoever leads wants it
            return False
        self.leadership.seize(tx, now)
        return True

    def hold(self) -> None:
        """Note in the lock file that this process leads; without effect while it is another's."""
        if self._locked() and self._noted() != self.leadership.holder:
            assert self._lock is not None  # noqa: S101 - it is locked
            os.truncate(self._lock, 0)
            os.pwrite(self._lock, self.leadership.holder.encode(), 0)

    def give_up(self) -> None:
        """Let go of the lock file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def other(self, tx: Transaction) -> str:
        """Who leads, for people."""
        lease = lease_rows.current(tx, self.leadership.scope)
        return "another scheduler" if lease is None else f"another scheduler ({lease.holder})"

    def _locked(self) -> bool:
        if self._lock is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    def _noted(self) -> str | None:
        with suppress(OSError, UnicodeDecodeError):
            return self._path.read_text("utf-8")
        return None
