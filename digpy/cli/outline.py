"""The tasks of a run as a tree of lines that fits a screen: which are shown, and how much of each.

What needs attention stays: what runs, what waits to be tried again, what failed. Finished groups
fold into one line, and of many children only those are listed that do something; the others are
counted. Pure: no terminal here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from digpy.cli.view import AttemptView, TaskView, length_text
from digpy.engine.states import WAITING, TaskState

Mark: TypeAlias = Literal["done", "taken", "failed", "canceled", "runs", "again", "waits"]

MANY = 12
"""More children than this are counted instead of listed."""


class OutlineLine(NamedTuple):
    """One line: how deep, in which state, and what it says."""

    depth: int
    mark: Mark
    text: str


class _Node:
    __slots__ = ("children", "mark", "task")

    def __init__(self, task: TaskView) -> None:
        self.task = task
        self.mark = mark_of(task)
        self.children: list[_Node] = []

    @property
    def is_busy(self) -> bool:
        return self.mark in ("runs", "again", "failed", "canceled")


def outline(attempt: AttemptView, now: int, height: int) -> list[OutlineLine]:
    """At most `height` lines about `attempt`, which has all of its tasks; `now` dates what runs.

    First everything is tried; if that does not fit, what is done folds, then what waits, then what
    does not fit is counted in the last line.
    """
    roots = _trees(attempt.tasks)
    lines: list[OutlineLine] = []
    for folding in (("taken",), ("done", "taken"), ("done", "taken", "waits")):
        lines = list(_lines(roots, 0, now, frozenset(folding)))
        if len(lines) <= height:
            return lines
    kept = max(height - 1, 1)
    return [*lines[:kept], OutlineLine(0, "runs", f"… {len(lines) - kept} more")][:height]


def mark_of(task: TaskView) -> Mark:
    """How the state of a task is shown."""
    if task.state is TaskState.SUCCESS:
        return "done" if task.how in (None, "ran") else "taken"
    if task.is_failed:
        return "failed"
    if task.state is TaskState.CANCELED:
        return "canceled"
    if task.state in WAITING:
        return "again"
    return "runs" if task.state in (TaskState.RUNNING, TaskState.PLANNED) else "waits"


def _trees(tasks: Iterable[TaskView]) -> list[_Node]:
    nodes = {task.number: _Node(task) for task in tasks if task.round_current}
    roots = []
    for node in nodes.values():
        parent = None if node.task.parent is None else nodes.get(node.task.parent)
        if parent is not None:
            parent.children.append(node)
        elif node.task.parent is None:
            roots.append(node)
    return roots


def _lines(
    nodes: Sequence[_Node], depth: int, now: int, folding: frozenset[str]
) -> Iterable[OutlineLine]:
    shown = nodes
    if len(nodes) > MANY:
        shown = [node for node in nodes if node.is_busy]
    elif depth and folding != {"taken"}:
        shown = [node for node in nodes if node.mark not in folding]
    for node in shown:
        yield OutlineLine(depth, node.mark, _text(node, now))
        is_folded = node.mark == "taken" or (node.mark == "done" and depth > 0)
        if node.children and not is_folded:
            yield from _lines(node.children, depth + 1, now, folding)
    hidden = [node for node in nodes if node not in shown] if len(shown) < len(nodes) else []
    if hidden:
        yield OutlineLine(depth, "waits", _count(hidden))


def _text(node: _Node, now: int) -> str:
    task = node.task
    facts = []
    children = node.children
    if children:
        done = sum(child.task.is_done for child in children)
        facts.append(f"{done:,}/{len(children):,}")
    if task.retries:
        facts.append("retry" if task.retries == 1 else f"retry {task.retries}")
    if task.how == "resumed":
        facts.append("done before")
    elif task.how == "skipped":
        facts.append("skipped")
    elif task.started_at is not None:
        end = now if task.ended_at is None else task.ended_at
        if end - task.started_at >= 100_000:
            facts.append(length_text(end - task.started_at))
    name = task.short_name if task.operator is None else f"{task.short_name} {task.operator}>"
    return "  ".join([name, *facts])


_NAMES: tuple[tuple[Mark, str], ...] = (
    ("done", "done"),
    ("taken", "done before"),
    ("failed", "failed"),
    ("canceled", "canceled"),
    ("runs", "running"),
    ("again", "to be tried again"),
    ("waits", "waiting"),
)


def _count(nodes: Sequence[_Node]) -> str:
    counts: dict[Mark, int] = {}
    for node in nodes:
        counts[node.mark] = counts.get(node.mark, 0) + 1
    parts = [f"{counts[mark]:,} {name}" for mark, name in _NAMES if mark in counts]
    return "… " + ", ".join(parts)
