"""Functions and values of js2py made in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from js2py import base


def native(name: str, function: Callable[..., Any]) -> Any:
    """A function of JavaScript made of ``function(this, *arguments)``.

    Arguments that are not given are undefined; what it returns becomes a value of JavaScript.
    """
    count = function.__code__.co_argcount - 1

    # `arguments` and `var` are the names by which js2py knows what to call it with.
    def call(this: Any, arguments: Any, var: Any = None) -> Any:  # noqa: ARG001
        given = arguments.to_list()[:count]
        return base.Js(function(this, *given, *[base.undefined] * (count - len(given))))

    made = base.PyJsFunction(call, base.FunctionPrototype)
    made.own["name"]["value"] = base.Js(name)
    made.func_name = name
    made.own["length"]["value"] = base.Js(count)
    return made


def put_hidden(target: Any, name: str, value: Any) -> None:
    """Set a property as built-ins have it: writable, not enumerable."""
    target.own[name] = {"value": value, "writable": True, "enumerable": False, "configurable": True}


def from_json(value: Any) -> Any:
    """A JSON value as a value of JavaScript.

    By itself js2py makes undefined of null, and a prototype of what is called ``__proto__``.
    """
    if value is None:
        return base.null
    if isinstance(value, Mapping):
        made = base.Js({})
        for key, item in value.items():
            made.own[key] = {
                "value": from_json(item), "writable": True, "enumerable": True, "configurable": True
            }  # fmt: skip
        return made
    return base.Js([from_json(item) for item in value] if isinstance(value, list) else value)


def enumerable(value: Any) -> list[str]:
    """The names of the own enumerable properties, in the order in which JavaScript has them."""
    return in_order(name for name, found in value.own.items() if found["enumerable"])


def in_order(names: Iterable[str]) -> list[str]:
    """Property names as JavaScript lists them: indexes first, by number."""
    listed = list(names)
    indexes = [name for name in listed if name.isdecimal() and str(int(name)) == name]
    if not indexes:
        return listed
    taken = frozenset(indexes)
    return sorted(indexes, key=int) + [name for name in listed if name not in taken]
