"""js2py hands Python to scripts in several published ways; here they are closed, wall by wall."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from digpy.errors import ConfigError
from digpy.expr import javascript
from digpy.expr.javascript import JavaScriptError
from tests.support.eventually import eventually
from tests.support.javascript import NEEDS_JS2PY

if sys.version_info < (3, 12):
    from digpy.expr.js2py_engine import Js2Py

PUBLISHED = """(function(){
  var hacked = Object.getOwnPropertyNames({});
  var attribute = hacked.__getattribute__;
  var object = attribute("__getattribute__")("__class__").__base__;
  function find(type) {
    var below = type.__subclasses__();
    for (var i in below) {
      var item = below[i];
      if (item.__module__ == "subprocess" && item.__name__ == "Popen") return item;
      if (item.__name__ != "type") { var found = find(item); if (found) return found; }
    }
  }
  return find(object)("id", -1, null, -1, -1, -1, null, null, true).communicate();
})()"""
"""CVE-2024-28397, as published."""

PYTHON_ATTRIBUTES = [
    "__class__",
    "__getattribute__",
    "__dict__",
    "__init__",
    "__globals__",
    "__code__",
    "__builtins__",
    "__subclasses__",
    "own",
    "buff",
    "func_name",
    "pat",
    "GlobalObject",
    "MakeError",
    "py_wrap",
    "to_python",
    "to_py",
    "_obj",
    "obj",
    "mes",
    "with_traceback",
    "args",
]

VALUES = [
    "''",
    "1",
    "true",
    "[]",
    "({})",
    "(function(){})",
    "/a/",
    "new Date(0)",
    "new Error('x')",
    "Math",
    "JSON",
    "moment",
    "moment()",
    "moment.duration(1)",
    "this",
    "Object",
    "[].slice",
    "print",
    "Function",
    "Object.keys({a: 1})",
    "Object.getOwnPropertyNames({a: 1})",
    "Object.getOwnPropertyDescriptor([], 'length')",
    "(function(){ return arguments })()",
    "(function(){ return this })()",
    "Object.getPrototypeOf([])",
    "({}).__proto__",
    "(function(){ try { null.x } catch (e) { return e } })()",
    "(function(){ try { nope } catch (e) { return e } })()",
    "(function(){ try { JSON.parse('{') } catch (e) { return e } })()",
    "(function(){ try { new RegExp('(') } catch (e) { return e } })()",
    "(function f(){ try { return f() } catch (e) { return e } })()",
    "'a'.match(/a/)",
    "'a'.split('')",
    "/a/.exec('a')",
    "[1].concat(2)",
    "print.bind(1)",
]

pytestmark = NEEDS_JS2PY


@pytest.fixture(scope="module")
def engine() -> Js2Py:
    return Js2Py()


def run(engine: Js2Py, code: str) -> str:
    return engine.render((code,), {}, "UTC", 0)[0]


def failure(engine: Js2Py, code: str) -> JavaScriptError:
    with pytest.raises(JavaScriptError) as caught:
        run(engine, code)
    return caught.value


def test_the_published_escape_finds_no_python(engine: Js2Py) -> None:
    assert failure(engine, PUBLISHED).name == "TypeError"


@pytest.mark.parametrize(
    "code", ["new ArrayBuffer(8)", "new Uint8Array(8)", "new Float64Array(1).buffer", "console.log"]
)
def test_what_wraps_python_objects_does_not_exist(engine: Js2Py, code: str) -> None:
    assert failure(engine, code).name == "ReferenceError"


def test_python_modules_cannot_be_imported(engine: Js2Py) -> None:
    assert (
        failure(engine, "(function(){ pyimport os; return os.getpid() })()").name == "SyntaxError"
    )


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "(0, eval)('1')",
        "['1'].map(eval)",
        "Function('return 1')()",
        "new Function('return 1')()",
        "(function(){}).constructor('return 1')()",
        "[].constructor.constructor('return 1')()",
        "moment.constructor('return 1')()",
        "Object.getPrototypeOf(print).constructor('return 1')()",
        "({}).__proto__.constructor.constructor('return 1')()",
    ],
)
def test_code_cannot_be_made_at_run_time(engine: Js2Py, code: str) -> None:
    assert failure(engine, code).name == "TypeError"


@pytest.mark.parametrize("value", VALUES)
def test_no_value_shows_its_python(engine: Js2Py, value: str) -> None:
    seen = f"{PYTHON_ATTRIBUTES}.filter(function(name) {{ return value[name] !== undefined }})"

    assert run(engine, f"(function(value) {{ return {seen} }})({value})") == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "'\\\\' + __import__(\"os\").getpid() + \\\\''",
        '"\\n\\nimport os\\n"',
        "'PyJs_anonymous_0_'",
        "'PyJsLvalInline0_'",
        "({'__import__(\"os\")': 1})",
    ],
)
def test_text_stays_text_in_the_python_that_js2py_writes(engine: Js2Py, code: str) -> None:
    try:
        assert str(os.getpid()) not in run(engine, code)
    except JavaScriptError as error:
        assert error.name == "SyntaxError"  # noqa: PT017 - the first is none in JavaScript


_UNSEALED = """
import json, sys
from digpy.expr.js2py_child import __main__ as process, interpreter
interpreter._seal = lambda scope: None
{more}
from js2py.constructors import jsobject
made = interpreter.Interpreter()
made.set_zone("UTC", [[-8.64e15, 0, "UTC"]], 0)
from js2py import base
names = made._global.get("Object").own["getOwnPropertyNames"]
names["value"] = base.Js(jsobject.ObjectMethods.getOwnPropertyNames)
print(process._in_fork(made, {{"codes": [sys.argv[1]], "variables": {{}}}}).decode())
"""


def unsealed(code: str, more: str = "") -> str:
    """The answer of a process whose first wall was taken down."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _UNSEALED.format(more=more), code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return ended.stdout


def test_without_the_seal_python_is_in_reach() -> None:
    attribute = "Object.getOwnPropertyNames({}).__class__.__name__"

    assert unsealed(attribute) == '{"texts": ["dict_keys"]}\n'


def test_without_seal_and_limits_a_process_cannot_be_started() -> None:
    assert unsealed(PUBLISHED, "process._limit = lambda: None") == '{"stopped": "reach"}\n'


def test_without_seal_and_audit_hook_a_process_cannot_be_started() -> None:
    answer = unsealed(PUBLISHED, "process._refuse = lambda event, arguments: None")

    assert "Too many open files" in answer


def test_a_process_that_was_killed_is_replaced(engine: Js2Py) -> None:
    run(engine, "1")
    assert engine._child is not None
    os.kill(engine._child._process.pid, signal.SIGKILL)

    assert "ended unexpectedly" in str(failure(engine, "1"))
    assert run(engine, "moment(0).utcOffset()") == "0"


def test_the_process_ends_with_its_engine() -> None:
    engine = Js2Py()
    run(engine, "1")
    assert engine._child is not None
    process = engine._child._process

    del engine

    eventually(lambda: process.returncode is not None)


def test_a_fork_gets_a_process_of_its_own(engine: Js2Py) -> None:
    assert run(engine, "1") == "1"
    child = os.fork()
    if child == 0:
        os._exit(0 if run(engine, "2") == "2" else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert run(engine, "3") == "3"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("Math.random().toString(36).slice(-8).length", "8"),
        ("(0.1).toString(3)", "0.0022002200220022002200220022002201"),
        ("(255).toString(16) + (-255.5).toString(2)", "ff-11111111.1"),
        ("(1e21).toFixed(2) + (2.5).toFixed(0) + (-1.005).toFixed(2)", "1e+213-1.00"),
        (
            "[1e21, 1e-7, 123456789012345680000, 0.000001]",
            "[1e+21,1e-7,123456789012345680000,0.000001]",
        ),
        ("-7 % 3", "-1"),
        ("Number('1_0') + '' + Number('nan') + Number(' 0x1F ')", "NaNNaN31"),
        (
            "JSON.stringify({b: [1, NaN, 'é'], a: undefined, 2: 1, 1: null}, null, 1)",
            '{\n "1": null,\n "2": 1,\n "b": [\n  1,\n  null,\n  "é"\n ]\n}',
        ),
        ("'a-b-c'.replace(/-(.)/g, function(m, g, at) { return g.toUpperCase() + at })", "aB1C3"),
        ("'abc'.replace('b', \"[$&$`$'$$]\")", "a[bac$]c"),
        ("[1, 2, 3].includes(2) && 'abc'.startsWith('ab') && Object.assign({}, {a: 1}).a", "1"),
        ("'' + new Date(5) + (new Date(5) - 1)", "54"),
    ],
)
def test_what_js2py_does_differently_is_mended(engine: Js2Py, code: str, text: str) -> None:
    assert run(engine, code) == text


def test_modern_syntax_is_a_syntax_error(engine: Js2Py) -> None:
    for code in ("[1].map(x => x)", "`a`", "a?.b", "2 ** 3"):
        assert failure(engine, code).name == "SyntaxError"


@pytest.fixture
def _chosen_again() -> Iterator[None]:
    yield
    javascript.choose_engine("quickjs")


@pytest.mark.usefixtures("_chosen_again")
def test_the_setting_chooses_the_engine() -> None:
    javascript.choose_engine("js2py")
    assert isinstance(javascript.default_engine(), Js2Py)
    javascript.choose_engine("graal")
    assert not isinstance(javascript.default_engine(), Js2Py)


@pytest.mark.usefixtures("_chosen_again")
def test_a_python_that_js2py_does_not_know_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(javascript.sys, "version_info", (3, 13, 1))

    with pytest.raises(
        ConfigError,
        match=r'-X a: .* "js2py", which does not work with this Python 3.13: .*use Python 3.11',
    ):
        javascript.choose_engine("js2py", "-X a")


@pytest.mark.usefixtures("_chosen_again")
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)

    with pytest.raises(ConfigError, match=r"not installed; pip install 'digpy\[js2py\]'"):
        javascript.choose_engine("js2py")
