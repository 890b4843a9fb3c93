"""**The table.** Every move a task can make is a row here; a move that is not here does not exist.

A row is (state, cause, guard, next state, action). For a state and a cause the first row whose
guard holds is taken. Guards only ask; actions are carried out by `digpy.engine.advance`, in the
same step. The table follows digdag 0.10.5 as written down in its behaviour, and departs from it on
purpose in seven places: a cancel ends waiting tasks at once, a group opens a round from its
definition instead of copying rows, losses are bounded, only what cleans up is born after a cancel,
a task may time out, a missed ``sla:`` that makes the attempt fail stops the work, and a limit of
the attempt may be told to the root's handlers.

A task that was to stop does not succeed either, so no task becomes unblocked by it: what is blocked
stays so.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from digpy.dsl.retry import RetryRule, parse_retry
from digpy.engine.events import Event, Failed, Lost, Succeeded, TimedOut
from digpy.engine.states import TaskState
from digpy.engine.tree import Task, fails_by_sla

if TYPE_CHECKING:
    from digpy.engine.advance import Draft


class Cause(StrEnum):
    """Why a task moves. All but the last two come with an event; those are found by settling."""

    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    POSTPONED = "postponed"
    LOST = "lost"
    STOPPED = "stopped"
    """The run of a task that was to stop has ended, whatever it reported."""
    DUE = "due"
    TIMED_OUT = "timed out"
    SLA_MISSED = "sla missed"
    """Of the root only, and only if the attempt is to fail then."""
    CANCELED = "canceled"
    KILLED = "killed"
    UNBLOCKED = "unblocked"
    SETTLED = "settled"


class Action(StrEnum):
    """What happens beside the change of state."""

    NOTHING = "nothing"
    START_TIME = "start its time"
    NEW_FENCE = "new fence"
    RECORD_RESULT = "record result"
    OPEN_RESULT = "record result, open its round"
    RECORD_ERROR = "record error"
    RETRY = "count retry, wait"
    POSTPONE = "keep state, wait"
    HANDLE_ERROR = "record error, hold verdict ERROR, add handlers"
    STOP_RUN = "stop the run"
    STOP_BELOW = "stop everything below"
    COUNT_LOSS = "count loss"
    OPEN_ROUND = "open the round from the definition, start its time"
    NEXT_ROUND = "next round, count retry, wait"
    HANDLE_TIMEOUT = "record error, hold verdict GROUP_ERROR, add handlers"
    HANDLE_LIMIT = "record error, hold verdict GROUP_ERROR, keep its limit, add handlers"
    HANDLE_GROUP_ERROR = "hold verdict GROUP_ERROR, add handlers"
    HANDLE_SUCCESS = "hold verdict SUCCESS, add handlers"
    HANDLE_CANCEL = "hold verdict CANCELED, add handlers"
    NEXT_HANDLERS = "add handlers"


Guard = Callable[["Draft", Task, Event | None], bool]


def always(_draft: Draft, _task: Task, _event: Event | None) -> bool:
    """No condition: the last row of a cause."""
    return True


def is_group(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task has no operator of its own."""
    return task.is_group


def cancel_requested(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The attempt, or a task above, is to stop, and its end is that."""
    return task.cancel and not task.fails_by_limit


def limit_passed(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The time of the attempt is over, and its handlers are to be told; they have not been."""
    return task.fails_by_limit and not task.tells_limit


def canceled_while_busy(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task is to stop, and what a missed ``sla:`` has added below it has not stopped yet."""
    return task.cancel and task.moving > 0


def root_fails_by_sla(draft: Draft, task: Task, _event: Event | None) -> bool:
    """The ``sla:`` of the attempt was missed, and that makes it fail."""
    return task.parent is None and fails_by_sla(draft)


def canceled_with_handler(draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task is to stop, it had started, and there is something to clean up."""
    if not cancel_requested(draft, task, None):
        return False
    started = task.is_group or task.fence > 0
    return started and bool(draft.handlers(task, TaskState.CANCELED))


def opens(_draft: Draft, task: Task, event: Event | None) -> bool:
    """The result has subtasks, or the task has a check or something that runs at its end.

    What a missed ``sla:`` has added below a root is there before its result.
    """
    assert isinstance(event, Succeeded)  # noqa: S101 - narrows the type
    has_below = event.outcome.definitions is not None or bool(task.children)
    return has_below or "^finally" in task.definition.handlers


def retries_left(_draft: Draft, task: Task, event: Event | None) -> bool:
    """The task's own ``_retry``, as evaluated, allows another run."""
    rule = event.retry if isinstance(event, (Failed, Lost, TimedOut)) else None
    return rule is not None and task.retries < rule.limit


def lost_too_often(_draft: Draft, task: Task, event: Event | None) -> bool:
    """One more loss would be one too many."""
    return isinstance(event, Lost) and task.losses + 1 >= event.allowed


def lost_with_retry(draft: Draft, task: Task, event: Event | None) -> bool:
    """Lost too often, and ``_retry`` treats that like any failure."""
    return lost_too_often(draft, task, event) and retries_left(draft, task, event)


def lost_with_handler(draft: Draft, task: Task, event: Event | None) -> bool:
    """Lost too often, and there is a handler to tell."""
    return lost_too_often(draft, task, event) and has_handler(draft, task, event)


def has_handler(draft: Draft, task: Task, _event: Event | None) -> bool:
    """There is an ``_error`` or a ``_finally`` that fits the task limit, or the task is the root.

    The failure of the root is announced, with or without a handler.
    """
    return bool(draft.handlers(task, TaskState.ERROR))


def handler_left(draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task's end is decided, and something has to run before."""
    return task.verdict is not None and bool(draft.handlers(task, task.verdict))


def holds_error(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """The task itself had failed; its handlers are done now."""
    return task.verdict is TaskState.ERROR


def holds_group_error(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """Its children had failed; its handlers are done now."""
    return task.verdict is TaskState.GROUP_ERROR


def timed_out(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """It was stopped because of its deadline."""
    return task.timed_out


def timed_out_with_handler(draft: Draft, task: Task, event: Event | None) -> bool:
    """It was stopped because of its deadline, no round is left, and there is somebody to tell."""
    return task.timed_out and has_handler(draft, task, event)


def child_failed(_draft: Draft, task: Task, _event: Event | None) -> bool:
    """A live child failed."""
    return task.failed > 0


def round_left(draft: Draft, task: Task, _event: Event | None) -> bool:
    """A child failed or the task timed out, and its written ``_retry`` allows another round.

    None is left when the attempt is to fail because its ``sla:`` was missed.
    """
    if task.verdict is not None or (task.failed == 0 and not task.timed_out):
        return False
    rule = round_rule(task)
    if rule is None or task.retries >= rule.limit:
        return False
    return not root_fails_by_sla(draft, task, None)


def child_failed_with_handler(draft: Draft, task: Task, event: Event | None) -> bool:
    """A live child failed, no round is left, and there is somebody to tell."""
    return task.failed > 0 and has_handler(draft, task, event)


def succeeded_with_handler(draft: Draft, task: Task, _event: Event | None) -> bool:
    """All children succeeded, and something runs at the end."""
    return bool(draft.handlers(task, TaskState.SUCCESS))


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
    Row(_S.BLOCKED, _C.UNBLOCKED, is_group, _S.PLANNED, _A.START_TIME),
    Row(_S.BLOCKED, _C.UNBLOCKED, always, _S.READY, _A.NOTHING),
    Row(_S.READY, _C.CLAIMED, always, _S.RUNNING, _A.NEW_FENCE),
    Row(_S.READY, _C.TIMED_OUT, retries_left, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.READY, _C.TIMED_OUT, has_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.READY, _C.TIMED_OUT, always, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.READY, _C.SLA_MISSED, always, _S.PLANNED, _A.NOTHING),
    Row(_S.READY, _C.CANCELED, canceled_while_busy, _S.PLANNED, _A.NOTHING),
    Row(_S.READY, _C.CANCELED, limit_passed, _S.PLANNED, _A.HANDLE_LIMIT),
    Row(_S.READY, _C.CANCELED, canceled_with_handler, _S.PLANNED, _A.HANDLE_CANCEL),
    Row(_S.READY, _C.CANCELED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.READY, _C.KILLED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.SUCCEEDED, opens, _S.PLANNED, _A.OPEN_RESULT),
    Row(_S.RUNNING, _C.SUCCEEDED, always, _S.SUCCESS, _A.RECORD_RESULT),
    Row(_S.RUNNING, _C.FAILED, retries_left, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.RUNNING, _C.FAILED, has_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.RUNNING, _C.FAILED, always, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.RUNNING, _C.POSTPONED, always, _S.RETRY_WAITING, _A.POSTPONE),
    Row(_S.RUNNING, _C.LOST, lost_with_retry, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.RUNNING, _C.LOST, lost_with_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.RUNNING, _C.LOST, lost_too_often, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.RUNNING, _C.LOST, always, _S.READY, _A.COUNT_LOSS),
    Row(_S.RUNNING, _C.STOPPED, canceled_while_busy, _S.PLANNED, _A.NOTHING),
    Row(_S.RUNNING, _C.STOPPED, limit_passed, _S.PLANNED, _A.HANDLE_LIMIT),
    Row(_S.RUNNING, _C.STOPPED, canceled_with_handler, _S.PLANNED, _A.HANDLE_CANCEL),
    Row(_S.RUNNING, _C.STOPPED, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.RUNNING, _C.STOPPED, root_fails_by_sla, _S.PLANNED, _A.NOTHING),
    Row(_S.RUNNING, _C.STOPPED, retries_left, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.RUNNING, _C.STOPPED, has_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.RUNNING, _C.STOPPED, always, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.RUNNING, _C.TIMED_OUT, always, _S.RUNNING, _A.STOP_RUN),
    Row(_S.RUNNING, _C.SLA_MISSED, always, _S.RUNNING, _A.STOP_RUN),
    Row(_S.RUNNING, _C.KILLED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.RETRY_WAITING, _C.DUE, always, _S.READY, _A.NOTHING),
    Row(_S.RETRY_WAITING, _C.TIMED_OUT, retries_left, _S.RETRY_WAITING, _A.RETRY),
    Row(_S.RETRY_WAITING, _C.TIMED_OUT, has_handler, _S.PLANNED, _A.HANDLE_ERROR),
    Row(_S.RETRY_WAITING, _C.TIMED_OUT, always, _S.ERROR, _A.RECORD_ERROR),
    Row(_S.RETRY_WAITING, _C.SLA_MISSED, always, _S.PLANNED, _A.NOTHING),
    Row(_S.RETRY_WAITING, _C.CANCELED, canceled_while_busy, _S.PLANNED, _A.NOTHING),
    Row(_S.RETRY_WAITING, _C.CANCELED, limit_passed, _S.PLANNED, _A.HANDLE_LIMIT),
    Row(_S.RETRY_WAITING, _C.CANCELED, canceled_with_handler, _S.PLANNED, _A.HANDLE_CANCEL),
    Row(_S.RETRY_WAITING, _C.CANCELED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.RETRY_WAITING, _C.KILLED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.DUE, is_group, _S.PLANNED, _A.OPEN_ROUND),
    Row(_S.GROUP_RETRY_WAITING, _C.DUE, always, _S.READY, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.SLA_MISSED, always, _S.PLANNED, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.CANCELED, canceled_while_busy, _S.PLANNED, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.CANCELED, limit_passed, _S.PLANNED, _A.HANDLE_LIMIT),
    Row(_S.GROUP_RETRY_WAITING, _C.CANCELED, canceled_with_handler, _S.PLANNED, _A.HANDLE_CANCEL),
    Row(_S.GROUP_RETRY_WAITING, _C.CANCELED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.GROUP_RETRY_WAITING, _C.KILLED, always, _S.CANCELED, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, limit_passed, _S.PLANNED, _A.HANDLE_LIMIT),
    Row(_S.PLANNED, _C.SETTLED, canceled_with_handler, _S.PLANNED, _A.HANDLE_CANCEL),
    Row(_S.PLANNED, _C.SETTLED, cancel_requested, _S.CANCELED, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, handler_left, _S.PLANNED, _A.NEXT_HANDLERS),
    Row(_S.PLANNED, _C.SETTLED, holds_error, _S.ERROR, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, holds_group_error, _S.GROUP_ERROR, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, round_left, _S.GROUP_RETRY_WAITING, _A.NEXT_ROUND),
    Row(_S.PLANNED, _C.SETTLED, timed_out_with_handler, _S.PLANNED, _A.HANDLE_TIMEOUT),
    Row(_S.PLANNED, _C.SETTLED, timed_out, _S.GROUP_ERROR, _A.RECORD_ERROR),
    Row(_S.PLANNED, _C.SETTLED, child_failed_with_handler, _S.PLANNED, _A.HANDLE_GROUP_ERROR),
    Row(_S.PLANNED, _C.SETTLED, child_failed, _S.GROUP_ERROR, _A.NOTHING),
    Row(_S.PLANNED, _C.SETTLED, succeeded_with_handler, _S.PLANNED, _A.HANDLE_SUCCESS),
    Row(_S.PLANNED, _C.SETTLED, always, _S.SUCCESS, _A.NOTHING),
    Row(_S.PLANNED, _C.TIMED_OUT, always, _S.PLANNED, _A.STOP_BELOW),
    Row(_S.PLANNED, _C.SLA_MISSED, always, _S.PLANNED, _A.STOP_BELOW),
    Row(_S.PLANNED, _C.KILLED, always, _S.CANCELED, _A.NOTHING),
)

ROWS: dict[tuple[TaskState, Cause], tuple[Row, ...]] = {}
for _row in TABLE:
    _key = (_row.state, _row.cause)
    ROWS[_key] = (*ROWS.get(_key, ()), _row)
