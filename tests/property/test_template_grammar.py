"""The grammar of templates is digdag's way of reading them: a scan that counts braces."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from digpy.expr.path import plan
from digpy.expr.template import Hole, Piece, Text, parse

PIECES = [
    "$",
    "{",
    "}",
    "${",
    "a",
    "a.b[0]",
    "x:",
    "secret:",
    " ",
    "'",
    "\n",
    "\r\n",
    "é",
    "😀",
    "A:",
]

texts = st.lists(st.sampled_from(PIECES)).map("".join)


def scanned(text: str) -> tuple[Piece, ...]:
    """Naively, as digdag does: the brace that balances the opening one ends the expression."""
    found: list[Piece] = []
    literal = 0
    for opening in re.finditer(r"\$\{(?![a-z]+:)", text):
        if opening.start() < literal:
            continue
        depth = 1
        end = opening.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if depth:
            break
        found.append(Text(text[literal : opening.start()].replace("$$", "$")))
        found.append(Hole(text[opening.end() : end - 1], opening.end(), end - 1))
        literal = end
    found.append(Text(text[literal:].replace("$$", "$")))
    return tuple(piece for piece in found if piece[0])


@given(texts)
@example("${{")
@example("${a{}}b${c{")
def test_grammar_finds_what_counting_braces_finds(text: str) -> None:
    assert parse(text) == scanned(text)


@given(texts)
def test_plain_paths_are_seen_alike_by_expression_and_grammar(text: str) -> None:
    steps = plan(text)
    if steps is not None:
        holes = sum(isinstance(piece, Hole) for piece in parse(text))
        assert sum(isinstance(step, tuple) and step != () for step in steps) == holes
        assert "".join(step for step in steps if isinstance(step, str)) == "".join(
            piece.text for piece in parse(text) if isinstance(piece, Text)
        )
