"""What need not run in this attempt: successes of an earlier one, and what nobody asked for.

A success is taken over by full name, with everything below it, and only where nothing new could
change it: in the first round of every ancestor, and behind nothing that runs. Handlers and the
failure alert always run; a ``^check`` is taken over only together with its owner.

Follows digdag 0.10.5 (``TaskControl``), except that generated descendants come along, and that a
task with something unknown below it or before it runs again.
"""

from __future__ import annotations

from collections.abc import Mapping

from digpy.dsl.model import Definitions, TaskDefinition
from digpy.engine.changes import Output
from digpy.engine.overlay import Overlay
from digpy.engine.tree import (
    RESUMED,
    SKIPPED,
    CompileGenerated,
    Selection,
    Taken,
    Task,
)
from digpy.errors import CompileError

AT_REST = frozenset({RESUMED, SKIPPED})
"""How a task succeeded that did nothing in this attempt."""


def takeovers(
    definitions: Definitions,
    successes: Mapping[str, Output | None],
    compile_generated: CompileGenerated,
) -> dict[str, Taken]:
    """Prepare `Selection.takeovers` for a workflow from an earlier attempt.

    `successes` are the tasks of live rounds that ran or were taken over, ``^check`` included, by
    full name, each with its newest output. What they had generated is compiled for the definitions
    of today, so a task whose ``_check`` has become another is not mistaken for the old one.
    """
    found: dict[str, Taken] = {}
    pending = [(definitions, definitions[0], "")]
    while pending:
        around, definition, prefix = pending.pop()
        name = prefix + definition.name
        below = [(around, around[index], name) for index in definition.children]
        if name in successes:
            output = successes[name]
            generated = None
            if not definition.is_group:
                subtasks = None if output is None else output.subtasks
                try:
                    generated = compile_generated(definition, name, subtasks)
                except CompileError:
                    continue  # what stands there today fails; let it run and say so
            found[name] = Taken(output, generated)
            if generated is not None:
                below += [(generated, root, name) for root in generated_roots(generated)]
        pending += below
    return found


def generated_roots(definitions: Definitions) -> list[TaskDefinition]:
    """The ``^sub`` and ``^check`` of what a run generated; handlers stand beside them."""
    return [
        definition
        for definition in definitions.tasks
        if definition.parent is None and definition.name in ("^sub", "^check")
    ]


def is_known(
    selection: Selection, definition: TaskDefinition, definitions: Definitions, full_name: str
) -> bool:
    """The task and everything that stands or was generated below it succeeded earlier."""
    taken = selection.takeovers.get(full_name)
    if taken is None:
        return False
    below = [(definitions, definitions[index]) for index in definition.children]
    if taken.definitions is not None:
        below += [(taken.definitions, root) for root in generated_roots(taken.definitions)]
    return all(
        is_known(selection, child, around, full_name + child.name) for around, child in below
    )


def may_take(overlay: Overlay, parent: Task | None) -> bool:
    """Below `parent` nothing new could change a success: first rounds only, behind nothing new."""
    if not overlay.tree.selection.takeovers:
        return False
    while parent is not None:
        if parent.round or parent.verdict is not None:
            return False
        if any(overlay[number].how not in AT_REST for number in parent.upstreams):
            return False
        parent = None if parent.parent is None else overlay[parent.parent]
    return True


def may_skip(overlay: Overlay, parent: Task | None, origin: int | None) -> bool:
    """Tasks that are not to run are left out here: static ones, in every round, not in handlers."""
    if overlay.tree.selection.run is None or origin is not None:
        return False
    while parent is not None:
        if parent.verdict is not None:
            return False
        parent = None if parent.parent is None else overlay[parent.parent]
    return True
