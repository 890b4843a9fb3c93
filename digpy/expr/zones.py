"""Time zones by the names that workflows write."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

from digpy.errors import ConfigError

_UTC_NAMES = frozenset({"UTC", "Z", "GMT", "UT"})
_OFFSET = re.compile(
    r"(UTC|GMT|UT|)([+-])(?:(\d)|(\d\d)(?::(\d\d)(?::(\d\d))?|(\d\d)(\d\d)?)?)", re.ASCII
)
_REGION = re.compile(r"[A-Za-z][A-Za-z0-9~/._+-]+")
_UNKNOWN_TO_JAVA = frozenset({"EST", "MST", "HST", "ROC", "Factory", "localtime", "posixrules"})
_LARGEST_OFFSET = timedelta(hours=18)


def zone(name: str) -> tzinfo:
    """The zone called `name`: ``Asia/Tokyo``, ``UTC``, ``Z``, ``+09:00``, ``+9``, ``GMT+9``.

    Raises `ConfigError` for anything else. Follows digdag 0.10.5, that is Java's ``ZoneId``: case
    counts, three-letter names (``JST``, ``EST``) are none, offsets reach 18 hours. Empty text is
    UTC.
    """
    return _zone(name).info


def zone_id(name: str) -> str:
    """The name as digdag shows it: ``GMT+9`` is ``GMT+09:00``. Raises as `zone`."""
    return _zone(name).id


class _Zone(NamedTuple):
    id: str
    info: tzinfo


@lru_cache(maxsize=256)
def _zone(name: str) -> _Zone:
    text = name.strip() or "UTC"
    if text in _UTC_NAMES:
        return _Zone(text, UTC)
    if found := _OFFSET.fullmatch(text):
        return _fixed(name, found)
    if _REGION.fullmatch(text) and text not in _UNKNOWN_TO_JAVA:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return _Zone(text, ZoneInfo(text))
        except (ZoneInfoNotFoundError, OSError, ValueError):
            pass  # no such file, or a folder of zones
    raise _unknown(name)


def _fixed(name: str, found: re.Match[str]) -> _Zone:
    prefix, sign, *digits = found.groups()
    digit, hours, minutes, seconds, more_minutes, more_seconds = (int(text or 0) for text in digits)
    minutes, seconds = minutes + more_minutes, seconds + more_seconds
    offset = timedelta(hours=digit + hours, minutes=minutes, seconds=seconds)
    if minutes > 59 or seconds > 59 or offset > _LARGEST_OFFSET:
        raise _unknown(name)
    if not offset:
        return _Zone(prefix or "Z", UTC)
    shown = f"{prefix}{sign}{digit + hours:02}:{minutes:02}" + (f":{seconds:02}" if seconds else "")
    return _Zone(shown, timezone(-offset if sign == "-" else offset))


def _unknown(name: str) -> ConfigError:
    return ConfigError(
        f'"{name}" is not a time zone; names look like Asia/Tokyo or UTC, offsets like +09:00'
    )
