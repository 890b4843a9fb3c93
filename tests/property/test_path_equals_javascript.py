"""Wherever a text can be answered in Python, the answer is JavaScript's."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from digpy.expr import path
from digpy.expr.javascript import JavaScriptError
from digpy.expr.quickjs_engine import QuickJS
from digpy.expr.template import Hole, parse
from digpy.values import Json

ENGINE = QuickJS()

WORDS = """
    a b o x1 _ $ length constructor toString __proto__ valueOf Date JSON Math undefined NaN moment
    arguments eval this null if let yield class print toJSON at prototype name hasOwnProperty
"""
names = st.sampled_from(re.findall(r"\S+", WORDS))
texts = st.text(max_size=5) | st.sampled_from(["\u2028", "\ud800", "😀", '"', "\x7f", "\x1f"])
floats = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.integers() | st.integers(-(2**64), 2**64) | floats
keys = names | st.sampled_from(["0", "1", "01", "-1", "é", ""]) | st.text(max_size=3)
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
steps = st.builds(".{}".format, names) | st.builds("[{}]".format, st.integers(0, 3))
paths = st.builds(lambda first, rest: first + "".join(rest), names, st.lists(steps, max_size=3))
holes = st.builds("${{{}}}".format, paths) | st.builds("${{ {} }}".format, paths)
templates = st.lists(
    holes | st.sampled_from(["$", "$$", "x", "${}", "{", "}", "${secret:", "\n"]), max_size=5
).map("".join)
variables: st.SearchStrategy[dict[str, Json]] = st.dictionaries(names, values, max_size=5)


def by_javascript(text: str, known: dict[str, Json]) -> str:
    pieces = parse(text)
    codes = [piece.code for piece in pieces if isinstance(piece, Hole)]
    found = iter(ENGINE.render(codes, known, "UTC", 0))
    return "".join(next(found) if isinstance(piece, Hole) else piece.text for piece in pieces)


def outcome(function: Any, *arguments: Any) -> str:
    try:
        return f"text {function(*arguments)}"
    except JavaScriptError as error:
        return f"error {error}"


@settings(max_examples=600, deadline=None)
@given(templates, variables)
def test_python_and_javascript_agree(text: str, known: dict[str, Json]) -> None:
    plan = path.plan(text)
    if plan is None:
        return
    try:
        answer = outcome(path.render, plan, known)
    except path.Unsure:
        return
    assert answer == outcome(by_javascript, text, known)


@settings(max_examples=300, deadline=None)
@given(values)
def test_value_is_written_alike(value: Json) -> None:
    plan = path.plan("${a}")
    assert plan is not None
    try:
        answer = path.render(plan, {"a": value})
    except path.Unsure:
        return
    assert answer == by_javascript("${a}", {"a": value})
