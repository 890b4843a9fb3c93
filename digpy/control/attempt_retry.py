"""Trying a failed attempt again as a whole: ``_attempt_retry``.

It acts on failures only, after the fact, and has a budget of its own: neither the retries of tasks
nor the resumes of workers count. The next attempt takes over what succeeded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from digpy.config import Settings
from digpy.control.error_time import limits_before
from digpy.control.starter import Start, Starter
from digpy.control.trees import workflow_of
from digpy.dsl.attempt_retry import AttemptRetry, parse_attempt_retry
from digpy.errors import ConfigError
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.phases import REASONS, Phase
from digpy.values import Json, Params

TRIES = "attempt_retry"
"""The option that counts the attempts of a chain; the rule stands under the same name in `limits`.
"""

_OF_THE_FIRST = ("rerun", "start", "resumed_from")
"""Options that say what to run again; the next try takes over whatever succeeded."""


def attempt_retry_rule(written: Mapping[str, Json], settings: Settings) -> Params:
    """The rule of a new attempt, for its `limits`: its workflow's, else the settings'.

    Raises `ConfigError`.
    """
    if "_attempt_retry" in written:
        try:
            rule = parse_attempt_retry(written["_attempt_retry"])
        except ValueError as error:
            raise ConfigError(str(error)) from None
        return {"value": _stored(rule), "origin": "workflow"}
    words = (settings.text("supervisor.retry.on") or "").split(",")
    try:
        value: Params = {
            "limit": settings.integer("supervisor.retry.max"),
            "on": [word.strip() for word in words],
        }
        rule = parse_attempt_retry(value)
    except ValueError as error:
        raise ConfigError(f"supervisor.retry.on: {error}") from None
    return {"value": _stored(rule), "origin": settings.origin("supervisor.retry.max")}


def retry_at(row: AttemptRow) -> int | None:
    """When an attempt that has ended is to be tried again (UTC microseconds); None: not at all."""
    rule = _rule(row)
    if rule is None or row.phase is not Phase.FAILURE or row.ended_at is None:
        return None
    if REASONS[row.reason or "internal"] not in rule.on or _tries(row) >= rule.limit:
        return None
    return row.ended_at + rule.interval


def start_again(
    tx: Transaction,
    starter: Starter,
    row: AttemptRow,
    *,
    name: str | None = None,
    waits_for: str | None = None,
) -> int:
    """Start the next attempt after `row`, which has failed; its id.

    Without a `name` it takes the place of `row` under the name that one had. With `waits_for` it is
    queued (see `Starter.start`).
    """
    options = {key: value for key, value in row.options.items() if key not in _OF_THE_FIRST}
    start = Start(
        row.workflow_id,
        workflow_of(tx, row),
        row.session,
        name or row.retry_attempt_name,
        row.params,
        {**options, TRIES: _tries(row) + 1, "resumed_from": row.id},
        limits_before(row.limits),
        row.command if row.command != row.id or name is None else None,
    )
    return starter.start(tx, start, supersedes=None if name else row.id, waits_for=waits_for)


def _stored(rule: AttemptRetry) -> Params:
    return {"limit": rule.limit, "on": list(rule.on), "interval": rule.interval}


def _rule(row: AttemptRow) -> AttemptRetry | None:
    stored = row.limits.get(TRIES)
    value = stored.get("value") if isinstance(stored, dict) else None
    if not isinstance(value, dict):
        return None
    limit, on, interval = (cast("Any", value[name]) for name in AttemptRetry._fields)
    return AttemptRetry(limit, tuple(on), interval)


def _tries(row: AttemptRow) -> int:
    tries = row.options.get(TRIES, 0)
    return tries if isinstance(tries, int) else 0
