"""Who of the queued attempts may start: as many as there is room for, the most urgent first.

There may be a limit for all attempts (``queue.max_active_attempts``), and one for those of a
workflow (``_max_active``, as it was when the attempt was made). Whoever has to wait is told why.
Attempts that nobody queues (``digpy run``) take up room, and never wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from digpy.control.limits import value
from digpy.control.recovery import Guard
from digpy.control.starter import admit, queue
from digpy.store import attempts as attempt_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, Transaction


class Admission(NamedTuple):
    """How much there is room for: attempts that run (None: any number), and active ones."""

    running: int | None
    active: int

    def let_in(self, database: Database, guard: Guard, at: int) -> list[int]:
        """Queue attempts that have rested long enough, and admit what there is room for.

        Returns the ids of those that are to be launched now, in this order. Takes the write lock
        only if there is something to write.
        """
        with database.reading() as tx:
            if not self._rested(tx) and not any(self._answers(tx)):
                return []
        admitted = []
        with database.transaction() as tx:
            guard(tx)
            for attempt in self._rested(tx):
                queue(tx, attempt, at)
            for row, reason in self._answers(tx):
                if reason is not None:
                    attempt_rows.explain_waiting(tx, row.id, reason)
                elif admit(tx, row.id, at):
                    admitted.append(row.id)
        return admitted

    def _rested(self, tx: Transaction) -> list[int]:
        return attempt_rows.rested(tx, max(0, self.active - attempt_rows.count_active(tx)))

    def _answers(self, tx: Transaction) -> Iterator[tuple[AttemptRow, str | None]]:
        """What is new for queued attempts: why they have to wait; None: they may start."""
        queued = attempt_rows.queued(tx)
        if not queued:
            return
        active = attempt_rows.active_by_workflow(tx)
        total = sum(active.values())
        for row in sorted(queued, key=lambda row: (-(value(row, "priority") or 0), row.id)):
            workflow = row.project, row.workflow
            of_workflow = active.get(workflow, 0)
            most = value(row, "max_active")
            reason = None
            if most is not None and of_workflow >= most:
                reason = f"{of_workflow} of {most} attempts of {row.workflow} run (_max_active)"
            elif self.running is not None and total >= self.running:
                reason = f"{total} of {self.running} attempts run (queue.max_active_attempts)"
            else:
                active[workflow] = of_workflow + 1
                total += 1
            if reason is None or reason != row.waiting_reason:
                yield row, reason
