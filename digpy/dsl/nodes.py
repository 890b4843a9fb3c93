"""Mappings and lists that remember where they were written.

They *are* dicts and lists, so whoever reads a value need not know whether it came from a file or
from an operator; only who draws a problem asks for a position, and gets None where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from digpy.source import Source, Span
from digpy.values import Json, Template

Offsets: TypeAlias = "tuple[int, int, int, int] | tuple[int, int, int, int, Source]"
"""Key start, key end, value start, value end, and the source if it is not that of the mapping."""


class MappingNode(dict[str, Json]):
    """A mapping from a file. Treat it as immutable: aliases and tasks share it.

    Attributes:
        source: the text it stands in.
        start, end: character offsets of the mapping itself.
        offsets: where each key and its value stand. Offsets, not spans: most are never looked at.
    """

    __slots__ = ("end", "offsets", "source", "start")

    def __init__(self, source: Source, start: int, end: int = 0) -> None:
        super().__init__()
        self.source = source
        self.start = start
        self.end = end
        self.offsets: dict[str, Offsets] = {}

    def add(self, key: str, value: Json, offsets: Offsets) -> None:
        """Set a key and where it stands; a key that exists keeps its place in the order."""
        self[key] = value
        self.offsets[key] = offsets

    def offsets_from(self, other: MappingNode, key: str) -> Offsets:
        """The offsets of `key` in `other`, good for use in this mapping."""
        offsets = other.offsets[key]
        if len(offsets) == 4 and other.source is not self.source:
            return (*offsets, other.source)
        return offsets


class SequenceNode(list[Json]):
    """A list from a file; `offsets` are start and end of each item. Treat it as immutable."""

    __slots__ = ("offsets", "source")

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.source = source
        self.offsets: list[tuple[int, int]] = []


def key_span(mapping: object, key: str) -> Span | None:
    """Where `key` is written; None if `mapping` has no positions."""
    found = _find(mapping, key)
    return Span(found[0], found[1][0], found[1][1]) if found else None


def value_span(mapping: object, key: str) -> Span | None:
    """Where the value of `key` is written; None if `mapping` has no positions."""
    found = _find(mapping, key)
    return Span(found[0], found[1][2], found[1][3]) if found else None


def item_span(items: object, index: int) -> Span | None:
    """Where an item is written; None if `items` has no positions."""
    if not isinstance(items, SequenceNode):
        return None
    return Span(items.source, *items.offsets[index])


def merge_nodes(base: MappingNode, over: MappingNode) -> MappingNode:
    """`values.deep_merge` that keeps positions; neither argument is changed."""
    merged = MappingNode(base.source, base.start, base.end)
    for key, value in base.items():
        merged.add(key, value, base.offsets[key])
    merge_into(merged, over)
    return merged


def merge_into(base: MappingNode, over: MappingNode) -> None:
    """Merge `over` into `base` itself, which must not be shared yet."""
    for key, value in over.items():
        old = base.get(key)
        if isinstance(old, MappingNode) and isinstance(value, MappingNode):
            value = merge_nodes(old, value)  # noqa: PLW2901 - what is stored is the merged value
        base.add(key, value, base.offsets_from(over, key))


def templates(value: Json, span: Span | None = None) -> Iterator[tuple[Template, Span | None]]:
    """Every template inside `value`, depth first, with where its text is written."""
    if isinstance(value, Template):
        yield value, span
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, (Template, dict, list)):
                yield from templates(item, value_span(value, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (Template, dict, list)):
                yield from templates(item, item_span(value, index))


def _find(mapping: object, key: str) -> tuple[Source, Offsets] | None:
    if not isinstance(mapping, MappingNode):
        return None
    offsets = mapping.offsets.get(key)
    if offsets is None:
        return None
    return (offsets[4] if len(offsets) == 5 else mapping.source), offsets
