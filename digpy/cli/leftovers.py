"""What commands that are gone have left in a state directory. Looks only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from digpy.agent import processes
from digpy.agent.rundir import known_installation, leftovers
from digpy.app import Installation
from digpy.cli.running import lock_files
from digpy.control.locks import CommandLocks
from digpy.errors import NotFound
from digpy.spi import Run
from digpy.store import attempts as attempt_rows
from digpy.store import runs as run_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, Transaction
from digpy.store.phases import RESTING


class Leftovers(NamedTuple):
    """What commands that are gone have left.

    Attributes:
        attempts: unfinished, and nobody runs them.
        unclean: runs of ended attempts that are not proved dead.
        runs: run directories that no living command uses.
        strays: programs (process number, run) that no living command watches.
        locks: attempts whose lock file is of no use any more.
    """

    attempts: list[AttemptRow]
    unclean: list[Run]
    runs: list[Run]
    strays: list[tuple[int, Run]]
    locks: list[int]


def find_leftovers(place: Installation, database: Database) -> Leftovers:
    """What commands that are gone have left."""
    locks = CommandLocks(place.state)
    # In this order: a row is there before its process, so what was seen first is known by now.
    programs = _programs(place.state)
    runs = list(leftovers(place.state))
    files = lock_files(place.state)
    with database.reading() as tx:
        unfinished = list(attempt_rows.each_unfinished(tx))
        unclean = [row.run for row in run_rows.left_by_ended(tx)]
        commands = _commands(tx, {run.attempt for run in (*runs, *(run for _, run in programs))})
    led = {attempt for attempt, command in commands.items() if locks.is_held(command)}
    needed = {row.command for row in unfinished}
    return Leftovers(
        [row for row in unfinished if _is_abandoned(row, locks)],
        unclean,
        [run for run in runs if run.attempt not in led],
        [(pid, run) for pid, run in programs if run.attempt not in led],
        [lock for lock in files if lock not in needed and not locks.is_held(lock)],
    )


def _is_abandoned(row: AttemptRow, locks: CommandLocks) -> bool:
    return row.phase not in RESTING and not locks.is_held(row.command)


def _commands(tx: Transaction, attempts: Iterable[int]) -> dict[int, int]:
    """Of each attempt that exists, the one whose command leads it, or led it last."""
    found = {}
    for attempt in attempts:
        with suppress(NotFound):
            found[attempt] = attempt_rows.load(tx, attempt).command
    return found


def _programs(state: Path) -> list[tuple[int, Run]]:
    """The programs of this state directory that are alive, whoever watches them."""
    name = known_installation(state)
    if name is None:
        return []
    return [
        (process.pid, Run(*map(int, run.split("."))))
        for process, run in processes.members(name)
        if re.fullmatch(r"\d+\.\d+\.\d+", run)  # a program may give its children anything
    ]
