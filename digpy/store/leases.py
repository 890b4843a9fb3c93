"""Who leads: one row a scope, with an epoch that only rises.

A scope is ``installation`` or ``attempt/7``. Two processes may both believe that they lead; whoever
writes asks for its epoch in the same transaction (`is_current`), so only one of them can.
"""

from __future__ import annotations

from typing import NamedTuple

from digpy.store.database import Transaction


class Lease(NamedTuple):
    """A scope's leader; `until` is UTC microseconds, 0 once released."""

    scope: str
    holder: str
    epoch: int
    until: int


def take(tx: Transaction, scope: str, holder: str, *, now: int, until: int) -> int | None:
    """Lead `scope` until `until`: the new epoch, or None while somebody else holds it.

    Taking what one holds already is a new epoch as well; `renew` keeps the old one.
    """
    params = {"scope": scope, "holder": holder, "until": until, "now": now}
    found = tx.one("leases.take", params)
    return None if found is None else int(found[0])


def renew(tx: Transaction, scope: str, epoch: int, until: int) -> bool:
    """Go on leading until `until`. False: somebody else leads now, step down."""
    return tx.change("leases.renew", {"scope": scope, "epoch": epoch, "until": until}) == 1


def release(tx: Transaction, scope: str, epoch: int) -> bool:
    """Stop leading, so that others need not wait. False if somebody else leads already."""
    return tx.change("leases.renew", {"scope": scope, "epoch": epoch, "until": 0}) == 1


def is_current(tx: Transaction, scope: str, epoch: int) -> bool:
    """Whether `epoch` still leads `scope`; holds until the transaction ends."""
    lease = tx.one("leases.current", {"scope": scope})
    return lease is not None and lease[2] == epoch


def current(tx: Transaction, scope: str) -> Lease | None:
    """The newest leader of `scope`, whose time may be over; None if there never was one."""
    found = tx.one("leases.current", {"scope": scope})
    return None if found is None else Lease(*found)
