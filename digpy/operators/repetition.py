"""What ``for_each>``, ``for_range>`` and ``loop>`` share: the body, and how its copies run."""

from __future__ import annotations

from collections.abc import Iterable

from digpy.dsl.coercion import json_text
from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.spi import TaskRequest, TaskResult
from digpy.values import Json, Params


def body_of(request: TaskRequest) -> Params:
    """``_do``, as written: its templates are evaluated by the generated tasks."""
    return conversions.mapping(request.params, "_do")


def repeated(
    request: TaskRequest, body: Params, children: Iterable[tuple[str, Params]]
) -> TaskResult:
    """One copy of `body` for each (name, data) of `children`.

    No children is a plain success, but with ``_parallel`` there is an empty ``^sub`` group, as in
    digdag.
    """
    parallel = _parallel(request)
    repeat = tuple(children)
    if not repeat and parallel is None:
        return TaskResult()
    return TaskResult(subtasks=Subtasks(body, repeat, parallel))


def _parallel(request: TaskRequest) -> Json:
    """``_parallel``, also an exported one, if it asks for anything. Raises `TaskFailed`."""
    if "_parallel" not in request.params:
        return None
    value = request.params["_parallel"]
    match value:
        case bool() | str():
            return value if conversions.boolean(request.params, "_parallel") else None
        case dict():
            conversions.long(value, "limit")
            return value
        case _:
            raise TaskFailed(f"Invalid _parallel format: {json_text(value)}", "config")
