"""What must hold after any fault: of rows, processes, files, and of what was done.

Every test that kills something ends with it (`tests.support.command.CommandProject.assert_clean`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from digpy.agent import processes
from digpy.agent.rundir import installation, leftovers
from digpy.spi import Run
from digpy.store.invariants import violations


def assert_invariants(state: Path, effects: Iterable[Run]) -> None:
    """`effects` are the runs that programs did something in, in the order in which they did it.

    Nothing may run when this is called, whether or not all attempts have ended.
    """
    database = state / "digpy.db"
    assert violations(database) == []
    assert list(processes.members(installation(state))) == []
    assert list(leftovers(state)) == []
    assert_no_overlap(database, effects)


def assert_no_overlap(database: Path, effects: Iterable[Run]) -> None:
    """No run does anything after a later one has begun, none begins after the accepted end.

    None without a row either: what a program does is noted before it begins.
    """
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT attempt, number, fence, outcome FROM task_runs")
        outcomes = {Run(*key): outcome for *key, outcome in rows}
    newest: dict[tuple[int, int], Run] = {}
    for run in effects:
        assert run in outcomes, f"run {run} has no row"
        before = newest.setdefault(run[:2], run)
        assert run.fence >= before.fence, f"run {run} did something after {before} had begun"
        if run != before:
            assert outcomes[before] != "succeeded", f"run {run} began though {before} succeeded"
        newest[run[:2]] = run
