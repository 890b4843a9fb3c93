"""Where a value stands in a file, and how a problem there is shown.

Owns positions and their drawing; finding problems is the business of `digpy.dsl` and `digpy.expr`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple


class Source(NamedTuple):
    """A text and the name people know it by (a path relative to where they stand).

    `includer` is where another source includes this one, if one does.
    """

    name: str
    text: str
    includer: Span | None = None


class Span(NamedTuple):
    """A stretch of a source: character offsets, `start` included, `end` excluded."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line number, counted from 1."""
        return bisect_right(_line_starts(self.source.text), self.start)

    @property
    def column(self) -> int:
        """Column number, counted from 1 in characters."""
        return self.start - _line_starts(self.source.text)[self.line - 1] + 1

    @property
    def line_text(self) -> str:
        """The line on which the stretch begins."""
        starts = _line_starts(self.source.text)
        following = starts[self.line] if self.line < len(starts) else None
        return self.source.text[starts[self.line - 1] : following].rstrip("\r\n")

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One thing that is wrong, and what to do about it.

    `message` says what, in lower case and without a full stop; `reason` why, shown under the caret;
    `help` what to do now. `span` is None where no position exists (a missing file, for example).
    """

    message: str
    span: Span | None = None
    reason: str | None = None
    help: str | None = None
    severity: Literal["error", "warning"] = "error"

    def render(self) -> str:
        """Draw the problem as ``path:line:column: error: ...`` with its line and a caret.

        Of a long line only the part around the caret is drawn. Characters that would make a
        terminal do something are replaced by their pictures.
        """
        message = f"{self.severity}: {_beginning(self.message)}"
        lines = [f"{self.span}: {message}", *_drawing(self.span)] if self.span else [message]
        if self.reason:
            lines.append(f"    {_beginning(self.reason)}")
        includer = self.span.source.includer if self.span else None
        while includer is not None:
            lines.append(f"    included by {includer}")
            includer = includer.source.includer
        if self.help:
            lines.append(f"    help: {_beginning(self.help)}")
        return "\n".join(lines).translate(_PICTURES)


def sort_problems(problems: Sequence[Problem]) -> list[Problem]:
    """Order by file, then by position; problems without a position come first."""
    return sorted(
        problems, key=lambda p: (p.span.source.name, p.span.start) if p.span else ("", -1)
    )


_LINE_END = re.compile(r"\r\n?|\n")
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in b"\t\n"}
_PICTURES |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}
_LONGEST = 160
"""How many characters of a line are drawn, and a quarter of those of a sentence."""

_starts: dict[str, list[int]] = {}


def _line_starts(text: str) -> list[int]:
    if text not in _starts:
        _starts.clear()  # one file is reported at a time; keeping more would hold texts alive
        _starts[text] = [0, *(match.end() for match in _LINE_END.finditer(text))]
    return _starts[text]


def _drawing(span: Span) -> list[str]:
    text = span.line_text
    before = span.column - 1
    length = span.end - span.start
    if len(text) > _LONGEST:
        begin = max(0, min(before - _LONGEST // 2, len(text) - _LONGEST))
        left = "…" if begin else ""
        right = "…" if begin + _LONGEST < len(text) else ""
        text = f"{left}{text[begin : begin + _LONGEST]}{right}"
        before += len(left) - begin
        length = min(length, len(text) - before)
    margin = "".join("\t" if c == "\t" else " " * _cells(c) for c in text[:before])
    width = max(1, _cells(text[before : before + length]))
    pad = " " * len(str(span.line))
    return [f"    {span.line} | {text}", f"    {pad} | {margin}{'^' * width}"]


def _beginning(sentence: str) -> str:
    """It may quote the file, and there a text of megabytes."""
    most = 4 * _LONGEST
    return sentence if len(sentence) <= most else sentence[:most] + "…"


def _cells(text: str) -> int:
    """How many columns of a terminal `text` takes: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(c) in ("Mn", "Me", "Cf") else 1 + (east_asian_width(c) in "WF") for c in text
    )
