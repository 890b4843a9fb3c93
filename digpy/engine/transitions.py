"""**The table.** Every move a task can make is a row here; a move that is not here does not exist.

A row is (state, cause, guard, next state, action). For a state and a cause the first row whose
guard holds is taken. Guards only ask; actions are carried out by `digpy.engine.advance`, in the
same step. The table follows digdag 0.10.5 as written down in its behaviour, and departs from it on
purpose in four places: a cancel ends waiting tasks at once, a group opens a round from its
definition instead of copying rows, losses are bounded, nothing is born after a cancel.

Nothing succeeds after a cancel either, so no task becomes unblocked then: what is blocked stays so.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from digpy.engine.events import Event, Failed, Lost, Succeeded
from digpy.engine.retry import RetryRule, parse_retry
from digpy.engine.states import TaskState
from digpy.engine.tree import Task

if TYPE_CHECKING:
    from digpy.engine.advance import Draft

MAX_LOSSES = 3
"""Consecutive runs of a task that may vanish before it fails."""


class Cause(StrEnum):
    """Why a task moves. All but the last two come with an event; those are found by settling."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    POSTPONED = "postponed"
    LOST = "lost"
    DUE = "due"
    CANCELED = "canceled"
    UNBLOCKED = "unblocked"
    SETTLED = "settled"


class Action(StrEnum):
    """What happens beside the change of state."""

    NOTHING = "nothing"
    NEW_FENCE = "new fence"
    RECORD_RESULT = "record result"
    OPEN_RESULT = "record result, open its round"
    RECORD_ERROR = "record error"
    RETRY = "count retry, wait"
    POSTPONE = "keep state, wait"
    HANDLE_ERROR = "record error, hold verdict ERROR, add handlers"
    COUNT_LOSS = "count loss"
    OPEN_ROUND = "open the round from the definition"
    NEXT_ROUND = "next round, count retry, wait"
    HANDLE_GROUP_ERROR = "hold verdict GROUP_ERROR, add handlers"


Guard = Callable[["Draft", Task, Event | None], bool]


def always(_draft: Draft, _task: Task, _event: Event | None) -> bool:
    """No condition: the last row of a cause."""
    return True


def is_group(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task has no operator of its own."""
    return task.is_group


def cancel_requested(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The attempt is to stop."""
    return task.cancel


def generates(_draft: Draft, _task: Task, event: Event | None) -> bool:
    """The result has subtasks, or the task has a check."""
    return isinstance(event, Succeeded) and event.outcome.definitions is not None


def retries_left(_draft: Draft, task: Task, event: Event | None) -> bool:
    """The task's own ``_retry``, as evaluated, allows another run."""
    rule = event.retry if isinstance(event, (Failed, Lost)) else None
    return rule is not None and task.retries < rule.limit


def lost_too_often(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """One more loss would be one too many."""
    return task.losses + 1 >= MAX_LOSSES


def lost_with_retry(draft: Draft, task: Task, event: Event | None) -> bool:
    """Lost too often, and ``_retry`` treats that like any failure."""
    return lost_too_often(draft, task, event) and retries_left(draft, task, event)


def lost_with_handler(draft: Draft, task: Task, event: Event | None) -> bool:
    """Lost too often, and there is a handler to tell."""
    return lost_too_often(draft, task, event) and has_handler(draft, task, event)


def has_handler(draft: Draft, task: Task, _event: Event | None) -> bool:
    """There is an ``_error`` that fits the task limit, or the task is the root.

    The failure of the root is announced, with or without a handler.
    """
    return task.parent is None or draft.handler_fits(task)


def holds_error(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task itself had failed; its handlers are done now."""
    return task.verdict is TaskState.ERROR


def holds_group_error(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """Its children had failed; its handlers are done now."""
    return task.verdict is TaskState.GROUP_ERROR


def child_failed(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """A live child failed."""
    return task.failed > 0


def round_left(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """A live child failed and the task's written ``_retry`` allows another round."""
    if task.failed == 0:
        return False
    rule = round_rule(task)
    return rule is not None and task.retries < rule.limit


def child_failed_with_handler(draft: Draft, task: Task, event: Event | None) -> bool:
    """A live child failed, no round is left, and there is somebody to tell."""
    return task.failed > 0 and has_handler(draft, task, event)


def round_rule(task: Task) -> RetryRule | None:
    """The ``_retry`` for failing children: as written, never evaluated.

    Follows digdag 0.10.5: what cannot be read means none.
    """
    written = task.definition.retry
    if written is None:
        return None
    try:
        return parse_retry(written)
    except ValueError:
        return None  # `digpy check` warns about it; a running workflow goes on as digdag's does


class Row(NamedTuple):
    """One row of the table."""

    state: TaskState
    cause: Cause
    guard: Guard
    target: TaskState
    action: Action


_S = TaskState
_C = Cause
_A = Action

TABLE: tuple[Row, ...] = (
    Row(_S.BLOCKED, _C.UNBLOCKED, is_group, _S.PLANNED, _A.NOTHING),
    Row(_S.BLOCKED, _C.UNBLOCKED, always, _S.READY, _A.NOTHING),
    Row(_S.READY, _C.CLAIMED, always, _S.RUNNING, _A.NEW_FENCE),
    Row(_S.READY, _C.CANCELED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.SUCCEEDED, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.SUCCEEDED, generates, _S.PLANNED, _A.OPEN_RESULT),
    Row(_S.RUNNING, _C.SUCCEEDED, always, _S.SUCCESS, _A.RECORD_RESULT),
    Row(_S.RUNNING, _C.FAILED, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.FAILED, retries_left, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.RUNNING, _C.FAILED, has_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.RUNNING, _C.FAILED, always, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.RUNNING, _C.POSTPONED, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.POSTPONED, always, _S.RETRY_WAITING, _A.POSTPONE),
    Row(_S.RUNNING, _C.LOST, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.LOST, lost_with_retry, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.RUNNING, _C.LOST, lost_with_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.RUNNING, _C.LOST, lost_too_often, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.RUNNING, _C.LOST, always, _S.READY, _A.COUNT_LOSS),
    Row(_S.RETRY_WAITING, _C.DUE, always, _S.READY, _A.NOTHING),
    Row(_S.RETRY_WAITING, _C.CANCELED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.DUE, is_group, _S.PLANNED, _A.OPEN_ROUND),
    Row(_S.GROUP_RETRY_WAITING, _C.DUE, always, _S.READY, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.CANCELED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, holds_error, _S.ERROR, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, holds_group_error, _S.GROUP_ERROR, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, round_left, _S.GROUP_RETRY_WAITING, _A.NEXT_ROUND),
    Row(_S.PLANNED, _C.SETTLED, child_failed_with_handler, _S.PLANNED, _A.HANDLE_GROUP_ERROR),
    Row(_S.PLANNED, _C.SETTLED, child_failed, _S.GROUP_ERROR, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, always, _S.SUCCESS, _A.NOTHING),
)

ROWS: dict[tuple[TaskState, Cause], tuple[Row, ...]] = {}
for _row in TABLE:
    _key = (_row.state, _row.cause)
    ROWS[_key] = (*ROWS.get(_key, ()), _row)
