"""The ten states of a task, and the sets of them that have a name."""

from __future__ import annotations

from enum import StrEnum


class TaskState(StrEnum):
    """Where a task stands. Names and meaning follow digdag 0.10.5."""

    BLOCKED = "blocked"
    """Waits for its parent to open and for its upstream siblings to succeed."""
    READY = "ready"
    """May be claimed; such rows are the queue."""
    RETRY_WAITING = "retry_waiting"
    """Asked to be run again, or failed with retries left; waits for `retry_at`."""
    GROUP_RETRY_WAITING = "group_retry_waiting"
    """Its children failed and another round is allowed; waits for `retry_at`."""
    RUNNING = "running"
    """Claimed by an agent."""
    PLANNED = "planned"
    """Open: waits for its children."""
    GROUP_ERROR = "group_error"
    """Failed because of its children."""
    SUCCESS = "success"
    ERROR = "error"
    """Its own operator failed."""
    CANCELED = "canceled"


DONE = frozenset({TaskState.SUCCESS, TaskState.ERROR, TaskState.GROUP_ERROR, TaskState.CANCELED})
"""States without a way out."""

FAILED = frozenset({TaskState.ERROR, TaskState.GROUP_ERROR})
"""Done, and a reason for the parent to fail."""

MOVING = frozenset(
    {
        TaskState.READY,
        TaskState.RETRY_WAITING,
        TaskState.GROUP_RETRY_WAITING,
        TaskState.RUNNING,
        TaskState.PLANNED,
    }
)
"""Something will still happen here by itself: the parent has to wait.

A blocked task is not among them: it waits for others, and may do so for ever.
"""

WAITING = frozenset({TaskState.RETRY_WAITING, TaskState.GROUP_RETRY_WAITING})
"""Waits for an instant."""
