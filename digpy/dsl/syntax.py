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
_ESCAPE = re.compile(r"\\x[0-9A-Fa-f]{,2}|\\u[0-9A-Fa-f]{,4}|\\U[0-9A-Fa-f]{,8}")
_HALF = re.compile(
    r"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]..", re.DOTALL
)
"""An escape that stands for one half of a character beyond the first 65,536, without the other."""

_INCLUDE = re.compile(r"^[ \t-]*(!!?include:|[^#\n]*?[ \[{,]!!?include:)", re.MULTILINE)


def explain(source: Source, fault: SyntaxFault) -> Problem:
    """Describe why the parser stopped, with a position as close to the cause as can be told."""
    place = _Place(source, fault)
    for rule in _RULES:
        problem = rule(place)
        if problem is not None:
            return problem
    return place.problem("this is not valid YAML", place.offset, reason=fault.problem)


class _Place:
    """Where the parser stopped, and the line around it."""

    def __init__(self, source: Source, fault: SyntaxFault) -> None:
        text = source.text
        self.source = source
        self.fault = fault.problem
        self.offset = min(fault.offset or 0, len(text))
        self.context = fault.context
        self.char = text[self.offset : self.offset + 1]
        span = Span(source, self.offset, self.offset)
        self.line_start = self.offset - span.column + 1
        self.line = span.line_text
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
    if not place.says("cannot start any token"):
        return None
    return place.problem(f'a text cannot begin with "{place.char}"', place.offset, help=_QUOTE_HELP)


def _indicator(place: _Place) -> Problem | None:
    start = place.offset
    if (
        place.says("expected the node content", "mapping keys are not allowed")
        and place.char in "]},?"
    ):
        message = f'a text cannot begin with "{place.char}"'
    elif place.says("comment or a line break", "indentation indicator", "chomping"):
        start = place.context if place.context is not None else start
        message = f'a text cannot begin with "{place.source.text[start : start + 1]}"'
    else:
        return None
    return place.problem(message, start, help=_QUOTE_HELP)


def _quotes(place: _Place) -> Problem | None:
    if place.says("unknown escape character", "expected escape sequence", "surrogate pair"):
        half = _HALF.search(place.source.text, place.offset) if place.says("surrogate") else None
        begin = half.start() if half else place.source.text.rfind("\\", 0, place.offset + 1)
        escape = _ESCAPE.match(place.source.text, begin)
        length = len(escape.group()) if escape else 2
        return place.problem(
            f'"{place.source.text[begin : begin + length]}" is not an escape sequence',
            begin,
            length,
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
    if not place.says("expected ',' or", "expected the node content"):
        return None
    opening = _open_bracket(place.source.text, place.offset)
    if opening is None and place.says("expected ',' or"):
        opening = place.context  # what looks like its end is part of something else
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
    if not place.says("sequence entries are not allowed"):
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
    span = Span(place.source, start, start)
    return place.problem(
        "this line is neither a key nor part of a value",
        start,
        max(1, len(span.line_text.rstrip()) - span.column + 1),
        help='a key ends with ": "; the further lines of a value are indented more than its key',
    )


def _indentation(place: _Place) -> Problem | None:
    if not place.says("<block end>", "<document start>", "expected the node content"):
        return None
    start = place.offset
    return place.problem(
        "this does not belong to the mapping or list above it",
        start,
        max(1, len(place.line.rstrip()) - (start - place.line_start)),
        help="indent it like the lines it belongs to; nothing may follow a closing quote",
    )


def _unreadable_character(place: _Place) -> Problem | None:
    if not place.says("unreadable character"):
        return None
    code = ord(place.char)
    kind = {
        0x85: "line end U+0085",
        0x2028: "line end U+2028",
        0x2029: "line end U+2029",
        0xFEFF: "byte order mark U+FEFF",
    }.get(code, f"control character U+{code:04X}")
    return place.problem(
        f"the {kind}",
        place.offset,
        help=f'remove it, or write it in double quotes as "\\u{code:04x}"',
    )


def _document_end(place: _Place) -> Problem | None:
    if not place.says("<document end>", "document end marker"):
        return None
    return place.problem(
        'a document ends here, by "..."',
        place.line_start,
        3,
        help="remove the line, or quote the text if it is one",
    )


def _directive(place: _Place) -> Problem | None:
    if not place.line.startswith("%"):
        return None
    return place.problem(
        "YAML of another version, or a broken % line",
        place.line_start,
        max(1, len(place.line.rstrip())),
        help="remove the line, or quote the text if it is one",
    )


def _tag(place: _Place) -> Problem | None:
    start = place.context if place.context is not None else place.offset
    if place.says("undefined tag handle"):  # then an anchor may follow the tag
        start = place.source.text.rfind(place.fault.split("'")[1], 0, start + len(place.line))
    if place.source.text[start : start + 1] != "!":
        return None
    return place.problem(
        "a YAML tag that is broken or not declared",
        start,
        reason='a value that begins with "!" names a YAML tag',
        help="quote the value if it is text",
    )


def _colon_in_brackets(place: _Place) -> Problem | None:
    if not place.says("unexpected ':'"):
        return None
    return place.problem('":" inside a text that is not quoted', place.offset, help=_QUOTE_HELP)


_RULES: Sequence[Callable[[_Place], Problem | None]] = (
    _include_without_space,
    _unreadable_character,
    _tab,
    _start_of_text,
    _colon_in_text,
    _quotes,
    _brackets,
    _indicator,
    _alias,
    _list_item,
    _missing_colon,
    _document_end,
    _directive,
    _tag,
    _colon_in_brackets,
    _indentation,
)


def _quoted(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
