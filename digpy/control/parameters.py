"""The parameters of one task, merged and evaluated, ready for its operator.

Glues the two halves that do not know each other: `digpy.engine.params` says which layers in which
order, `digpy.expr` merges and evaluates. What siblings share is merged once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from digpy.engine.params import Kind, Layer, Layers, error_sources, left_below, owner_of
from digpy.engine.states import TaskState
from digpy.engine.tree import Task, Tasks, fails_by_sla
from digpy.expr.scope import Scope
from digpy.values import Json, Params, deep_merge

START = "start parameters"
"""Origin of what an attempt was started with."""

EXPORT_OF = "_export of "
"""Origin of what is written below ``_export``; the task's full name follows."""

BUILT_IN = "built-in"
"""Origin of the variables that every task has."""

WRITTEN = "written on the task"
"""Origin of a task's own keys."""


class Inherited:
    """Merged parameters of the tasks of one tree: everything but the built-in variables.

    `cause` is why the attempt is to stop, None if it is not.
    """

    def __init__(self, base: Params, cause: str | None = None) -> None:
        self._cause = cause
        self._base = Scope(base, START)
        self._layers = Layers()
        # By identity: siblings share layers. Keeping the layer keeps its id from being used again.
        self._scopes: dict[int, tuple[Layer, Scope]] = {}

    def of(self, tasks: Tasks, task: Task) -> Scope:
        """What `task` inherits, its own export included."""
        pending = []
        layer = self._layers.of(tasks, task)
        while layer is not None and id(layer) not in self._scopes:
            pending.append(layer)
            layer = layer.previous
        scope = self._base if layer is None else self._scopes[id(layer)][1]
        for waiting in reversed(pending):
            scope = self._over(scope, waiting, tasks)
            self._scopes[id(waiting)] = (waiting, scope)
        return scope

    def stored(self, tasks: Tasks, task: Task) -> Params:
        """Only what earlier tasks of this attempt stored, resets applied."""
        layers = []
        layer = self._layers.entering(tasks, task)
        while layer is not None:
            if layer.kind is Kind.STORE:
                layers.append(layer)
            layer = layer.previous
        scope = Scope({})
        for waiting in reversed(layers):
            scope = self._over(scope, waiting, tasks)
        return scope.params

    def _over(self, scope: Scope, layer: Layer, tasks: Tasks) -> Scope:
        task, output = tasks[layer.task], layer.output
        if layer.kind is Kind.EXPORT:
            return scope.export(task.definition.export, EXPORT_OF + task.full_name)
        if layer.kind is Kind.HANDLER:
            return self._handled(scope, task, tasks)
        assert output is not None  # noqa: S101 - the other kinds carry one
        if layer.kind is Kind.RESULT_EXPORT:
            return scope.export(output.export, f"exported by {task.full_name}")
        return scope.store(output.store, output.reset, f"stored by {task.full_name}")

    def _handled(self, scope: Scope, handler: Task, tasks: Tasks) -> Scope:
        """What a handler sees beyond what its owner inherits."""
        for source in left_below(tasks, handler):
            scope = scope.store(source.store, source.reset, f"stored before {handler.full_name}")
        verdict = owner_of(tasks, handler).verdict
        if verdict is TaskState.CANCELED:
            cause = self._cause or ("sla" if fails_by_sla(tasks) else "timeout")  # of a task above
            return scope.export({"cancel_cause": cause}, f"told to {handler.full_name}")
        if verdict is TaskState.SUCCESS:
            return scope
        error: Params = {}
        for source in error_sources(tasks, handler):
            error = deep_merge(error, source.error or {})
        return scope.export({"error": error}, f"error handled by {handler.full_name}")


def to_evaluate(
    merged: Params, inherited: Params, local: Params, templates: Collection[str]
) -> Params:
    """Of `merged`, which is `local` over `inherited`, what differs or may hold templates, in order.

    `templates` are the names of `inherited` that may hold some, in order. The rest is what
    thousands of earlier tasks may have stored, and stays as it is.
    """
    names = dict.fromkeys((*templates, *local))
    if any(name in inherited and name not in templates for name in local):
        names = dict.fromkeys(name for name in merged if name in names)  # in the place it had
    return {name: merged[name] for name in names if name in merged}


class OwnOperator(NamedTuple):
    """What kind of task this is, and the key that says so (``sh>`` or ``_type``)."""

    type: Json
    key: str


def own_operator(local: Params) -> OwnOperator | None:
    """The operator as written on the task itself; exported keys never take over a task.

    ``_type`` wins over a ``x>`` key, as in digdag 0.10.5. None: the task does nothing.
    """
    if local.get("_type") is not None:
        return OwnOperator(local["_type"], "_type")
    for key in local:
        if key.endswith(">"):
            return OwnOperator(key[:-1], key)
    return None


def restrict(value: Json, shape: Json) -> Json:
    """The part of `value` that `shape` has too: what of a merge is written on the task itself."""
    if isinstance(value, dict) and isinstance(shape, dict):
        return {key: restrict(value[key], shape[key]) for key in shape if key in value}
    return value
