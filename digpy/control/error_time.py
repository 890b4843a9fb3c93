"""``_run_timeout: {run_error: true}``: the root's handlers are told, in a time of their own.

What is stopped because of the limit has the cancel timeout for stopping. When it has stopped and
the handlers begin, the cancel timeout is moved once, so that it is over `error_timeout` later.
"""

from __future__ import annotations

from collections.abc import Callable

from digpy.config import duration
from digpy.control.limits import ERROR_TIMEOUT, since_when, stored, value
from digpy.dsl.run_timeout import read_run_timeout
from digpy.errors import ConfigError
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.events import NewEvent
from digpy.values import Json, Params, Template

_NAME = "error_timeout of _run_timeout"


def error_time(
    written: dict[str, Json],
    evaluate: Callable[[Template], str],
    limits: Params,
    cap: int | None,
) -> int | None:
    """How long handlers may take, in microseconds; None if they are not to be told of the limit.

    As long as a cancel of these `limits` where nothing is `written` about it, at most `cap`.
    Raises `ConfigError`.
    """
    try:
        rule = read_run_timeout(written)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if not rule.run_error:
        return None
    found = stored(limits, "cancel_timeout")
    if (text := rule.error_timeout) is not None:
        text = evaluate(text) if type(text) is Template else text
        found = duration(str(text), _NAME, "workflow")
    if not found:
        raise ConfigError(f"{_NAME}: at least 1 s, because every attempt has to end")
    return found if cap is None else min(found, cap)


def limit_to_tell(row: AttemptRow) -> int | None:
    """The run timeout that handlers are to be told of (microseconds); None: they are not to be."""
    return value(row, "run_timeout") if value(row, ERROR_TIMEOUT.name) else None


def begin_error_time(tx: Transaction, attempt: int, now: int) -> None:
    """The handlers begin: `error_timeout` takes the place of the cancel timeout."""
    row = attempt_rows.load(tx, attempt)
    length, since = value(row, ERROR_TIMEOUT.name), since_when(row, "canceling_since")
    assert length is not None  # noqa: S101 - else there were no handlers
    assert since is not None  # noqa: S101 - it is canceling
    moved: Params = {"value": now - since + length, "origin": _NAME}
    kept = {**moved, "before": row.limits["cancel_timeout"]}
    attempt_rows.set_limits(tx, attempt, {**row.limits, "cancel_timeout": kept})
    changes: Params = {
        "old": {"cancel_timeout": value(row, "cancel_timeout")},
        "new": {"cancel_timeout": moved},
    }
    event_rows.append(tx, attempt, NewEvent(now, "limits.changed", "executor", data=changes))


def limits_before(limits: Params) -> Params:
    """The limits with which an attempt began: what its error time has moved is put back."""
    moved = limits.get("cancel_timeout")
    if isinstance(moved, dict) and "before" in moved:
        return {**limits, "cancel_timeout": moved["before"]}
    return limits
