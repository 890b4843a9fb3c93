"""What concerns no attempt, or all of them: the installation's own events, and its clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from digpy.errors import InternalError
from digpy.store.database import Transaction
from digpy.values import Params

KINDS: Mapping[str, str] = {
    "disk.low": "hardly any room is left: nothing new is started",
    "supervisor.clock_step": "the clock jumped, and by how much (microseconds)",
    "supervisor.db_gap": "a supervisor did not look for a while: asleep, frozen, or shut out",
    "supervisor.elected": "another process leads from now on",
}
"""Everything that can happen to an installation, in a few words."""


class InstallationEvent(NamedTuple):
    """Something that happened to the installation; `seq` counts up, `at` is UTC microseconds."""

    seq: int
    at: int
    kind: str
    actor: str
    data: Params
    dedupe: str | None


class Anchor(NamedTuple):
    """Two clocks read together, in microseconds: time since the boot, and UTC."""

    since_boot: int
    wall: int


def append(
    tx: Transaction, at: int, kind: str, actor: str, data: Params, *, dedupe: str | None = None
) -> bool:
    """Write an event; False if there is one with the same `dedupe`.

    Raises `InternalError` for a kind that is not in `KINDS`.
    """
    if kind not in KINDS:
        raise InternalError(f"there is no kind of event called {kind}")
    row = {"at": at, "kind": kind, "actor": actor, "data": json.dumps(data), "dedupe": dedupe}
    return tx.change("installation.append", row) == 1


def events(tx: Transaction, *, after: int = 0) -> list[InstallationEvent]:
    """The events whose `seq` is greater than `after`, in order."""
    rows = map(InstallationEvent._make, tx.run("installation.events", {"after": after}))
    return [row._replace(data=json.loads(str(row.data))) for row in rows]


def anchor(tx: Transaction, boot: str) -> Anchor | None:
    """The clocks as they were read last in this boot of the machine; None: never."""
    found = tx.one("installation.anchor", {"boot": boot})
    return None if found is None else Anchor(*found)


def set_anchor(tx: Transaction, boot: str, read: Anchor) -> None:
    """Remember how the clocks were read."""
    tx.change("installation.set_anchor", {"boot": boot, **read._asdict()})
