"""A second attempt of any tree, edited meanwhile: what runs again, and with which parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.property.test_rounds import MOST, site
from tests.support.expected import chunks, run
from tests.support.played import START
from tests.support.trees import (
    Generator,
    Group,
    Leaf,
    Node,
    World,
    below,
    files_of,
    operators,
    workflows,
)

pytestmark = pytest.mark.timeout(300)

SETTINGS = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# What has to run again


def runs_again(node: Node, name: str, done: frozenset[str], *, behind_new: bool) -> list[str]:
    """Names of the tasks that run, when those of `done` succeeded in live rounds before.

    A task is left out if all of it is done and nothing before it runs.
    """
    if not behind_new and is_done(node, name, done):
        return []
    if isinstance(node, Group):
        found: list[str] = []
        for chunk in chunks(node):
            stands_behind_new = behind_new
            for own, child in chunk.items():
                found += runs_again(child, name + own, done, behind_new=stands_behind_new)
                behind_new = behind_new or not is_done(child, name + own, done)
        return found
    found = [name] if isinstance(node, Leaf) or node.kind == "spawn" else []
    if isinstance(node, Generator):
        found += runs_again(below(node), name + "^sub", done, behind_new=behind_new)
    if node.check is not None:  # it belongs to this run of its task
        found += runs_again(node.check, name + "^check", frozenset(), behind_new=True)
    return found


def is_done(node: Node, name: str, done: frozenset[str]) -> bool:
    """The task and everything written below it succeeded.

    What a task generated then stays as it was: nobody asks what it would generate today.
    """
    if name not in done:
        return False
    if isinstance(node, Group):
        return all(is_done(child, name + own, done) for own, child in node.children.items())
    return node.check is None or is_done(node.check, name + "^check", done)


# What is before a task


def written(node: Node, name: str) -> list[str]:
    """Names of the tasks that stand in the file, handlers and checks aside."""
    below_it = node.children.items() if isinstance(node, Group) else ()
    return [name, *(found for own, child in below_it for found in written(child, name + own))]


def before(node: Node, name: str, target: str) -> list[str]:
    """The siblings that `target`, and each group above it, waits for, near and far."""
    if name == target or not isinstance(node, Group):
        return []
    found: list[str] = []
    for chunk in chunks(node):
        for own, child in chunk.items():
            if is_in(target, name + own):
                return found + before(child, name + own, target)
        found += [name + own for own in chunk]
    raise AssertionError(f"{target} is not below {name}")


# Edits


def group_count(node: Node) -> int:
    """How many groups are written in a tree, handlers and checks aside."""
    if isinstance(node, Group):
        return 1 + sum(group_count(child) for child in node.children.values())
    return group_count(node.body) if isinstance(node, Generator) else 0


def edited(node: Node, place: int, change: Callable[[Group], Group]) -> Node:
    """`node` with `change` made to the group that is written at `place`."""
    if isinstance(node, Generator):
        return node._replace(body=edited(node.body, place, change))
    if isinstance(node, Leaf):
        return node
    if place == 0:
        return change(node)
    place -= 1
    children = {}
    for name, child in node.children.items():
        inside = 0 <= place < group_count(child)
        children[name] = edited(child, place, change) if inside else child
        place -= group_count(child)
    return node._replace(children=children)


def is_static(node: Node, place: int) -> bool:
    """The group that is written at `place` is no part of what a task generates."""
    if not isinstance(node, Group):
        return False
    if place == 0:
        return True
    place -= 1
    for child in node.children.values():
        if place < group_count(child):
            return is_static(child, place)
        place -= group_count(child)
    raise AssertionError("there is no such place")


@st.composite
def changes(draw: st.DrawFn) -> Callable[[Group], Group]:
    """Insert a task, remove one, rename one, or nothing."""
    kind = draw(st.sampled_from(["nothing", "insert", "remove", "rename"]))
    position = draw(st.integers(0, 4))

    def change(group: Group) -> Group:
        written = list(group.children.items())
        at = position % len(written)
        if kind == "insert":
            written.insert(position % (len(written) + 1), ("+new", Leaf()))
        elif kind == "rename":
            written[at] = ("+renamed", written[at][1])
        elif kind == "remove" and len(written) > 1:
            del written[at]
        return group._replace(children=dict(written))

    return change


def is_in(name: str, task: str) -> bool:
    """It is that task, or somewhere below it."""
    return name == task or name.startswith((task + "+", task + "^"))


def second_attempt(workflow: Node, again: Node, start: str | None = None) -> World:
    """Run `workflow`, repair what failed, run `again`; what ran in the second attempt."""
    world = World(numbered=False)
    with operators(world), site(workflow) as scenario:
        attempt = scenario.begin(START).attempt
        scenario.run(lambda: False)
        world.calls.clear()
        world.repaired = True
        scenario.replace(files_of(again))
        scenario.push()
        resume = {"attempt": attempt, "from": start}
        scenario.begin({**START, "retry_attempt_name": "again", "resume": resume})
        scenario.run(lambda: False)
    return world


@SETTINGS
@given(workflow=workflows(), place=st.integers(0, 30), change=changes())
def test_a_second_attempt_runs_what_is_not_done_and_sees_what_one_attempt_would_see(
    workflow: Group, place: int, change: Callable[[Group], Group]
) -> None:
    once = World(numbered=False)
    first = run(workflow, "+w", [], once)
    assume(len(once.calls) <= MOST)
    done = frozenset(name for name, ok in first.live.items() if ok)
    place %= group_count(workflow)
    again = edited(workflow, place, change)
    whole = World(numbered=False)
    whole.repaired = True
    run(again, "+w", [], whole)

    world = second_attempt(workflow, again)

    ran = Counter(call.full_name for call in world.calls)
    assert ran == Counter(runs_again(again, "+w", done, behind_new=False))
    if is_static(workflow, place):  # else an earlier run may have generated, and stored, more
        seen = {call.full_name: call.seen for call in whole.calls}
        assert {call.full_name: call.seen for call in world.calls}.items() <= seen.items()


@SETTINGS
@given(workflow=workflows(), place=st.integers(0, 30))
def test_a_second_attempt_from_a_task_runs_it_and_all_but_what_is_before_it(
    workflow: Group, place: int
) -> None:
    once = World(numbered=False)
    first = run(workflow, "+w", [], once)
    assume(len(once.calls) <= MOST)
    names = written(workflow, "+w")
    target = names[place % len(names)]
    done = frozenset(
        name
        for name, ok in first.live.items()
        if ok and any(is_in(name, sibling) for sibling in before(workflow, "+w", target))
    )

    world = second_attempt(workflow, workflow, target)

    ran = Counter(call.full_name for call in world.calls)
    assert ran == Counter(runs_again(workflow, "+w", done, behind_new=False))
