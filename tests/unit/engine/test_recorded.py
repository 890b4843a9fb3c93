"""Runs of the real digdag 0.10.5.1, played again: the same tasks, states, upstreams and runs.

A recording holds the workflow, every task row the attempt had in the end (depth first, children of
one parent in the order they were made) and how often each task was handed out. What operators did
is simulated here; everything else is the engine.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digpy.dsl.model import Subtasks
from digpy.engine.tree import Task, TaskTree
from tests.support.engine import OK, Play, Step, fail, ok

RECORDED = {
    case["id"]: case
    for case in map(
        json.loads,
        (Path(__file__).parents[2] / "golden/engine/recorded.jsonl").read_text().splitlines(),
    )
}


class Operators:
    """What the operators of the recordings do, and nothing more."""

    def __init__(self, called: dict[str, Any]) -> None:
        self.called = called
        self.calls: Counter[str] = Counter()

    def __call__(self, tree: TaskTree, task: Task) -> Step:
        config: Any = task.definition.config
        name = next((key for key in config if key.endswith(">")), "_type>")
        command = _filled(tree, task, config.get(name))
        if name == "sh>":
            return self._sh(str(command or ""), config.get("_retry"))
        if name == "fail>" or config.get("_type") == "fail":
            return fail(str(command))
        if name == "call>":
            return ok(self.called[str(command).removesuffix(".dig")])
        if name == "if>":
            key = "_do" if str(command).lower() == "true" else "_else_do"
            return ok(config[key]) if key in config else OK
        if name in ("loop>", "for_each>", "for_range>"):
            return _repeated(name, command, config)
        return OK

    def _sh(self, command: str, retry: Any) -> Step:
        flaky = re.search(r'flaky "?([^" ]+)"? (\d+)', command)
        if flaky:
            self.calls[flaky[1]] += 1
            if self.calls[flaky[1]] <= int(flaky[2]):
                return fail("Command failed with code 1", retry)
        return fail("exited", retry) if re.search(r"exit [1-9]", command) else OK


def _filled(tree: TaskTree, task: Task, value: Any) -> Any:
    """`value` with the plain paths into the exports above filled in."""
    exports: dict[str, Any] = {}
    above: Task | None = task
    while above is not None:
        exports = {**above.definition.export, **exports}
        above = None if above.parent is None else tree[above.parent]
    if isinstance(value, str):
        return re.sub(r"\$\{([\w.]+)\}", lambda hole: _looked_up(exports, hole), value)
    return value


def _looked_up(exports: Any, hole: re.Match[str]) -> str:
    value = exports
    for name in hole[1].split("."):
        if name not in value:
            return hole[0]
        value = value[name]
    return str(value)


def _repeated(name: str, command: Any, config: Any) -> Step:
    parallel = config.get("_parallel")
    data: list[Any]
    if name == "loop>":
        data = [{"i": i} for i in range(int(command))]
        names = [f"+loop-{i}" for i in range(int(command))]
    elif name == "for_range>":
        starts = list(range(command["from"], command["to"], command["step"]))
        data = [{"range": {"from": s}} for s in starts]
        ends = [min(s + command["step"], command["to"]) for s in starts]
        names = [f"+range-from={s}&to={e}" for s, e in zip(starts, ends, strict=True)]
    else:
        data, names = [{}], [""]
        for position, (key, values) in enumerate(command.items()):
            data = [{**d, key: v} for d in data for v in values]
            names = [
                f"{n}{'&' if n else '+for-'}{position}={key}={i}={v}"
                for n in names
                for i, v in enumerate(values)
            ]
    return ok(Subtasks(config["_do"], tuple(zip(names, data, strict=True)), parallel))


def _depth_first(tree: TaskTree) -> Iterator[Task]:
    stack = [tree.root]
    while stack:
        task = stack.pop()
        yield task
        stack += [tree[n] for n in sorted((*task.past, *task.children), reverse=True)]


@pytest.mark.parametrize("case", RECORDED)
def test_a_recorded_run_comes_out_the_same(case: str) -> None:
    recorded = RECORDED[case]
    play = Play(recorded["workflow"], Operators(recorded["called"])).run()
    tasks = list(_depth_first(play.tree))
    place = {task.number: n for n, task in enumerate(tasks)}
    rows = [
        [
            task.full_name,
            str(task.state),
            None if task.parent is None else place[task.parent],
            sorted(place[n] for n in task.upstreams),
        ]
        for task in tasks
    ]
    assert rows == [[*row[:3], sorted(set(row[3]))] for row in recorded["tasks"]]
    if recorded["runs"] is not None:
        assert Counter(play.claims) == Counter(recorded["runs"])
