"""Inserting tasks from definitions, depth first: parents before children, siblings as written."""

from __future__ import annotations

from typing import NamedTuple

from digpy.dsl.model import Definitions, TaskDefinition
from digpy.engine.overlay import Overlay
from digpy.engine.states import TaskState
from digpy.engine.takeover import (
    generated_roots,
    generated_then,
    is_known,
    may_skip,
    may_take,
)
from digpy.engine.tree import RESUMED, SKIPPED, Siblings, Task, TaskRow, adopt


class Origin(NamedTuple):
    """Where definitions come from: the `task` that generated them, None for the workflow's own."""

    definitions: Definitions
    task: int | None


class _Fate(NamedTuple):
    """What becomes of the tasks of a subtree.

    `how` says that all of them are done already, and how. Otherwise `takes` and `skips` say whether
    single ones may be taken over or left out.
    """

    how: str | None = None
    takes: bool = False
    skips: bool = False


class Planter:
    """Inserts tasks into an overlay, at one instant."""

    def __init__(self, overlay: Overlay, at: int) -> None:
        self._overlay = overlay
        self._at = at

    def plant(self, roots: list[TaskDefinition], origin: Origin, parent: Task | None) -> list[Task]:
        """Insert the static subtrees of `roots` below `parent`; return the tasks of the roots.

        What the attempt's selection says need not run is inserted as a success.
        """
        takes = may_take(self._overlay, parent)
        skips = may_skip(self._overlay, parent, origin.task)
        return self._plant(roots, origin, parent, _Fate(takes=takes, skips=skips))

    def plant_anew(self, roots: list[TaskDefinition], origin: Origin, parent: Task) -> list[Task]:
        """`plant`, but all of it has to run."""
        return self._plant(roots, origin, parent, _Fate())

    def _plant(
        self, roots: list[TaskDefinition], origin: Origin, parent: Task | None, fate: _Fate
    ) -> list[Task]:
        siblings = Siblings()
        for definition in roots:
            mine = self._fate(definition, origin, parent, siblings, fate)
            task = self._insert(definition, origin, parent, mine.how)
            siblings.enter(task)
            below, children = origin, [origin.definitions[index] for index in definition.children]
            if mine.how == RESUMED:
                generated = self._take_over(task)
                if generated is not None:
                    below, children = Origin(generated, task.number), generated_roots(generated)
            if children:
                self._plant(children, below, task, mine)
        if parent is not None:
            adopt(parent, parent.round, siblings.tasks)
        return siblings.tasks

    def _fate(
        self,
        definition: TaskDefinition,
        origin: Origin,
        parent: Task | None,
        siblings: Siblings,
        fate: _Fate,
    ) -> _Fate:
        if fate.how is not None or not (fate.takes or fate.skips):
            return fate
        selection = self._overlay.tree.selection
        full_name = _full_name(parent, definition)
        if fate.skips and selection.run is not None and full_name not in selection.run:
            return _Fate(SKIPPED)
        takes = (
            fate.takes and definition.name != "^check" and siblings.place(definition).undisturbed
        )
        if takes and is_known(selection, definition, origin.definitions, full_name):
            return _Fate(RESUMED)
        return fate._replace(takes=takes)

    def _take_over(self, task: Task) -> Definitions | None:
        """Keep what the task left in the earlier attempt; return what it generated."""
        selection = self._overlay.tree.selection
        output = selection.takeovers[task.full_name]
        if output is not None:
            self._overlay.save(output._replace(number=task.number, round=task.round))
        return generated_then(selection, task.definition, task.full_name)

    def _insert(
        self, definition: TaskDefinition, origin: Origin, parent: Task | None, how: str | None
    ) -> Task:
        row = TaskRow(
            number=len(self._overlay) + 1,
            parent=None if parent is None else parent.number,
            born=0 if parent is None else parent.round,
            round=0,
            full_name=_full_name(parent, definition),
            origin=origin.task,
            source=definition.index,
            state=TaskState.BLOCKED if how is None else TaskState.SUCCESS,
            how=how,
            ended_at=None if how is None else self._at,
        )
        task = Task(row, origin.definitions)
        self._overlay.insert(task)
        return task


def _full_name(parent: Task | None, definition: TaskDefinition) -> str:
    return definition.name if parent is None else parent.full_name + definition.name
