"""js2py with our library loaded, and without what leads from JavaScript to Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, Final, NoReturn

import pyjsparser
from js2py import base
from js2py.translators import DEFAULT_HEADER, translate_js

from digpy.expr.javascript import library
from digpy.expr.js2py_child.builtins import mend
from digpy.expr.js2py_child.json_texts import text_of
from digpy.expr.js2py_child.native import from_json, native, put_hidden

_WORD = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_BODY: Final = "__digpy_body"
_CONSTANTS: Final = frozenset({"undefined", "NaN", "Infinity"})
_PYTHON: Final = (
    "console", "window", "ArrayBuffer", "Int8Array", "Uint8Array", "Uint8ClampedArray",
    "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array",
)  # fmt: skip
"""Globals that wrap Python objects, or that ECMAScript 5 does not know."""


class Thrown(Exception):  # noqa: N818 - JavaScript throws all sorts of things
    """What an expression threw, told as `digpy.expr.javascript.JavaScriptError` tells it.

    `position` is (line, column) inside the expression, both from 1, where it is known.
    """

    def __init__(self, name: str, message: str, position: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.position = position


class Interpreter:
    """One js2py. A process has one, since js2py keeps its prototypes in module globals."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        exec(DEFAULT_HEADER, self._names)  # noqa: S102 - how js2py makes a global scope
        self._global = self._names["var"]
        self._zones: dict[str, Any] = {}
        for name, found in self._global.own.items():  # js2py protects all of them
            found["writable"] = found["configurable"] = name not in _CONSTANTS
        mend(self._global)
        _seal(self._global)
        later = Path(__file__).with_name("builtins.js").read_text("utf-8")
        for name, text in (("builtins.js", later), *library()):
            self._run(compile(translate_js(text, ""), name, "exec"))
        self._install = self._global.get("__digpy_install")
        self._global.delete("__digpy_install")
        self.set_zone("UTC", [[-8.64e15, 0, "UTC"]], 0)
        self._zones.clear()
        self.compile(["moment().format()"], {})()  # makes what the library makes when first used

    def set_zone(self, timezone: str, transitions: list[Any] | None, now: int) -> None:
        """Tell the library zone and present; `transitions` None: they came before."""
        if transitions is not None:
            self._zones[timezone] = from_json(transitions)
        settings = from_json({"zone": timezone, "now": now})
        settings.put("transitions", self._zones[timezone])
        self._install.call(base.undefined, (settings,))

    def check(self, code: str) -> None:
        """Raise `Thrown`, a syntax error, if `code` is not one expression."""
        tree = _parse(f"(\n{code}\n)")
        if [statement["type"] for statement in tree["body"]] != ["ExpressionStatement"]:
            raise Thrown("SyntaxError", "not one expression")

    def compile(
        self, codes: Sequence[str], variables: Mapping[str, Any]
    ) -> Callable[[], list[str]]:
        """The expressions of one text as a function that evaluates them. Raises `Thrown`, as that.

        js2py knows no ``with``. Variables, those among them that the text may mean, are local to a
        function around the expressions instead.
        """
        for code in codes:
            self.check(code)
        text = "\n".join(codes)
        words = variables.keys() if "\\u" in text else set(_WORD.findall(text))
        names = [name for name in variables if name in words and _is_name(name)]
        local = "".join(f"var {name} = this[{json.dumps(name)}];" for name in names)
        begin = 'arguments = this["arguments"];' if "arguments" in variables else ""
        thunks = ",".join(f"function () {{ {begin} return (\n{code}\n); }}" for code in codes)
        source = f"{_BODY} = function () {{ {local} return [{thunks}]; }};"
        _parse(source)
        try:
            translated = compile(translate_js(source, ""), "<template>", "exec")
        except (NotImplementedError, SyntaxError) as error:
            raise Thrown("SyntaxError", f"js2py cannot translate it ({error})") from None
        this = from_json(variables)

        def evaluate() -> list[str]:
            self._run(translated)
            body = self._global.get(_BODY)
            self._global.delete(_BODY)
            try:
                made = body.call(this)
                return [text_of(made.get(str(at)).call(this)) for at in range(len(codes))]
            except base.PyJsException as error:
                raise _described(error) from None

        return evaluate

    def _run(self, code: CodeType) -> None:
        exec(code, self._names)  # noqa: S102 - js2py makes Python of JavaScript


def _is_name(word: str) -> bool:
    """Whether a variable can be called so; `arguments` gets its value in another way."""
    if word == "arguments" or not _WORD.fullmatch(word):
        return False
    try:
        _parse(f"var {word};")
    except Thrown:
        return False
    return True


def _parse(text: str) -> Any:
    """The syntax tree. In `text` the expression begins in the second line."""
    parser = pyjsparser.PyJsParser()
    try:
        return parser.parse(text)
    except base.PyJsException as error:
        message = str(error.mes.get("message").value)
        found = re.match(r"Line (\d+): ", message)
        if found is None:
            raise Thrown("SyntaxError", message) from None
        line = int(found[1])
        begin = sum(map(len, text.splitlines(keepends=True)[: line - 1]))
        column = max(1, parser.lastIndex - begin)  # it has read the word in question
        raise Thrown("SyntaxError", message[found.end() :], (line - 1, column)) from None
    except (LookupError, TypeError, ValueError, AttributeError, NotImplementedError):
        raise Thrown("SyntaxError", "the text ends too early") from None  # the parser ran off it


def _described(error: Any) -> Thrown:
    """What was thrown; never fails, whatever it was."""
    try:
        thrown = error.mes
        if thrown.Class == "Error":
            name, message = _word(thrown, "name"), _word(thrown, "message")
            if message.startswith("RecursionError("):
                message = "Maximum call stack size exceeded"
            return Thrown(name, message)
        return Thrown("", "Object" if thrown.is_object() else thrown.to_string().value)
    except (base.PyJsException, RecursionError):
        return Thrown("", "Object")


def _word(thrown: Any, name: str) -> str:
    return str(thrown.get(name).to_string().value)


def _seal(scope: Any) -> None:
    """Take away what makes code at run time, and what turns a Python object into a value.

    Every way in that is known (`Object.getOwnPropertyNames`, ``ArrayBuffer``, ``pyimport``) ends in
    js2py's `py_wrap`, or in a `PyObjectWrapper`.
    """

    def wrap(*_arguments: Any) -> NoReturn:
        raise base.MakeError("TypeError", "a value of Python is out of reach")

    def generate(_this: Any) -> NoReturn:
        raise base.MakeError("TypeError", "code cannot be made at run time with js2py")

    pyjsparser.parser.ENABLE_PYIMPORT = False
    del base.Scope.pyimport
    base.py_wrap = base.HJs = base.PyObjectWrapper.__init__ = wrap
    for name in _PYTHON:
        scope.delete(name)
    function = native("Function", generate)
    function.create = function.call
    function.own["prototype"]["value"] = base.FunctionPrototype
    put_hidden(base.FunctionPrototype, "constructor", function)
    put_hidden(scope, "Function", function)
    put_hidden(scope, "eval", native("eval", generate))
