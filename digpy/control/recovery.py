"""What is done with an attempt whose worker is gone: prove, harvest, then launch again or end.

Recovery never runs anything. It puts what was lost back to READY, together with the next launch,
in one transaction; the ordinary claim decides who runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from digpy.clock import Clock
from digpy.control.executor import AttemptOver, Executor
from digpy.control.limits import passed
from digpy.control.starter import intend_launch
from digpy.errors import Conflict, Unavailable
from digpy.spi import Report, Run
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import runs as run_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, Transaction
from digpy.store.events import NewEvent
from digpy.values import Params

if TYPE_CHECKING:  # most runs tell nobody
    from digpy.control.notifier import Notifier

Settle: TypeAlias = Callable[[Iterable[Run]], list[Report]]
"""Waits until nothing of the given runs is alive, and says what became of each.

Raises `StillAlive` if something cannot be killed.
"""

Guard: TypeAlias = Callable[[Transaction], None]
"""Asked in the transaction of a decision; raises if it must not be taken."""


class StillAlive(Unavailable):
    """Processes of lost runs cannot be killed: another user's, or asleep in the kernel.

    Attributes:
        reports: of all runs; those of which something is alive have no proof.
    """

    def __init__(self, survivors: Mapping[Run, tuple[int, ...]], reports: list[Report]) -> None:
        alive = "; ".join(
            f"run {run}: process {', '.join(map(str, pids)) or 'unknown'}"
            for run, pids in survivors.items()
        )
        super().__init__(
            f"processes of lost runs cannot be killed ({alive}); nothing runs again before they"
            " are gone"
        )
        self.reports = reports


class Control(NamedTuple):
    """An open database, the door to it, and what removes the files of runs that are proved dead.

    `notifier` is None where nobody is to be told anything.
    """

    database: Database
    executor: Executor
    tidy: Callable[[], None]
    notifier: Notifier | None = None


def relaunch(
    control: Control, row: AttemptRow, settle: Settle, clock: Clock, guard: Guard | None = None
) -> None:
    """Results that outlived the worker, proofs, losses, and the next launch: one transaction.

    Raises `StillAlive`, and `Conflict` if something was claimed or launched meanwhile; nothing is
    written then.
    """

    def launch(tx: Transaction) -> None:
        if guard is not None:
            guard(tx)
        if control.notifier is not None:
            control.notifier.lost(tx, row, clock.now())
        if run_rows.unproved(tx, row.id):
            raise Conflict(f"attempt {row.id} is still being worked on")
        intend_launch(tx, row.id, row.epoch, clock.now())

    runs = _unproved(control, row.id)
    reports = settle(runs) if runs else []
    control.executor.step(row.id, reports=reports, work=False, also=launch)
    control.tidy()


def end_abandoned(
    control: Control,
    attempt: int,
    cause: str,
    settle: Settle,
    guard: Guard | None = None,
    actor: str = "supervisor",
) -> None:
    """End an attempt that nobody runs any more: prove its programs dead, then mark it.

    What cannot be killed does not keep it from ending: then it is marked as `unclean`.
    """
    try:
        control.executor.cancel(attempt, cause, actor, guard)
        runs = _unproved(control, attempt)
        try:
            reports = settle(runs) if runs else []
        except StillAlive as error:
            reports = error.reports
        control.executor.kill(attempt, reports, guard)
    except AttemptOver:
        return  # it ended by itself meanwhile
    finally:
        control.tidy()


def settle_abandoned(control: Control, attempt: int, settle: Settle) -> int:
    """Prove the programs of an attempt dead that nobody runs; how many runs that were.

    What they left counts, what was lost is READY again, and whether the attempt is continued stays
    open. Raises `StillAlive`; nothing is written then.
    """
    try:
        runs = _unproved(control, attempt)
        if runs:
            control.executor.step(attempt, reports=settle(runs), work=False)
    except AttemptOver:
        return 0  # it ended by itself meanwhile
    finally:
        control.tidy()
    return len(runs)


def end_overdue(
    control: Control,
    is_led: Callable[[AttemptRow], bool],
    settle: Settle,
    clock: Clock,
    guard: Guard,
) -> None:
    """End attempts that nobody runs and whose time is over: queued, or left by a dead command.

    Goes through all unfinished attempts of the installation but those that somebody leads. The
    caller sees to it that nobody begins to lead one meanwhile.
    """
    with control.database.reading() as tx:
        rows = [row for row in attempt_rows.each_unfinished(tx) if not is_led(row)]
    for row in rows:
        if (cause := passed(row, clock.now())) is not None:
            end_abandoned(control, row.id, cause, settle, guard)


def clear_up(control: Control, settle: Settle, clock: Clock) -> None:
    """Look again for what unclean attempts left, and write down what is proved dead by now."""
    with control.database.reading() as tx:
        left = [row.run for row in run_rows.left_by_ended(tx)]
    if not left:
        return
    try:
        reports = settle(left)
    except StillAlive as error:
        reports = error.reports
    with control.database.transaction() as tx:
        for report in reports:
            now = clock.now()
            if report.proof is not None and run_rows.prove(tx, report.run, report.proof, now):
                data: Params = {"evidence": report.proof}
                event = NewEvent(now, "cleanup.proved", "janitor", *report.run[1:], data)
                event_rows.append(tx, report.run.attempt, event)
    control.tidy()


def _unproved(control: Control, attempt: int) -> list[Run]:
    with control.database.reading() as tx:
        return [row.run for row in run_rows.unproved(tx, attempt)]
