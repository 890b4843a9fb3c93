"""Where a value stands in a file, and how a problem there is shown.

Owns positions and their drawing; finding problems is the business of `digpy.dsl` and `digpy.expr`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple


class Source(NamedTuple):
    """A text and the name people know it by (a path relative to where they stand)."""

    name: str
    text: str


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
        """Draw the problem as ``path:line:column: error: ...`` with its line and a caret."""
        if self.span is None:
            lines = [f"{self.severity}: {self.message}"]
            pad = ""
        else:
            span = self.span
            text = _line_text(span)
            number = str(span.line)
            pad = " " * (len(number) + 4)
            before = span.column - 1
            width = max(1, _cells(text[before : before + span.end - span.start]))
            margin = "".join("\t" if c == "\t" else " " * _cells(c) for c in text[:before])
            lines = [
                f"{span.source.name}:{span.line}:{span.column}: {self.severity}: {self.message}",
                f"    {number} | {text}",
                f"{pad} | {margin}{'^' * width}",
            ]
        if self.reason:
            lines.append(f"    {self.reason}")
        if self.help:
            lines.append(f"    help: {self.help}")
        return "\n".join(lines)


def sort_problems(problems: Sequence[Problem]) -> list[Problem]:
    """Order by file, then by position; problems without a position come first."""
    return sorted(
        problems, key=lambda p: (p.span.source.name, p.span.start) if p.span else ("", -1)
    )


_starts: dict[str, list[int]] = {}


def _line_starts(text: str) -> list[int]:
    if text not in _starts:
        _starts.clear()  # one file is reported at a time; keeping more would hold texts alive
        offsets = [0]
        offset = text.find("\n")
        while offset >= 0:
            offsets.append(offset + 1)
            offset = text.find("\n", offset + 1)
        _starts[text] = offsets
    return _starts[text]


def _cells(text: str) -> int:
    """How many columns of a terminal `text` takes: two for a wide character, none for an accent."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)


def _line_text(span: Span) -> str:
    starts = _line_starts(span.source.text)
    start = starts[span.line - 1]
    end = starts[span.line] - 1 if span.line < len(starts) else len(span.source.text)
    return span.source.text[start:end].rstrip("\r")
