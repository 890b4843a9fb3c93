"""The clock of a zone as plain data, for JavaScript: which offset holds from which instant on."""

from __future__ import annotations

import struct
import zoneinfo
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from importlib import resources
from pathlib import Path

from digpy.dsl.timezones import zone

BEGINNING = -8_640_000_000_000_000
"""The earliest instant JavaScript knows, in milliseconds: the first entry of every table."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())
_BIG_BANG = -(2**59)  # some files begin with an entry for it
_STEP = 20 * 86400  # no rule in force keeps an offset for less

_Clock = tuple[float, str]


@lru_cache(maxsize=64)
def transitions(name: str) -> tuple[tuple[int, float, str], ...]:
    """Every change of a zone's clock, ascending: instant, offset, abbreviation.

    The instant is in milliseconds since the epoch, the offset in minutes east of UTC, with a
    fraction where local mean time was kept. The first entry is at `BEGINNING`; rules that go on
    for ever are written out up to 2100, from where they can be continued. Raises `ConfigError`
    for an unknown zone.
    """
    info = zone(name)
    if not isinstance(info, zoneinfo.ZoneInfo) or info.key is None:
        return ((BEGINNING, *_clock(info, 0)),)
    instants = [at for at in _recorded(info.key) if _BIG_BANG < at < _END]
    instants += _ruled(info, instants[-1] if instants else 0)
    clock = _clock(info, instants[0] - 1 if instants else 0)
    table = [(BEGINNING, *clock)]
    for instant in instants:
        if (changed := _clock(info, instant)) != clock:
            clock = changed
            table.append((instant * 1000, *clock))
    return tuple(table)


def _clock(info: tzinfo, second: int) -> _Clock:
    local = (_EPOCH + timedelta(seconds=second)).astimezone(info)
    minutes = (local.utcoffset() or timedelta()) / timedelta(minutes=1)
    return minutes, local.tzname() or ""


def _recorded(key: str) -> list[int]:
    """Seconds of the transitions that the zone's file (RFC 8536) lists."""
    data = _file(key)
    at, size = 44, "l"
    utc, standard, leaps, times, types, letters = struct.unpack_from(">6l", data, 20)
    if data[4:5] >= b"2":  # a second block, with instants of 64 bits, follows the first
        second = at + times * 5 + types * 6 + letters + leaps * 8 + standard + utc
        times = struct.unpack_from(">6l", data, second + 20)[3]
        at, size = second + 44, "q"
    return list(struct.unpack_from(f">{times}{size}", data, at))


def _file(key: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        path = Path(folder, key)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *key.split("/")).read_bytes()


def _ruled(info: tzinfo, low: int) -> list[int]:
    """Seconds of the transitions after `low` that follow from the rule at the end of the file."""
    found = []
    offset = _offset(info, low)
    while low < _END:
        high = min(low + _STEP, _END)
        ahead = _offset(info, high)
        if ahead != offset:
            before, behind = low, high
            while behind - before > 1:
                middle = (before + behind) // 2
                if _offset(info, middle) == offset:
                    before = middle
                else:
                    behind = middle
            found.append(behind)
            offset = ahead
        low = high
    return found


def _offset(info: tzinfo, second: int) -> timedelta | None:
    return (_EPOCH + timedelta(seconds=second)).astimezone(info).utcoffset()
