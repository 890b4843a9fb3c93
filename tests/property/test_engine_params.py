"""The order of layers, held against the walk as it is written down, naively."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from digpy.engine.params import Layer, Layers
from digpy.engine.tree import Task, TaskTree
from tests.support.engine import Play, Step, fail, ok
from tests.support.workflows import task_mappings, workflows

Line = tuple[str, int, int | None]


def walk(tree: TaskTree, task: Task) -> list[Line]:
    """Root to task; before each step its upstream siblings and all below them; then the step."""
    path = [task]
    while path[0].parent is not None:
        path.insert(0, tree[path[0].parent])
    lines: list[Line] = []
    for step in path:
        visited: set[int] = set()
        _upstreams(tree, step, visited, lines)
        lines += _written(step)
        if step is not task:
            output = tree.output(step.number, step.round)
            if output is not None and output.export:
                lines.append(("RESULT_EXPORT", step.number, step.round))
            if output is not None and (output.store or output.reset):
                lines.append(("STORE", step.number, step.round))
    return lines


def _upstreams(tree: TaskTree, task: Task, visited: set[int], lines: list[Line]) -> None:
    for number in sorted(task.upstreams):
        if number not in visited:
            visited.add(number)
            _upstreams(tree, tree[number], visited, lines)
            _stores(tree, tree[number], lines)


def _stores(tree: TaskTree, task: Task, lines: list[Line]) -> None:
    """What `task` stored, then all below it, in the order of numbers."""
    rounds = [round_ for number, round_ in tree.outputs if number == task.number]
    results = [r for r in rounds if tree.outputs[task.number, r].error is None]
    failed = len(results) < len(rounds)
    for round_ in results:
        output = tree.outputs[task.number, round_]
        newest = round_ == (task.round - 1 if failed else task.round)
        if newest and (output.store or output.reset):
            lines.append(("STORE", task.number, round_))
    for number in sorted(n for n, t in tree.tasks.items() if t.parent == task.number):
        _stores(tree, tree[number], lines)


def _written(task: Task) -> list[Line]:
    lines: list[Line] = []
    if task.definition.export:
        lines.append(("EXPORT", task.number, None))
    if task.definition.name in ("^error", "^finally", "^canceled"):
        lines.append(("HANDLER", task.number, None))
    return lines


def shown(layer: Layer | None) -> list[Line]:
    lines: list[Line] = []
    while layer is not None:
        round_ = None if layer.output is None else layer.output.round
        lines.append((layer.kind.name, layer.task, round_))
        layer = layer.previous
    return lines[::-1]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(workflow=workflows(), data=st.data())
def test_every_task_that_runs_sees_the_layers_of_the_walk(
    workflow: dict[str, object], data: st.DataObject
) -> None:
    known = Layers()
    steps = st.one_of(
        st.just(ok()),
        st.just(ok(store={"s": 1})),
        st.just(ok(reset=("s",), export={"e": 1})),
        st.just(fail()),
        task_mappings().map(lambda sub: ok(sub, store={"s": 1}, export={"e": 1})),
    )

    def script(tree: TaskTree, task: Task) -> Step:
        assert shown(known.of(tree, task)) == walk(tree, task)
        return data.draw(steps) if len(tree) < 60 else ok(store={"s": 1})

    play = Play(workflow, script)
    play.run()
