"""Which ancestors and upstreams feed a task's parameters, and in which order.

A `Layer` is one contribution; each knows the one before it, so that siblings share what they have in common:
ten thousand of them cost ten thousand steps. Merging is not done here (`digpy.expr.scope` does it).

The order follows digdag 0.10.5. Walk from the root to the task; at every step visit the upstream siblings,
transitively and farthest first, each followed by all its descendants in the order of their numbers, then the
step itself. So a group's export beats a store made before the group, and a store made inside beats the export.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, Protocol

from digpy.engine.changes import Output
from digpy.engine.tree import Task


class Kind(Enum):
    """What a layer contributes."""

    EXPORT = 1
    """The written ``_export`` of an ancestor, or of the task itself."""
    RESULT_EXPORT = 2
    """What an ancestor's operator exported to its subtasks."""
    STORE = 3
    """Resets, then stores."""
    ERROR = 4
    """``error`` for a handler, below it the stores of the failed group: see `error_sources`."""


class Layer(NamedTuple):
    """One contribution, and the layers before it. Compared by identity: layers are shared, not equal."""

    previous: Layer | None
    kind: Kind
    task: int
    output: Output | None


class Tasks(Protocol):
    """What this module asks of a tree or a draft."""

    def __getitem__(self, number: int) -> Task:
        """The task of that number."""
        ...

    def output(self, number: int, round_: int) -> Output | None:
        """What the run that opened `round_` left."""
        ...


class Layers:
    """Finds the layers of the tasks of one tree, remembering what siblings share.

    What is remembered is final: a task asks only when it is READY, and then its upstreams and its ancestors'
    results do not change any more, except that an ancestor opens another round, which is part of the key.
    """

    def __init__(self) -> None:
        self._entering: dict[int, Layer | None] = {}
        self._inside: dict[tuple[int, int], Layer | None] = {}

    def of(self, tasks: Tasks, task: Task) -> Layer | None:
        """The newest layer of `task`: everything inherited, then its own export. None: nothing at all."""
        return _own(task, self.entering(tasks, task))

    def entering(self, tasks: Tasks, task: Task) -> Layer | None:
        """Everything that comes before `task` itself."""
        # A chain of siblings can be long: find the first one known, then walk forward.
        pending = []
        current = task
        while current.number not in self._entering:
            pending.append(current)
            if len(current.upstreams) != 1:
                break
            current = tasks[current.upstreams[0]]
        for waiting in reversed(pending):
            self._entering[waiting.number] = self._find(tasks, waiting)
        return self._entering[task.number]

    def _find(self, tasks: Tasks, task: Task) -> Layer | None:
        if len(task.upstreams) == 1:
            upstream = tasks[task.upstreams[0]]
            return _visit(tasks, upstream, self._entering[upstream.number])
        layer = None if task.parent is None else self.inside(tasks, tasks[task.parent])
        for number in _upstreams(tasks, task, set()):
            layer = _visit(tasks, tasks[number], layer)
        return layer

    def inside(self, tasks: Tasks, task: Task) -> Layer | None:
        """Everything the children of `task` inherit in its present round."""
        key = (task.number, task.round)
        if key not in self._inside:
            layer = _own(task, self.entering(tasks, task))
            output = tasks.output(task.number, task.round)
            if output is not None:
                if output.export:
                    layer = Layer(layer, Kind.RESULT_EXPORT, task.number, output)
                layer = _stored(layer, output)
            self._inside[key] = layer
        return self._inside[key]


def error_sources(tasks: Tasks, handler: Task) -> list[Output]:
    """The outputs that a handler's ``error`` and folded stores are made of, in order.

    For a task that failed itself its own error; for one whose children failed those of all descendants in all
    rounds, in the order of their numbers, without the handler's own.
    """
    assert handler.parent is not None  # noqa: S101 - a handler is below what failed
    owner = tasks[handler.parent]
    own = tasks.output(owner.number, owner.round)
    if own is not None and own.error is not None:
        return [own]
    return [
        output
        for task in _descendants(tasks, owner)
        if task.number < handler.number
        for output in _outputs(tasks, task)
    ]


def _own(task: Task, layer: Layer | None) -> Layer | None:
    if task.definition.export:
        layer = Layer(layer, Kind.EXPORT, task.number, None)
    if task.definition.name == "^error":
        layer = Layer(layer, Kind.ERROR, task.number, None)
    return layer


def _visit(tasks: Tasks, task: Task, layer: Layer | None) -> Layer | None:
    for visited in (task, *_descendants(tasks, task)):
        output = tasks.output(visited.number, visited.round)
        if output is not None:
            layer = _stored(layer, output)
    return layer


def _stored(layer: Layer | None, output: Output) -> Layer | None:
    if output.store or output.reset:
        return Layer(layer, Kind.STORE, output.number, output)
    return layer


def _outputs(tasks: Tasks, task: Task) -> Iterator[Output]:
    output = tasks.output(task.number, task.round)
    if output is not None:
        yield output


def _upstreams(tasks: Tasks, task: Task, seen: set[int]) -> Iterator[int]:
    """Upstream siblings, transitively: ascending, the farther ones first, each once."""
    stack = [iter(sorted(task.upstreams))]
    path: list[int] = []
    while stack:
        for number in stack[-1]:
            if number not in seen:
                seen.add(number)
                path.append(number)
                stack.append(iter(sorted(tasks[number].upstreams)))
                break
        else:
            stack.pop()
            if path:
                yield path.pop()


def _descendants(tasks: Tasks, task: Task) -> Iterator[Task]:
    """All below `task`, of all rounds, depth first in the order of numbers."""
    stack = sorted((*task.past, *task.children), reverse=True)
    while stack:
        child = tasks[stack.pop()]
        yield child
        stack.extend(sorted((*child.past, *child.children), reverse=True))
