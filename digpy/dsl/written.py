"""Values that people write as text: times, days, lengths of time; and what is wrong with them."""

from __future__ import annotations

import re
from datetime import date

from digpy.dsl.coercion import to_integer
from digpy.dsl.nodes import value_span
from digpy.dsl.options import Unsuitable
from digpy.durations import in_units
from digpy.source import Problem, Span
from digpy.values import SECOND, Json, Params, to_json

LONGEST = 2**31 - 1
"""Seconds of the longest delay; digdag wraps beyond them (language D45)."""

_NUMBER = r"[+-]?\d{1,10}"


class Unreadable(Unsuitable):
    """A value that cannot be read.

    `stretch` is the part of its text that is to blame, None for all of it.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        help: str | None = None,  # noqa: A002 - the name of the field
        stretch: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.help = help
        self.stretch = stretch


def problem_of(error: Unsuitable, mapping: Params, key: str) -> Problem:
    """The problem that the value of `key` is, at the part of it that is to blame."""
    span = value_span(mapping, key)
    if not isinstance(error, Unreadable):
        return Problem(str(error), span)
    return Problem(str(error), _part(span, mapping[key], error.stretch), error.reason, error.help)


def plain_text(value: Json) -> str:
    """A text, or a number or a boolean as text. Raises `Unreadable`."""
    if isinstance(value, (dict, list)) or value is None:
        raise Unreadable(f"{to_json(value)} is not a text")
    return value if isinstance(value, str) else to_json(value)


def clock_time(text: str, forms: str, what: str, example: str) -> int:
    """Seconds of a text in one of the `forms`, like ``MM:SS`` or ``HH:MM HH:MM:SS``.

    Follows digdag 0.10.5: numbers of any size and sign are what they say, so ``25:61`` is a time.
    Raises `Unreadable`, naming `what` it should be and an `example`.
    """
    numbers = text.split(":")
    form = next((form for form in forms.split() if form.count(":") == len(numbers) - 1), None)
    if form is None or not all(re.fullmatch(_NUMBER, number) for number in numbers):
        raise Unreadable(
            f'"{text}" is not {what}',
            help=f"write {forms.replace(' ', ' or ')}, for example {example}",
        )
    seconds = 0
    for number in numbers:
        seconds = seconds * 60 + int(number)
    return _within(seconds if form.endswith("SS") else seconds * 60, text)


def seconds_of(value: Json) -> int:
    """A number of seconds, or a text like ``1h 30m``. Raises `Unreadable`."""
    length = in_units(value) if isinstance(value, str) else None
    seconds = to_integer(value, 64) if length is None else length // SECOND
    if seconds is None:
        raise Unreadable(f"{to_json(value)} is not a length of time", help="for example 90s")
    return _within(seconds, str(value))


def duration(value: Json) -> int:
    """Microseconds of a text like ``1h 30m``. Raises `Unreadable`."""
    length = in_units(value) if isinstance(value, str) else None
    if length is None:
        raise Unreadable(
            f"{to_json(value)} is not a length of time",
            help="write it with its units, for example 45m or 1h 30m",
        )
    return _within(length // SECOND, str(value)) * SECOND


def day(value: Json) -> date:
    """A day written as ``2026-01-31``. Raises `Unreadable`."""
    text = plain_text(value)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"{text} is not a day", reason=str(error)) from None
    raise Unreadable(f"{to_json(value)} is not a day", help="write it like 2026-01-31")


def count_of(value: Json, unit: str) -> int:
    """A number of `unit` from 1 on. Raises `Unreadable`."""
    count = to_integer(value)
    if count is None or count < 1:
        raise Unreadable(
            f"{to_json(value)} is not a number of {unit}", help=f"write how many {unit}, from 1 on"
        )
    return count


def _within(seconds: int, text: str) -> int:
    if abs(seconds) > LONGEST:
        raise Unreadable(f'"{text}" is too long', reason=f"at most {LONGEST} seconds")
    return seconds


def _part(span: Span | None, value: Json, stretch: tuple[int, int] | None) -> Span | None:
    """A part of a text, where the text stands in the file as it is; else all of it."""
    if span is None or stretch is None or not isinstance(value, str):
        return span
    written = span.source.text[span.start : span.end]
    if written.count(value) != 1:
        return span
    begin = span.start + written.index(value)
    return Span(span.source, begin + stretch[0], begin + max(stretch[1], stretch[0] + 1))
