"""What a JSON value counts as where another type is wanted, and how messages show it.

Follows digdag 0.10.5 (``Config.get``), which takes texts for booleans and numbers, except that a
number out of range counts as none instead of as another number.
"""

from __future__ import annotations

import re

from digpy.values import Json, to_json

_BOOLEANS = {"true": True, "True": True, "false": False, "False": False, "": False, "null": False}
_INTEGER = r"[+-]?0*[0-9]{1,19}"
_LONGEST = 100


def to_boolean(value: Json) -> bool | None:
    """A boolean, an integer (0 is false) or one of a few texts; None for anything else."""
    if isinstance(value, int):
        return bool(value)
    return _BOOLEANS.get(value.strip()) if isinstance(value, str) else None


def to_integer(value: Json, bits: int = 32) -> int | None:
    """A number without its fraction, or the text of an integer; None for anything else.

    None as well if it does not fit into a signed integer of so many `bits`.
    """
    if isinstance(value, str):
        text = value.strip()
        if text in ("", "null"):
            return 0
        value = int(text) if re.fullmatch(_INTEGER, text) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    limit = 1 << (bits - 1)
    # NaN compares as false, so this refuses it together with the infinities.
    return int(value) if -limit - 1 < value < limit else None


def json_text(value: Json) -> str:
    """Compact JSON with numbers as digdag writes them: ``1.0E21``, not ``1e+21``."""
    if isinstance(value, float):
        return _java_float(value)
    if isinstance(value, dict):
        items = (f"{to_json(key)}:{json_text(item)}" for key, item in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    return to_json(value)


def sample(value: Json) -> str:
    """A value as messages show it: its JSON, cut at 100 characters, and what kind of JSON it is."""
    text = json_text(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 3] + "..."
    return f"{text} ({_kind(value)})"


def _kind(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"


def _java_float(number: float) -> str:
    """As ``Double.toString``: plain from 0.001 to 10,000,000, else one digit before the point."""
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    from decimal import Decimal

    shortest = Decimal(repr(number))
    if not shortest.is_finite():
        return to_json(number)
    digits = "".join(map(str, shortest.as_tuple().digits)).rstrip("0")
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{shortest.adjusted()}"
