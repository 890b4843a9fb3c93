"""``--show-params``: what a task gets to see, and for one task where each parameter comes from.

Only what `digpy.control.requests` has merged and evaluated already; secrets are not among the
parameters, so they cannot be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from digpy.control.parameters import BUILT_IN, EXPORT_OF, START, WRITTEN
from digpy.control.yaml_text import yaml_lines
from digpy.dsl.include import read_file
from digpy.dsl.model import HANDLERS
from digpy.dsl.nodes import key_span
from digpy.errors import SourceError
from digpy.expr.builtin import SCHEDULE_TIMES
from digpy.expr.scope import Scope
from digpy.spi import TaskRequest
from digpy.values import Json, to_json

_NAME = re.compile(r"[+^][^+^]+")
_DIRECTIVES = {"^check": "_check", **{name: key for key, name in HANDLERS.items()}}
"""Where tasks that are not called like their key are written."""


def shown_params(wanted: Json, request: TaskRequest, layers: Scope) -> Iterator[str]:
    """What is to be said about the parameters of a task: nothing, or one text.

    `wanted` is true (all tasks, as YAML, as digdag does), or a mapping with a ``task`` (its full
    name, or the end of a generated one's) and what was ``given`` to the command, with its origins.
    `layers` is what `request` was made of.
    """
    if not isinstance(wanted, dict):
        yield "parameters:" + "".join(f"\n  {line}" for line in yaml_lines(request.params))
        return
    name, given = wanted["task"], wanted["given"]
    assert isinstance(name, str)  # noqa: S101 - only the command writes it
    assert isinstance(given, dict)  # noqa: S101 - likewise
    if request.full_name == name or ("^" in name and request.full_name.endswith(name)):
        lines = _Origins(request, layers, given).lines()
        yield "parameters, and where they come from:" + "".join(f"\n  {line}" for line in lines)


class _Origins:
    """Where the parameters of one task come from."""

    def __init__(self, request: TaskRequest, layers: Scope, given: Mapping[str, Json]) -> None:
        self._request = request
        self._layers = layers
        self._given = given
        self._node = _workflow(request.project, f"{request.workflow}.dig")

    def lines(self) -> Iterator[str]:
        """A line for each parameter, in the order in which they are merged."""
        for name, value in self._request.params.items():
            origins = self._layers.origins(name)
            if origins:  # the engine puts in _type and _command, which the written key says as well
                found = dict.fromkeys(
                    text for origin in origins for text in self._texts(origin, name)
                )
                yield f"{name}: {to_json(value)}  # {', over '.join(found)}"

    def _texts(self, origin: str, name: str) -> list[str]:
        if origin == START:
            if name in SCHEDULE_TIMES and isinstance(self._node, dict) and "schedule" in self._node:
                return [BUILT_IN]
            given = self._given.get(name)
            return [str(item) for item in given] if isinstance(given, list) else [origin]
        if origin == WRITTEN:
            return [origin + self._place(self._request.full_name, name)]
        if origin.startswith(EXPORT_OF):
            return [origin + self._place(origin.removeprefix(EXPORT_OF), "_export", name)]
        return [origin]

    def _place(self, full_name: str, *keys: str) -> str:
        """`` (w.dig:5)``: where a key of a task is written; empty if that is not known."""
        node = self._node
        for segment in _NAME.findall(full_name)[1:]:
            key = _DIRECTIVES.get(segment, segment)
            node = node.get(key) if isinstance(node, dict) else None
        for key in keys[:-1]:
            node = node.get(key) if isinstance(node, dict) else None
        span = key_span(node, keys[-1])
        return "" if span is None else f" ({span.source.name}:{span.line})"


def _workflow(project: Path, file: str) -> Json:
    """The mapping of the workflow's file as it is now; None if it cannot be read any more."""
    try:
        return read_file(project / file, project, file)
    except SourceError:
        return None
