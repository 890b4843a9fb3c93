"""JSON values, the text that is a template, and how mappings merge.

A parameter is JSON. Text that stands in a file of the project, or was given from outside, and
contains a ``$`` is a `Template`; the same characters stored by a task are a plain ``str`` and are
never evaluated. The type is the whole difference, so it has to survive the database: `encode` and
`decode` keep it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Params: TypeAlias = "dict[str, Json]"

SECOND = 1_000_000
"""Microseconds in a second: instants and waits are integers of microseconds everywhere."""

_TAG = "${}"
PLAIN = frozenset({str, int, float, bool, type(None)})
"""The types of values that neither are nor hold a template."""


class Template(str):
    """Text to be evaluated when a task runs. Equal to, and stored beside, ordinary text."""

    __slots__ = ()


def as_templates(value: Json) -> Json:
    """Copy `value` with every text that contains a ``$`` turned into a `Template`, but keys."""
    if isinstance(value, str):
        return Template(value) if "$" in value else value
    if isinstance(value, dict):
        return {key: as_templates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_templates(item) for item in value]
    return value


def deep_merge(base: Mapping[str, Json], over: Mapping[str, Json]) -> Params:
    """Merge `over` into a copy of `base`: mappings deeply, everything else replaced.

    A replaced key keeps its place, a new key goes to the end. Neither argument is changed, and what
    needs no merging is shared with them. Follows digdag 0.10.5: ``Config.merge``.
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            merged[key] = deep_merge(old, value)
        else:
            merged[key] = value
    return merged


def remove_paths(params: Mapping[str, Json], paths: Iterable[str]) -> Params:
    """Copy `params` without the dotted `paths`; a step that does not exist is ignored."""
    result = dict(params)
    for path in paths:
        first, _, rest = path.partition(".")
        inner = result.get(first)
        if not rest:
            result.pop(first, None)
        elif isinstance(inner, dict):
            result[first] = remove_paths(inner, [rest])
    return result


def to_json(value: Json) -> str:
    """Compact JSON text, non-ASCII kept: as values look in templates, environments, messages."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encode(value: Any) -> str:
    """JSON text for the database, in which templates stay distinguishable from ordinary text."""
    return json.dumps(_tagged(value), separators=(",", ":"))


def decode(text: str) -> Any:
    """Inverse of `encode`."""
    return json.loads(text, object_hook=_untagged if _TAG in text else None)


def _tagged(value: Any) -> Any:
    # A template is {"${}": text}; a key that begins with the tag gets one more, so nothing is
    # ambiguous.
    if type(value) is Template:
        return {_TAG: str(value)}
    if isinstance(value, dict):
        return {
            _TAG + key if key.startswith(_TAG) else key: (
                item if type(item) in PLAIN else _tagged(item)
            )
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [item if type(item) in PLAIN else _tagged(item) for item in value]
    return value


def _untagged(mapping: dict[str, Any]) -> Any:
    if _TAG in mapping:
        return Template(mapping[_TAG])
    if any(key.startswith(_TAG) for key in mapping):
        return {key.removeprefix(_TAG): item for key, item in mapping.items()}
    return mapping
