"""Which operators there are, and where. An operator's module is imported when it is first used.

Built-in names win over plugins, which are Python packages with an entry point in the group
``digpy.operators``. Asking for those reads the metadata of every installed package, so it happens
only for a name that is not built in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from digpy.spi import InlineOperator, ProgramOperator
from digpy.values import Json, Params

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Operator = InlineOperator | ProgramOperator
Kind = Literal["inline", "program"]

GROUP: Final = "digpy.operators"

_INLINE: Final = {
    "call": "call:Call",
    "echo": "echo:Echo",
    "fail": "fail:Fail",
    "for_each": "for_each:ForEach",
    "for_range": "for_range:ForRange",
    "if": "if_:If",
    "loop": "loop:Loop",
    "notify": "notify:Notify",
    "param_eval": "param_eval:ParamEval",
    "param_reset": "param_reset:ParamReset",
    "param_store": "param_store:ParamStore",
    "require": "require:Require",
    "wait": "wait:Wait",
}
_PROGRAMS: Final = {
    "py": "py:Py",
    "sh": "sh:Sh",
}
_PROGRAMS_WITH: Final = {"notify": "notification.type"}
"""Inline operators that run as programs where a setting has a value."""

_COVERED: Final = {
    ("pro.civitaspo", "digdag-operator-param"): ("param_eval", "param_reset", "param_store")
}
"""Java plugins, by group and artifact, whose operators are built in."""


@cache
def find(operator: str) -> Operator | None:
    """The operator of that name (without ``>``), None if there is none. Imports it on first use."""
    built_in = _INLINE.get(operator) or _PROGRAMS.get(operator)
    if built_in is None:
        return _plugin(operator)
    from importlib import import_module

    module, _, name = built_in.partition(":")
    made: Operator = getattr(import_module(f"digpy.operators.{module}"), name)()
    return made


def kind(operator: str, settings: Mapping[str, str]) -> Kind | None:
    """Of which kind an operator is, without importing a built-in one; None if there is none.

    `settings` are those that operators may read.
    """
    if operator in _INLINE:
        setting = _PROGRAMS_WITH.get(operator)
        return "program" if setting and settings.get(setting) else "inline"
    if operator in _PROGRAMS:
        return "program"
    found = _plugin(operator)
    if found is None:
        return None
    return "inline" if hasattr(found, "run") else "program"


def built_in() -> frozenset[str]:
    """The names of digpy's own operators."""
    return frozenset(_INLINE) | frozenset(_PROGRAMS)


def known() -> frozenset[str]:
    """The names of all operators, for suggestions and checks; asks installed packages too."""
    return built_in() | frozenset(_entry_points())


def plugin_problems(export: Params) -> list[str]:
    """A line for each Java plugin in an ``_export`` that no built-in operator stands in for."""
    plugin = export.get("plugin")
    if not isinstance(plugin, dict):
        return []
    dependencies = plugin.get("dependencies")
    written: list[Json] = dependencies if isinstance(dependencies, list) else [dependencies]
    return [
        f'plugin "{dependency}" is a Java library and cannot be loaded; operators come from Python '
        f'packages with an entry point in the group "{GROUP}"'
        for dependency in written
        if isinstance(dependency, str) and tuple(dependency.split(":")[:2]) not in _COVERED
    ]


@cache
def _plugin(operator: str) -> Operator | None:
    entry_point = _entry_points().get(operator)
    if entry_point is None:
        return None
    loaded = entry_point.load()
    made: Operator = loaded() if isinstance(loaded, type) else loaded
    return made


@cache
def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
