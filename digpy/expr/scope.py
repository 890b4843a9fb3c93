"""Merges layers of parameters, and remembers where each value came from.

Which layers, and in which order, is the business of `digpy.engine.params`. A scope is never
changed: adding a layer makes a new one that shares everything with the one before, and nothing is
merged until somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from digpy.values import PLAIN, Json, Params, deep_merge, remove_paths

_KEPT = 64
"""How many scopes of one base hold their parameters merged at the same time."""


class Scope:
    """A persistent chain of layers. `params` is shared between scopes: do not change it."""

    __slots__ = ("_layer", "_merged", "_params", "_previous", "_templates")

    def __init__(self, base: Mapping[str, Json], origin: str = "") -> None:
        self._previous: Scope | None = None
        self._layer = _Layer(base, (), origin, _may_hold_templates(base))
        self._params: Params | None = dict(base)
        self._templates = self._layer.templates
        # Shared by all scopes of this base: those that hold their parameters, oldest use first.
        self._merged: dict[int, Scope] = {}

    def export(self, params: Mapping[str, Json], origin: str = "") -> Scope:
        """This scope with `params` merged over it; mappings merge deeply, the rest is replaced."""
        layer = _Layer(params, (), origin, _may_hold_templates(params))
        return self._with(layer) if params else self

    def store(
        self, params: Mapping[str, Json], reset: Iterable[str] = (), origin: str = ""
    ) -> Scope:
        """This scope without the dotted paths `reset`, then with `params` merged over it.

        What a task stored holds no templates.
        """
        layer = _Layer(params, tuple(reset), origin, ())
        return self._with(layer) if layer.params or layer.reset else self

    @property
    def params(self) -> Params:
        """Everything merged, starting from the nearest scope that has it merged already."""
        pending: list[Scope] = []
        scope = self
        while scope._params is None:
            pending.append(scope)
            assert scope._previous is not None  # noqa: S101 - a base has its parameters
            scope = scope._previous
        params, templates = scope._params, scope._templates
        scope._use()
        for waiting in reversed(pending):
            params = waiting._params = waiting._layer.over(params)
            if waiting._layer.templates or waiting._layer.reset:  # else all stay where they are
                names = {*templates, *waiting._layer.templates}
                templates = tuple([name for name in params if name in names])
            waiting._templates = templates
            waiting._use()
        return params

    @property
    def templates(self) -> tuple[str, ...]:
        """The top-level names of `params` that hold templates, in order; and maybe others."""
        return self._templates if self.params else ()

    def origins(self, name: str) -> list[str]:
        """Where the top-level `name` comes from, newest first; several if mappings merged."""
        found = []
        scope: Scope | None = self
        while scope is not None:
            layer = scope._layer
            if name in layer.params:
                found.append(layer.origin)
                before = scope._previous.params.get(name) if scope._previous else None
                if not isinstance(layer.params[name], dict) or not isinstance(before, dict):
                    break
            if name in layer.reset:
                break
            scope = scope._previous
        return found

    def _use(self) -> None:
        # Ten thousand siblings that store a name each would otherwise hold fifty million entries.
        if self._previous is None:
            return
        self._merged.pop(id(self), None)
        self._merged[id(self)] = self
        if len(self._merged) > _KEPT:
            self._merged.pop(next(iter(self._merged)))._params = None

    def _with(self, layer: _Layer) -> Scope:
        scope = Scope.__new__(Scope)
        scope._merged = self._merged
        scope._previous = self
        scope._layer = layer
        scope._params = None
        return scope


class _Layer(NamedTuple):
    params: Mapping[str, Json]
    reset: tuple[str, ...]
    origin: str
    templates: tuple[str, ...]

    def over(self, params: Params) -> Params:
        if self.reset:
            params = remove_paths(params, self.reset)
        return deep_merge(params, self.params) if self.params else params


def _may_hold_templates(params: Mapping[str, Json]) -> tuple[str, ...]:
    return tuple([name for name, value in params.items() if type(value) not in PLAIN])
