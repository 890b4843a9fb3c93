"""Templates whose holes are all plain paths, ``${a.b[0]}``, answered without JavaScript.

Whatever could mean something else in JavaScript is left to it: reserved words, names that
JavaScript itself knows unless they are parameters, members of prototypes, numbers that JavaScript
writes differently. A property test holds this module and the engine equal wherever both apply.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from digpy.expr.javascript import JavaScriptError
from digpy.values import Json, to_json

_NAME = r"[A-Za-z_$][A-Za-z0-9_$]*"
_HOLE = re.compile(
    # an opening; behind it a path and its closing, if it is a plain one
    rf"\$\{{(?![a-z]+:)(?:[ \t]*({_NAME}(?:\.{_NAME}|\[(?:0|[1-9][0-9]{{0,8}})\])*)[ \t]*\}}"
    r"|(\}))?"
)

Step = str | int
Path = tuple[Step, ...]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RESERVED = _words(
    """
    break case catch class const continue debugger default delete do else enum export
    extends false finally for function if import in instanceof new null return super switch
    this throw true try typeof var void while with let static yield await async implements
    interface package private protected public
    """
)
"""Words that are no names, or not everywhere; left to JavaScript even where they are parameters."""

OBJECT_MEMBERS = _words(
    """
    __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__
    constructor hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString
    valueOf
    """
)
"""What every object has although nobody wrote it."""

GLOBALS = OBJECT_MEMBERS | _words(
    """
    AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array
    BigUint64Array Boolean DOMException DataView Date DisposableStack Error EvalError
    FinalizationRegistry Float16Array Float32Array Float64Array Function Infinity Int16Array
    Int32Array Int8Array InternalError Iterator JSON Map Math NaN Number Object Promise
    Proxy RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String
    SuppressedError Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array
    Uint8ClampedArray WeakMap WeakRef WeakSet arguments atob btoa console decodeURI
    decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN
    moment parseFloat parseInt performance print queueMicrotask undefined unescape
    """
)
"""Names an engine may know; one that is no parameter is asked there."""


class Unsure(Exception):  # noqa: N818 - an answer, not an error
    """Only JavaScript knows what this text means with these variables."""


@lru_cache(maxsize=4096)
def plan(text: str) -> tuple[str | Path, ...] | None:
    """Literals and paths in turn, a literal first and last; None if a hole is something else."""
    found: list[str | Path] = []
    at = 0
    for match in _HOLE.finditer(text):
        path, empty = match.groups()
        if path is None and empty is None:
            return None
        found.append(text[at : match.start()].replace("$$", "$"))
        found.append(_steps(path) if path else ())
        at = match.end()
    found.append(text[at:].replace("$$", "$"))
    if any(isinstance(path, tuple) and path and path[0] in RESERVED for path in found):
        return None
    return tuple(found)


def render(pieces: tuple[str | Path, ...], variables: Mapping[str, Json]) -> str:
    """The text of a `plan`. Raises `Unsure`, or `JavaScriptError` as JavaScript would."""
    if len(pieces) == 1:
        return str(pieces[0])
    return "".join(
        piece if isinstance(piece, str) else _text(_value(piece, variables)) if piece else ""
        for piece in pieces
    )


def _steps(path: str) -> Path:
    first, *rest = re.findall(r"\[?[^.\[\]]+", path)
    return (first, *(int(step[1:]) if step[0] == "[" else step for step in rest))


class _Undefined:
    def __repr__(self) -> str:
        return "undefined"


_UNDEFINED = _Undefined()
_Value: TypeAlias = "Json | _Undefined"


def _value(path: Path, variables: Mapping[str, Json]) -> _Value:
    name = path[0]
    assert isinstance(name, str)  # noqa: S101 - a path begins with a name
    if name not in variables:
        if name in GLOBALS:
            raise Unsure
        raise JavaScriptError("ReferenceError", f"{name} is not defined")
    value: _Value = variables[name]
    for step in path[1:]:
        value = _member(value, step)
    return value


def _member(value: _Value, step: Step) -> _Value:
    if isinstance(value, dict):
        key = str(step)
        if key in value:
            return value[key]
        if key in OBJECT_MEMBERS:
            raise Unsure
        return _UNDEFINED
    if isinstance(value, list):
        if step == "length":
            return len(value)
        if isinstance(step, int):
            return value[step] if step < len(value) else _UNDEFINED
        raise Unsure
    if isinstance(value, str) and value.isascii():  # else JavaScript counts in 16-bit units
        if step == "length":
            return len(value)
        if isinstance(step, int):
            return value[step] if step < len(value) else _UNDEFINED
        raise Unsure
    if value is None or value is _UNDEFINED:
        kind = "null" if value is None else "undefined"
        raise JavaScriptError("TypeError", f"Cannot read property '{step}' of {kind}")
    raise Unsure


def _text(value: _Value) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, _Undefined):
        return ""
    return _json(value)


def _json(value: Json) -> str:
    """As ``JSON.stringify`` writes it. Raises `Unsure` where that is not certain."""
    if value is None or value is True or value is False:
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, str):
        return _json_text(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"
    return "{" + ",".join(f"{_key(key)}:{_json(item)}" for key, item in value.items()) + "}"


def _key(key: str) -> str:
    if key[:1].isdecimal() or key == "__proto__":  # keys that are numbers come first in JavaScript
        raise Unsure
    return _json_text(key)


def _json_text(text: str) -> str:
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise Unsure
    return to_json(text)


def _number(value: float) -> str:
    # The notations of Python and JavaScript agree in this range; beyond it digits or exponents
    # differ.
    if isinstance(value, int):
        if -(2**53) <= value <= 2**53:
            return str(value)
        raise Unsure
    if value.is_integer() and abs(value) <= 2**53:
        return str(int(value))
    if 1e-4 <= abs(value) < 1e15:
        return repr(value)
    raise Unsure
