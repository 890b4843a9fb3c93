"""What need not run in this attempt: successes of an earlier one, and what nobody asked for.

A success is taken over by full name, with everything below it, and only where nothing new could
change it: in the first round of every ancestor, and behind nothing that runs. Handlers and the
failure alert always run; a ``^check`` and all in it is taken over only together with its owner.

Follows digdag 0.10.5 (``TaskControl``), except that generated descendants come along, and that a
task with something unknown below it or before it runs again.
"""

from __future__ import annotations

from digpy.dsl.compiler import compile_generated
from digpy.dsl.model import Definitions, TaskDefinition
from digpy.engine.overlay import Overlay
from digpy.engine.tree import Selection, Task
from digpy.errors import CompileError


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
    """The task and everything that stands or would be generated below it succeeded earlier."""
    if full_name not in selection.takeovers:
        return False
    below = [(definitions, definitions[index]) for index in definition.children]
    try:
        generated = generated_then(selection, definition, full_name)
    except CompileError:
        return False  # what is written there today fails: let it run and say so
    if generated is not None:
        below += [(generated, root) for root in generated_roots(generated)]
    return all(
        is_known(selection, child, around, full_name + child.name) for around, child in below
    )


def generated_then(
    selection: Selection, definition: TaskDefinition, full_name: str
) -> Definitions | None:
    """What the present definition of a known task makes of the subtasks it had generated.

    Rows name their definition by its place in these, and reading the tree back compiles them again:
    so not the ones of the earlier attempt, whose revision may have been another. Raises
    `CompileError`.
    """
    if definition.is_group:
        return None
    output = selection.takeovers[full_name]
    return compile_generated(definition, full_name, None if output is None else output.subtasks)


def may_take(overlay: Overlay, parent: Task | None) -> bool:
    """Below `parent` nothing new could change a success: first rounds only, behind nothing new."""
    if not overlay.tree.selection.takeovers:
        return False
    while parent is not None:
        if parent.round or parent.verdict is not None or parent.definition.name == "^check":
            return False
        if not parent.place.undisturbed:
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
