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
from digpy.dsl.yaml_events import SyntaxFault, needs_python, open_events
from digpy.errors import YamlError
from digpy.source import Problem, Source, Span, sort_problems
from digpy.values import Json, Template

Load = Callable[[str, str], Source]
"""Text of an include, by name of the including file and path as written. Raises `YamlError`."""

MAX_DEPTH = 100
"""How deeply values may be nested; far beyond any workflow, well below Python's own limit."""

MAX_COPIED = 1_000_000
"""How many values aliases may copy in all; a few lines of nested aliases would fill any memory."""

MAX_INCLUDES = 1_000
"""How many files may be included in all: ten that include each other ten times are billions."""

MAX_INCLUDE_DEPTH = 20
"""How long a chain of files may be in which each includes the next."""

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
    Python parser. Raises `YamlError` with every problem found: a syntax error ends the reading of
    its file, a limit that is exceeded everything, others nothing.
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


def _included_at(span: Span, problem: Problem) -> Problem:
    if problem.span is None:
        return problem._replace(span=span)
    source = problem.span.source._replace(includer=span)
    return problem._replace(span=problem.span._replace(source=source))


class _Reading:
    """What the composers of a file and of its includes share."""

    def __init__(self, problems: list[Problem], load: Load | None, pure: bool) -> None:
        self.problems = problems
        self.load = load
        self.pure = pure
        self.nodes = 0  # composed so far, copies included
        self.copied = 0  # of these, by aliases
        self.deepest = 0
        self.included = 0
        self.open: list[str] = []  # names of the files being read, each includes the next


class _Anchor(NamedTuple):
    """`text` is the written text of a scalar; `size` and `height` are those of the copied value."""

    value: Json
    text: str | None
    size: int
    height: int


def _compose(reading: _Reading, source: Source, depth: int) -> MappingNode | None:
    """The mapping of one text; None, and a problem, if it is none. Lets `_Abandoned` through."""
    if source.text.startswith("\ufeff"):
        source = source._replace(text=source.text[1:])
    found, copied, included = len(reading.problems), reading.copied, reading.included
    try:
        if not reading.pure and not needs_python(source.text):
            try:
                return _Composer(reading, source, pure=False).document(depth)
            except SyntaxFault:
                del reading.problems[found:]
                reading.copied, reading.included = copied, included
        return _Composer(reading, source, pure=True).document(depth)
    except SyntaxFault as fault:
        from digpy.dsl.syntax import explain  # slow path: most texts are valid

        reading.problems.append(explain(source, fault))
        return None


class _Composer:
    """Composes one text. Recursive; `MAX_DEPTH` bounds it. Lets `SyntaxFault` through."""

    def __init__(self, reading: _Reading, source: Source, pure: bool) -> None:
        self._reading = reading
        self._source = source
        self._next = open_events(source.text, pure=pure)
        self._anchors: dict[str, _Anchor | None] = {}
        self._start = self._end = 0  # offsets of the node composed last

    def document(self, depth: int) -> MappingNode | None:
        """The mapping the text consists of; None, and a problem, if it is something else."""
        found = len(self._reading.problems)
        self._next()
        event = self._next()
        if event.__class__.__name__ == "StreamEndEvent":
            self._report("the file is empty", 0, 0, help="write at least one key")
            return None
        node = self._node(self._next(), depth)
        start = self._start
        self._next()
        event = self._next()
        if event.__class__.__name__ != "StreamEndEvent":
            begin = max(self._source.text.find("---", event.start_mark.index), self._end)
            self._report(
                "a second YAML document begins here",
                begin,
                begin + 3,
                reason="a file holds one document",
                help='remove the line "---", or move what follows to a file of its own',
            )
        if not isinstance(node, MappingNode):
            if len(self._reading.problems) == found:
                self._not_a_mapping(node, start)
            return None
        return node

    def _node(self, event: Any, depth: int) -> Json:
        kind = event.__class__.__name__
        if kind == "ScalarEvent":
            self._reading.nodes += 1
            self._start, end = self._start_of(event), event.end_mark.index
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

    def _start_of(self, event: Any) -> int:
        """Where a node begins: at its anchor if one follows a tag; there the parsers differ."""
        start: int = event.start_mark.index
        if event.anchor and self._source.text[start : start + 1] == "!":
            return self._source.text.index(f"&{event.anchor}", start)
        return start

    def _scalar(self, event: Any) -> Json:
        text: str = event.value
        tag = event.tag
        if event.implicit[0] or tag == "!":
            try:
                return plain(text)
            except ValueError as error:
                self._unsuitable(event, str(error), "quote it if it is text")
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
        reading.nodes += anchor.size
        if reading.copied > MAX_COPIED:
            self._report(
                f"the aliases of this file copy more than {MAX_COPIED:,} values", start, end
            )
            raise _Abandoned
        self._descend(depth + anchor.height, start)
        value = anchor.value
        return Template(value) if type(value) is str and "$" in value else value

    def _collection(self, event: Any, kind: str, depth: int) -> Json:
        reading = self._reading
        outer, reading.deepest = reading.deepest, depth
        before = reading.nodes
        reading.nodes += 1
        self._end = max(self._end, self._start_of(event))
        self._descend(depth, self._start_of(event))
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
            size, height = reading.nodes - before, reading.deepest - depth
            self._anchors[event.anchor] = _Anchor(value, None, size, height)
        reading.deepest = max(outer, reading.deepest)
        return value

    def _descend(self, depth: int, offset: int) -> None:
        self._reading.deepest = max(self._reading.deepest, depth)
        if depth > MAX_DEPTH:
            self._report(f"values are nested more than {MAX_DEPTH} deep", offset, offset + 1)
            raise _Abandoned

    def _sequence(self, event: Any, depth: int) -> SequenceNode:
        items = SequenceNode(self._source)
        start = self._start_of(event)
        while True:
            event = self._next()
            if event.__class__.__name__ == "SequenceEndEvent":
                break
            items.append(self._node(event, depth + 1))
            items.offsets.append((self._start, self._end))
        self._start, self._end = start, event.end_mark.index
        return items

    def _mapping(self, event: Any, depth: int, keys: list[Json]) -> MappingNode:
        node = MappingNode(self._source, self._start_of(event))
        written: dict[str, int] = {}
        while True:
            event = self._next()
            if event.__class__.__name__ == "MappingEndEvent":
                break
            if getattr(event, "tag", None) == "!include":
                self._include(node, event, depth)
                continue
            text, key = self._key(event, depth)
            start, end = self._start, self._end
            if key is _MERGE:
                value = self._merged(self._next(), depth)
            else:
                value = self._node(self._next(), depth + 1)
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
                self._start, self._end = self._start_of(event), event.end_mark.index
                return "<<", _MERGE
            found = len(self._reading.problems)
            key = self._node(event, depth + 1)
            return (event.value if found == len(self._reading.problems) else None), key
        key = self._node(event, depth + 1)
        if kind == "AliasEvent":
            anchor = self._anchors.get(event.anchor)
            if anchor is None:
                return None, None
            if anchor.text is not None:
                return anchor.text, key
        self._report(
            "a key must be a single text, not a list or mapping",
            self._start,
            self._end,
            help="quote it if it is text",
        )
        return None, None

    def _merged(self, event: Any, depth: int) -> Json:
        """The value of a "<<": merging lifts it by one level, and by two out of a list."""
        reading = self._reading
        outer, reading.deepest = reading.deepest, depth
        value = self._node(event, depth + 1)
        lifted = reading.deepest - (2 if isinstance(value, list) else 1)
        reading.deepest = max(outer, lifted)
        return value

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
        start, end = self._start_of(event), event.end_mark.index
        if event.__class__.__name__ != "ScalarEvent" or event.value:
            self._node_ignored(event, depth)
            self._node(self._next(), depth + 1)
            self._report("text after !include in a key", start, end, help=_INCLUDE_HELP)
            return
        self._end = end
        event = self._next()
        value = self._node(event, depth + 1)
        start, end = self._start, self._end
        path = event.value if event.__class__.__name__ == "ScalarEvent" else None
        if not path or value is None:
            self._report("!include needs the path of one file", start, end, help=_INCLUDE_HELP)
            return
        included = self._load(path, Span(self._source, start, end), depth)
        if included is not None:
            merge_into(node, included)

    def _load(self, path: str, span: Span, depth: int) -> MappingNode | None:
        reading = self._reading
        if reading.load is None:
            self._report("!include is not possible here", span.start, span.end)
            return None
        reading.included += 1
        if reading.included > MAX_INCLUDES:
            self._report(f"more than {MAX_INCLUDES:,} files are included", span.start, span.end)
            raise _Abandoned
        try:
            source = reading.load(self._source.name, path)
        except YamlError as error:
            reading.problems.extend(_included_at(span, problem) for problem in error.problems)
            return None
        chain = [*reading.open, self._source.name]
        if source.name in chain or len(chain) > MAX_INCLUDE_DEPTH:
            message = f'"{path}" includes itself'
            if source.name not in chain:
                message = f"a chain of more than {MAX_INCLUDE_DEPTH} files that include the next"
            reason = " includes ".join([*chain, source.name])
            self._report(message, span.start, span.end, reason=reason)
            return None
        reading.open.append(self._source.name)
        included = _compose(reading, source._replace(includer=span), depth)
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
        where = Span(self._source, first, first)
        self._report(
            f'"{key}" is written twice in the same mapping',
            start,
            end,
            reason=f"the first one: line {where.line}: {where.line_text.strip()}",
            help="remove or rename one of them",
        )

    def _unknown_tag(self, event: Any) -> None:
        start, end = self._start_of(event), event.end_mark.index
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
        self._report(message, self._start_of(event), event.end_mark.index, help=help_)

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
