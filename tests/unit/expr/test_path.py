"""Which texts are answered in Python, and that the rest is left to JavaScript."""

import pytest

from digpy.expr import path
from digpy.expr.javascript import JavaScriptError
from digpy.expr.quickjs_engine import QuickJS
from digpy.values import Params


def render(text: str, variables: Params) -> str:
    plan = path.plan(text)
    assert plan is not None
    return path.render(plan, variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("p$$s $a", "p$s $a"),
        ("$${a}", "$1"),
        ("${}", ""),
        ("${a} ${ o.p }", "1 q"),
        ("${l[1]}|${l.length}|${o.l[0].x}", "b|2|7"),
        ("${o.missing}|${l[9]}|${n}", "||"),
        ("${s.length} ${s[0]}", "3 a"),
        ("${t} ${f} ${one}", "true 0.5 1"),
        ("${l} ${o}", '["a","b"] {"p":"q","l":[{"x":7}]}'),
        ("${secret:key} ${secret:${a}}", "${secret:key} ${secret:1}"),
    ],
)
def test_plain_paths_are_rendered(text: str, expected: str) -> None:
    variables: Params = {
        "a": 1,
        "o": {"p": "q", "l": [{"x": 7}]},
        "l": ["a", "b"],
        "n": None,
        "s": "abc",
        "t": True,
        "f": 0.5,
        "one": 1.0,
    }
    assert render(text, variables) == expected


@pytest.mark.parametrize(
    "text",
    ["${a+1}", "${a", "${ }", "${f()}", "${a['b']}", "${this}", "${null}", "${日}", "${a[01]}"],
)
def test_everything_else_has_no_plan(text: str) -> None:
    assert path.plan(text) is None


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("${undefined}", {}),
        ("${moment}", {}),
        ("${o.constructor}", {"o": {}}),
        ("${l.map}", {"l": []}),
        ("${s.trim}", {"s": ""}),
        ("${s.length}", {"s": "日本"}),
        ("${n.x}", {"n": 1}),
        ("${n}", {"n": 1e21}),
        ("${n}", {"n": 2**60}),
        ("${o}", {"o": {"1": 2}}),
        ("${o}", {"o": ["\ud800"]}),
    ],
)
def test_what_only_javascript_knows_is_left_to_it(text: str, variables: Params) -> None:
    with pytest.raises(path.Unsure):
        render(text, variables)


def test_parameter_named_like_a_global_is_the_parameter() -> None:
    assert render("${Date} ${o.toString}", {"Date": "d", "o": {"toString": "t"}}) == "d t"


def test_unknown_name_is_a_reference_error() -> None:
    with pytest.raises(JavaScriptError, match=r"^ReferenceError: x is not defined$"):
        render("${x}", {})


def test_member_of_nothing_is_a_type_error() -> None:
    message = r"^TypeError: Cannot read property 'c' of undefined$"
    with pytest.raises(JavaScriptError, match=message):
        render("${a.b.c}", {"a": {}})


def test_every_global_of_the_engine_is_known() -> None:
    codes = [f"Object.getOwnPropertyNames({o}).join()" for o in ("globalThis", "Object.prototype")]
    names = ",".join(QuickJS().render(codes, {}, "UTC", 0)).split(",")
    assert set(names) <= path.GLOBALS
