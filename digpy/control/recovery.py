"""What is done with an attempt whose worker is gone: prove, harvest, then launch again or end.

Recovery never runs anything. It puts what was lost back to READY, together with the next launch,
in one transaction; the ordinary claim decides who runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from digpy.clock import Clock
from digpy.control.executor import AttemptOver, Executor
from digpy.control.starter import intend_launch
from digpy.spi import Report, Run
from digpy.store import runs as run_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, Transaction

Settle: TypeAlias = Callable[[Iterable[Run]], list[Report]]
"""Waits until nothing of the given runs is alive, and says what became of each."""


class Control(NamedTuple):
    """An open database, the door to it, and what removes the files of runs that are proved dead."""

    database: Database
    executor: Executor
    tidy: Callable[[], None]


def relaunch(control: Control, row: AttemptRow, settle: Settle, clock: Clock) -> None:
    """Results that outlived the worker, proofs, losses, and the next launch: one transaction."""

    def launch(tx: Transaction) -> None:
        intend_launch(tx, row.id, row.epoch, clock.now())

    reports = _settled(control, row.id, settle)
    control.executor.step(row.id, reports=reports, work=False, also=launch)
    control.tidy()


def end_abandoned(control: Control, attempt: int, cause: str, settle: Settle) -> None:
    """End an attempt that nobody runs any more: prove its programs dead, then mark it."""
    try:
        control.executor.cancel(attempt, cause, "supervisor")
        reports = _settled(control, attempt, settle)
        if reports:
            control.executor.step(attempt, reports=reports, work=False)
    except AttemptOver:
        return  # it ended by itself meanwhile
    finally:
        control.tidy()


def _settled(control: Control, attempt: int, settle: Settle) -> list[Report]:
    with control.database.reading() as tx:
        runs = [row.run for row in run_rows.unproved(tx, attempt)]
    return settle(runs) if runs else []
