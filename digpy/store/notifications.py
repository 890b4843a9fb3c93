"""What is to be told to people, and what became of it.

A notification is written in the transaction of the change that it reports. A try is begun by
counting it, in a transaction of its own; whoever has counted it may send, and nobody else does
before the instant that was set with it.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from digpy.store.database import Transaction
from digpy.values import Params

_LARGEST = 2**63 - 1


class NotificationRow(NamedTuple):
    """A notification as the database keeps it; instants are UTC microseconds.

    Attributes:
        attempt: what it is about, None for the whole installation.
        kind: ``failure``, ``crash``, ``recovery`` or ``sla``.
        at: when it happened.
        body: what is sent.
        tries: how often it was tried.
        next_at: when it is to be tried next, None: never.
        delivered_at: when it was delivered.
        error: what went wrong last; of a delivered one, what was not perfect.
        dedupe: what makes it the same notification.
    """

    id: int
    attempt: int | None
    kind: str
    at: int
    body: Params
    tries: int
    next_at: int | None
    delivered_at: int | None
    error: str | None
    dedupe: str


def add(
    tx: Transaction, attempt: int | None, kind: str, at: int, body: Params, dedupe: str
) -> bool:
    """Write down that something is to be told, as soon as possible; False if it was before."""
    row = {"attempt": attempt, "kind": kind, "at": at, "body": json.dumps(body), "dedupe": dedupe}
    return tx.change("notifications.add", {**row, "next_at": at}) == 1


def first_waiting(tx: Transaction) -> NotificationRow | None:
    """The one that is due first, now or later."""
    found = _rows(tx, "notifications.first_waiting", {})
    return found[0] if found else None


def begin(tx: Transaction, row: NotificationRow, again_at: int) -> bool:
    """Count another try; False if somebody else did. Without an `end` it is due at `again_at`."""
    params = {"id": row.id, "tries": row.tries, "next_at": again_at}
    return tx.change("notifications.begin", params) == 1


def end(
    tx: Transaction,
    id_: int,
    tries: int,
    *,
    delivered_at: int | None = None,
    next_at: int | None = None,
    error: str | None = None,
) -> bool:
    """Write down what became of try number `tries`; False if a later one has begun meanwhile."""
    params = {"id": id_, "tries": tries, "delivered_at": delivered_at, "next_at": next_at}
    return tx.change("notifications.end", {**params, "error": error}) == 1


def before(
    tx: Transaction, id_: int | None, page: int, *, attempt: int | None = None
) -> list[NotificationRow]:
    """The `page` newest that are older than `id_`, newest first; of one attempt, if it is given."""
    params = {"before": _LARGEST if id_ is None else id_, "page": page}
    if attempt is None:
        return _rows(tx, "notifications.before", params)
    return _rows(tx, "notifications.before_of_attempt", {**params, "attempt": attempt})


def count_waiting(tx: Transaction) -> int:
    """How many are to be tried, now or later."""
    return int(tx.run("notifications.count_waiting", {})[0][0])


def _rows(tx: Transaction, name: str, params: dict[str, int]) -> list[NotificationRow]:
    rows = map(NotificationRow._make, tx.run(name, params))
    return [row._replace(body=json.loads(str(row.body))) for row in rows]
