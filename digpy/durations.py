"""Lengths of time as people write them: ``1d 2h 3m 4s``."""

from __future__ import annotations

import re

from digpy.values import SECOND, Json

# Blanks end each part: could they stand between parts that are missing, a text of many blanks
# would take for ever.
_UNITS = r"(?ai)\s*(?:(\d+)\s*d\s*)?(?:(\d+)\s*h\s*)?(?:(\d+)\s*m\s*)?(?:(\d+)\s*s\s*)?"
LONGEST = 366_000 * 86_400 * SECOND
"""A thousand years, so that an instant plus a duration is always storable."""

_DIGITS = 20
"""More make no difference to anybody, and converting thousands of them is refused by Python."""


def in_units(text: str) -> int | None:
    """Microseconds of days, hours, minutes, seconds: any of them in this order, in either case.

    None for any other text. Follows digdag 0.10.5: ``DurationParam``.
    """
    match = re.fullmatch(_UNITS, text)
    if match is None or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (whole(part or "0") for part in match.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * SECOND


def length(value: Json) -> int | None:
    """Microseconds of a length of time as `in_units` reads it, or of a whole number of seconds.

    The number may be text. None for anything else, negative numbers and fractions too.
    """
    if isinstance(value, str):
        text = value.strip()
        return whole(text) * SECOND if text.isascii() and text.isdigit() else in_units(text)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value * SECOND
    return None


def written(microseconds: int) -> str:
    """A length of whole seconds as people write it: ``1h 30m``; the inverse of `in_units`."""
    parts = []
    seconds = microseconds // SECOND
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def whole(digits: str) -> int:
    """The number that `digits` mean, or one that is too large as well."""
    return int(digits.lstrip("0")[:_DIGITS] or 0)
