"""What happened to an attempt, in order: decisions of the supervisor, changes of phase.

Written only in the transaction of the change. `seq` is for programs, `at` is for people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from digpy.errors import InternalError
from digpy.store.database import Transaction
from digpy.values import Params

KINDS: Mapping[str, str] = {
    "attempt.created": "it exists, with its limits and where they come from",
    "attempt.queued": "it waits to be admitted",
    "attempt.started": "its first worker is there; once",
    "attempt.resumed": "a later worker is there",
    "attempt.canceling": "it is to stop, and why; once",
    "attempt.ended": "how it ended, and the class of the reason; once",
    "cancel.repeated": "it was told to stop again; nothing changes",
    "cleanup.proved": "a process that could not be killed is gone",
    "kill.forced": "its worker was killed, because asking did not help or nobody answered",
    "kill.sent": "somebody asked for a kill",
    "launch.intended": "a worker will be launched",
    "launch.failed": "the system did not allow a worker",
    "limits.changed": "somebody changed its limits",
    "notification.delivered": "something about it was told to people",
    "notification.failed": "a try of telling something failed, and why",
    "report.stale": "a run reported that had been replaced; nothing changes",
    "sla.missed": "it should have ended by now, and whether it fails for that; once",
    "supervisor.clock_step": "the clock jumped; limits count as if it had not",
    "supervisor.error": "something went wrong in looking at it; at most one an hour for each text",
    "task.lost": "a run of a program is gone without a result, and how that is known",
    "task.timed_out": "it took longer than its _timeout, and is stopped; what it was doing",
    "worker.left": "its worker handed it back, because its scheduler stops",
    "worker.lost": "its worker is gone, and how it ended",
    "worker.recovered": "its worker was silent, and was heard of again",
    "worker.stale": "a worker of an older launch came and was sent away",
    "worker.suspected": "nothing was heard of its worker for half the time after which it is lost",
}
"""Everything that can happen to an attempt, in a few words."""


class NewEvent(NamedTuple):
    """Something that happened.

    Attributes:
        at: UTC microseconds.
        kind: a word of `KINDS`.
        actor: who decided: ``command``, ``worker``, ``supervisor``, ``user`` ...
        number, fence: the task and its run, where it is about one.
        data: whatever else the kind calls for; never a secret.
        dedupe: an event with the same text in the same attempt is written once.
        supervisor_epoch: which leader decided it; None: it was no supervisor.
    """

    at: int
    kind: str
    actor: str
    number: int | None = None
    fence: int | None = None
    data: Params = {}  # noqa: RUF012 - never mutated
    dedupe: str | None = None
    supervisor_epoch: int | None = None


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
    supervisor_epoch: int | None = None


def append(tx: Transaction, attempt: int, *events: NewEvent) -> int:
    """Write `events` behind those there are; how many were new (see `NewEvent.dedupe`).

    Raises `InternalError` for a kind that is not in `KINDS`.
    """
    for event in events:
        if event.kind not in KINDS:
            raise InternalError(f"there is no kind of event called {event.kind}")
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
                event.supervisor_epoch,
                attempt,
            )
            for event in events
        ],
    )


def of_attempt(tx: Transaction, attempt: int, *, after: int = 0) -> list[EventRow]:
    """The events of `attempt` whose `seq` is greater than `after`, in order."""
    rows = tx.run("events.of_attempt", {"attempt": attempt, "after": after})
    return [row._replace(data=json.loads(str(row.data))) for row in map(EventRow._make, rows)]
