"""``_retry``: how often, and after which wait, something is tried again."""

from __future__ import annotations

from typing import NamedTuple

from digpy.dsl.coercion import sample, to_integer
from digpy.values import SECOND, Json, to_json

_MAX = 2**31 - 1
"""Largest number of seconds; 68 years."""


class RetryRule(NamedTuple):
    """A ``_retry`` that was understood. `limit` counts *re*-runs; intervals are whole seconds.

    `max_interval` caps exponential waits only. Follows digdag 0.10.5: ``RetryControl``.
    """

    limit: int
    interval: int = 0
    exponential: bool = False
    max_interval: int | None = None

    def wait(self, retries: int) -> int:
        """Microseconds to wait before the next run, after `retries` earlier re-runs."""
        seconds = self.interval
        if self.exponential:
            seconds = min(self.interval * 2 ** min(retries, 31), _MAX)
            if self.max_interval is not None:
                seconds = min(seconds, self.max_interval)
        return seconds * SECOND


def parse_retry(value: Json) -> RetryRule | None:
    """Read a ``_retry``; None if it allows no re-run.

    Raises ValueError with digdag's text for anything that is not a number, numeric text or a
    mapping with a ``limit``. A number's fraction is cut; zero, negative numbers and empty text mean
    "none". Unlike digdag, a number beyond 32 bits is refused instead of wrapped.
    """
    if isinstance(value, dict):
        rule = _from_mapping(value)
    elif isinstance(value, bool) or value is None or isinstance(value, list):
        raise ValueError(f"Invalid _retry format:{to_json(value)}")
    else:
        rule = RetryRule(_integer("_retry", value))
    return rule if rule.limit > 0 else None


def _from_mapping(value: dict[str, Json]) -> RetryRule:
    if "limit" not in value:
        raise ValueError("Parameter 'limit' is required but not set")
    if value["limit"] is None:
        raise ValueError("Parameter 'limit' is required but null")
    kind = value.get("interval_type")
    name = "constant" if kind is None else str(kind).lower()
    if name not in ("constant", "exponential"):
        raise ValueError(f"Invalid retry_interval_type: {kind}")
    interval = value.get("interval")
    maximum = value.get("max_interval")
    return RetryRule(
        _integer("limit", value["limit"]),
        0 if interval is None else _integer("interval", interval),
        name == "exponential",
        None if maximum is None else _integer("max_interval", maximum),
    )


def _integer(key: str, value: Json) -> int:
    number = to_integer(value)
    if number is None:
        raise ValueError(f"Expected integer (int) type for key '{key}' but got {sample(value)}")
    return number
