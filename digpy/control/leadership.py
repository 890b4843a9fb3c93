"""Who may decide about a scope: one leader, under an epoch that every decision is checked against.

A scope is ``attempt/7`` (what the command of attempt 7 leads) or ``installation``. Two processes
may believe that they lead, after a freeze or a jump of a clock; a decision is committed only
together with the question whether its epoch is still the newest, so one of them can write.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from digpy.store import installation as installation_rows
from digpy.store import leases as lease_rows
from digpy.store.database import Transaction
from digpy.values import Params


class Deposed(Exception):  # noqa: N818 - an outcome: whoever led finds out and leaves
    """Somebody else leads by now; nothing was written."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"another process leads {scope} now")


class Leadership:
    """The lead of one process over one scope.

    `length` is how long, in microseconds, a silent leader keeps the lead. Attributes:
        scope: over what.
        holder: names the process.
        epoch: rises with every leader; 0: never led.
    """

    def __init__(self, scope: str, holder: str, length: int) -> None:
        self.scope = scope
        self.holder = holder
        self._length = length
        self.epoch = 0

    def take(self, tx: Transaction, now: int) -> bool:
        """Lead, unless another leader's time is not over; returns whether we do."""
        return self._take(tx, now, now)

    def seize(self, tx: Transaction, now: int) -> None:
        """Lead at once: the caller knows that an earlier leader is dead (its lock is free)."""
        self._take(tx, now, sys.maxsize)

    def renew(self, tx: Transaction, now: int) -> None:
        """Go on leading. Raises `Deposed`."""
        if not lease_rows.renew(tx, self.scope, self.epoch, now + self._length):
            raise Deposed(self.scope)

    def check(self, tx: Transaction) -> None:
        """Raises `Deposed` if we do not lead; what holds, holds until `tx` ends."""
        if not lease_rows.is_current(tx, self.scope, self.epoch):
            raise Deposed(self.scope)

    def release(self, tx: Transaction) -> None:
        """Let somebody else lead without waiting."""
        lease_rows.release(tx, self.scope, self.epoch)

    def _take(self, tx: Transaction, now: int, over: int) -> bool:
        epoch = lease_rows.take(tx, self.scope, self.holder, now=over, until=now + self._length)
        if epoch is None:
            return False
        self.epoch = epoch
        if epoch > 1:  # the first leader of a scope replaces nobody
            data: Params = {"scope": self.scope, "epoch": epoch}
            installation_rows.append(tx, now, "supervisor.elected", self.holder, data)
        return True


class Pace(NamedTuple):
    """How often a supervisor looks, and what it puts up with; all in microseconds.

    Attributes:
        sweep: the longest time between two looks.
        lease: how long it leads after it was heard of last.
        tolerance: a clock that is set by less is taken for one that is not quite even.
        silence: a worker that is not heard of for so long is lost.
    """

    sweep: int
    lease: int
    tolerance: int
    silence: int
