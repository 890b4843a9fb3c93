"""Facts in, changes out: the driver of the table in `digpy.engine.transitions`.

`begin` makes a tree, `Draft.advance` says what an event does to it. A `Draft` lies over a
`TaskTree`: several events can be tried on it, outside any transaction; its `changes` are then saved
in one, and only after the commit applied to the tree. A dropped draft leaves no trace.

*Settling*: after an event, inside causes are followed until nothing moves. A blocked task is
unblocked when its parent is open and all its upstreams succeeded; an open task settles when no live
child can move.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable
from typing import assert_never

from digpy.dsl.model import ALERT, CLEANUPS, SLA_FAIL, SLA_NAMES, Workflow
from digpy.dsl.options import timeout
from digpy.durations import written
from digpy.engine.changes import Changes, End, Move, Output, Stop
from digpy.engine.events import (
    CancelRequested,
    Claimed,
    Due,
    Event,
    Failed,
    Killed,
    Limited,
    Lost,
    Postponed,
    SlaMissed,
    Succeeded,
    TimedOut,
)
from digpy.engine.overlay import Overlay
from digpy.engine.planting import Origin, Planter
from digpy.engine.states import DONE, FAILED, MOVING, WAITING, TaskState
from digpy.engine.takeover import generated_roots
from digpy.engine.transitions import ROWS, Action, Cause, root_fails_by_sla, round_rule
from digpy.engine.tree import EVERYTHING, RAN, Selection, Task, TaskTree
from digpy.errors import InternalError
from digpy.values import Params


def begin(
    workflow: Workflow, at: int, limit: int = 1000, selection: Selection = EVERYTHING
) -> tuple[TaskTree, Changes]:
    """Make the tree of a new attempt: the tree (still empty) and the changes that fill it.

    All static tasks are there from the start; those of `selection` are done already.
    """
    tree = TaskTree(workflow.definitions, limit, selection)
    draft = Draft(tree)
    draft.plant_root(at)
    return tree, draft.changes()


def advance(tree: TaskTree, *events: Event) -> Changes:
    """What `events` do to `tree`, in order; the tree itself is not changed.

    A stale or repeated report changes nothing. Raises `InternalError` when our own code asks for
    the impossible.
    """
    draft = Draft(tree)
    for event in events:
        draft.advance(event)
    return draft.changes()


class Draft(Overlay):
    """A tree with changes that are not committed yet. Reads like a tree; see the module's text."""

    def __init__(self, tree: TaskTree) -> None:
        super().__init__(tree)
        self._settling: deque[tuple[Cause, int]] = deque()
        self._at = 0
        self.ready: list[int] = []
        """Numbers that became READY in this draft, in order (some may have moved on since)."""

    # Events

    def advance(self, event: Event) -> None:
        """Let `event` happen, and follow what comes of it until nothing moves."""
        self._at = event.at
        match event:
            case Claimed():
                self._take(event.number, Cause.CLAIMED, event)
            case Limited():
                self._limit(self.change(event.number), event.timeout)
            case Succeeded() | Failed() | Postponed() | Lost():
                self._reported(event)
            case Due():
                if self[event.number].state in WAITING:
                    self._take(event.number, Cause.DUE, event)
            case TimedOut():
                self._expire(event)
            case SlaMissed():
                self._miss_sla(event)
            case CancelRequested():
                self._cancel_all(event)
            case Killed():
                self._kill_all()
            case _:
                assert_never(event)
        self._settle()

    def plant_root(self, at: int) -> None:
        """Insert the root and all static tasks below it, and let it start. For `begin` only."""
        self._at = at
        definitions = self.tree.definitions
        (root,) = Planter(self, at).plant([definitions[0]], Origin(definitions, None), None)
        if root.state is TaskState.BLOCKED:
            self._settling.append((Cause.UNBLOCKED, root.number))
        else:
            self._ended(root)
        self._settle()

    def _reported(self, event: Succeeded | Failed | Postponed | Lost) -> None:
        task = self[event.number]
        if task.state is not TaskState.RUNNING or task.fence != event.fence:
            return  # stale or repeated: somebody else's run, or reported already
        self.change(event.number).reported_fence = event.fence
        cause = Cause.STOPPED if self._is_stopping(task) else _REPORTS[type(event)]
        self._take(event.number, cause, event)

    def _expire(self, event: TimedOut) -> None:
        deadline = self[event.number].deadline_at
        if deadline is None or event.at < deadline:
            return  # its try has ended, or it is to stop anyway
        self.change(event.number).deadline_at = None
        self._take(event.number, Cause.TIMED_OUT, event)

    def _miss_sla(self, event: SlaMissed) -> None:
        """Add what is to run then, whatever the root is doing, and stop the work if it is to fail.

        A root that fails anyway has no work left, and no failure is added.
        """
        root = self.root
        if self.cancel or root.state in DONE:
            return
        definitions = self.tree.definitions
        roots = definitions.sla_roots()
        if root.verdict in FAILED:
            roots = [task for task in roots if task.name != SLA_FAIL]
        origin = Origin(definitions, None)
        planted = Planter(self, self._at).plant_anew(roots, origin, self.count(root.number))
        for task in planted:
            self._take(task.number, Cause.UNBLOCKED, None)
        if any(task.definition.name == SLA_FAIL for task in planted):
            self._take(root.number, Cause.SLA_MISSED, event)

    def _is_stopping(self, task: Task) -> bool:
        """What it runs has been told to stop."""
        return task.cancel or task.timed_out or root_fails_by_sla(self, task, None)

    def _cancel_all(self, event: CancelRequested) -> None:
        root = self.root
        if self.cancel or root.state in DONE:
            return
        self.cancel = True
        # Whoever is being told already that the attempt has failed need not be told anew.
        told = [n for n in root.children if self[n].definition.name in (ALERT, "^error")]
        self._cancel([root.number], told if event.limit else (), event.limit)

    def _cancel(
        self, tops: Iterable[int], sparing: Container[int] = (), limit: int | None = None
    ) -> None:
        """Have `tops` and everything below them end; but what cleans up goes on.

        So does what is below `sparing`. A `limit` of the attempt is noted on the root.
        """
        pending = list(tops)
        unfinished = []
        while pending:
            task = self[pending.pop()]
            goes_on = task.definition.name in CLEANUPS or task.number in sparing
            if task.state not in DONE and not goes_on:
                unfinished.append(task.number)
                pending += task.children
        unfinished.sort()
        for number in unfinished:
            task = self.change(number)
            if task.state is TaskState.RUNNING and not self._is_stopping(task):
                self.emit(Stop(number, task.fence))
            task.cancel = True
            task.deadline_at = None
            task.timeout = limit if task.parent is None else None
        for number in unfinished:
            # What is open closes when the last of its children has ended.
            if (self[number].state, Cause.CANCELED) in ROWS:
                self._take(number, Cause.CANCELED, None)

    def _kill_all(self) -> None:
        if self.root.state in DONE:
            return
        self.cancel = True
        for number in reversed(self.numbers()):  # children before parents
            if (self[number].state, Cause.KILLED) in ROWS:
                self.change(number).cancel = True
                self._take(number, Cause.KILLED, None)

    # The table

    def _take(self, number: int, cause: Cause, event: Event | None) -> None:
        task = self[number]
        for row in ROWS.get((task.state, cause), ()):
            if row.guard(self, task, event):
                break
        else:
            raise InternalError(f"no move for {task.full_name}: {task.state}, {cause}")
        task = self.change(number)
        was = task.state
        task.state = row.target
        self.moved(Move(number, was, cause, row.target))
        if was in WAITING:
            task.retry_at = task.awaits = None
        _ACTIONS[row.action](self, task, event)
        self._after(task, was)

    def _after(self, task: Task, was: TaskState) -> None:
        """Keep the counters of parent and siblings, and note what can move now."""
        state = task.state
        if state is TaskState.READY:
            self.ready.append(task.number)
        elif state is TaskState.PLANNED and (task.verdict is not None or not task.timed_out):
            self._opened(task)  # again with each handler; but what timed out only waits
        elif state in DONE:
            task.ended_at = self._at
            task.timeout = task.deadline_at = None
            if state is TaskState.SUCCESS:
                task.how = RAN
                self._succeeded(task)
            if task.parent is None:
                self._ended(task)
        if task.parent is not None:
            parent = self.count(task.parent)
            parent.moving += (state in MOVING) - (was in MOVING)
            parent.failed += state in FAILED
            if parent.moving == 0:
                self._settling.append((Cause.SETTLED, parent.number))

    def _opened(self, task: Task) -> None:
        for number in task.children:
            child = self[number]
            if child.state is TaskState.BLOCKED and self[child.first].waiting == 0:
                self._settling.append((Cause.UNBLOCKED, number))
        self._settling.append((Cause.SETTLED, task.number))

    def _succeeded(self, task: Task) -> None:
        for number in task.downstream:
            first = self.count(number)
            first.waiting -= 1
            if first.waiting == 0:
                for follower in first.place.together:
                    # One that was left out or taken over is done already.
                    if self[follower].state is TaskState.BLOCKED:
                        self._settling.append((Cause.UNBLOCKED, follower))

    def _ended(self, root: Task) -> None:
        self.emit(End(root.state))

    def _settle(self) -> None:
        while self._settling:
            cause, number = self._settling.popleft()
            task = self[number]
            if cause is Cause.UNBLOCKED:
                self._take(number, cause, None)
            elif task.state is TaskState.PLANNED and task.moving == 0:
                # Whatever could be unblocked stands ahead of this in the queue, so nothing will
                # move any more.
                self._take(number, cause, None)

    # Actions, by the names in the table

    def _nothing(self, _task: Task, _event: Event | None) -> None:
        pass

    def _start_time(self, task: Task, _event: Event | None) -> None:
        # The compiler has read it: what cannot be read does not come here.
        self._limit(task, timeout(task.definition.timeout) or 0)

    def _limit(self, task: Task, length: int) -> None:
        if length:
            task.timeout, task.deadline_at = length, self._at + length

    def _new_fence(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, Claimed)  # noqa: S101 - narrows the type
        task.fence += 1
        if task.started_at is None:
            task.started_at = event.at

    def _record_result(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, Succeeded)  # noqa: S101 - narrows the type
        outcome = event.outcome
        task.losses = 0
        if outcome.subtasks or outcome.export or outcome.store or outcome.reset:
            self.save(
                Output(
                    task.number,
                    task.round,
                    outcome.subtasks,
                    outcome.export,
                    outcome.store,
                    outcome.reset,
                    None,
                )
            )

    def _open_result(self, task: Task, event: Event | None) -> None:
        self._record_result(task, event)
        assert isinstance(event, Succeeded)  # noqa: S101 - narrows the type
        definitions = event.outcome.definitions
        if definitions is not None:
            origin = Origin(definitions, task.number)
            Planter(self, self._at).plant(generated_roots(definitions), origin, task)

    def _record_error(self, task: Task, event: Event | None) -> None:
        # What a task left that timed out later stays: its children were made from it.
        left = self.newest_output(task)
        if left is None:
            left = Output(task.number, task.round, None, {}, {}, (), None)
        self.save(left._replace(error=_error_of(task, event)))

    def _stop_run(self, task: Task, _event: Event | None) -> None:
        self.emit(Stop(task.number, task.fence))

    def _stop_below(self, task: Task, _event: Event | None) -> None:
        self._cancel(n for n in task.children if self[n].definition.name not in SLA_NAMES)

    def _retry(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, (Failed, Lost, TimedOut))  # noqa: S101 - narrows the type
        assert event.retry is not None  # noqa: S101 - the guard said so
        task.losses = 0
        task.timeout = task.deadline_at = None
        task.retry_at = event.at + event.retry.wait(task.retries)
        task.retries += 1
        if isinstance(event, Failed):
            task.state_params = event.state
        elif isinstance(event, TimedOut):
            task.state_params = {}  # what it waited for belongs to the try that is over

    def _postpone(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, Postponed)  # noqa: S101 - narrows the type
        task.losses = 0
        task.retry_at = event.due
        task.awaits = event.awaits
        task.state_params = event.state

    def _handle_error(self, task: Task, event: Event | None) -> None:
        self._record_error(task, event)
        self._hold(task, TaskState.ERROR)

    def _count_loss(self, task: Task, _event: Event | None) -> None:
        task.losses += 1

    def _open_round(self, task: Task, _event: Event | None) -> None:
        origin = Origin(task.definitions, task.origin)
        children = [origin.definitions[index] for index in task.definition.children]
        Planter(self, self._at).plant(children, origin, task)
        self._start_time(task, None)

    def _next_round(self, task: Task, _event: Event | None) -> None:
        rule = round_rule(task)
        assert rule is not None  # noqa: S101 - the guard said so
        task.retry_at = self._at + rule.wait(task.retries)
        task.retries += 1
        task.timeout = task.deadline_at = None
        task.past += task.children
        task.children = ()
        task.failed = 0
        task.round += 1

    def _handle_timeout(self, task: Task, event: Event | None) -> None:
        self._record_error(task, event)
        self._hold(task, TaskState.GROUP_ERROR)

    def _handle_limit(self, task: Task, event: Event | None) -> None:
        self._record_error(task, event)
        task.verdict = TaskState.GROUP_ERROR
        self._next_handlers(task, None)

    def _handle_group_error(self, task: Task, _event: Event | None) -> None:
        self._hold(task, TaskState.GROUP_ERROR)

    def _handle_success(self, task: Task, _event: Event | None) -> None:
        self._hold(task, TaskState.SUCCESS)

    def _handle_cancel(self, task: Task, _event: Event | None) -> None:
        self._hold(task, TaskState.CANCELED)

    def _hold(self, task: Task, verdict: TaskState) -> None:
        """Add the first handlers; the verdict takes effect when all are done."""
        task.verdict = verdict  # which also says that everything below runs
        task.timeout = task.deadline_at = None
        self._next_handlers(task, None)

    def _next_handlers(self, task: Task, _event: Event | None) -> None:
        assert task.verdict is not None  # noqa: S101 - the guard said so
        origin = Origin(task.definitions, task.origin)
        Planter(self, self._at).plant(self.handlers(task, task.verdict), origin, task)


def timeout_error(task: Task) -> Params:
    """The ``error`` of a task whose try took longer than its limit."""
    assert task.timeout is not None  # noqa: S101 - it timed out
    return {"message": f"timed out after {written(task.timeout)}"}


def _error_of(task: Task, event: Event | None) -> Params:
    if task.timed_out:
        return timeout_error(task)
    if isinstance(event, Failed):
        return event.error
    times = f"{event.allowed} times" if isinstance(event, Lost) and event.allowed > 1 else "once"
    return {"message": f"the agent running this task disappeared {times} (worker_lost)"}


_REPORTS: dict[type[Event], Cause] = {
    Succeeded: Cause.SUCCEEDED,
    Failed: Cause.FAILED,
    Postponed: Cause.POSTPONED,
    Lost: Cause.LOST,
}

_ACTIONS: dict[Action, Callable[[Draft, Task, Event | None], None]] = {
    Action.NOTHING: Draft._nothing,
    Action.START_TIME: Draft._start_time,
    Action.NEW_FENCE: Draft._new_fence,
    Action.RECORD_RESULT: Draft._record_result,
    Action.OPEN_RESULT: Draft._open_result,
    Action.RECORD_ERROR: Draft._record_error,
    Action.RETRY: Draft._retry,
    Action.POSTPONE: Draft._postpone,
    Action.HANDLE_ERROR: Draft._handle_error,
    Action.STOP_RUN: Draft._stop_run,
    Action.STOP_BELOW: Draft._stop_below,
    Action.COUNT_LOSS: Draft._count_loss,
    Action.OPEN_ROUND: Draft._open_round,
    Action.NEXT_ROUND: Draft._next_round,
    Action.HANDLE_TIMEOUT: Draft._handle_timeout,
    Action.HANDLE_LIMIT: Draft._handle_limit,
    Action.HANDLE_GROUP_ERROR: Draft._handle_group_error,
    Action.HANDLE_SUCCESS: Draft._handle_success,
    Action.HANDLE_CANCEL: Draft._handle_cancel,
    Action.NEXT_HANDLERS: Draft._next_handlers,
}
