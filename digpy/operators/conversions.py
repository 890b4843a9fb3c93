"""From what stands in the parameters to the type an operator asks for.

A parameter is JSON, and everything a template made is text, so each type says which texts it takes.
Every function reads one key of a mapping and raises `TaskFailed` (kind ``config``) with digdag's
message. An explicit null is "not set" for an `optional_*`, and an error of its own where a value is
required.

Follows digdag 0.10.5 (`Config`), except that a number out of range is an error instead of another
number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from digpy.dsl.coercion import json_text, sample, to_boolean, to_integer
from digpy.durations import LONGEST, in_units
from digpy.errors import TaskFailed
from digpy.values import SECOND, Json, Params

T = TypeVar("T")

COMMAND: Final = "_command"
"""The key under which messages speak of the value that is written after the operator."""

# Patterns are text: most runs need none, and compiling one takes longer than an ``echo>``.
_DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?=[dDfF]?$)"
_INSTANT = r"(?ai)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)"


def text_of(value: Json) -> str:
    """How a value looks where text is wanted: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def as_data(value: Json) -> Json:
    """Copy `value` with every template turned into the plain text it is written as."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_data(item) for item in value]
    return value


def string(params: Mapping[str, Json], key: str) -> str:
    """Text; a number or boolean becomes the text it is written as."""
    value = _required(params, key)
    if isinstance(value, (dict, list)):
        raise _unexpected("string type", key, value)
    return text_of(value)


def optional_string(params: Mapping[str, Json], key: str) -> str | None:
    """As `string`; None where there is no value."""
    return _optional(string, params, key)


def boolean(params: Mapping[str, Json], key: str) -> bool:
    """A boolean, an integer (0 is false), or ``true``, ``false``, ``null`` or nothing as text."""
    value = _required(params, key)
    result = to_boolean(value)
    if result is None:
        raise _unexpected("'true' or 'false'", key, value)
    return result


def optional_boolean(params: Mapping[str, Json], key: str, default: bool) -> bool:
    """As `boolean`; `default` where there is no value."""
    value = _optional(boolean, params, key)
    return default if value is None else value


def integer(params: Mapping[str, Json], key: str) -> int:
    """An integer of 32 bits; a fraction is cut off a number, but not off text."""
    return _integer(params, key, "int", 32)


def long(params: Mapping[str, Json], key: str) -> int:
    """As `integer`, with 64 bits."""
    return _integer(params, key, "long", 64)


def optional_long(params: Mapping[str, Json], key: str) -> int | None:
    """As `long`; None where there is no value."""
    return _optional(long, params, key)


def double(params: Mapping[str, Json], key: str) -> float:
    """A number, or text of one, also as Java writes them (``1d``)."""
    value = _required(params, key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if text in {"", "null"}:
            return 0.0
        if match := re.match(_DECIMAL, text):
            return float(match[0])
    raise _unexpected("double", key, value)


def items(params: Mapping[str, Json], key: str) -> list[Json]:
    """A list; text is none."""
    value = _required(params, key)
    if isinstance(value, list):
        return value
    raise _unexpected("array type", key, value)


def strings(params: Mapping[str, Json], key: str) -> list[str | None]:
    """A list of scalars, as text; null items stay null."""
    value = items(params, key)
    if any(isinstance(item, (dict, list)) for item in value):
        raise _unexpected("array type", key, value)
    return [None if item is None else text_of(item) for item in value]


def parsed_items(params: Mapping[str, Json], key: str) -> list[Json]:
    """A list, or text that is the JSON of one."""
    value = _parsed(params, key)
    if isinstance(value, list):
        return value
    raise _unexpected("array type", key, value)


def mapping(params: Mapping[str, Json], key: str) -> Params:
    """A mapping; null is none."""
    if key not in params:
        raise _not_set(key)
    value = params[key]
    if isinstance(value, dict):
        return value
    raise TaskFailed(f"Parameter '{key}' must be an object", "config")


def optional_mapping(params: Mapping[str, Json], key: str) -> Params:
    """As `mapping`; empty where there is no value."""
    return {} if params.get(key) is None else mapping(params, key)


def parsed_mapping(params: Mapping[str, Json], key: str) -> Params:
    """A mapping, or text that is the JSON of one."""
    if isinstance(params.get(key), str):
        return mapping({key: _parsed(params, key)}, key)
    return mapping(params, key)


def ordered_mapping(params: Mapping[str, Json], key: str) -> Params:
    """A mapping, or a list of mappings that are joined in order; empty where the key is missing."""
    value = params.get(key, {})
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        raise TaskFailed(f"Parameter '{key}' must be an object or array of objects", "config")
    joined: Params = {}
    for item in value:
        if not isinstance(item, dict):
            raise TaskFailed(f"Expected object but got {json_text(item)}", "config")
        joined.update(item)
    return joined


def mapping_of_strings(params: Mapping[str, Json], key: str) -> dict[str, str | None]:
    """A mapping of scalars, as text; null stays null."""
    value = _required(params, key)
    if not isinstance(value, dict) or any(
        isinstance(item, (dict, list)) for item in value.values()
    ):
        raise _unexpected("object type", key, value)
    return {name: None if item is None else text_of(item) for name, item in value.items()}


def duration(params: Mapping[str, Json], key: str) -> int:
    """Microseconds, written ``1d 2h 3m 4s``: any of these in this order; case does not matter.

    A thousand years is the limit, so that an instant plus a duration is always storable.
    """
    value = _required(params, key)
    length = in_units(value) if isinstance(value, str) else None
    if length is None or length > LONGEST:
        raise _unexpected("class io.digdag.util.DurationParam", key, value)
    return length


def instant(params: Mapping[str, Json], key: str) -> int:
    """Microseconds since the epoch, UTC; ISO 8601 at least to the second, and with an offset."""
    from datetime import UTC, datetime, timedelta

    value = _required(params, key)
    match = re.fullmatch(_INSTANT, value) if isinstance(value, str) else None
    try:
        if match is not None:
            moment = datetime.fromisoformat(f"{match[1]}{match[3]}".upper())
            whole = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
            return whole * SECOND + int((match[2] or "0").ljust(6, "0")[:6])
    except ValueError:
        pass  # a month 13, an hour 24: reported like any other text
    raise _unexpected("class java.time.Instant", key, value)


def zone(params: Mapping[str, Json], key: str) -> str:
    """The name of a time zone: a region, or an offset (``+9`` becomes ``+09:00``)."""
    from digpy.dsl.timezones import timezone_name

    value = _required(params, key)
    name = timezone_name(value) if value != "" else None
    if name is None:
        raise _unexpected("class java.time.ZoneId", key, value)
    return name


def _required(params: Mapping[str, Json], key: str) -> Json:
    if key not in params:
        raise _not_set(key)
    value = params[key]
    if value is None:
        raise TaskFailed(f"Parameter '{key}' is required but null", "config")
    return value


def _optional(
    convert: Callable[[Mapping[str, Json], str], T], params: Mapping[str, Json], key: str
) -> T | None:
    return None if params.get(key) is None else convert(params, key)


def _integer(params: Mapping[str, Json], key: str, name: str, bits: int) -> int:
    value = _required(params, key)
    number = to_integer(value, bits)
    if number is None:
        raise _unexpected(f"integer ({name}) type", key, value)
    return number


def _parsed(params: Mapping[str, Json], key: str) -> Json:
    value = _required(params, key)
    if not isinstance(value, str):
        return value
    if not value.strip():
        return ""
    try:
        parsed: Json = json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise TaskFailed(
            f"Parameter '{key}' is not valid JSON: {error} in {sample(value)}", "config"
        ) from error
    return parsed


def _no_constant(name: str) -> Json:
    # json.loads takes NaN and Infinity, which are not JSON and which no other reader takes.
    raise ValueError(f"{name} is not a value")


def _not_set(key: str) -> TaskFailed:
    return TaskFailed(f"Parameter '{key}' is required but not set", "config")


def _unexpected(wanted: str, key: str, value: Json) -> TaskFailed:
    return TaskFailed(f"Expected {wanted} for key '{key}' but got {sample(value)}", "config")
