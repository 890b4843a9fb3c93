"""Any tree of groups, generators, handlers and retries runs as it is defined, crashes or not.

The real executor on the real store, against `tests.support.expected`, which knows neither.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, assume, given, settings

from digpy.control import executor as executor_module
from digpy.dsl.compiler import compile_generated
from digpy.engine.states import TaskState
from digpy.engine.tree import TaskTree, load_tree
from digpy.failpoints import reach
from digpy.store import tasks as task_rows
from tests.support.engine import assert_same
from tests.support.expected import run
from tests.support.played import START
from tests.support.recorded_execution import Scenario
from tests.support.trees import Group, Node, World, files_of, operators, workflows

MOST = 150
"""Runs of one example; what takes more shows nothing new."""

PLACES = ("executor.before_commit", "executor.mid_commit", "executor.after_commit")

pytestmark = pytest.mark.timeout(300)


# Running it


class CrashError(BaseException):
    """The worker is dead: nobody may catch this."""


class Crashes:
    """Kills at those passes of `PLACES`, and has the world keep what is committed."""

    def __init__(self, world: World, passes: frozenset[int]) -> None:
        self._world = world
        self._passes = passes
        self._passed = 0

    def reach(self, place: str) -> None:
        if place == "executor.after_commit":
            self._world.keep()
        if place in PLACES:
            self._passed += 1
            if self._passed in self._passes:
                raise CrashError(place)
        reach(place)


@contextmanager
def site(workflow: Node, limit: int = 2000) -> Iterator[Scenario]:
    with tempfile.TemporaryDirectory() as directory:
        scenario = Scenario(
            Path(directory, "site"), files_of(workflow), {"executor.task_max_run": limit}
        )
        try:
            scenario.push()
            yield scenario
        finally:
            scenario.close()


def assert_as_saved(scenario: Scenario, attempt: int) -> None:
    """What the executor has in memory is what it would load."""
    tree = scenario.trees.get(attempt, scenario).tree
    loaded = TaskTree(tree.definitions, tree.limit, tree.selection)
    with scenario.database.reading() as tx:
        rows, outputs = task_rows.load(tx, attempt), task_rows.load_outputs(tx, attempt)
    assert_same(tree, load_tree(loaded, rows, outputs, compile_generated))


def assert_keys_are_unique(scenario: Scenario, attempt: int) -> None:
    """No two tasks have the same parent, round and name; of the live ones, none the same name."""
    tree = scenario.trees.get(attempt, scenario).tree
    keys = Counter((task.parent, task.born, task.full_name) for task in tree.tasks.values())
    assert max(keys.values()) == 1
    live, pending = Counter[str](), [tree.root]
    while pending:
        task = pending.pop()
        live[task.full_name] += 1
        pending += [tree[number] for number in task.children]
    assert max(live.values()) == 1


class Left(NamedTuple):
    """What is in the database in the end, without the numbers: those depend on who came first."""

    root: TaskState
    tasks: Counter[tuple[Any, ...]]
    stores: Counter[tuple[Any, ...]]


def left_of(scenario: Scenario, attempt: int) -> Left:
    with scenario.database.reading() as tx:
        rows, outputs = task_rows.load(tx, attempt), task_rows.load_outputs(tx, attempt)
    names = {row.number: row.full_name for row in rows}
    tasks = [(t.full_name, t.born, t.round, t.state, t.fence, t.retries, t.how) for t in rows]
    stores = [(names[o.number], o.round, str(o.store), o.reset, str(o.error)) for o in outputs]
    return Left(rows[0].state, Counter(tasks), Counter(stores))


def played(
    workflow: Node,
    batch: int = executor_module.BATCH,
    crashes: frozenset[int] = frozenset(),
    drops: frozenset[int] = frozenset(),
) -> tuple[World, Left]:
    """Run `workflow` to its end; what ran, and what it left.

    `batch` tasks are committed at once. `crashes` are passes of `PLACES` at which the worker dies,
    `drops` are exchanges before which the executor forgets what it has in memory.
    """
    world = World()
    exchanges = 0

    def look() -> bool:
        nonlocal exchanges
        exchanges += 1
        if attempt in scenario.open:
            assert_as_saved(scenario, attempt)
        if exchanges in drops:
            scenario.trees.drop(attempt)
        return False

    with operators(world), pytest.MonkeyPatch.context() as patch, site(workflow) as scenario:
        patch.setattr(executor_module, "BATCH", batch)
        patch.setattr(executor_module, "reach", Crashes(world, crashes).reach)
        attempt = scenario.begin(START).attempt
        is_alive, is_over = True, False
        while not is_over:
            try:
                if not is_alive:
                    scenario.restart()
                is_alive = True
                scenario.run(look)
                is_over = True
            except CrashError:  # also while it recovers
                world.drop()
                is_alive = False
        assert_keys_are_unique(scenario, attempt)
        return world, left_of(scenario, attempt)


SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
STEPS = st.frozensets(st.integers(1, 40), max_size=6)


@SETTINGS
@given(workflow=workflows())
def test_every_task_runs_as_often_and_sees_what_the_language_says(workflow: Group) -> None:
    expected = World()
    ran = run(workflow, "+w", [], expected)
    assume(len(expected.calls) <= MOST)

    world, left = played(workflow)

    assert Counter(world.calls) == Counter(expected.calls)
    assert left.root == ("success" if ran.ok else "group_error")


@SETTINGS
@given(workflow=workflows(), batch=st.integers(1, 5), crashes=STEPS, drops=STEPS)
def test_crashes_and_what_is_forgotten_change_nothing(
    workflow: Group, batch: int, crashes: frozenset[int], drops: frozenset[int]
) -> None:
    expected = World()
    run(workflow, "+w", [], expected)
    assume(len(expected.calls) <= MOST)
    _, undisturbed = played(workflow)

    world, left = played(workflow, batch, crashes, drops)

    assert Counter(world.calls) == Counter(expected.calls)
    assert left == undisturbed
