"""Splits a template text into literal text and holes, by the grammar in ``template.lark``.

The only module that knows lark. Texts whose holes are plain paths never come here when a task runs
(`digpy.expr.path` answers them); `digpy check` sends everything.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from lark import Lark, Token, Tree

from digpy.expr.javascript import JavaScript, default_engine, syntax_error
from digpy.source import Problem, Span


class Text(NamedTuple):
    """Literal text, as it appears in the result: ``$$`` is already one ``$``."""

    text: str


class Hole(NamedTuple):
    """An expression; `start` and `end` are the offsets of its code inside the braces."""

    code: str
    start: int
    end: int


Piece = Text | Hole


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Piece, ...]:
    """The pieces of `text` in order; ``${}`` leaves none. Every text can be parsed."""
    holes, _ = _split(text)
    pieces: list[Piece] = []
    at = 0
    for hole in holes:
        _add_text(pieces, text[at : hole.start - 2])
        if hole.code:
            pieces.append(hole)
        at = hole.end + 1
    _add_text(pieces, text[at:])
    return tuple(pieces)


def problems(template: str, span: Span, engine: JavaScript | None = None) -> list[Problem]:
    """What is wrong with a template before anything runs: expressions that are not JavaScript.

    `span` is where the text stands in its file. A problem points at the character in question
    where the text stands there as it is, else at the whole of it. A ``${`` without its ``}`` is a
    warning.
    """
    holes, unclosed = _split(template)
    places = _places(template, span)
    found = []
    for hole in holes:
        error = syntax_error(engine or default_engine(), hole.code) if hole.code else None
        if error is not None:
            start, end = _stretch(hole, error.position)
            where = _span(span, places, start, end)
            reason = error.message[:1].lower() + error.message[1:]
            code = hole.code.strip()
            found.append(Problem(f'"{code}" is not a JavaScript expression', where, reason))
    if unclosed is not None:
        found.append(
            Problem(
                'a "${" is never closed, so the text from here on is not evaluated',
                _span(span, places, unclosed, unclosed + 2),
                reason="every brace counts, also inside quotation marks and comments",
                severity="warning",
            )
        )
    return found


@cache
def _grammar() -> Lark:
    return Lark.open(
        "template.lark",
        rel_to=__file__,
        parser="lalr",
        lexer="contextual",
        propagate_positions=True,
    )


def _split(text: str) -> tuple[list[Hole], int | None]:
    """The holes, and the offset of a ``${`` that is never closed."""
    holes = []
    unclosed = None
    tree: Tree[Any] = _grammar().parse(text)
    for child in tree.children:
        if isinstance(child, Token):
            continue
        opening = child.meta.start_pos
        if child.data == "hole":
            end = child.meta.end_pos - 1
            holes.append(Hole(text[opening + 2 : end], opening + 2, end))
        else:
            unclosed = opening
    return holes, unclosed


def _add_text(pieces: list[Piece], literal: str) -> None:
    if literal:
        pieces.append(Text(literal.replace("$$", "$")))


def _stretch(hole: Hole, position: tuple[int, int] | None) -> tuple[int, int]:
    """Offsets of the character that `position` (line, column) names; else of the hole."""
    if position is None:
        return hole.start, hole.end
    lines = hole.code.split("\n")
    line, column = position
    if line > len(lines):  # the engine ran off the end of the code
        return max(hole.start, hole.end - 1), hole.end
    at = hole.start + sum(len(before) + 1 for before in lines[: line - 1]) + column - 1
    at = min(max(at, hole.start), hole.end - 1)
    return at, at + 1


def _places(template: str, span: Span) -> list[tuple[int, int]] | None:
    """Where its lines stand: pairs of offsets in template and source; None if unknown."""
    raw = span.source.text[span.start : span.end]
    if raw.count(template) == 1:
        return [(0, span.start + raw.index(template))]
    if raw[:1] != "|":
        return None
    places = []
    offset, at = 0, raw.find("\n") + 1
    for line in template.split("\n"):
        end = raw.find("\n", at)
        end = len(raw) if end < 0 else end
        written = raw[at:end].removesuffix("\r")
        if not written.endswith(line):
            return None
        places.append((offset, span.start + at + len(written) - len(line)))
        offset, at = offset + len(line) + 1, min(end + 1, len(raw))
    return places


def _span(span: Span, places: list[tuple[int, int]] | None, start: int, end: int) -> Span:
    if places is None:
        return span
    for (begin, at), (following, _) in pairwise([*places, (len(span.source.text) + 1, 0)]):
        if begin <= start < following:
            return Span(span.source, at + start - begin, at + max(end, start + 1) - begin)
    return span
