"""The phases of an attempt, the only ways between them, and the words for why.

Data only. A `cause` is why an attempt is to stop, a `reason` is why it failed, and the class of a
reason says whose fault it was: a user's, the infrastructure's, or a limit's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias


class Phase(StrEnum):
    """Where an attempt stands; digdag's flags and status words are derived from it."""

    CREATED = "created"
    """Row and tasks exist, not offered to anybody yet (delayed attempts only)."""
    QUEUED = "queued"
    """Waits for admission."""
    STARTING = "starting"
    """Admitted; a launch is intended, no worker has said hello."""
    RUNNING = "running"
    """A worker said hello."""
    CANCELING = "canceling"
    """To be stopped; the attempt's `cause` says why."""
    CANCELED = "canceled"
    """Ended because somebody asked."""
    FAILURE = "failure"
    """Ended badly; the attempt's `reason` says why."""
    SUCCESS = "success"


RESTING = frozenset({Phase.CREATED, Phase.QUEUED})
"""Phases in which an attempt waits, and needs nobody who runs it."""

TERMINAL = frozenset({Phase.CANCELED, Phase.FAILURE, Phase.SUCCESS})
"""Phases without a way out."""

MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.CREATED: frozenset({Phase.QUEUED, Phase.CANCELING, Phase.CANCELED, Phase.FAILURE}),
    Phase.QUEUED: frozenset({Phase.STARTING, Phase.CANCELING, Phase.CANCELED, Phase.FAILURE}),
    Phase.STARTING: frozenset({Phase.RUNNING, Phase.CANCELING}),
    Phase.RUNNING: frozenset({Phase.SUCCESS, Phase.FAILURE, Phase.CANCELING}),
    Phase.CANCELING: TERMINAL,
    Phase.CANCELED: frozenset(),
    Phase.FAILURE: frozenset(),
    Phase.SUCCESS: frozenset(),
}
"""From a phase to those that may follow; asking for any other move is a bug."""

ReasonClass: TypeAlias = Literal["user", "infra", "limit"]

REASONS: Mapping[str, ReasonClass] = {
    "task_error": "user",
    "config_error": "user",
    "queue_timeout": "limit",
    "start_timeout": "limit",
    "run_timeout": "limit",
    "attempt_ttl": "limit",
    "task_timeout": "limit",
    "sla": "limit",
    "launch_failed": "infra",
    "worker_lost": "infra",
    "resume_exhausted": "infra",
    "internal": "infra",
}
"""Why an attempt may have failed, and the class that ``_attempt_retry: {on: ...}`` names."""

CAUSES: Mapping[str, Phase] = {
    "user": Phase.CANCELED,
    "parent": Phase.CANCELED,
    "shutdown": Phase.CANCELED,
    "superseded": Phase.CANCELED,
    "queue_timeout": Phase.FAILURE,
    "start_timeout": Phase.FAILURE,
    "run_timeout": Phase.FAILURE,
    "attempt_ttl": Phase.FAILURE,
    "task_timeout": Phase.FAILURE,
    "launch_failed": Phase.FAILURE,
    "resume_exhausted": Phase.FAILURE,
}
"""Why an attempt may be told to stop, and the phase it then ends in.

Where that is FAILURE the cause is the reason too.
"""
