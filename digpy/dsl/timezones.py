"""Which texts are time zones, and how digdag writes them.

Follows digdag 0.10.5: Java's ``ZoneId.of`` (IANA names, offsets, offsets behind
``UTC``/``GMT``/``UT``), blanks around it ignored, nothing at all meaning UTC.
"""

from __future__ import annotations

import re

from digpy.values import Json

_OFFSET = re.compile(
    r"([+-])(?:([0-9]{1,2})|([0-9]{2}):?([0-9]{2})|([0-9]{2}):([0-9]{2}):([0-9]{2})|([0-9]{2})([0-9]{2})([0-9]{2}))"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9~/._+-]+")
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


def _offset(text: str) -> str | None:
    if text == "Z":
        return text
    match = _OFFSET.fullmatch(text)
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
    from zoneinfo import ZoneInfo  # on use: most workflows are in UTC

    if name in _NOT_IN_JAVA or not _NAME.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # not found, a directory, or no zone file
        return False
    return True
