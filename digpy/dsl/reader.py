"""YAML text to nodes: digdag's dialect, with a position for everything.

Composes the parser's events itself, because neither YAML 1.1 nor 1.2 is what ``.dig`` files are
written in (`digpy.dsl.scalars`), and because an error must point at its line. Files are
`digpy.dsl.include`'s business; what a refused text means in plain words is `digpy.dsl.syntax`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from digpy.dsl.nodes import MappingNode, SequenceNode, merge_into
from digpy.dsl.scalars import key_text, plain, tagged
from digpy.dsl.yaml_events import SyntaxFault, open_events
from digpy.errors import YamlError
from digpy.source import Problem, Source, Span, sort_problems
from digpy.values import Json, Template

Load = Callable[[str, str], Source]
"""Text of an include, by name of the including file and path as written. Raises `YamlError`."""

MAX_DEPTH = 100
"""How deeply values may be nested; far beyond any workflow, well below Python's own limit."""

MAX_COPIED = 1_000_000
"""How many values aliases may copy in all; a few lines of nested aliases would fill any memory."""

_TAG_PREFIX = "tag:yaml.org,2002:"
_COLLECTION_TAGS = {
    "MappingStartEvent": (None, "!", _TAG_PREFIX + "map", _TAG_PREFIX + "set"),
    "SequenceStartEvent": (
        None,
        "!",
        _TAG_PREFIX + "seq",
        _TAG_PREFIX + "omap",
        _TAG_PREFIX + "pairs",
    ),
}
_KNOWN_TAGS = {tag for tags in _COLLECTION_TAGS.values() for tag in tags}
_INCLUDE_HELP = 'write it as a key, with a space before the colon: "!include : path"'


def read_text(source: Source, *, load: Load | None = None, pure: bool = False) -> MappingNode:
    """Read one YAML document, which must be a mapping.

    `load` gives the texts of ``!include``; without it they are a problem. `pure` asks for the
    Python parser. Raises `YamlError` with every problem found: a syntax error ends the reading,
    others do not.
    """
    reading = _Reading([], load, pure)
    try:
        node = _compose(reading, source, 0)
    except _Abandoned:
        node = None
    if reading.problems or node is None:
        raise YamlError(sort_problems(reading.problems))
    return node


class _Abandoned(Exception):  # noqa: N818 - the problem is recorded, this only unwinds
    """Reading cannot go on."""


class _Reading:
    """What the composers of a file and of its includes share."""

    def __init__(self, problems: list[Problem], load: Load | None, pure: bool) -> None:
        self.problems = problems
        self.load = load
        self.pure = pure
        self.copied = 0
        self.open: list[str] = []


class _Anchor(NamedTuple):
    """`text` is the written text of a scalar; `size` and `height` are those of the copied value."""

    value: Json
    text: str | None
    size: int
    height: int


def _compose(reading: _Reading, source: Source, depth: int) -> MappingNode | None:
    if source.text.startswith("\ufeff"):
        source = source._replace(text=source.text[1:])
    found = len(reading.problems)
    try:
        try:
            return _Composer(reading, source, reading.pure).document(depth)
        except SyntaxFault as fault:
            if reading.pure or not fault.is_too_strict:
                raise
        del reading.problems[found:]
        return _Composer(reading, source, pure=True).document(depth)
    except SyntaxFault as fault:
        from digpy.dsl.syntax import explain  # slow path: most texts are valid

        reading.problems.append(explain(source, fault))
        raise _Abandoned from None


class _Composer:
    """Composes one text. Recursive; `MAX_DEPTH` bounds it. Lets `SyntaxFault` through."""

    def __init__(self, reading: _Reading, source: Source, pure: bool) -> None:
        self._reading = reading
        self._source = source
        self._next = open_events(source.text, pure=pure)
        self._anchors: dict[str, _Anchor | None] = {}
        self._nodes = 0  # composed so far, copies included
        self._deepest = 0
        self._start = self._end = 0  # offsets of the node composed last

    def document(self, depth: int) -> MappingNode | None:
        """The mapping the text consists of; None, and a problem, if it is something else."""
        self._next()
        event = self._next()
        if event.__class__.__name__ == "StreamEndEvent":
            self._report("the file is empty", 0, 0, help="write at least one key")
            return None
        first = self._next()
        node = self._node(first, depth)
        start = first.start_mark.index
        self._next()
        event = self._next()
        if event.__class__.__name__ != "StreamEndEvent":
            begin = event.start_mark.index
            self._report(
                "a second YAML document begins here",
                begin,
                begin + 3,
                reason="a file holds one document",
                help='remove the line "---", or move what follows to a file of its own',
            )
        if not isinstance(node, MappingNode):
            if not self._reading.problems:
                self._not_a_mapping(node, start)
            return None
        return node

    def _node(self, event: Any, depth: int) -> Json:
        kind = event.__class__.__name__
        if kind == "ScalarEvent":
            self._nodes += 1
            self._start, end = event.start_mark.index, event.end_mark.index
            if self._start == end:  # nothing is written: the parsers differ in where it would be
                self._start = end = self._end
            self._end = end
            value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = _Anchor(value, event.value, 1, 0)
            if type(value) is str and "$" in value:
                return Template(value)
            return value
        if kind == "AliasEvent":
            return self._alias(event, depth)
        return self._collection(event, kind, depth)

    def _scalar(self, event: Any) -> Json:
        text: str = event.value
        tag = event.tag
        if event.implicit[0] or tag == "!":
            try:
                return plain(text)
            except ValueError:
                self._unsuitable(event, f'"{text}" is not a number', "quote it if it is text")
                return None
        if tag is None:
            return text
        try:
            return tagged(tag, text)
        except KeyError:
            self._unknown_tag(event)
        except ValueError:
            short = tag.replace(_TAG_PREFIX, "!!")
            self._unsuitable(event, f'"{text}" does not suit the tag {short}', None)
        return None

    def _alias(self, event: Any, depth: int) -> Json:
        start, end = self._start, self._end = event.start_mark.index, event.end_mark.index
        name = event.anchor
        if name not in self._anchors:
            self._report(
                f'there is no anchor "&{name}" above this line',
                start,
                end,
                reason='"*" begins an alias, the name of an anchor written earlier',
                help="quote the value if it is text",
            )
            return None
        anchor = self._anchors[name]
        if anchor is None:
            self._report(f'"*{name}" refers to the value it stands in', start, end)
            return None
        reading = self._reading
        reading.copied += anchor.size
        self._nodes += anchor.size
        if reading.copied > MAX_COPIED:
            self._report(
                f"the aliases of this file copy more than {MAX_COPIED:,} values", start, end
            )
            raise _Abandoned
        self._descend(depth + anchor.height, start)
        value = anchor.value
        return Template(value) if type(value) is str and "$" in value else value

    def _collection(self, event: Any, kind: str, depth: int) -> Json:
        outer, self._deepest = self._deepest, depth
        before = self._nodes
        self._nodes += 1
        self._descend(depth, event.start_mark.index)
        tag = event.tag
        if tag not in _COLLECTION_TAGS[kind]:
            self._unknown_tag(event)
        if event.anchor:
            self._anchors[event.anchor] = None
        value: Json
        if kind == "MappingStartEvent":
            keys: list[Json] = []
            value = self._mapping(event, depth, keys)
            if tag == _TAG_PREFIX + "set":
                value = keys
        else:
            value = self._sequence(event, depth)
            if tag in (_TAG_PREFIX + "omap", _TAG_PREFIX + "pairs"):
                value = self._pairs(event, value)
        if event.anchor:
            size, height = self._nodes - before, self._deepest - depth
            self._anchors[event.anchor] = _Anchor(value, None, size, height)
        self._deepest = max(outer, self._deepest)
        return value

    def _descend(self, depth: int, offset: int) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            self._report(f"values are nested more than {MAX_DEPTH} deep", offset, offset + 1)
            raise _Abandoned

    def _sequence(self, event: Any, depth: int) -> SequenceNode:
        items = SequenceNode(self._source)
        start = event.start_mark.index
        while True:
            event = self._next()
            if event.__class__.__name__ == "SequenceEndEvent":
                break
            items.append(self._node(event, depth + 1))
            items.offsets.append((self._start, self._end))
        self._start, self._end = start, event.end_mark.index
        return items

    def _mapping(self, event: Any, depth: int, keys: list[Json]) -> MappingNode:
        node = MappingNode(self._source, event.start_mark.index)
        written: dict[str, int] = {}
        while True:
            event = self._next()
            if event.__class__.__name__ == "MappingEndEvent":
                break
            start = event.start_mark.index
            tag = getattr(event, "tag", None)
            if tag == "!include":
                self._include(node, event, depth)
                continue
            text, key = self._key(event, depth)
            end = self._end
            event = self._next()
            value = self._node(event, depth + 1)
            if text is None:
                continue
            if text in written:
                self._duplicate(text, start, end, written[text])
                continue
            written[text] = start
            if key is _MERGE:
                self._merge(node, value, start, end)
                continue
            name = key_text(key)
            if name is None:
                self._report("a key cannot be null", start, end, help="quote it if it is text")
                continue
            keys.append(key)
            node.add(name, value, (start, end, self._start, self._end))
        self._start, self._end = node.start, event.end_mark.index
        node.end = self._end
        return node

    def _key(self, event: Any, depth: int) -> tuple[str | None, Any]:
        """Written text and typed value of a key; the text is None if it is unusable."""
        kind = event.__class__.__name__
        if kind == "ScalarEvent":
            if event.value == "<<" and event.implicit[0]:
                self._end = event.end_mark.index
                return "<<", _MERGE
            found = len(self._reading.problems)
            key = self._node(event, depth + 1)
            return (event.value if found == len(self._reading.problems) else None), key
        start = event.start_mark.index
        key = self._node(event, depth + 1)
        if kind == "AliasEvent":
            anchor = self._anchors.get(event.anchor)
            if anchor is None:
                return None, None
            if anchor.text is not None:
                return anchor.text, key
        self._report(
            "a key must be a single text, not a list or mapping",
            start,
            self._end,
            help="quote it if it is text",
        )
        return None, None

    def _merge(self, node: MappingNode, value: Json, start: int, end: int) -> None:
        for merged in value if isinstance(value, list) else [value]:
            if not isinstance(merged, MappingNode):
                self._report(
                    'only mappings can be merged by "<<"',
                    start,
                    end,
                    help='refer to a mapping: "<<: *name" or "<<: [*first, *second]"',
                )
                return
            for key, item in merged.items():
                if key not in node:
                    node.add(key, item, node.offsets_from(merged, key))

    def _include(self, node: MappingNode, event: Any, depth: int) -> None:
        """Merge the file named by an ``!include`` key into `node`."""
        start, end = event.start_mark.index, event.end_mark.index
        if event.__class__.__name__ != "ScalarEvent" or event.value:
            self._node_ignored(event, depth)
            self._node(self._next(), depth + 1)
            self._report("text after !include in a key", start, end, help=_INCLUDE_HELP)
            return
        event = self._next()
        value = self._node(event, depth + 1)
        start = event.start_mark.index
        path = event.value if event.__class__.__name__ == "ScalarEvent" else None
        if not path or value is None:
            self._report(
                "!include needs the path of one file", start, self._end, help=_INCLUDE_HELP
            )
            return
        end = self._end
        included = self._load(path, Span(self._source, start, end), depth)
        if included is not None:
            merge_into(node, included)

    def _load(self, path: str, span: Span, depth: int) -> MappingNode | None:
        reading = self._reading
        if reading.load is None:
            self._report("!include is not possible here", span.start, span.end)
            return None
        try:
            source = reading.load(self._source.name, path)
        except YamlError as error:
            reading.problems.extend(
                problem._replace(span=problem.span or span) for problem in error.problems
            )
            return None
        if source.name in (*reading.open, self._source.name):
            self._report(f'"{path}" includes itself', span.start, span.end)
            return None
        reading.open.append(self._source.name)
        included = _compose(reading, source, depth)
        reading.open.pop()
        return included

    def _node_ignored(self, event: Any, depth: int) -> None:
        if event.__class__.__name__ != "ScalarEvent":
            self._node(event, depth + 1)

    def _pairs(self, event: Any, items: SequenceNode) -> Json:
        """The value of ``!!omap`` and ``!!pairs``: a list of mappings with one key each."""
        pairs = [
            next(iter(item.items())) for item in items if isinstance(item, dict) and len(item) == 1
        ]
        if len(pairs) != len(items):
            self._unsuitable(event, "expected a list of single key: value pairs", None)
        if event.tag == _TAG_PREFIX + "pairs":
            return [[key, value] for key, value in pairs]
        node = MappingNode(self._source, event.start_mark.index, self._end)
        for (key, value), (start, end) in zip(pairs, items.offsets, strict=False):
            node.add(key, value, (start, end, start, end))
        return node

    def _duplicate(self, key: str, start: int, end: int, first: int) -> None:
        line = Span(self._source, first, first).line
        text = self._source.text.split("\n")[line - 1]
        self._report(
            f'"{key}" is written twice in the same mapping',
            start,
            end,
            reason=f"the first one: line {line}: {text.strip()}",
            help="remove or rename one of them",
        )

    def _unknown_tag(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        tag = event.tag.replace(_TAG_PREFIX, "!!")
        if tag.startswith(("!include", "!!include")):
            self._report("!include cannot stand here", start, end, help=_INCLUDE_HELP)
        elif event.tag in _KNOWN_TAGS:
            self._report(f'the tag "{tag}" does not fit this value', start, end)
        else:
            self._report(
                f'unknown tag "{tag}"',
                start,
                end,
                reason='a value that begins with "!" names a YAML tag',
                help="quote the value if it is text",
            )

    def _unsuitable(self, event: Any, message: str, help_: str | None) -> None:
        self._report(message, event.start_mark.index, event.end_mark.index, help=help_)

    def _not_a_mapping(self, node: Json, start: int) -> None:
        what = "a list" if isinstance(node, list) else "a single value"
        if node is None:
            what = "nothing"
        self._report(
            f'the file must be a mapping of "key: value" lines, but holds {what}', start, start + 1
        )

    def _report(
        self,
        message: str,
        start: int,
        end: int,
        *,
        reason: str | None = None,
        help: str | None = None,  # noqa: A002 - the name of the field
    ) -> None:
        span = Span(self._source, start, end)
        self._reading.problems.append(Problem(message, span, reason, help))


_MERGE = object()
"""The typed value of a plain ``<<`` key."""
