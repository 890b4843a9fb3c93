"""What js2py's built-ins do differently from ECMAScript 5, mended.

Methods of later editions that workflows use (``startsWith``, ``Object.assign`` ...) are in
``builtins.js``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from js2py import base

from digpy.expr.js2py_child.json_texts import parse, stringify
from digpy.expr.js2py_child.native import enumerable, in_order, native, put_hidden
from digpy.expr.js2py_child.numbers import MATH, NUMBER_METHODS, number_text, remainder, to_number
from digpy.expr.js2py_child.texts import FUNCTIONS, replace

_LATEST: Final = 8.64e15  # milliseconds since the epoch that a Date can hold


def mend(scope: Any) -> None:
    """Replace what is wrong, in the classes and prototypes of js2py and in its global `scope`."""
    base.js_dtoa = number_text
    base.PyJs.__mod__ = remainder
    base.PyJs.__iter__ = lambda self: map(base.Js, enumerable(self))
    base.PyJs.to_number = to_number(base.PyJs.to_number)
    groups: tuple[tuple[Any, Mapping[str, Callable[..., Any]]], ...] = (
        (scope, {**FUNCTIONS, "print": lambda _this: base.undefined}),
        (scope.get("JSON"), {"parse": parse, "stringify": stringify}),
        (scope.get("Math"), MATH),
        (scope.get("Object"), {"getOwnPropertyNames": _own_names, "keys": _keys}),
        (base.NumberPrototype, NUMBER_METHODS),
        (base.StringPrototype, {"replace": replace}),
    )
    for owner, functions in groups:
        for name, function in functions.items():
            put_hidden(owner, name, native(name, function))
    put_hidden(scope, "Date", _date())


def _own_names(_this: Any, value: Any) -> list[str]:
    if not value.is_object():
        raise base.MakeError("TypeError", "Object.getOwnPropertyNames is for objects")
    return in_order(value.own)


def _keys(_this: Any, value: Any) -> list[str]:
    if not value.is_object():
        raise base.MakeError("TypeError", "Object.keys is for objects")
    return enumerable(value)


class _Date(base.PyJsObject):  # type: ignore[misc] # js2py has no types
    """An instant; everything else about dates is in our library, which is built on it."""

    Class = "Date"

    def default_value(self, hint: str | None = None) -> Any:
        """As digdag's engine has it: ``date + 1`` is a number."""
        return super().default_value(hint or "Number")


def _clipped(value: Any) -> float:
    number = value.to_number().value
    return math.trunc(number) if abs(number) <= _LATEST else math.nan


def _date() -> Any:
    """The constructor on which ``date.js`` is built: `new Date(milliseconds)` and the instant."""

    def time(this: Any) -> float:
        if this.Class != "Date":
            raise base.MakeError("TypeError", "this is not a Date object")
        return float(this.value)

    def set_time(this: Any, value: Any) -> float:
        time(this)
        this.value = _clipped(value)
        return float(this.value)

    def make(*arguments: Any) -> Any:
        made = _Date(prototype=prototype)
        made.value = _clipped(arguments[0]) if arguments else math.nan
        return made

    prototype = _Date(prototype=base.ObjectPrototype)
    prototype.value = math.nan
    for name, function in (("getTime", time), ("valueOf", time), ("setTime", set_time)):
        put_hidden(prototype, name, native(name, function))
    constructor = native("Date", lambda _this: "")
    constructor.create = make
    put_hidden(constructor, "prototype", prototype)
    put_hidden(prototype, "constructor", constructor)
    return constructor
