"""Lengths of time as people write them: ``1d 2h 3m 4s``."""

from __future__ import annotations

import re

from digpy.values import SECOND

_UNITS = r"(?ai)\s*(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?\s*(?:(\d+)\s*s)?\s*"
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


def whole(digits: str) -> int:
    """The number that `digits` mean, or one that is too large as well."""
    return int(digits.lstrip("0")[:_DIGITS] or 0)
