"""The tasks of a run as a tree of lines that fits a screen: which are shown, and how much of each.

What needs attention stays: what runs, what waits to be tried again, what failed. Finished groups
fold into one line, and of many children only those are listed that do something; the others are
counted. Pure: no terminal here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from digpy.cli.view import TaskView, length_text
from digpy.engine.states import WAITING, TaskState

Mark: TypeAlias = Literal["done", "taken", "failed", "canceled", "runs", "again", "waits"]

MANY = 12
"""More children than this are counted instead of listed."""


class OutlineLine(NamedTuple):
    """One line: how deep, in which state, and what it says."""

    depth: int
    mark: Mark
    text: str


_BUSY: frozenset[Mark] = frozenset({"runs", "again", "failed", "canceled"})


class _Level:
    """The tasks below one task, counted, so that nobody has to walk over all of them."""

    __slots__ = ("busy", "counts", "done", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[int, _Node] = {}
        self.busy: dict[int, _Node] = {}
        self.counts: Counter[Mark] = Counter()
        self.done = 0

    def add(self, node: _Node) -> None:
        self.nodes[node.task.number] = node
        self.counts[node.mark] += 1
        self.done += node.task.is_done
        if node.mark in _BUSY:
            self.busy[node.task.number] = node

    def take(self, node: _Node) -> None:
        """Forget what was counted of it; its place is kept until somebody removes it."""
        self.counts[node.mark] -= 1
        self.done -= node.task.is_done
        self.busy.pop(node.task.number, None)


class _Node:
    __slots__ = ("below", "mark", "task")

    def __init__(self, task: TaskView) -> None:
        self.task = task
        self.mark = mark_of(task)
        self.below = _Level()


class Outline:
    """The tasks of one attempt, kept up to date: a drawing costs what it shows."""

    def __init__(self) -> None:
        self._top = _Level()
        self._nodes: dict[int, _Node] = {}

    def update(self, tasks: Iterable[TaskView]) -> bool:
        """Take in tasks, parents before their children; whether that changes anything."""
        changed = False
        for task in tasks:
            node = self._nodes.get(task.number)
            if node is not None and node.task == task:
                continue
            changed = True
            level = self._level(task)
            if node is not None and level is not None:
                level.take(node)
            if level is None or not task.round_current:
                self._remove(task, level)
                continue
            if node is None:
                node = self._nodes[task.number] = _Node(task)
            node.task, node.mark = task, mark_of(task)
            level.add(node)
        return changed

    def lines(self, now: int, height: int) -> list[OutlineLine]:
        """At most `height` lines; `now` dates what runs.

        First everything is tried; if that does not fit, what is done folds, then what waits, then
        what does not fit is counted in the last line.
        """
        lines: list[OutlineLine] = []
        for folding in (("taken",), ("done", "taken"), ("done", "taken", "waits")):
            lines = list(_lines(self._top, 0, now, frozenset(folding)))
            if len(lines) <= height:
                return lines
        kept = max(height - 1, 1)
        return [*lines[:kept], OutlineLine(0, "runs", f"… {len(lines) - kept} more")][:height]

    def _level(self, task: TaskView) -> _Level | None:
        if task.parent is None:
            return self._top
        parent = self._nodes.get(task.parent)
        return None if parent is None else parent.below

    def _remove(self, task: TaskView, level: _Level | None) -> None:
        self._nodes.pop(task.number, None)
        if level is not None:
            level.nodes.pop(task.number, None)


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


def _lines(level: _Level, depth: int, now: int, folding: frozenset[str]) -> Iterable[OutlineLine]:
    if len(level.nodes) > MANY:
        shown = [level.busy[number] for number in sorted(level.busy)]
    elif depth and folding != {"taken"}:
        shown = [node for node in level.nodes.values() if node.mark not in folding]
    else:
        shown = list(level.nodes.values())
    for node in shown:
        yield OutlineLine(depth, node.mark, _text(node, now))
        is_folded = node.mark == "taken" or (node.mark == "done" and depth > 0)
        if node.below.nodes and not is_folded:
            yield from _lines(node.below, depth + 1, now, folding)
    if len(shown) < len(level.nodes):
        hidden = level.counts - Counter(node.mark for node in shown)
        yield OutlineLine(depth, "waits", _count(hidden))


def _text(node: _Node, now: int) -> str:
    task = node.task
    facts = []
    if node.below.nodes:
        facts.append(f"{node.below.done:,}/{len(node.below.nodes):,}")
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


def _count(counts: Counter[Mark]) -> str:
    parts = [f"{counts[mark]:,} {name}" for mark, name in _NAMES if mark in counts]
    return "… " + ", ".join(parts)
