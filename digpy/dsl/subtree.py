"""One task of a workflow, found by the end of its name and cut out to run alone."""

from __future__ import annotations

from collections.abc import Iterable

from digpy.dsl.model import Definitions, Shift, TaskDefinition, Workflow
from digpy.errors import Conflict, NotFound, UsageError


def full_names(definitions: Definitions) -> list[str]:
    """Full names of the tasks below the first root, by index."""
    names: list[str] = []
    for task in definitions.tasks:
        if task.parent is None and names:
            break
        names.append(task.name if task.parent is None else names[task.parent] + task.name)
    return names


def match_task(full_names: Iterable[str], pattern: str) -> str:
    """The one full name that ends with `pattern`, which must begin where a task's name begins.

    The first sign may be left out (D47; digdag calls ``a`` and ``y+a`` syntax errors). Raises
    `NotFound`, `Conflict` naming the candidates, or `UsageError` for a pattern without a name.
    """
    if not pattern.strip("+^"):
        raise UsageError(f'"{pattern}" is not a task pattern: it names no task')
    endings = (pattern,) if pattern[0] in "+^" else ("+" + pattern, "^" + pattern)
    found = list(dict.fromkeys(name for name in full_names if name.endswith(endings)))
    if not found:
        raise NotFound(f"Task pattern '{pattern}' doesn't match with any tasks.")
    if len(found) > 1:
        candidates = ", ".join(found)
        raise Conflict(
            f"Task pattern '{pattern}' is ambiguous. Matching candidates are [{candidates}]"
        )
    return found[0]


def extract_subtree(workflow: Workflow, pattern: str) -> Workflow:
    """The workflow with nothing but the matching task and what is below it, attached to the root.

    Full names stay, so the task is called ``+g+a`` there. Upstreams and ancestors between are
    dropped, with their exports. Follows digdag 0.10.5: ``run w.dig +task``.
    """
    old = workflow.definitions
    names = full_names(old)
    top = names.index(match_task(names, pattern))
    if top == 0:
        return workflow
    tasks = [*_moved(old.tasks[:1], 0), *_moved(_below(old, top), 1 - top)]
    tasks[0].children = (1,)
    tasks[1].name = names[top].removeprefix(names[0])
    tasks[1].parent = 0
    tasks[1].upstreams = ()
    for root in old.sla_roots():
        tasks += _moved(_below(old, root.index), len(tasks) - root.index)
    for task in tasks:  # grows while it is walked: handlers have handlers
        for name, index in task.handlers.items():
            moved = _moved(_below(old, index), len(tasks) - index)
            task.handlers = {**task.handlers, name: len(tasks)}
            tasks += moved
    tasks += _moved([workflow.alert], len(tasks) - workflow.alert.index)
    return workflow._replace(definitions=Definitions(tasks))


def _below(definitions: Definitions, index: int) -> tuple[TaskDefinition, ...]:
    return definitions.tasks[index : index + definitions.static_count(index)]


def _moved(tasks: Iterable[TaskDefinition], by: int) -> list[TaskDefinition]:
    shift = Shift(by)
    copies = []
    for task in tasks:
        parent = None if task.parent is None else task.parent + by
        copy = TaskDefinition(
            task.index + by,
            task.name,
            parent,
            shift.moved(task.upstreams),
            task.is_group,
            task.config,
        )
        copy.children = tuple([index + by for index in task.children])
        copy.handlers = task.handlers
        copies.append(copy)
    return copies
