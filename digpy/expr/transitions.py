"""The offsets of a zone as plain data, for JavaScript: which offset holds from which instant on."""

from __future__ import annotations

import struct
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import resources
from pathlib import Path

from digpy.expr.zones import zone

BEGINNING = -8_640_000_000_000_000
"""The earliest instant JavaScript knows, in milliseconds: the first entry of every table."""
LAST_YEAR = 2100
"""Rules that go on for ever are written out up to the end of this year."""


@lru_cache(maxsize=64)
def transitions(name: str) -> tuple[tuple[int, float], ...]:
    """Pairs (milliseconds since the epoch, offset in minutes), ascending; the first is `BEGINNING`.

    Raises `ConfigError` for an unknown zone.
    """
    info = zone(name)
    if not isinstance(info, zoneinfo.ZoneInfo) or info.key is None:
        return ((BEGINNING, _minutes(info, 0)),)
    instants = [at for at in _recorded(info.key) if at > -(2**45)]
    instants += _ruled(info, instants[-1] if instants else 0)
    table = [(BEGINNING, _minutes(info, instants[0] - 1 if instants else 0))]
    for instant in instants:
        offset = _minutes(info, instant)
        if offset != table[-1][1]:
            table.append((instant * 1000, offset))
    return tuple(table)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _minutes(info: tzinfo, second: int) -> float:
    offset = (_EPOCH + timedelta(seconds=second)).astimezone(info).utcoffset() or timedelta()
    minutes = offset / timedelta(minutes=1)
    return int(minutes) if minutes.is_integer() else minutes


def _recorded(key: str) -> list[int]:
    """Seconds of the transitions that the zone's file (RFC 8536) lists."""
    data = _file(key)
    version, counts = data[4:5], struct.unpack(">6l", data[20:44])
    if version >= b"2":  # a second block with 64 bit instants follows the first
        is_utc, is_standard, leaps, times, types, letters = counts
        skip = 44 + times * 5 + types * 6 + letters + leaps * 8 + is_standard + is_utc
        times = struct.unpack(">6l", data[skip + 20 : skip + 44])[3]
        return list(struct.unpack_from(f">{times}q", data, skip + 44))
    return list(struct.unpack_from(f">{counts[3]}l", data, 44))


def _file(key: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        path = Path(folder, key)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *key.split("/")).read_bytes()


def _ruled(info: tzinfo, after: int) -> list[int]:
    """Seconds of the transitions that follow from the rule at the end of the file."""
    step = 20 * 86400  # no rule keeps an offset for less
    end = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp())
    found = []
    low, offset = after, _minutes(info, after)
    while low < end:
        high = low + step
        if (ahead := _minutes(info, high)) != offset:
            before, behind = low, high
            while behind - before > 1:
                middle = (before + behind) // 2
                if _minutes(info, middle) == offset:
                    before = middle
                else:
                    behind = middle
            found.append(behind)
            offset = ahead
        low = high
    return found
