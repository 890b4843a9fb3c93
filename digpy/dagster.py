"""Settings of Dagster's ``run_monitoring:`` block, read as ours.

A block of a ``dagster.yaml`` is written as ``supervisor.dagster.KEY = VALUE``. Names and meanings
follow Dagster 1.13.28; a limit of 0 is off there as here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from digpy.errors import ConfigError

PREFIX = "supervisor.dagster."

_OURS: Mapping[str, str] = {
    "enabled": "supervisor.enabled",
    "start_timeout_seconds": "supervisor.start_timeout",
    "cancel_timeout_seconds": "supervisor.cancel_timeout",
    "max_runtime_seconds": "supervisor.run_timeout",
    "max_resume_run_attempts": "supervisor.max_resumes",
    "poll_interval_seconds": "supervisor.poll_interval",
}

_NEEDLESS: Mapping[str, str] = {
    "cancellation_thread_poll_interval_seconds": "a worker is told at once that it has to stop",
    "free_slots_after_run_end_seconds": "what has ended holds no slot",
}
"""Keys without a counterpart, and why none is needed."""


class Translated(NamedTuple):
    """What a key means: `key` is ours, None where it is not needed; `note` tells a person."""

    key: str | None
    value: str
    note: str


def translate(key: str, value: str, origin: str) -> Translated:
    """Read ``supervisor.dagster.KEY``, written at `origin`.

    Raises `ConfigError` for a key that Dagster does not know, and for a value it would not take.
    What our key does not take (a cancel timeout of 0) is found when that is checked.
    """
    name, value = key.removeprefix(PREFIX), value.strip()
    if name not in _OURS and name not in _NEEDLESS:
        known = ", ".join([*_OURS, *_NEEDLESS])
        raise ConfigError(f'{origin}: there is no setting "{key}"; those of Dagster are {known}')
    if name == "enabled":
        value = value.lower()
    elif not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise ConfigError(f'{origin}: {key} is "{value}"; a whole number is needed')
    if name in _NEEDLESS:
        return Translated(None, value, f"{key} is not needed: {_NEEDLESS[name]}")
    return Translated(_OURS[name], value, f"{key} is read as {_OURS[name]} = {value}")
