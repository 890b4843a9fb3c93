"""Large and deep trees: the cost is that of the change, and nothing recurses over siblings.

Counted are the tasks that a step copies, the work that grows with the tree if anything does; times
would depend on the machine.
"""

from __future__ import annotations

from typing import Any

import pytest

from digpy.dsl.compiler import compile_generated
from digpy.dsl.model import Subtasks, Workflow
from digpy.engine.advance import Draft
from digpy.engine.changes import Changes
from digpy.engine.events import CancelRequested, Claimed, Outcome, Succeeded
from digpy.engine.params import Layers
from digpy.engine.states import TaskState
from digpy.engine.tree import Selection, Task
from tests.support.engine import LEAF, Play, assert_same, fail, tasks_of

MANY = 3_000


def touched(changes: Changes) -> int:
    """How many tasks a step had to copy."""
    return len(changes.updated) + len(changes.counted)


def leaves(count: int) -> dict[str, Any]:
    return {f"+t{n}": LEAF for n in range(count)}


@pytest.mark.parametrize(
    ("group", "most"),
    [({}, 6), ({"_parallel": True}, 4), ({"_parallel": {"limit": 5}}, 16)],
)
def test_a_step_costs_the_same_among_many_siblings(group: dict[str, Any], most: int) -> None:
    play = Play({**group, **leaves(MANY)})
    for number in (2, 3, 4, 5, 6):
        claimed = play.feed(Claimed(number, 0))
        ended = play.feed(Succeeded(number, 1, 0, Outcome(store={"n": number})))
        assert touched(claimed) + touched(ended) <= most


def test_many_steps_on_one_draft_copy_each_task_once() -> None:
    play = Play(leaves(MANY))
    draft = Draft(play.tree)
    for number in range(2, MANY + 2):
        draft.advance(Claimed(number, 0))
        draft.advance(Succeeded(number, 1, 0, Outcome()))
    assert touched(draft.changes()) == MANY + 1
    assert draft.root.state is TaskState.SUCCESS


def test_ten_thousand_generated_siblings_are_planted_at_once() -> None:
    play = Play({"+a": LEAF}, limit=20_000)
    play.claim("+w+a")
    repeat: Any = tuple((f"+loop-{n}", {"i": n}) for n in range(10_000))
    subtasks = Subtasks(LEAF, repeat, True)
    definitions = compile_generated(play.task("+w+a").definition, "+w+a", subtasks)
    changes = play.feed(Succeeded(2, 1, 0, Outcome(definitions, subtasks)))
    assert len(changes.inserted) == 10_001
    assert len(play.numbers(TaskState.READY)) == 10_000
    assert_same(play.tree, play.reloaded())


def test_a_cancel_among_many_touches_each_once() -> None:
    play = Play({"_parallel": True, **leaves(MANY)})
    changes = play.feed(CancelRequested(0, "user"))
    assert touched(changes) == MANY + 1
    assert len(changes.moves) == MANY + 1


@pytest.mark.parametrize("group", [{}, {"_parallel": {"limit": 7}}])
def test_parameters_of_many_siblings_cost_one_visit_each(group: dict[str, Any]) -> None:
    play = Play({**group, **leaves(MANY)})
    draft = Draft(play.tree)
    for number in range(2, MANY + 2):
        draft.advance(Claimed(number, 0))
        draft.advance(Succeeded(number, 1, 0, Outcome(store={"n": number})))
    play.tree.apply(draft.changes())
    asked: list[int] = []

    class Counting:
        def __getitem__(self, number: int) -> Task:
            asked.append(number)
            return play.tree[number]

        def output(self, number: int, round_: int) -> Any:
            return play.tree.output(number, round_)

    known, counting = Layers(), Counting()
    for task in play.tree.tasks.values():
        known.of(counting, task)
    assert len(asked) < 8 * MANY


def test_many_levels_do_not_exhaust_the_stack() -> None:
    levels = 250
    rows: list[tuple[str, int | None, tuple[int, ...], bool]] = [("+w", None, (), True)]
    rows += [("+g", level, (), True) for level in range(levels)]
    rows += [("+a", levels, (), False), ("^error", None, (), False)]
    rows += [("^failure-alert", None, (), False)]
    definitions = tasks_of(*rows)
    for definition in definitions.tasks[: levels + 1]:
        definition.error = levels + 2
    leaf = "+w" + "+g" * levels + "+a"
    play = Play(Workflow("w", "UTC", definitions, None, None, {}), {leaf: fail()})
    assert Layers().of(play.tree, play.task(leaf)) is None
    play.run()
    assert play.claims[1:4] == [leaf.removesuffix("+g" * n + "+a") + "^error" for n in range(3)]
    assert len(play.claims) == 1 + (levels + 1) + 1
    assert_same(play.tree, play.reloaded())
    second = Play(play.workflow, selection=Selection(dict.fromkeys(play.names())))
    assert second.tree.root.how == "resumed"


def test_many_rounds_do_not_exhaust_the_stack() -> None:
    play = Play({"_retry": 300, "+a": LEAF}, {"+w+a": fail()}).run()
    assert play.claims.count("+w+a") == 301
    assert_same(play.tree, play.reloaded())


def test_a_long_chain_of_empty_groups_settles_without_recursion() -> None:
    play = Play({f"+g{n}": {} for n in range(MANY)})
    assert play.tree.root.state is TaskState.SUCCESS
