"""digdag's rules for what a YAML scalar means, and how a typed key becomes text.

YAML 1.1 with changes: clock times, dates, ``yes``/``no`` and decimals that begin with a zero stay
text. Follows digdag 0.10.5: its YAML tag resolver over SnakeYAML 1.23, then Jackson's conversion to
JSON.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from digpy.values import Json

_WORDS: dict[str, Json] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "false": False,
    "False": False,
}
_WORD_STARTS = frozenset("~nNtTfF")
_NUMBER_STARTS = frozenset("+-.0123456789")

_INT = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)")
_FLOAT = re.compile(
    r"""[-+]?[1-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
      | [-+]?[1-9][0-9_]*[eE][-+]?[0-9]+
      | [-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
      | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*
      | [-+]?\.(?:inf|Inf|INF)
      | \.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)
_TIMESTAMP = r"""(\d{4})-(\d\d?)-(\d\d?)
        (?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?
           (?:[ \t]*(?:Z|([-+])(\d\d?)(?::?(\d\d)?)?))?)?"""
_LONGEST = 3_000
"""Characters of the longest integer; Python refuses to write one of more than 4,300 digits."""

_JSON_NAMES = {math.inf: "Infinity", -math.inf: "-Infinity"}


def plain(text: str) -> Json:
    """The value of a scalar written without quotes.

    Raises `ValueError`, whose text is for people, for ``0x_`` and ``0b_``, which have no digits,
    and for integers of more than 3,000 characters.
    """
    first = text[:1]
    if first in _NUMBER_STARTS:
        if _INT.fullmatch(text):
            return _integer(text)
        if _FLOAT.fullmatch(text):
            return _number(text)
        return text
    if first in _WORD_STARTS or not first:
        return _WORDS.get(text, text)
    return text


def tagged(tag: str, text: str) -> Json:
    """The value of a scalar with an explicit tag such as ``!!int``.

    Raises `KeyError` for a tag that scalars cannot have, `ValueError` if the text does not suit it.
    """
    kind = tag.removeprefix("tag:yaml.org,2002:")
    return _TAGGED[kind](text)


def key_text(value: Json) -> str | None:
    """How a typed key is called in JSON; None for a null, which cannot be a key."""
    if isinstance(value, str):
        return str(value)  # a key is never a template
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_double(value)
    return None if value is None else str(value)


def java_double(value: float) -> str:
    """A finite float as Java writes it: ``1.0``, ``1.0E21``, ``1.23456789E7``."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{value:f}".rstrip("0")
    mantissa, _, exponent = repr(value).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    power = int(exponent or 0) + len(whole) - 1
    digits = whole + fraction
    stripped = digits.lstrip("0")
    power -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0") or "0"
    return f"{sign}{stripped[0]}.{stripped[1:] or '0'}E{power}"


def _integer(text: str) -> int:
    if len(text) > _LONGEST:
        raise ValueError(f"a number of more than {_LONGEST:,} characters")
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits[1:] if digits[:1] in ("+", "-") else digits
    if digits in ("0b", "0x"):
        raise ValueError(f'"{text}" is not a number')
    if digits.startswith("0b"):
        return sign * int(digits[2:], 2)
    if digits.startswith("0x"):
        return sign * int(digits[2:], 16)
    if ":" in digits:
        total = 0
        for part in digits.split(":"):
            total = total * 60 + int(part)
        return sign * total
    if digits.startswith("0") and digits != "0":
        return sign * int(digits, 8)
    return sign * int(digits)


def _real(text: str) -> float:
    digits = text.replace("_", "")
    sign = -1.0 if digits.startswith("-") else 1.0
    digits = digits[1:] if digits[:1] in ("+", "-") else digits
    if digits.lower() == ".inf":
        return sign * math.inf
    if digits.lower() == ".nan":
        return math.nan
    total = 0.0
    for part in digits.split(":"):
        total = total * 60 + float(part)
    return sign * total


def _number(text: str) -> Json:
    return _json_float(_real(text))


def _boolean(text: str) -> Json:
    return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(
        text.lower()
    )


def _json_float(value: float) -> Json:
    return "NaN" if math.isnan(value) else _JSON_NAMES.get(value, value)


def _binary(text: str) -> str:
    from base64 import b64decode, b64encode

    return b64encode(b64decode("".join(text.split()), validate=True)).decode("ascii")


def _epoch_milliseconds(text: str) -> int:
    from datetime import UTC, datetime, timedelta

    match = re.fullmatch(_TIMESTAMP, text, re.VERBOSE)
    if match is None:
        raise ValueError(f"not a timestamp: {text}")
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = (
        match.groups()
    )
    instant = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        tzinfo=UTC,
    )
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    try:
        instant += offset if sign == "-" else -offset
    except OverflowError as error:  # in the first or the last year
        raise ValueError(str(error)) from None
    milliseconds = int((fraction or "0")[:3].ljust(3, "0"))
    return round(instant.timestamp()) * 1000 + milliseconds


_TAGGED: dict[str, Callable[[str], Json]] = {
    "str": str,
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "null": lambda _: None,
    "binary": _binary,
    "timestamp": _epoch_milliseconds,
}
