"""What digpy tells people by itself, whatever their workflow says or could still say.

Notifications are written in the transaction of the change that they report, so neither is there
without the other; `digpy.control.courier` sends them. Tasks that send (``notify>``, the alert of a
failing attempt) do so themselves.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

from digpy.control.session_times import session_text
from digpy.errors import ConfigError
from digpy.operators.delivery import payload
from digpy.store import attempts as attempt_rows
from digpy.store import notifications as notification_rows
from digpy.store import projects as project_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.phases import Phase
from digpy.values import Json, Params

KINDS: Final[Mapping[str, str]] = {
    "failure": "an attempt failed, and no alert of its own says so",
    "sla": "an attempt took too long",
    "crash": "the worker of an attempt was lost",
    "recovery": "an attempt succeeded after a crash, or after the one before had failed",
}
"""What there is to tell, in a few words."""

_FAILED: Final = "Workflow session attempt failed"
_LOST: Final = "Workflow session attempt lost its worker"
_RECOVERED: Final = "Workflow session attempt recovered"
_FAILURES: Final[Mapping[str, str]] = {
    "attempt_ttl": "Workflow execution timeout",
    "task_timeout": "Task execution timeout",
}
_LOOK_BACK: Final = 20
"""How many attempts back the one before is looked for."""


class Notifier:
    """Writes down what is to be told, as far as it is among `kinds`."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds

    def ended(
        self,
        tx: Transaction,
        row: AttemptRow,
        phase: Phase,
        reason: str | None,
        at: int,
        *,
        alerted: bool,
    ) -> None:
        """An attempt, `row` as it was before, has ended; `alerted`: its own alert was sent."""
        if phase is Phase.FAILURE and not alerted:
            message = _FAILURES.get(reason or "", _FAILED)
            self._tell(tx, "failure", row, at, message, "ended", reason=reason)
        elif phase is Phase.SUCCESS and self._is_recovery(tx, row):
            self._tell(tx, "recovery", row, at, _RECOVERED, "ended")

    def lost(self, tx: Transaction, row: AttemptRow, at: int) -> None:
        """The worker of the attempt's present launch is gone; may be said more than once."""
        self._tell(tx, "crash", row, at, _LOST, f"crash/{row.epoch}", epoch=row.epoch)

    def _is_recovery(self, tx: Transaction, row: AttemptRow) -> bool:
        # Asked first, because it saves looking.
        return "recovery" in self._kinds and (row.epoch > 1 or _failed_before(tx, row))

    def _tell(
        self,
        tx: Transaction,
        kind: str,
        row: AttemptRow,
        at: int,
        message: str,
        once: str,
        **more: Json,
    ) -> None:
        if kind not in self._kinds or row.options.get("dry_run"):
            return
        about = {"id": str(uuid.uuid4()), "kind": kind, **more}
        body = payload(message, at, identity(tx, row), f"+{row.workflow}", **about)
        notification_rows.add(tx, row.id, kind, at, body, f"{row.id}/{once}")


def kinds_of(text: str) -> frozenset[str]:
    """The kinds that a text like ``failure, sla`` names. Raises `ConfigError`."""
    kinds = frozenset(word.strip() for word in text.split(",") if word.strip())
    unknown = kinds - KINDS.keys()
    if unknown:
        names = ", ".join(KINDS)
        raise ConfigError(f'notification.on contains "{min(unknown)}"; there are: {names}')
    return kinds


def identity(tx: Transaction, row: AttemptRow) -> Params:
    """What every notification says of an attempt, in digdag's keys."""
    revision = project_rows.load_revision(tx, project_rows.revision_of(tx, row.workflow_id))
    return {
        "site_id": 0,
        "project_id": row.project,
        "project_name": project_rows.project_name(tx, row.project),
        "workflow_name": row.workflow,
        "revision": revision.content_hash,
        "attempt_id": row.id,
        "session_id": row.session,
        "timezone": row.timezone,
        "session_uuid": row.session_uuid,
        "session_time": session_text(row.session_time, row.timezone),
        "workflow_definition_id": row.workflow_id,
    }


def _failed_before(tx: Transaction, row: AttemptRow) -> bool:
    """Whether the attempt of this workflow that ended before by itself was a failure."""
    for earlier in attempt_rows.before(tx, row.id, _LOOK_BACK, workflow=row.workflow):
        if earlier.project == row.project and earlier.phase in (Phase.FAILURE, Phase.SUCCESS):
            return earlier.phase is Phase.FAILURE
    return False
