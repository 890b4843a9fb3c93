"""What a text that is not YAML probably wanted to say.

The parser's own words ("mapping values are not allowed in this context") are about its grammar.
This looks at the text where it stopped and says what the author can do. Imported only when a text
was refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from digpy.dsl.yaml_events import SyntaxFault
from digpy.source import Problem, Source, Span

_QUOTE_HELP = "quote the value: \"...\" or '...'"
_INCLUDE = re.compile(r"^[ \t-]*(!!?include:|[^#\n]*?[ \[{,]!!?include:)", re.MULTILINE)


def explain(source: Source, fault: SyntaxFault) -> Problem:
    """Describe why the parser stopped, with a position as close to the cause as can be told."""
    place = _Place(source, fault)
    for rule in _RULES:
        problem = rule(place)
        if problem is not None:
            return problem
    return place.problem(f"not valid YAML: {fault.problem}", place.offset)


class _Place:
    """Where the parser stopped, and the line around it."""

    def __init__(self, source: Source, fault: SyntaxFault) -> None:
        text = source.text
        self.source = source
        self.fault = fault.problem
        self.offset = min(fault.offset or 0, len(text))
        self.context = fault.context
        self.char = text[self.offset : self.offset + 1]
        self.line_start = text.rfind("\n", 0, self.offset) + 1
        end = text.find("\n", self.offset)
        self.line_end = len(text) if end < 0 else end
        self.line = text[self.line_start : self.line_end]
        self.at_end = not text[self.offset :].strip()

    def says(self, *words: str) -> bool:
        """Whether the parser's message contains any of `words`."""
        return any(word in self.fault for word in words)

    def problem(
        self,
        message: str,
        start: int,
        length: int = 1,
        *,
        reason: str | None = None,
        help: str | None = None,  # noqa: A002 - the name of the field
    ) -> Problem:
        return Problem(message, Span(self.source, start, start + length), reason, help)


def _tab(place: _Place) -> Problem | None:
    offset = place.offset
    indent = place.line[: len(place.line) - len(place.line.lstrip())]
    if "\t" in indent and offset <= place.line_start + len(indent):
        offset = place.line_start + indent.index("\t")
    elif place.char != "\t":
        return None
    return place.problem(
        "a tab character",
        offset,
        reason="YAML indents with spaces only",
        help="replace the tab by spaces",
    )


def _include_without_space(place: _Place) -> Problem | None:
    match = _INCLUDE.search(place.source.text)
    if match is None or match.start() > place.offset:
        return None
    start = match.group().index("!", match.start(1) - match.start()) + match.start()
    return place.problem(
        "!include needs a space before the colon",
        start,
        len("!include:"),
        help='write "!include : path"',
    )


def _colon_in_text(place: _Place) -> Problem | None:
    if not place.says("mapping values are not allowed"):
        return None
    before = place.line[: place.offset - place.line_start]
    first = re.search(r":(?=[ \t])", before)
    if first is None:
        return place.problem(
            "this key does not fit here",
            place.line_start + len(place.line) - len(place.line.lstrip()),
            max(1, len(before.strip())),
            reason="the line above it has no value yet, or this line is indented too far",
            help="line the key up with the keys of its mapping",
        )
    start = (
        place.line_start
        + first.end()
        + len(before[first.end() :])
        - len(before[first.end() :].lstrip())
    )
    value = place.line[start - place.line_start :].rstrip()
    return place.problem(
        '": " inside a text that is not quoted',
        place.offset,
        reason="a colon followed by a space ends a key, so this line would have two",
        help=f"quote the value: {_quoted(value)}" if len(value) <= 80 else _QUOTE_HELP,
    )


def _start_of_text(place: _Place) -> Problem | None:
    if not place.says("cannot start any token", "could not start any token"):
        return None
    return place.problem(f'a text cannot begin with "{place.char}"', place.offset, help=_QUOTE_HELP)


def _indicator(place: _Place) -> Problem | None:
    start = place.offset
    if place.says("expected node content", "mapping keys are not allowed") and place.char in "]},?":
        message = f'a text cannot begin with "{place.char}"'
    elif place.says("comment or line break", "indentation indicator", "chomping"):
        start = place.context if place.context is not None else start
        message = f'a text cannot begin with "{place.source.text[start : start + 1]}"'
    else:
        return None
    return place.problem(message, start, help=_QUOTE_HELP)


def _quotes(place: _Place) -> Problem | None:
    if place.says("unknown escape character"):
        begin = place.offset - 1 if place.char != "\\" else place.offset
        return place.problem(
            f'"{place.source.text[begin : begin + 2]}" is not an escape sequence',
            begin,
            2,
            help="double the backslash, or use single quotes, where it means itself",
        )
    if not place.says("unexpected end of stream", "unexpected document separator"):
        return None
    start = place.context if place.context is not None else place.offset
    return place.problem(
        "this quote is never closed",
        start,
        help="close it, or double a quote that is part of the text",
    )


def _brackets(place: _Place) -> Problem | None:
    if not place.says("expected ',' or", "expected node content", "expected the node content"):
        return None
    opening = _open_bracket(place.source.text, place.offset)
    if opening is None:
        return None
    bracket = place.source.text[opening]
    if place.at_end:
        return place.problem(f'this "{bracket}" is never closed', opening)
    if place.char == "{" and place.source.text[place.offset - 1] == "$":
        return place.problem(
            "${...} without quotes inside brackets",
            place.offset - 1,
            2,
            reason='inside [...] and {...} a "{" begins a mapping',
            help=_QUOTE_HELP,
        )
    return place.problem(
        f'expected "," or the end of "{bracket}"',
        place.offset,
        reason=f"it begins in line {Span(place.source, opening, opening).line}",
    )


def _alias(place: _Place) -> Problem | None:
    if not place.says("alphabetic or numeric character"):
        return None
    start = place.context if place.context is not None else place.offset
    sign = place.source.text[start : start + 1]
    return place.problem(
        f'a text cannot begin with "{sign}"',
        start,
        reason='"*" begins an alias and "&" an anchor',
        help=_QUOTE_HELP,
    )


def _list_item(place: _Place) -> Problem | None:
    if not place.says("block sequence entries are not allowed", "sequence entries are not allowed"):
        return None
    return place.problem(
        '"- " in a value',
        place.offset,
        reason="the items of a list begin on lines of their own",
        help="move it to the next line, or quote it if it is text",
    )


def _missing_colon(place: _Place) -> Problem | None:
    if not place.says("could not find expected ':'"):
        return None
    start = place.context if place.context is not None else place.offset
    end = place.source.text.find("\n", start)
    line = place.source.text[start : end if end >= 0 else None]
    return place.problem(
        "this line is neither a key nor part of a value",
        start,
        max(1, len(line.rstrip())),
        help='a key ends with ": "; the further lines of a value are indented more than its key',
    )


def _indentation(place: _Place) -> Problem | None:
    if not place.says(
        "did not find expected key", "<block end>", "<document start>", "expected '-'"
    ):
        return None
    start = place.offset
    return place.problem(
        "this does not belong to the mapping or list above it",
        start,
        max(1, len(place.line.rstrip()) - (start - place.line_start)),
        help="indent it like the lines it belongs to; nothing may follow a closing quote",
    )


def _control_character(place: _Place) -> Problem | None:
    if not place.says("control characters", "special characters"):
        return None
    text = place.source.text
    offset = next((i for i, char in enumerate(text) if _is_control(char)), 0)
    return place.problem(
        f"the control character U+{ord(text[offset]) if text else 0:04X}",
        offset,
        help='write it as an escape in double quotes, for example "\\x07"',
    )


def _version(place: _Place) -> Problem | None:
    if not place.says("incompatible YAML"):
        return None
    return place.problem(
        "YAML of another version",
        place.offset,
        max(1, len(place.line)),
        help="remove the %YAML line",
    )


def _tag_handle(place: _Place) -> Problem | None:
    if not place.says("undefined tag handle"):
        return None
    return place.problem(
        "a YAML tag that is not declared",
        place.offset,
        reason='a value that begins with "!" names a YAML tag',
        help="quote the value if it is text",
    )


_RULES: Sequence[Callable[[_Place], Problem | None]] = (
    _include_without_space,
    _control_character,
    _tab,
    _start_of_text,
    _colon_in_text,
    _quotes,
    _brackets,
    _indicator,
    _alias,
    _list_item,
    _missing_colon,
    _version,
    _tag_handle,
    _indentation,
)


def _quoted(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_control(char: str) -> bool:
    code = ord(char)
    return (code < 0x20 and char not in "\t\n\r") or 0x7F <= code < 0x85 or 0x85 < code < 0xA0


def _open_bracket(text: str, offset: int) -> int | None:
    """The innermost bracket still open at `offset`, quotes and comments left out."""
    opened: list[int] = []
    quote = ""
    index = 0
    while index < offset:
        char = text[index]
        if quote:
            if char == "\\" and quote == '"':
                index += 1
            elif char == quote:
                quote = ""
        elif char in "\"'" and text[index - 1 : index] in ("", " ", "\n", "[", "{", ",", "\t"):
            quote = char
        elif char == "#" and text[index - 1 : index] in ("", " ", "\n", "\t"):
            index = text.find("\n", index)
            if index < 0:
                break
        elif char in "[{":
            opened.append(index)
        elif char in "]}" and opened:
            opened.pop()
        index += 1
    return opened[-1] if opened else None
