"""What both JavaScript engines must do, whatever an expression tries."""

from __future__ import annotations

import pytest

from digpy.expr.evaluate import evaluate, evaluate_text
from digpy.expr.javascript import JavaScript, JavaScriptError
from digpy.values import Json, Template
from tests.support.javascript import ENGINES, make_engine

STOPPED = "stopped after 1 s of CPU time"
TOO_LARGE = "more than 64 MiB of memory"
TOO_DEEP = "Maximum call stack size exceeded"


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> JavaScript:
    return make_engine(request.param)


def run(engine: JavaScript, *codes: str, **variables: Json) -> list[str]:
    return engine.render(codes, variables, "UTC", 0)


def failure(engine: JavaScript, code: str) -> JavaScriptError:
    with pytest.raises(JavaScriptError) as caught:
        run(engine, code)
    return caught.value


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("(function(){ for(;;); })()", STOPPED),
        (
            "(function(){ for(;;) { try { for(;;); } catch (e) {} finally { continue } } })()",
            STOPPED,
        ),
        ("/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')", STOPPED),
        ("({get a() { for(;;); }})", STOPPED),
        ("({toJSON: function() { for(;;); }})", STOPPED),
        ("'' + {toString: function() { for(;;); }}", STOPPED),
        ("[3, 1, 2].sort(function() { for(;;); })", STOPPED),
        ("(function(){ for (var m = moment();;) m.add(1, 'ms') })()", STOPPED),
        ("'x'.repeat(1e9).length", TOO_LARGE),
        ("(function(){ for (var s = ['x'];;) s.push(s.join()) })()", TOO_LARGE),
        ("(function f(){ return f() })()", TOO_DEEP),
        ("(function f(n){ return [n].map(f) })(1)", TOO_DEEP),
        ("JSON.parse(Array(200001).join('['))", TOO_DEEP),
        ("(function(){ for (var o = {}, i = 0; i < 2e4; i++) o = {a: o}; return o })()", TOO_DEEP),
    ],
)
def test_a_bomb_says_which_limit_it_met_and_the_next_text_runs(
    engine: JavaScript, code: str, said: str
) -> None:
    assert said in str(failure(engine, code))
    assert run(engine, "1 + 1") == ["2"]


@pytest.mark.parametrize(
    "code",
    [
        "Array(1e9).fill(0)",
        "(function(){ for (var o = {}, i = 0;; i++) o['k' + i] = JSON.stringify(o) })()",
        "Array(1e9).join('x')",
        "Array(4e9).reverse()",
        "[].slice.call({length: 4e9}, 0)",
        "[].concat(Array(4e9), [1])",
        "(function(){ for (var s = 'x';;) s += s })()",
    ],
)
def test_what_cannot_fit_is_refused_within_the_limits(engine: JavaScript, code: str) -> None:
    assert failure(engine, code).name in {"InternalError", "RangeError"}
    assert run(engine, "1 + 1") == ["2"]


@pytest.mark.parametrize(
    ("thrown", "shown"),
    [
        ("42", "42"),
        ("null", "null"),
        ("{a: 1}", "Object"),
        ("Object.create(null)", "Object"),
        ("{toString: function(){ for(;;); }}", "Object"),
        ("new Error('x')", "x"),
        ("Object.defineProperty(new Error(), 'message', {get: function(){ throw 1 }})", "Object"),
        ("Object.defineProperty(new Error(), 'name', {get: function(){ throw null }})", "Object"),
    ],
)
def test_whatever_is_thrown_becomes_a_message(engine: JavaScript, thrown: str, shown: str) -> None:
    assert failure(engine, f"(function(){{ throw {thrown} }})()").message == shown


@pytest.mark.parametrize(
    "code", ["a;", "var x", "", " ", "a b", "1), ()=>(2", "1);(2", "1)}, function(){return (2"]
)
def test_only_one_expression_is_allowed(engine: JavaScript, code: str) -> None:
    assert failure(engine, code).name == "SyntaxError"


def test_expressions_of_one_text_share_what_they_assign(engine: JavaScript) -> None:
    assert run(engine, "g = 5", "g", "o.p = 2", "o", o={}) == ["5", "5", "2", '{"p":2}']


@pytest.mark.parametrize(
    ("change", "look"),
    [
        ("g = 1", "typeof g"),
        ("(function(){ this.g = 1 })()", "typeof g"),
        ("Array.prototype.g = 1", "typeof [].g"),
        ("Object.prototype.g = 1", "typeof ({}).g"),
        ("Math.g = 1", "typeof Math.g"),
        ("Date = 1", "typeof Date === 'function' ? 'undefined' : 'changed'"),
        ("moment.g = 1", "typeof moment.g"),
        ("moment.fn.g = 1", "typeof moment().g"),
        ("moment = 1", "typeof moment === 'function' ? 'undefined' : 'changed'"),
        (
            "moment.defineLocale('xx', {months: ['x']})",
            "moment.locale('xx') === 'en' ? 'undefined' : 'changed'",
        ),
        ("JSON.stringify = null", "typeof JSON.stringify === 'function' ? 'undefined' : 'changed'"),
        ("Object.defineProperty(Object.prototype, 'g', {value: 1})", "typeof ({}).g"),
        ("Object.defineProperty(this, 'g', {value: 1})", "typeof g"),
        ("delete Math.PI", "typeof Math.PI === 'number' ? 'undefined' : 'gone'"),
        (
            "Error.prototype.name = 'Nobody'",
            "new Error('x').name === 'Error' ? 'undefined' : 'changed'",
        ),
        ("String.prototype.trim = null", "' x '.trim() === 'x' ? 'undefined' : 'changed'"),
        (
            "(function(){ return this })().Object = null",
            "typeof Object === 'function' ? 'undefined' : 'changed'",
        ),
    ],
)
def test_nothing_reaches_the_next_text(engine: JavaScript, change: str, look: str) -> None:
    try:
        run(engine, change)
    except JavaScriptError as error:
        assert error.name == "TypeError"  # noqa: PT017 - refused is as good as forgotten
    assert run(engine, look) == ["undefined"]


HOSTILE = """
    Array Boolean Date Error Function JSON Math Number Object Reflect RegExp String Symbol
    constructor eval hasOwnProperty isNaN moment parse parseInt print prototype stringify text
    toJSON toString undefined NaN Infinity arguments global globalThis window this __proto__
    __digpy_install __digpy_body variables thunks render length name call apply let yield static
    PyJs Js var_ py_wrap Scope $ $$ $1 _ 日本 ünï a\u0301 if null true
"""


@pytest.mark.parametrize("name", HOSTILE.split())
def test_a_parameter_of_any_name_is_data_and_breaks_nothing(engine: JavaScript, name: str) -> None:
    found = run(engine, f"this[{name!r}]", "[1]", "({a: 1})", "'x'.length + 1", **{name: "mine"})

    assert found == ["mine", "[1]", '{"a":1}', "2"]


@pytest.mark.parametrize(
    "name",
    [
        "Array",
        "JSON",
        "Object",
        "String",
        "eval",
        "undefined",
        "arguments",
        "moment",
        "Date",
        "日本",
        "$",
    ],
)
def test_a_parameter_hides_what_has_its_name(engine: JavaScript, name: str) -> None:
    assert run(engine, f"{name} + ''", f"typeof {name}", **{name: "mine"}) == ["mine", "string"]


@pytest.mark.parametrize("name", ["Date", "Object", "Math", "Array", "String", "Error", "isNaN"])
def test_the_library_does_not_see_parameters(engine: JavaScript, name: str) -> None:
    code = "moment('2016-01-31T12:00:00Z').add(1, 'month').format()"

    assert run(engine, code, f"{name} + ''", **{name: "mine"}) == [
        "2016-02-29T12:00:00+00:00",
        "mine",
    ]


CODE = "${1+1}$${JSON.stringify(1)}"


@pytest.mark.parametrize(
    "template",
    [
        "${data}",
        "<${data}>",
        "${data + ''}",
        "${[data].join()}",
        "${(function(){ return data })()}",
    ],
)
def test_text_that_came_from_a_task_is_never_evaluated(engine: JavaScript, template: str) -> None:
    params: dict[str, Json] = {"data": CODE, "mine": Template(template)}

    found = evaluate(params, {}, lambda: engine, "UTC", 0)

    assert found["data"] == CODE
    assert found["mine"] == template.replace(template.strip("<>"), CODE)


@pytest.mark.parametrize(
    "data", ["');throw 1;('", "\\", "`${1}`", "\u2028", "*/ 1 /*", "</script>", "\0", '"']
)
def test_data_cannot_end_the_text_it_is_put_into(engine: JavaScript, data: str) -> None:
    found = evaluate_text(
        "${data + '|' + o[data]}", {"data": data, "o": {data: 1}}, lambda: engine, "UTC", 0
    )

    assert found == data + "|1"


def test_check_tells_where_a_syntax_error_is(engine: JavaScript) -> None:
    error = engine.check("a +\n b c")
    assert error is not None
    assert error.position == (2, 4)
    assert engine.check("nope.nope()") is None
