"""Which ancestors and upstreams feed a task's parameters, and in which order.

A `Layer` is one contribution; each knows the one before it, so that siblings share what they have
in common: ten thousand of them cost ten thousand steps. Merging is not done here
(`digpy.expr.scope` does it).

The order follows digdag 0.10.5. Walk from the root to the task; at every step visit the upstream
siblings, transitively and farthest first, each followed by all its descendants in the order of
their numbers, then the step itself. So a group's export beats a store made before the group, and a
store made inside beats the export.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from digpy.dsl.model import ALERT, HANDLER_NAMES
from digpy.engine.changes import Output
from digpy.engine.states import FAILED, TaskState
from digpy.engine.tree import Task, Tasks

_ASIDE = HANDLER_NAMES - {"^finally"}


class Kind(Enum):
    """What a layer contributes."""

    EXPORT = 1
    """The written ``_export`` of an ancestor, or of the task itself."""
    RESULT_EXPORT = 2
    """What an ancestor's operator exported to its subtasks."""
    STORE = 3
    """Resets, then stores."""
    HANDLER = 4
    """What a handler is told: the stores below its owner, ``error``, ``cancel_cause``."""


class Layer(NamedTuple):
    """One contribution, and the layers before it.

    Compared by identity: layers are shared, not equal.
    """

    previous: Layer | None
    kind: Kind
    task: int
    output: Output | None


class Layers:
    """Finds the layers of the tasks of one tree, remembering what siblings share.

    What is remembered is final: a task asks only when it is READY, and then its upstreams and its
    ancestors' results do not change any more, except that an ancestor opens another round, which is
    part of the key. Only a draft that is dropped takes something back: drop this with it.
    """

    def __init__(self) -> None:
        self._inside: dict[tuple[int, int], Layer | None] = {}
        self._entering: dict[int, Layer | None] = {}
        """By the first of those that stand at the same place."""

    def of(self, tasks: Tasks, task: Task) -> Layer | None:
        """The newest layer of `task`: everything inherited, then its own export.

        None: nothing at all.
        """
        return _own(task, self.entering(tasks, task))

    def entering(self, tasks: Tasks, task: Task) -> Layer | None:
        """Everything that comes before `task` itself."""
        path = [task]
        while (parent := path[-1].parent) is not None:
            path.append(tasks[parent])
            if (parent, path[-1].round) in self._inside:
                break
        inherited = None
        for step in reversed(path[1:]):
            inherited = self._enter(tasks, step, inherited)
        return self._follow(tasks, task, inherited)

    def _enter(self, tasks: Tasks, task: Task, inherited: Layer | None) -> Layer | None:
        """Everything the children of `task` inherit in its present round."""
        key = (task.number, task.round)
        if key not in self._inside:
            layer = _own(task, self._follow(tasks, task, inherited))
            output = tasks.output(task.number, task.round)
            if output is not None:
                if output.export:
                    layer = Layer(layer, Kind.RESULT_EXPORT, task.number, output)
                layer = _stored(layer, output)
            if task.state is not TaskState.PLANNED:
                return layer  # what a missed sla: has added does not wait for the root's result
            self._inside[key] = layer
        return self._inside[key]

    def _follow(self, tasks: Tasks, task: Task, inherited: Layer | None) -> Layer | None:
        """What the parent passes on, then what the upstream siblings of `task` stored."""
        # A row of siblings can be long: find the first one known, then walk forward.
        first = task.first
        pending = []
        while task.first not in self._entering:
            pending.append(task)
            if not task.upstreams:
                break
            task = tasks[min(task.upstreams)]
        for waiting in reversed(pending):
            self._entering[waiting.first] = self._find(tasks, waiting, inherited)
        return self._entering[first]

    def _find(self, tasks: Tasks, task: Task, inherited: Layer | None) -> Layer | None:
        if not task.upstreams:
            return inherited
        upstreams = sorted(task.upstreams)
        if _is_chunk(tasks, upstreams):
            visited: Iterable[int] = upstreams
            layer = self._entering[tasks[upstreams[0]].first]
        else:
            visited, layer = _transitive(tasks, upstreams), inherited
        for number in visited:
            layer = _visit(tasks, tasks[number], layer)
        return layer


def owner_of(tasks: Tasks, handler: Task) -> Task:
    """The task whose end a handler belongs to."""
    assert handler.parent is not None  # noqa: S101 - the root is no handler
    return tasks[handler.parent]


def left_below(tasks: Tasks, handler: Task) -> list[Output]:
    """What all descendants of a handler's owner left, in all rounds, in the order of numbers.

    Without what its other handlers left, but for a ``^finally`` that is over. Nothing if the owner
    failed itself.
    """
    owner = owner_of(tasks, handler)
    if owner.verdict is TaskState.ERROR:
        return []
    return [
        output
        for child in sorted((*owner.past, *owner.children))
        if child < handler.number and tasks[child].definition.name not in _ASIDE
        for task in (tasks[child], *_descendants(tasks, tasks[child]))
        for output in _left(tasks, task)
    ]


def error_sources(tasks: Tasks, handler: Task) -> list[Output]:
    """The outputs that a handler's ``error`` is made of, in order; none if nothing failed.

    For a task that failed itself, or timed out, its own error; for one whose children failed those
    of `left_below`.
    """
    owner = owner_of(tasks, handler)
    if owner.verdict not in FAILED:
        return []
    own = tasks.output(owner.number, owner.round)
    if own is not None and own.error is not None:
        return [own]
    return left_below(tasks, handler)


def _own(task: Task, layer: Layer | None) -> Layer | None:
    if task.definition.export:
        layer = Layer(layer, Kind.EXPORT, task.number, None)
    if task.definition.name in HANDLER_NAMES and task.definition.name != ALERT:
        layer = Layer(layer, Kind.HANDLER, task.number, None)
    return layer


def _is_chunk(tasks: Tasks, upstreams: Sequence[int]) -> bool:
    """What is before the first of `upstreams` is all there is before them."""
    if len(upstreams) == 1:
        return True
    before = {*tasks[upstreams[0]].upstreams, *upstreams}
    places = {tasks[number].first for number in upstreams}
    return all(before.issuperset(tasks[place].upstreams) for place in places)


def _transitive(tasks: Tasks, upstreams: Iterable[int]) -> Iterator[int]:
    """The siblings of that number and their upstreams: ascending, the farther ones first."""
    seen: set[int] = set()
    places: set[int] = set()
    path: list[int] = []
    stack = [iter(upstreams)]
    while stack:
        for number in stack[-1]:
            if number not in seen:
                task = tasks[number]
                seen.add(number)
                path.append(number)
                # What those wait for that wait together is seen with the first of them.
                before = sorted(task.upstreams) if task.first not in places else []
                places.add(task.first)
                stack.append(iter(before))
                break
        else:
            stack.pop()
            if path:
                yield path.pop()


def _visit(tasks: Tasks, task: Task, layer: Layer | None) -> Layer | None:
    for visited in (task, *_descendants(tasks, task)):
        for output in _left(tasks, visited):
            layer = _stored(layer, output)
    return layer


def _stored(layer: Layer | None, output: Output) -> Layer | None:
    if output.store or output.reset:
        return Layer(layer, Kind.STORE, output.number, output)
    return layer


def _left(tasks: Tasks, task: Task) -> Iterator[Output]:
    """What a finished task left: its newest result, and its error if it failed after that."""
    newest = tasks.output(task.number, task.round)
    if newest is not None and newest.error is not None and task.round:
        result = tasks.output(task.number, task.round - 1)
        if result is not None:
            yield result
    if newest is not None:
        yield newest


def _descendants(tasks: Tasks, task: Task) -> Iterator[Task]:
    """All below `task`, of all rounds, depth first in the order of numbers."""
    stack = sorted((*task.past, *task.children), reverse=True)
    while stack:
        child = tasks[stack.pop()]
        yield child
        stack.extend(sorted((*child.past, *child.children), reverse=True))
