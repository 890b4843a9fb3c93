"""Which texts are time zones, how digdag writes them, and the zones themselves.

Follows digdag 0.10.5: Java's ``ZoneId.of`` (IANA names, offsets up to 18 hours, offsets behind
``UTC``/``GMT``/``UT``), blanks around it ignored, nothing at all meaning UTC. Case counts, and
three-letter names (``JST``, ``EST``) are none.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache

from digpy.errors import ConfigError
from digpy.values import Json

# Patterns are text: most workflows are in UTC and need none of them compiled.
_OFFSET = (
    r"([+-])(?:([0-9]{1,2})|([0-9]{2}):?([0-9]{2})|([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"|([0-9]{2})([0-9]{2})([0-9]{2}))"
)
_FIXED = r"(?:UTC|GMT|UT)?([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?"
_NAME = r"[A-Za-z][A-Za-z0-9~/._+-]+"
_UTC_NAMES = frozenset({"UTC", "Z", "GMT", "UT"})
_NOT_IN_JAVA = frozenset({"EST", "MST", "HST", "ROC", "Factory", "localtime", "posixrules"})
_LARGEST_OFFSET = 18 * 3600


def timezone_name(value: Json) -> str | None:
    """The zone as digdag writes it (``+9`` becomes ``+09:00``); None if there is no such zone."""
    if value is None:
        return "UTC"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip()
    if text in ("", "UTC"):
        return "UTC"
    if text == "Z" or text[0] in "+-":
        return _offset(text)
    for prefix in ("UTC", "GMT", "UT"):
        rest = text.removeprefix(prefix)
        if rest != text and (not rest or rest[0] in "+-"):
            offset = _offset(rest) if rest else "Z"
            return None if offset is None else prefix + ("" if offset == "Z" else offset)
    return text if _exists(text) else None


def zone_id(name: str) -> str:
    """As `timezone_name`. Raises `ConfigError` if there is no such zone."""
    found = timezone_name(name)
    if found is None:
        raise ConfigError(
            f'"{name}" is not a time zone; names look like Asia/Tokyo or UTC, offsets like +09:00'
        )
    return found


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The zone called `name`: ``Asia/Tokyo``, ``UTC``, ``Z``, ``+09:00``, ``+9``, ``GMT+9``.

    Raises `ConfigError` if there is no such zone.
    """
    shown = zone_id(name)
    if shown in _UTC_NAMES:
        return UTC
    if fixed := re.fullmatch(_FIXED, shown):
        sign = -1 if fixed[1] == "-" else 1
        hours, minutes, seconds = (sign * int(part or 0) for part in fixed.groups()[1:])
        return timezone(timedelta(hours=hours, minutes=minutes, seconds=seconds))
    from zoneinfo import ZoneInfo  # on use: most workflows are in UTC

    return ZoneInfo(shown)


def _offset(text: str) -> str | None:
    if text == "Z":
        return text
    match = re.fullmatch(_OFFSET, text)
    if match is None:
        return None
    hours, minutes, seconds = ([int(part) for part in match.groups()[1:] if part] + [0, 0])[:3]
    total = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or total > _LARGEST_OFFSET:
        return None
    if total == 0:
        return "Z"
    tail = f":{seconds:02}" if seconds else ""
    return f"{match[1]}{hours:02}:{minutes:02}{tail}"


def _exists(name: str) -> bool:
    from zoneinfo import ZoneInfo

    if name in _NOT_IN_JAVA or not re.fullmatch(_NAME, name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a directory, or no zone file
        return False
    return True
