"""The parameters of one task, merged and evaluated, ready for its operator.

Glues the two halves that do not know each other: `digpy.engine.params` says which layers in which order,
`digpy.expr` merges and evaluates. What siblings share is merged once.
"""

from __future__ import annotations

from typing import NamedTuple

from digpy.engine.changes import Output
from digpy.engine.params import Kind, Layer, Layers, Tasks, error_sources
from digpy.engine.tree import Task
from digpy.values import Json, Params, deep_merge, remove_paths


class Inherited:
    """Merged parameters of the tasks of one tree: scopes 1 to 5 of a task, without its built-in variables."""

    def __init__(self, base: Params) -> None:
        self._base = base
        self._layers = Layers()
        # Keyed by identity: layers are shared objects; keeping the layer keeps its id from being reused.
        self._merged: dict[int, tuple[Layer, Params]] = {}

    def of(self, tasks: Tasks, task: Task) -> Params:
        """What `task` inherits, its own export included. The mapping is shared: do not change it."""
        return self._merge(tasks, self._layers.of(tasks, task))

    def stored(self, tasks: Tasks, task: Task) -> Params:
        """Only what earlier tasks of this attempt stored, resets applied."""
        outputs = []
        layer = self._layers.entering(tasks, task)
        while layer is not None:
            if layer.kind is Kind.STORE and layer.output is not None:
                outputs.append(layer.output)
            layer = layer.previous
        params: Params = {}
        for output in reversed(outputs):
            params = _store(params, output)
        return params

    def _merge(self, tasks: Tasks, layer: Layer | None) -> Params:
        pending = []
        while layer is not None and id(layer) not in self._merged:
            pending.append(layer)
            layer = layer.previous
        params = self._base if layer is None else self._merged[id(layer)][1]
        for waiting in reversed(pending):
            params = _apply(params, waiting, tasks)
            self._merged[id(waiting)] = (waiting, params)
        return params


def _apply(params: Params, layer: Layer, tasks: Tasks) -> Params:
    if layer.kind is Kind.EXPORT:
        return deep_merge(params, tasks[layer.task].definition.export)
    if layer.kind is Kind.ERROR:
        return _error_parameters(params, error_sources(tasks, tasks[layer.task]))
    assert layer.output is not None  # noqa: S101 - the other kinds carry one
    if layer.kind is Kind.RESULT_EXPORT:
        return deep_merge(params, layer.output.export)
    return _store(params, layer.output)


def _store(params: Params, output: Output) -> Params:
    if output.reset:
        params = remove_paths(params, output.reset)
    return deep_merge(params, output.store) if output.store else params


def _error_parameters(params: Params, sources: list[Output]) -> Params:
    error: Params = {}
    for output in sources:
        params = _store(params, output)
        if output.error is not None:
            error = deep_merge(error, output.error)
    return deep_merge(params, {"error": error})


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
    """The part of `value` that `shape` has too: what of a merged mapping is written on the task itself."""
    if isinstance(value, dict) and isinstance(shape, dict):
        return {key: restrict(value[key], shape[key]) for key in shape if key in value}
    return value
