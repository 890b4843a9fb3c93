"""``JSON.parse`` and ``JSON.stringify``, and the text that a template gets for a value."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from js2py import base

from digpy.expr.js2py_child.native import enumerable, from_json
from digpy.expr.js2py_child.numbers import number_text

_HALF = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")


def text_of(value: Any) -> str:
    """The text that a template gets for a value (language 4.5)."""
    if value.is_undefined() or value.is_null():
        return ""
    if value.TYPE == "String":
        return str(value.value)
    written = stringify(None, value, base.undefined, base.undefined)
    return "undefined" if written is None else written


def parse(_this: Any, text: Any, reviver: Any) -> Any:
    """``JSON.parse``."""
    try:
        value = from_json(json.loads(text.to_string().value, parse_constant=_no_constant))
    except ValueError as error:
        raise base.MakeError("SyntaxError", f"not JSON: {error}") from None
    if not reviver.is_callable():
        return value
    return _revived(base.Js({"": value}), "", reviver)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _revived(holder: Any, key: str, reviver: Any) -> Any:
    value = holder.get(key)
    if value.is_object():
        for name in enumerable(value):
            item = _revived(value, name, reviver)
            if item.is_undefined():
                value.delete(name)
            else:
                value.put(name, item)
    return reviver.call(holder, (base.Js(key), value))


def stringify(_this: Any, value: Any, replacer: Any, space: Any) -> str | None:
    """``JSON.stringify``; None stands for undefined."""
    if space.is_object() and space.Class in ("Number", "String"):
        space = space.to_number() if space.Class == "Number" else space.to_string()
    gap = ""
    if space.TYPE == "Number":
        gap = " " * max(0, min(10, int(space.to_int())))
    elif space.TYPE == "String":
        gap = space.value[:10]
    return _Writer(replacer, gap).written(base.Js({"": value}), "", "\n" if gap else "")


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", quoted)


class _Writer:
    """What one call of ``JSON.stringify`` keeps in mind."""

    def __init__(self, replacer: Any, gap: str) -> None:
        self._function = replacer if replacer.is_callable() else None
        self._names: list[str] | None = None
        if replacer.Class == "Array":
            items = [replacer.get(str(index)) for index in range(len(replacer))]
            named = [item for item in items if item.Class in ("String", "Number")]
            self._names = list(dict.fromkeys(str(item.to_string().value) for item in named))
        self._gap = gap
        self._inside: list[Any] = []

    def written(self, holder: Any, key: str, margin: str) -> str | None:
        value = holder.get(key)
        if value.is_object():
            to_json = value.get("toJSON")
            if to_json.is_callable():
                value = to_json.call(value, (base.Js(key),))
        if self._function is not None:
            value = self._function.call(holder, (base.Js(key), value))
        if value.Class == "Number":
            number = value.to_number().value
            return number_text(number) if math.isfinite(number) else "null"
        if value.Class == "String":
            return _quoted(value.to_string().value)
        if value.Class == "Boolean":
            return "true" if value.value else "false"
        if value.is_null():
            return "null"
        if not value.is_object() or value.is_callable():
            return None
        if any(value is outer for outer in self._inside):
            raise base.MakeError("TypeError", "Converting circular structure to JSON")
        self._inside.append(value)
        text = self._of_array(value, margin) if value.Class == "Array" else self._of(value, margin)
        self._inside.pop()
        return text

    def _of_array(self, value: Any, margin: str) -> str:
        inner = margin + self._gap
        items = [self.written(value, str(at), inner) or "null" for at in range(len(value))]
        return f"[{self._joined(items, margin)}]"

    def _of(self, value: Any, margin: str) -> str:
        inner = margin + self._gap
        colon = ": " if self._gap else ":"
        members = []
        for name in enumerable(value) if self._names is None else self._names:
            text = self.written(value, name, inner)
            if text is not None:
                members.append(f"{_quoted(name)}{colon}{text}")
        return f"{{{self._joined(members, margin)}}}"

    def _joined(self, items: list[str], margin: str) -> str:
        if not items or not self._gap:
            return ",".join(items)
        inner = margin + self._gap
        return inner + ("," + inner).join(items) + margin
