"""Parameters as YAML for people."""

from __future__ import annotations

from collections.abc import Iterable

from digpy.values import Json, to_json


def yaml_lines(value: Json) -> Iterable[str]:
    """`value` as YAML in digdag's manner: bare keys, quoted texts, empty collections as ``{}``."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _yaml_entry(f"{key}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            lines = list(yaml_lines(item))
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])
    else:
        yield to_json(value)


def _yaml_entry(key: str, item: Json) -> Iterable[str]:
    if isinstance(item, (dict, list)) and item:
        yield key
        indent = "  " if isinstance(item, dict) else ""
        yield from (f"{indent}{line}" for line in yaml_lines(item))
    else:
        yield f"{key} {to_json(item)}"
