"""Hypothesis strategies for workflows and for what operators generate, as nested mappings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from digpy.values import Params

NAMES = ("+a", "+b", "+c", "+d")


@st.composite
def _children(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    """A group's tasks, with its ``_parallel`` and their dependencies."""
    count = draw(st.integers(1, 4 if depth else 3))
    parallel = draw(st.sampled_from([None, None, True, {"limit": 1}, {"limit": 2}]))
    group: dict[str, Any] = {} if parallel is None else {"_parallel": parallel}
    for index, name in enumerate(NAMES[:count]):
        child = draw(_tasks(depth - 1))
        if parallel is None and draw(st.integers(0, 5)) == 0:
            child = {**child, "_background": True}
        elif parallel is not None and index and draw(st.integers(0, 3)) == 0:
            earlier = st.sampled_from(NAMES[:index])
            child = {**child, "_after": draw(st.lists(earlier, max_size=2))}
        group[name] = child
    return group


@st.composite
def _tasks(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    """A task mapping: an operator, or a group, or a disabled one."""
    kind = draw(st.integers(0, 9))
    task: dict[str, Any]
    if kind == 9:
        return {"_disable": True}
    if depth > 0 and kind < 5:
        task = {} if kind == 0 else draw(_children(depth))
    else:
        task = {"sh>": "true"}
        if draw(st.integers(0, 4)) == 0:
            task["_check"] = draw(_tasks(0))
    retry = draw(st.sampled_from([None, None, None, 1, 2, {"limit": 1, "interval": 5}, "${x}"]))
    if retry is not None:
        task["_retry"] = retry
    if draw(st.integers(0, 4)) == 0:
        task["_error"] = draw(_tasks(1 if depth > 1 else 0))
    if draw(st.integers(0, 5)) == 0:
        task["_finally"] = draw(_tasks(0))
    if draw(st.integers(0, 7)) == 0:
        task["_canceled"] = draw(_tasks(0))
    if draw(st.integers(0, 3)) == 0:
        task["_timeout"] = draw(st.sampled_from([5, "1m"]))
    return task


def task_mappings(depth: int = 2) -> st.SearchStrategy[Params]:
    """What an operator may want below its task."""
    return _tasks(depth)


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """A workflow of a few levels; now and then its root is an operator."""
    workflow = draw(_children(3))
    retry = draw(st.sampled_from([None, None, None, 1, 2]))
    if draw(st.integers(0, 9)) == 0:
        workflow = {"sh>": "true"}
    if retry is not None:
        workflow["_retry"] = retry
    if draw(st.integers(0, 3)) == 0:
        workflow["_error"] = draw(_tasks(1))
    if draw(st.integers(0, 3)) == 0:
        workflow["_finally"] = draw(_tasks(1))
    if draw(st.integers(0, 3)) == 0:
        workflow["_canceled"] = draw(_tasks(0))
    if draw(st.integers(0, 2)) == 0:
        tasks: list[Params] = [{}, {"+n": draw(_tasks(1))}, {"sh>": "true", "_retry": 1}]
        own = draw(st.sampled_from(tasks))
        flags = {"alert": draw(st.booleans()), "fail": draw(st.booleans())}
        workflow["sla"] = {"duration": "00:00:05", **flags, **own}
    return workflow
