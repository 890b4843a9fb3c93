"""``_retry``: how often, and after which wait, something is tried again."""

from __future__ import annotations

from typing import NamedTuple

from digpy.dsl.coercion import sample, to_integer
from digpy.durations import in_units
from digpy.values import SECOND, Json, to_json

_MAX = 2**31 - 1
"""Largest number of seconds; 68 years."""


RETRY_KEYS = ("limit", "interval", "interval_type", "max_interval")
"""What a mapping has."""


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
    mapping with a ``limit``. A number's fraction is cut; a limit of zero, a negative one and empty
    text mean "none". Unlike digdag, intervals may be written ``1h 30m``, a negative one is refused,
    and a number beyond 32 bits is refused instead of wrapped.
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
        0 if interval is None else seconds("interval", interval),
        name == "exponential",
        None if maximum is None else seconds("max_interval", maximum),
    )


def seconds(key: str, value: Json) -> int:
    """The `key` of a ``_retry``: a whole number of seconds, or text like ``1h 30m``.

    Raises ValueError.
    """
    length = in_units(value) if isinstance(value, str) else None
    number = to_integer(value) if length is None else length // SECOND
    if number is None or number > _MAX:
        raise _unexpected(key, value)
    if number < 0:
        raise ValueError(f"Parameter '{key}' must not be negative but is {sample(value)}")
    return number


def _integer(key: str, value: Json) -> int:
    number = to_integer(value)
    if number is None:
        raise _unexpected(key, value)
    return number


def _unexpected(key: str, value: Json) -> ValueError:
    return ValueError(f"Expected integer (int) type for key '{key}' but got {sample(value)}")
