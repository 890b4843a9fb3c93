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
from collections.abc import Callable
from typing import assert_never

from digpy.dsl.model import Workflow
from digpy.engine.changes import Changes, End, Move, Output, Stop
from digpy.engine.events import (
    CancelRequested,
    Claimed,
    Due,
    Event,
    Failed,
    Lost,
    Postponed,
    Succeeded,
)
from digpy.engine.overlay import Overlay
from digpy.engine.planting import Origin, Planter
from digpy.engine.states import DONE, FAILED, MOVING, WAITING, TaskState
from digpy.engine.takeover import generated_roots
from digpy.engine.transitions import MAX_LOSSES, ROWS, Action, Cause, round_rule
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
            case Succeeded():
                self._reported(Cause.SUCCEEDED, event)
            case Failed():
                self._reported(Cause.FAILED, event)
            case Postponed():
                self._reported(Cause.POSTPONED, event)
            case Lost():
                self._reported(Cause.LOST, event)
            case Due():
                if self[event.number].state in WAITING:
                    self._take(event.number, Cause.DUE, event)
            case CancelRequested():
                self._cancel_all()
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

    def _reported(self, cause: Cause, event: Succeeded | Failed | Postponed | Lost) -> None:
        task = self[event.number]
        if task.state is not TaskState.RUNNING or task.fence != event.fence:
            return  # stale or repeated: somebody else's run, or reported already
        self.change(event.number).reported_fence = event.fence
        self._take(event.number, cause, event)

    def _cancel_all(self) -> None:
        if self.cancel or self.root.state in DONE:
            return
        self.cancel = True
        unfinished = [number for number in self.numbers() if self[number].state not in DONE]
        for number in unfinished:
            task = self.change(number)
            task.cancel = True
            if task.state is TaskState.RUNNING:
                self.emit(Stop(number, task.fence))
        for number in unfinished:
            # What is open closes when the last of its children has ended.
            if (self[number].state, Cause.CANCELED) in ROWS:
                self._take(number, Cause.CANCELED, None)

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
        elif state is TaskState.PLANNED:
            self._opened(task)
        elif state in DONE:
            task.ended_at = self._at
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
            if child.state is TaskState.BLOCKED and child.waiting == 0:
                self._settling.append((Cause.UNBLOCKED, number))
        self._settling.append((Cause.SETTLED, task.number))

    def _succeeded(self, task: Task) -> None:
        for number in task.downstream:
            follower = self.count(number)
            follower.waiting -= 1
            # A follower that was left out or taken over is done already.
            if follower.waiting == 0 and follower.state is TaskState.BLOCKED:
                self._settling.append((Cause.UNBLOCKED, number))

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
        assert definitions is not None  # noqa: S101 - the guard said so
        origin = Origin(definitions, task.number)
        Planter(self, self._at).plant(generated_roots(definitions), origin, task)

    def _record_error(self, task: Task, event: Event | None) -> None:
        self.save(Output(task.number, task.round, None, {}, {}, (), _error_of(event)))

    def _retry(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, (Failed, Lost))  # noqa: S101 - narrows the type
        assert event.retry is not None  # noqa: S101 - the guard said so
        task.losses = 0
        task.retry_at = event.at + event.retry.wait(task.retries)
        task.retries += 1
        if isinstance(event, Failed):
            task.state_params = event.state

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

    def _next_round(self, task: Task, _event: Event | None) -> None:
        rule = round_rule(task)
        assert rule is not None  # noqa: S101 - the guard said so
        task.retry_at = self._at + rule.wait(task.retries)
        task.retries += 1
        task.past += task.children
        task.children = ()
        task.failed = 0
        task.round += 1

    def _handle_group_error(self, task: Task, _event: Event | None) -> None:
        self._hold(task, TaskState.GROUP_ERROR)

    def _hold(self, task: Task, verdict: TaskState) -> None:
        """Add the handlers; the verdict takes effect when they are done."""
        handlers = []
        if task.parent is None:
            handlers.append(self.tree.definitions.tasks[-1])  # the alert; before ^error, as digdag
        if self.handler_fits(task):
            assert task.definition.error is not None  # noqa: S101 - it fits, so it exists
            handlers.append(task.definitions[task.definition.error])
        task.verdict = verdict  # which also says that everything below runs
        origin = Origin(task.definitions, task.origin)
        Planter(self, self._at).plant(handlers, origin, task)


def _error_of(event: Event | None) -> Params:
    if isinstance(event, Failed):
        return event.error
    return {"message": f"the agent running this task disappeared {MAX_LOSSES} times (worker_lost)"}


_ACTIONS: dict[Action, Callable[[Draft, Task, Event | None], None]] = {
    Action.NOTHING: Draft._nothing,
    Action.NEW_FENCE: Draft._new_fence,
    Action.RECORD_RESULT: Draft._record_result,
    Action.OPEN_RESULT: Draft._open_result,
    Action.RECORD_ERROR: Draft._record_error,
    Action.RETRY: Draft._retry,
    Action.POSTPONE: Draft._postpone,
    Action.HANDLE_ERROR: Draft._handle_error,
    Action.COUNT_LOSS: Draft._count_loss,
    Action.OPEN_ROUND: Draft._open_round,
    Action.NEXT_ROUND: Draft._next_round,
    Action.HANDLE_GROUP_ERROR: Draft._handle_group_error,
}
