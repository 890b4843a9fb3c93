"""``_retry``: how often, and after which wait, something is tried again."""

from __future__ import annotations

from typing import NamedTuple

from digpy.values import SECOND, Json, to_json


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
            seconds = self.interval * 2 ** min(retries, 62)
            if self.max_interval is not None:
                seconds = min(seconds, self.max_interval)
        return seconds * SECOND


def parse_retry(value: Json) -> RetryRule | None:
    """Read a ``_retry``; None if it allows no re-run.

    Raises ValueError with digdag's text for anything that is not a number, numeric text or a mapping with a
    ``limit``. A number's fraction is cut; zero, negative numbers and empty text mean "none".
    """
    if isinstance(value, dict):
        if value.get("limit") is None:
            raise ValueError("Parameter 'limit' is required but not set")
        kind = str(value.get("interval_type") or "constant").lower()
        if kind not in ("constant", "exponential"):
            raise ValueError(f"Invalid retry_interval_type: {value.get('interval_type')}")
        maximum = value.get("max_interval")
        rule = RetryRule(
            _integer("limit", value["limit"]),
            _integer("interval", value.get("interval") or 0),
            kind == "exponential",
            None if maximum is None else _integer("max_interval", maximum),
        )
    elif isinstance(value, bool) or value is None or isinstance(value, list):
        text = "null" if value is None else to_json(value)
        raise ValueError(f"Invalid _retry format:{text}")
    else:
        rule = RetryRule(_integer("_retry", value))
    return rule if rule.limit > 0 else None


def _integer(key: str, value: Json) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        if text in ("", "null"):
            return 0
        try:
            return int(text)
        except ValueError:
            pass
    kind = "string" if isinstance(value, str) else type(value).__name__
    raise ValueError(
        f"Expected integer (int) type for key '{key}' but got {to_json(value)} ({kind})"
    )
