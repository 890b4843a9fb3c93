"""Putting in order what commands left that are gone: what the next ``digpy run`` would do anyway.

Nothing is decided here about an attempt: what was lost of it is proved dead, results that were left
are kept, and whether it is continued stays open.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from digpy.agent import janitor
from digpy.agent.rundir import RunDirectory
from digpy.app import Installation
from digpy.cli.leftovers import Leftovers, find_leftovers
from digpy.cli.problems import plural
from digpy.clock import SystemClock
from digpy.control.locks import CommandLocks
from digpy.control.recovery import Control, StillAlive, clear_up, settle_abandoned


def mend(place: Installation) -> list[str]:
    """Settle and tidy; what was done, in words. Raises `DigpyError` for what cannot be done."""
    control = place.open_control()
    locks = CommandLocks(place.state)
    try:
        with locks.starting():
            left = find_leftovers(place, control.database)
            return [
                *_settle_attempts(place, control, left, locks),
                *_settle_runs(place, control, left),
                *_remove_locks(place, left, locks),
            ]
    finally:
        control.database.close()


def _settle_attempts(
    place: Installation, control: Control, left: Leftovers, locks: CommandLocks
) -> Iterator[str]:
    """Prove what unfinished attempts ran, unless a command leads them by now."""
    for row in left.attempts:
        lock = locks.take(row.command, {"pid": os.getpid(), "since": SystemClock().now()})
        if lock is None:
            continue
        try:
            settled = settle_abandoned(control, row.id, place.settle)
        except StillAlive as error:
            yield f"attempt {row.id}: not settled: {error}"
        else:
            if settled:
                yield f"attempt {row.id}: {plural(settled, 'run')} settled"
        finally:
            os.close(lock)


def _settle_runs(place: Installation, control: Control, left: Leftovers) -> Iterator[str]:
    """Kill what is alive of runs that no unfinished attempt needs, and remove their files."""
    clear_up(control, place.settle, SystemClock())
    unfinished = {row.id for row in left.attempts}
    runs = {*left.runs, *(run for _, run in left.strays)}
    needless = sorted(run for run in runs if run.attempt not in unfinished)
    for settled in janitor.settle(place.state, needless):
        if settled.proof is None:
            numbers = ", ".join(map(str, settled.survivors))
            yield f"run {settled.run}: process {numbers} cannot be killed"
        else:
            RunDirectory(place.state, settled.run).remove()
            yield f"run {settled.run}: nothing of it is alive, its files are removed"


def _remove_locks(place: Installation, left: Leftovers, locks: CommandLocks) -> Iterator[str]:
    """Remove lock files of attempts that have ended; nobody can take one meanwhile."""
    for attempt in left.locks:
        locks.path(attempt).unlink(missing_ok=True)
        (place.state / "locks" / f"{attempt}.orders").unlink(missing_ok=True)
        locks.worker_path(attempt).unlink(missing_ok=True)
    if left.locks:
        yield f"{plural(len(left.locks), 'lock file')} of ended attempts removed"
