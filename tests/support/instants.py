"""Instants as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> int:
    """UTC microseconds of an ISO 8601 time; without an offset it is UTC."""
    found = datetime.fromisoformat(text)
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH) // timedelta(
        microseconds=1
    )


def shown(at: int, zone: str = "UTC") -> str:
    """``2016-03-13T01:00-08:00``: an instant in a zone; seconds where there are some."""
    local = (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone))
    return local.isoformat(timespec="seconds" if local.second else "minutes")
