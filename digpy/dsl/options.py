"""Booleans and numbers as definitions write them, with digdag's texts for what is neither.

Follows digdag 0.10.5 (``Config.get``), except that a number beyond 32 bits is an error instead of
another number (D45).
"""

from __future__ import annotations

import re

from digpy.values import Json, to_json

_TRUTH = {"true": True, "True": True, "false": False, "False": False, "": False, "null": False}
_INTEGER = r"[+-]?[0-9]+"
_DURATION = r"(?:[0-9]+\s*d)?\s*(?:[0-9]+\s*h)?\s*(?:[0-9]+\s*m)?\s*(?:[0-9]+\s*s)?"
_LONGEST = 97


class Unsuitable(ValueError):  # noqa: N818 - it is always turned into a problem
    """The value is not of the type wanted; the message is digdag's."""


def boolean(key: str, value: Json) -> bool:
    """A boolean, an integer (0 is false) or one of a few texts; null is false."""
    if value is None:
        return False
    if isinstance(value, (bool, int)):
        return bool(value)
    if isinstance(value, str) and value.strip() in _TRUTH:
        return _TRUTH[value.strip()]
    raise Unsuitable(f"Expected 'true' or 'false' for key '{key}' but got {sample(value)}")


def integer(key: str, value: Json) -> int:
    """A number without its fraction, or the text of an integer."""
    result: int | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        result = int(value)
    elif isinstance(value, str):
        text = value.strip()
        if text in ("", "null"):
            return 0
        result = int(text) if re.fullmatch(_INTEGER, text) else None
    elif value is None:
        raise Unsuitable(f"Parameter '{key}' is required but null")
    if result is None or not -(2**31) <= result < 2**31:
        raise Unsuitable(f"Expected integer (int) type for key '{key}' but got {sample(value)}")
    return result


def parallel_limit(value: Json) -> int | None:
    """How children are ordered: None one by one, 0 all at once, else in chunks of so many."""
    if isinstance(value, dict):
        if "limit" not in value:
            raise Unsuitable("Parameter 'limit' is required but not set")
        return max(0, integer("limit", value["limit"]))
    if isinstance(value, (bool, str)):
        return 0 if boolean("_parallel", value) else None
    raise Unsuitable(f"Invalid _parallel format: {to_json(value)}")


def is_limit(name: str, value: Json) -> bool:
    """Whether a supervision directive can have this value, as far as can be told before evaluation.

    Durations are seconds or ``1d 2h 3m 4s``; 0 and ``none`` switch a limit off.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        if "${" in text or text == "none" or (text.isascii() and text.isdigit()):
            return name != "_cancel_timeout" or text not in ("none", "0")
        return (
            name.endswith("_timeout") and bool(text) and re.fullmatch(_DURATION, text) is not None
        )
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return name == "_priority" or value >= (1 if name == "_cancel_timeout" else 0)


def sample(value: Json) -> str:
    """A value and its type as digdag shows them in messages."""
    text = to_json(value)
    if len(text) > _LONGEST + 3:
        text = text[:_LONGEST] + "..."
    return f"{text} ({kind(value)})"


def kind(value: Json) -> str:
    """The type of a JSON value by its JSON name."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
