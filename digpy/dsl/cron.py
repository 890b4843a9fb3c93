"""Cron patterns as digdag reads them, which is not how other crons do.

Follows digdag 0.10.5: day of month *and* day of week must match, ranges may wrap (``22-2``,
``fri-mon``), ``/n`` takes every n-th of the values listed before it (``0/15`` is just 0), ``L`` is
the last day of the month, and patterns joined by ``|`` are a union. A pattern that no date matches
is refused, where digdag searches for ever.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from digpy.dsl.written import Unreadable

LAST = 32
"""Among days of the month: the last one, whichever it is."""

_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class CronPattern(NamedTuple):
    """Which minutes match: those of which every part stands in its set.

    `days` are 1 to 31 and `LAST`, `months` 1 to 12, `weekdays` 0 (Sunday) to 6.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]


class _Field(NamedTuple):
    noun: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    more: str = ""


_MINUTE = _Field("a minute", 0, 59)
_HOUR = _Field("an hour", 0, 23)
_DAY = _Field("a day of the month", 1, 31, more=", or L for the last one")
_MONTH = _Field("a month", 1, 12, _MONTHS, ", or jan to dec")
_WEEKDAY = _Field("a day of the week", 0, 7, _WEEKDAYS, ", or sun to sat")
_FIELDS = (_MINUTE, _HOUR, _DAY, _MONTH, _WEEKDAY)


def read_cron(text: str) -> tuple[CronPattern, ...]:
    """The patterns of a union, those left out that no date can match.

    Raises `Unreadable`, also if no date matches any of them.
    """
    parts = list(re.finditer(r"[^|]+", text))
    if not parts:
        raise Unreadable("an empty cron pattern", help='for example "0 7 * * *", daily at 07:00')
    patterns = [_pattern(part.group(), part.start()) for part in parts]
    possible = tuple(pattern for pattern in patterns if _comes(pattern))
    if not possible:
        raise Unreadable("a date that never comes", reason=_why_never(patterns[0]))
    return possible


def read_weekdays(text: str) -> frozenset[int]:
    """The day part of ``weekly>``: a cron field, and blanks around it. Raises `Unreadable`."""
    field = text.strip()
    return _members(field, text.index(field), _WEEKDAY)


def read_day(text: str) -> int:
    """The day part of ``monthly>``, 1 to 31. Raises `Unreadable`."""
    if not re.fullmatch(r"[+-]?\d+", text):
        raise _not_a(text, (0, len(text)), _DAY)
    return _value(text.lstrip("-"), 0, _DAY)


def _pattern(text: str, offset: int) -> CronPattern:
    fields = list(re.finditer(r"[^ \t]+", text))
    if len(fields) != len(_FIELDS):
        count = len(fields)
        word = text.strip()
        raise Unreadable(
            f"a cron pattern has 5 fields, and this one {count or 'none'}",
            reason="they are minute, hour, day of month, month, day of week; there are no seconds"
            if count > len(_FIELDS)
            else "they are minute, hour, day of month, month, day of week",
            help=f'write "{_NICKNAMES[word]}"' if word in _NICKNAMES else None,
            stretch=(offset, offset + len(text)),
        )
    return CronPattern(
        *(
            _members(match.group(), offset + match.start(), field)
            for match, field in zip(fields, _FIELDS, strict=True)
        )
    )


@lru_cache(maxsize=1024)  # thousands of patterns are made of a few dozen fields
def _members(text: str, offset: int, field: _Field) -> frozenset[int]:
    elements = list(re.finditer(r"[^,]+", text))
    if not elements:
        raise _not_a(text, (offset, offset + len(text)), field)
    return frozenset(
        value
        for match in elements
        for value in _element(match.group(), offset + match.start(), field)
    )


def _element(text: str, offset: int, field: _Field) -> list[int]:
    parts = list(re.finditer(r"[^/]+", text))
    stretch = (offset, offset + len(text))
    if not 1 <= len(parts) <= 2:
        raise Unreadable(f'"{text}" has more than one step', stretch=stretch)
    values = _range(parts[0].group(), offset + parts[0].start(), field)
    if len(parts) == 1:
        return values
    step = parts[1].group()
    if not re.fullmatch(r"\+?\d{1,9}", step) or int(step) < 1:
        raise Unreadable(
            f'"{step}" is not a step', reason="a step is a number from 1 on", stretch=stretch
        )
    return values[:: int(step)]


def _range(text: str, offset: int, field: _Field) -> list[int]:
    if text == "*":
        return list(range(field.low, field.high + 1))
    ends = list(re.finditer(r"[^-]+", text))
    if not 1 <= len(ends) <= 2:
        raise _not_a(text, (offset, offset + len(text)), field)
    first = _value(ends[0].group(), offset + ends[0].start(), field)
    last = _value(ends[-1].group(), offset + ends[-1].start(), field)
    if first <= last:
        return list(range(first, last + 1))
    return [*range(first, field.high + 1), *range(field.low, last + 1)]


def _value(text: str, offset: int, field: _Field) -> int:
    if re.fullmatch(r"[+-]?\d{1,9}", text):
        value = int(text)
        if field.low <= value <= field.high:
            return value % 7 if field is _WEEKDAY else value
    elif field is _DAY and text in ("L", "l"):
        return LAST
    elif text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    raise _not_a(text, (offset, offset + len(text)), field)


def _not_a(text: str, stretch: tuple[int, int], field: _Field) -> Unreadable:
    named = next((name for name in field.names if text.lower().startswith(name)), None)
    meant = "*" if text == "?" else named
    return Unreadable(
        f'"{text}" is not {field.noun}',
        reason=f"it is {field.low} to {field.high}{field.more}",
        help=meant and f'write "{meant}"',
        stretch=stretch,
    )


def _comes(pattern: CronPattern) -> bool:
    # Any date of any year falls on every day of the week some time, so that need not be looked at.
    longest = max(_LENGTHS[month - 1] for month in pattern.months)
    return LAST in pattern.days or min(pattern.days) <= longest


def _why_never(pattern: CronPattern) -> str:
    day = min(pattern.days)
    months = ", ".join(_MONTHS[month - 1].capitalize() for month in sorted(pattern.months))
    return f"there is no day {day} in {months}"
