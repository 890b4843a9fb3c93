"""Large and deep trees: the cost is that of the change, and nothing recurses over siblings.

Counted are the tasks that a step copies, the work that grows with the tree if anything does; times
would depend on the machine.
"""

from __future__ import annotations

from sys import getsizeof
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
from tests.support.engine import LEAF, Play, assert_same, compile_dict, fail, ok, tasks_of

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
        definition.handlers = {"^error": levels + 2}
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


def test_a_leaf_is_small_in_memory() -> None:
    play = Play({"_parallel": {"limit": 2}, **leaves(8)})
    play.play("+w+t0", ok(store={"n": 1}))
    # One name more than Python shares between objects makes it 1,500 bytes.
    assert {getsizeof(vars(play.task(f"+w+t{n}"))) < 500 for n in range(8)} == {True}


def test_what_waits_for_a_whole_chunk_is_told_once() -> None:
    width = 1_000
    play = Play({"_parallel": {"limit": width}, **leaves(3 * width)})
    tasks = play.tree.tasks.values()
    assert sum(len(task.downstream) for task in tasks) == 2 * width
    assert len({id(task.upstreams) for task in tasks}) == 3
    play.feed(*(Claimed(number, 0) for number in range(2, width + 2)))
    ended = play.feed(*(Succeeded(number, 1, 0, Outcome()) for number in range(2, width + 1)))
    assert touched(ended) == width + 1  # the chunk, its parent, and the first that waits
    assert touched(play.feed(Succeeded(width + 1, 1, 0, Outcome()))) == width + 2
    assert len(play.numbers(TaskState.READY)) == width


def test_parameters_behind_a_wide_chunk_cost_one_visit_each() -> None:
    width = 1_000
    play = Play({"_parallel": {"limit": width}, **leaves(3 * width)})
    looked: list[int] = []

    class Looking:
        def __getitem__(self, number: int) -> Task:
            looked.append(number)
            return play.tree[number]

        def output(self, number: int, round_: int) -> Any:
            return play.tree.output(number, round_)

    known, looking = Layers(), Looking()
    for task in play.tree.tasks.values():
        known.of(looking, task)
    assert len(looked) < 16 * width


def test_the_definition_of_wide_chunks_is_written_once() -> None:
    def size(count: int) -> int:
        group = {"_parallel": {"limit": count // 3}, **leaves(count)}
        return len(compile_dict(group).to_text())

    assert size(3 * MANY) < 4 * size(MANY)


def test_of_wide_chunks_only_what_failed_runs_again() -> None:
    width = 1_000
    workflow = {"_parallel": {"limit": width}, **leaves(2 * width)}
    first = Play(workflow, {f"+w+t{width}": fail()}).run()
    second = Play(workflow, selection=Selection(first.successes())).run()
    assert second.claims == [f"+w+t{width}"]
    assert_same(second.tree, second.reloaded())
