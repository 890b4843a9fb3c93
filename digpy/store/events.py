"""What happened to an attempt, in order: decisions of the supervisor, changes of phase.

Written only in the transaction of the change. `seq` is for programs, `at` is for people.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from digpy.store.database import Transaction
from digpy.values import Params


class NewEvent(NamedTuple):
    """Something that happened.

    Attributes:
        at: UTC microseconds.
        kind: ``attempt.started``, ``task.lost`` ...
        actor: who decided: ``command``, ``worker``, ``supervisor``, ``user`` ...
        number, fence: the task and its run, where it is about one.
        data: whatever else the kind calls for; never a secret.
        dedupe: an event with the same text in the same attempt is written once.
    """

    at: int
    kind: str
    actor: str
    number: int | None = None
    fence: int | None = None
    data: Params = {}  # noqa: RUF012 - never mutated
    dedupe: str | None = None


class EventRow(NamedTuple):
    """An event as the database keeps it; `seq` counts from 1 within the attempt."""

    seq: int
    at: int
    kind: str
    actor: str
    number: int | None
    fence: int | None
    data: Params
    dedupe: str | None


def append(tx: Transaction, attempt: int, *events: NewEvent) -> int:
    """Write `events` behind those there are; how many were new (see `NewEvent.dedupe`)."""
    return tx.many(
        "events.append",
        [
            (
                attempt,
                event.at,
                event.kind,
                event.actor,
                event.number,
                event.fence,
                json.dumps(event.data),
                event.dedupe,
                attempt,
            )
            for event in events
        ],
    )


def of_attempt(tx: Transaction, attempt: int, *, after: int = 0) -> list[EventRow]:
    """The events of `attempt` whose `seq` is greater than `after`, in order."""
    return [
        EventRow(seq, at, kind, actor, number, fence, json.loads(data), dedupe)
        for seq, at, kind, actor, number, fence, data, dedupe in tx.run(
            "events.of_attempt", {"attempt": attempt, "after": after}
        )
    ]
