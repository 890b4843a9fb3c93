"""What can happen to a tree.

Every event says when (`at`, microseconds UTC): the engine has no clock.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from digpy.dsl.model import Definitions, Subtasks
from digpy.dsl.retry import RetryRule
from digpy.values import Params

MAX_LOSSES = 3
"""Consecutive runs of a task that may vanish before it fails, unless somebody says otherwise."""


class Outcome(NamedTuple):
    """A successful run, ready for the engine: what it generates is compiled and within the limits.

    `definitions` holds the ``^sub`` and ``^check`` trees, None if there are none; `subtasks` is the
    raw form of ``^sub`` for the database.
    """

    definitions: Definitions | None = None
    subtasks: Subtasks | None = None
    export: Params = {}  # noqa: RUF012 - never mutated
    store: Params = {}  # noqa: RUF012
    reset: tuple[str, ...] = ()


class Claimed(NamedTuple):
    """A READY task was handed to an agent; its fence rises by one."""

    number: int
    at: int


class Limited(NamedTuple):
    """The present try of a running task may take `timeout` microseconds from now."""

    number: int
    at: int
    timeout: int


class Succeeded(NamedTuple):
    """The run of `fence` ended well."""

    number: int
    fence: int
    at: int
    outcome: Outcome


class Failed(NamedTuple):
    """The run of `fence` ended badly.

    `retry` is the task's own ``_retry`` as evaluated with its parameters, None if it has none or if
    trying again makes no sense (a template that cannot be evaluated). `state` replaces the state
    params for the next try.
    """

    number: int
    fence: int
    at: int
    error: Params
    retry: RetryRule | None
    state: Params


class Postponed(NamedTuple):
    """The operator asked to be run again at `due`, or when attempt `awaits` ends. Not a failure."""

    number: int
    fence: int
    at: int
    due: int
    state: Params
    awaits: int | None = None


class Lost(NamedTuple):
    """The run of `fence` is gone without a result, and nothing of it is alive.

    `retry` is the task's ``_retry`` as evaluated when the run was claimed. It counts only when the
    task is lost too often: until then a loss spends nothing. The `allowed`-th loss in a row is one
    too many; 1: the task must not run again, because this run may have done something.
    """

    number: int
    fence: int
    at: int
    retry: RetryRule | None = None
    allowed: int = MAX_LOSSES


class Due(NamedTuple):
    """A waiting task's time has come, or what it waited for has happened."""

    number: int
    at: int


class TimedOut(NamedTuple):
    """The deadline of a task's present try has passed.

    `retry` is the task's ``_retry`` as evaluated with its parameters. It counts for a task between
    two runs; one that runs brings its own with its report, and one that is open is retried as it is
    written.
    """

    number: int
    at: int
    retry: RetryRule | None = None


class SlaMissed(NamedTuple):
    """The attempt should have ended by now; this is said once."""

    at: int


class CancelRequested(NamedTuple):
    """The attempt is to stop: nothing starts any more, and nothing is retried.

    Except below ``^canceled`` and ``^finally``. With a `limit` (microseconds) the time of the
    attempt is over, and it fails by that: when everything has stopped, the root's ``^error`` runs.
    """

    at: int
    cause: str
    limit: int | None = None


class Killed(NamedTuple):
    """The attempt is to end now: nothing of it is alive, and nothing will be started."""

    at: int


Event: TypeAlias = (
    Claimed
    | Limited
    | Succeeded
    | Failed
    | Postponed
    | Lost
    | Due
    | TimedOut
    | SlaMissed
    | CancelRequested
    | Killed
)
