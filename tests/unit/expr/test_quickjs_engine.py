"""What an expression can do to the engine, to the next expression, and to us: nothing."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from digpy.expr import quickjs_engine
from digpy.expr.javascript import JavaScriptError, evaluate
from digpy.expr.quickjs_engine import QuickJS
from digpy.values import Json

ENGINE = QuickJS()


def run(*codes: str, **variables: Json) -> list[str]:
    return ENGINE.render(codes, variables, "UTC", 0)


def failure(*codes: str, **variables: Json) -> JavaScriptError:
    with pytest.raises(JavaScriptError) as caught:
        run(*codes, **variables)
    return caught.value


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("'a'", "a"),
        ("null", ""),
        ("undefined", ""),
        ("1.0", "1"),
        ("NaN", "null"),
        ("[1, undefined, 'é']", '[1,null,"é"]'),
        ("({a: undefined, b: 1})", '{"b":1}'),
        ("function(){}", "undefined"),
        ("'a\\0b'", "a\0b"),
        ("'\\ud800'", "\ud800"),
        ("'\ud800'", "\ud800"),
        ("a // comment", "1"),
        ("(function(s){for(var i=0;i<3;i++)s+=i;return s})('')", "012"),
        ("Array(10001).join('ab').length", "20000"),
        ("Array(3001).join('ab') + 'c'", "ab" * 3000 + "c"),
    ],
)
def test_value_becomes_text(code: str, text: str) -> None:
    assert run(code, a=1) == [text]


@pytest.mark.parametrize("code", ["a;", "var x", "", " ", "a b", "1), ()=>(2", "return 1", "\0"])
def test_only_one_expression_is_allowed(code: str) -> None:
    assert failure(code, a=1).name == "SyntaxError"


def test_expressions_of_one_text_share_what_they_assign() -> None:
    assert run("g = 5", "g", "o.p = 2", "o", o={}) == ["5", "5", "2", '{"p":2}']


@pytest.mark.parametrize(
    ("change", "look"),
    [
        ("g = 1", "typeof g"),
        ("(function(){ g = 1 })()", "typeof g"),
        ("(function(){ this.g = 1 })()", "typeof g"),
        ("(0, eval)('var g = 1')", "typeof g"),
        ("(0, eval)('let g = 1')", "typeof g"),
        ("Math.g = 1", "typeof Math.g"),
        ("Math['g'] = 1", "typeof Math.g"),
        ("[]['constr' + 'uctor']['prot' + 'otype']['g'] = 1", "typeof [].g"),
        ("Array.prototype.g = 1", "typeof [].g"),
        ("[].push.call(Math, 1)", "typeof Math[0]"),
        ("delete Math.PI", "typeof Math.PI === 'number' ? 'undefined' : 'gone'"),
        ("JSON.stringify = null", "typeof JSON.g"),
        ("Object.defineProperty(Object.prototype, 'g', {value: 1})", "typeof ({}).g"),
        ("moment.g = 1", "typeof moment.g"),
        ("moment.fn.g = 1", "typeof moment().g"),
        ("moment()['_loc' + 'ale']['g'] = 1", "typeof moment()._locale.g"),
        ("moment['loc' + 'ale']('x', {months: []})", "typeof moment.locale('x').g"),
        ("Date.prototype.g = 1", "typeof new Date().g"),
    ],
)
def test_nothing_reaches_the_next_text(change: str, look: str) -> None:
    try:
        run(change)
    except JavaScriptError as error:
        assert error.name == "TypeError"  # noqa: PT017 - refused is as good as forgotten
    assert run(look) == ["undefined"]


def test_code_cannot_be_generated_in_the_shared_context_by_a_hidden_name() -> None:
    hidden = "(function(){})['constr' + 'uctor']('return 1')()"
    assert failure(hidden).name == "TypeError"
    assert run("Function('return 1')()") == ["1"]


def test_assigning_an_inherited_name_works_on_an_object_of_ones_own() -> None:
    code = "(function(m, k){ m[k] = 1; return Object.keys(m) })({}, 'toString')"
    assert run(code) == ['["toString"]']


@pytest.mark.parametrize("name", ["JSON", "Array", "Object", "String", "Error", "Reflect", "print"])
def test_parameters_do_not_reach_the_names_of_the_engine(name: str) -> None:
    assert run("[1]", "({a: 1})", name, **{name: "mine"}) == ["[1]", '{"a":1}', "mine"]


def test_this_is_the_parameters() -> None:
    assert run("this", "this['a b']", **{"b": 1, "a b": 2}) == ['{"b":1,"a b":2}', "2"]


def test_names_of_python_and_of_the_host_do_not_exist() -> None:
    codes = [f"typeof {name}" for name in ("__digpy_install", "compile", "performance", "std")]
    assert run(*codes) == ["undefined"] * 4


def test_endless_expression_is_stopped_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quickjs_engine, "TIME_LIMIT", 0.05)
    engine = QuickJS()
    for code in ("(function(){ for(;;); })()", "/^(a+)+$/.test('a'.repeat(40) + 'b')"):
        with pytest.raises(JavaScriptError, match=r"stopped after 0\.05 s"):
            engine.render((code,), {}, "UTC", 0)
    assert engine.render(("1+1",), {}, "UTC", 0) == ["2"]


def test_greedy_expression_is_stopped_and_the_next_one_runs() -> None:
    code = "(function(){ for (var s = ['x'];;) s.push(s.join()) })()"
    assert "more than 64 MiB" in str(failure(code))
    assert run("1+1") == ["2"]


def test_deep_recursion_is_a_range_error() -> None:
    assert failure("(function f(){ return f() })()").name == "RangeError"


@pytest.mark.parametrize(
    ("thrown", "shown"), [("42", "42"), ("null", "null"), ("{a:1}", "Object"), ("Error('x')", "x")]
)
def test_whatever_is_thrown_becomes_a_message(thrown: str, shown: str) -> None:
    assert failure(f"(function(){{ throw {thrown} }})()").message == shown


def test_error_object_that_fights_back_is_only_an_error() -> None:
    getter = "Object.defineProperty(e, 'message', {get: function(){ throw 1 }})"
    code = f"(function(){{ var e = new Error(); {getter}; throw e }})()"
    assert failure(code).message == "Object"


def test_local_time_is_that_of_the_zone() -> None:
    assert ENGINE.render(("new Date(0).getHours()",), {}, "Asia/Tokyo", 0) == ["9"]
    assert ENGINE.render(("new Date(0).getHours()",), {}, "+05:00", 0) == ["5"]
    assert ENGINE.render(("new Date(0).getHours()",), {}, "Asia/Tokyo", 1) == ["9"]


def test_present_is_handed_in() -> None:
    for now in (1_000_000, 1_500_000):
        assert ENGINE.render(("Date.now()",), {}, "UTC", now) == [str(now // 1000)]


def test_engine_may_move_to_another_thread() -> None:
    engine = QuickJS()
    found = [evaluate(engine, "1", {}, "UTC", 0)]
    thread = threading.Thread(target=lambda: found.append(evaluate(engine, "2", {}, "UTC", 0)))
    thread.start()
    thread.join()
    assert found == ["1", "2"]


@pytest.mark.parametrize("code", ["a + 1", '"zz" + a', "'日本' + a", "o.length && a"])
def test_only_names_in_the_text_are_handed_in(code: str) -> None:
    unspeakable: Any = object()  # it could not be handed in
    ENGINE.render((code,), {"a": 1, "o": [], "z": unspeakable}, "UTC", 0)


@pytest.mark.parametrize(
    "code", ["日本 + a", "日本\u3000+ a", "\\u0061 + 日本", "this['日本'] + a", "eval('a') + 日本"]
)
def test_name_is_found_however_it_is_written(code: str) -> None:
    assert run(code, a=1, 日本=1) == ["2"]


def test_check_tells_where_a_syntax_error_is() -> None:
    error = ENGINE.check("a +\n b c")
    assert error is not None
    assert error.position == (2, 4)
    assert ENGINE.check("nope.nope()") is None


def test_an_evaluation_leaves_a_process_that_can_be_forked() -> None:
    program = (
        "import threading; from digpy.expr.quickjs_engine import QuickJS;"
        " QuickJS().render(('1',), {}, 'UTC', 0); print(threading.active_count())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "1\n"
