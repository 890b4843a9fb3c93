"""Values of directives, with digdag's texts for what cannot be one.

Follows digdag 0.10.5 (``Config.get``), except that a number beyond 32 bits is an error instead of
another number (D45).
"""

from __future__ import annotations

from digpy.dsl.coercion import sample, to_boolean, to_integer
from digpy.durations import LONGEST, in_units, length
from digpy.values import Json, to_json


class Unsuitable(ValueError):  # noqa: N818 - it is always turned into a problem
    """The value is not of the type wanted; the message is digdag's."""


def boolean(key: str, value: Json) -> bool:
    """A boolean, an integer (0 is false) or one of a few texts; null is false."""
    result = False if value is None else to_boolean(value)
    if result is None:
        raise Unsuitable(f"Expected 'true' or 'false' for key '{key}' but got {sample(value)}")
    return result


def integer(key: str, value: Json) -> int:
    """A number without its fraction, or the text of an integer."""
    if value is None:
        raise Unsuitable(f"Parameter '{key}' is required but null")
    result = to_integer(value)
    if result is None:
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


def timeout(value: Json) -> int | None:
    """Microseconds of a ``_timeout``; 0 (written so, or ``none``) is no limit, None no duration."""
    if isinstance(value, str) and value.strip().lower() == "none":
        return 0
    microseconds = length(value)
    return None if microseconds is None or microseconds > LONGEST else microseconds


def is_limit(name: str, value: Json) -> bool:
    """Whether a supervision directive can have this value, as far as can be told before evaluation.

    Durations are seconds or ``1d 2h 3m 4s``; 0 and ``none`` switch a limit off.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        if "${" in text or text == "none" or (text.isascii() and text.isdigit()):
            return name != "_cancel_timeout" or text not in ("none", "0")
        return name.endswith("_timeout") and in_units(text) is not None
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return name == "_priority" or value >= (1 if name == "_cancel_timeout" else 0)
