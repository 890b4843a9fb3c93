"""No schedule of faults breaks the protocol, and without any one of its rules some schedule does.

The second half is what the first is worth: each mutation takes one rule out of the real code, and
the same schedules have to find it. Missing among them is that keepers kill what they keep: that is
tried with real processes, in ``tests/crash/test_process_tree.py``.
"""

from __future__ import annotations

import inspect
import sqlite3
import textwrap
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from digpy.control import recovery, supervisor
from digpy.control.executor import Executor, _Trial
from digpy.control.leadership import Leadership
from digpy.control.supervisor import Supervisor
from digpy.engine.advance import Draft
from digpy.store import database
from digpy.store.database import Statement
from tests.support import protocol
from tests.support.protocol import Protocol, play

SCHEDULES = 40
STEPS = 80
BUDGET = 60
"""Schedules in which a mutation has to be found."""

pytestmark = pytest.mark.timeout(300)

Mutation: TypeAlias = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_no_schedule_of_faults_breaks_the_protocol(tmp_path: Path, seed: int) -> None:
    play(tmp_path / "site", seed, STEPS)


def source(owner: Any, name: str, *changes: tuple[str, str]) -> Mutation:
    """A function of `owner` with each second text in place of the first, which is there once.

    Wherever else it was imported to, it is replaced too.
    """

    def mutate(patch: pytest.MonkeyPatch) -> None:
        function = getattr(owner, name)
        text = textwrap.dedent(inspect.getsource(function))
        for old, new in changes:
            assert text.count(old) == 1, f"{name} is not written like that any more: {old}"
            text = text.replace(old, new)
        found: dict[str, Any] = {}
        exec(compile(text, name, "exec"), function.__globals__, found)
        for place in (owner, supervisor, protocol):
            if getattr(place, name, None) is function:
                patch.setattr(place, name, found[name])

    return mutate


def statement(name: str, old: str, new: str) -> Mutation:
    """A statement with `new` in place of `old`, which is there once."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        load = database.load_statements

        def mutated(dialect: str) -> Mapping[str, Statement]:
            statements = load(dialect)
            sql = statements[name].sql
            assert sql.count(old) == 1, f"{name} is not written like that any more: {old}"
            changed = statements[name]._replace(sql=sql.replace(old, new))
            return {**statements, name: changed}

        patch.setattr(database, "load_statements", mutated)

    return mutate


def replaced(owner: Any, name: str, value: object) -> Mutation:
    return lambda patch: patch.setattr(owner, name, value)


def without_index(patch: pytest.MonkeyPatch) -> None:
    """The constraint that the database itself would hold is gone as well."""
    lead = Protocol.lead

    def lead_without(self: Protocol) -> None:
        with closing(sqlite3.connect(self.site.state / "digpy.db")) as connection:
            connection.execute("DROP INDEX IF EXISTS task_runs_unproved")
        lead(self)

    patch.setattr(Protocol, "lead", lead_without)


SETTLED = "settle(runs) if runs else []"

MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    "a report of an older run counts": (
        source(_Trial, "_report", (" or task.fence != run.fence", "")),
        source(Draft, "_reported", (" or task.fence != event.fence", "")),
    ),
    "a report counts whatever the task does": (
        source(_Trial, "_report", ("task.state is not TaskState.RUNNING or ", "")),
        source(Draft, "_reported", ("task.state is not TaskState.RUNNING or ", "")),
    ),
    "an attempt that has ended can be moved": (
        statement(
            "attempts.bump_version",
            "(attempts.phase NOT IN ('canceled', 'failure', 'success'))",
            "1",
        ),
    ),
    "an attempt that somebody else has moved can be moved": (
        statement("attempts.bump_version", "attempts.version = ?", "attempts.version >= 0 * ?"),
    ),
    "a run is claimed before the one before it is proved dead": (
        source(
            recovery,
            "relaunch",
            (SETTLED, "[Report(run, 'lost', None) for run in runs]"),
            ("if run_rows.unproved(tx, row.id):", "if False:"),
        ),
        statement("runs.claim", "alive.proof IS NULL", "0"),
        without_index,
    ),
    "a run is said to be dead before it is": (
        source(recovery, "relaunch", (SETTLED, "[Report(run, 'lost', 'P2') for run in runs]")),
    ),
    "a leader that was replaced decides": (
        replaced(Leadership, "check", lambda *_: None),
        replaced(Leadership, "renew", lambda *_: None),
    ),
    "limits follow the clock": (replaced(supervisor, "follow", lambda *_: 0),),
    "nobody is killed when the cancel timeout has passed": (
        replaced(Supervisor, "_force", lambda *_: None),
    ),
    "a worker that was replaced goes on": (
        source(Executor, "step", ("cached.context.epoch != epoch", "False")),
    ),
    "a program runs without a row": (replaced(Executor, "_claim", lambda *_: None),),
    "what must not run twice is run again": (
        source(_Trial, "_allowed_losses", ('rerun == "never" or ', "")),
    ),
}
"""By what goes wrong then: what is taken out of the code."""


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_schedule_finds_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for mutate in MUTATIONS[name]:
        mutate(monkeypatch)
    for seed in range(BUDGET):
        try:
            play(tmp_path / str(seed), seed, STEPS)
        except AssertionError:
            return
    pytest.fail(f"not found in {BUDGET} schedules: {name}")
