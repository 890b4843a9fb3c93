"""The phases of an attempt, and the only ways from one to another."""

from __future__ import annotations

from enum import StrEnum


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
