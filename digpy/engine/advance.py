"""Facts in, changes out: the driver of the table in `digpy.engine.transitions`.

`begin` makes a tree, `Draft.advance` says what an event does to it. A `Draft` lies over a `TaskTree`: several
events can be tried on it, outside any transaction; its `changes` are then saved in one, and only after the
commit applied to the tree. A dropped draft leaves no trace.

*Settling*: after an event, inside causes are followed until nothing moves. A blocked task is unblocked when its
parent is open and all its upstreams succeeded; an open task settles when no live child can move.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import assert_never

from digpy.dsl.model import Definitions, TaskDefinition, Workflow
from digpy.engine.changes import Changes, Effect, End, Move, Output, Stop, Update, Wake
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
from digpy.engine.states import DONE, FAILED, MOVING, WAITING, TaskState
from digpy.engine.transitions import MAX_LOSSES, ROWS, Cause, round_rule
from digpy.engine.transitions import Effect as RowEffect
from digpy.engine.tree import (
    EVERYTHING,
    RAN,
    RESUMED,
    SKIPPED,
    Selection,
    Task,
    TaskRow,
    TaskTree,
    adopt,
    connect,
)
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

    A stale or repeated report changes nothing. Raises `InternalError` when our own code asks for the impossible.
    """
    draft = Draft(tree)
    for event in events:
        draft.advance(event)
    return draft.changes()


class Draft:
    """A tree with changes that are not committed yet. Reads like a tree; see the module's text."""

    def __init__(self, tree: TaskTree) -> None:
        self.tree = tree
        self.cancel = tree.cancel
        self.limit = tree.limit
        self._edited: dict[int, Task] = {}
        self._was: dict[int, TaskState] = {}
        self._moved: dict[int, None] = {}  # of the edited, those whose row changed: an ordered set
        self._inserted: dict[int, Task] = {}
        self._outputs: dict[tuple[int, int], Output] = {}
        self._moves: list[Move] = []
        self._effects: list[Effect] = []
        self._settling: deque[tuple[Cause, int]] = deque()
        self._at = 0
        self.ready: list[int] = []
        """Numbers that became READY in this draft, in order (some may have moved on since)."""

    # Reading

    def __getitem__(self, number: int) -> Task:
        return self._edited.get(number) or self._inserted.get(number) or self.tree.tasks[number]

    def __len__(self) -> int:
        return len(self.tree) + len(self._inserted)

    @property
    def root(self) -> Task:
        """The task of the workflow itself."""
        return self[1]

    def output(self, number: int, round_: int) -> Output | None:
        """What the run that opened `round_` left, None if nothing."""
        return self._outputs.get((number, round_)) or self.tree.output(number, round_)

    def newest_output(self, task: Task) -> Output | None:
        """What the newest run of `task` left, None if nothing."""
        return self.output(task.number, task.round)

    def handler_fits(self, task: Task) -> bool:
        """The task has an ``_error``, and the task limit has room for it."""
        index = task.definition.error
        return index is not None and (
            len(self) + task.definitions.static_count(index) <= self.limit
        )

    def changes(self) -> Changes:
        """Everything that happened on this draft."""
        return Changes(
            list(self._inserted.values()),
            [Update(self._edited[number], self._was[number]) for number in self._moved],
            [task for number, task in self._edited.items() if number not in self._moved],
            list(self._outputs.values()),
            self._moves,
            self._effects,
            self.cancel and not self.tree.cancel,
        )

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
        """Insert the root and everything static below it, and let it start. Only `begin` calls this."""
        self._at = at
        definitions = self.tree.definitions
        (root,) = self._plant([definitions[0]], definitions, parent=None, origin=None)
        if root.state is TaskState.BLOCKED:
            self._settling.append((Cause.UNBLOCKED, root.number))
        elif root.state in DONE:
            self._ended(root)
        self._settle()

    def _reported(self, cause: Cause, event: Succeeded | Failed | Postponed | Lost) -> None:
        task = self[event.number]
        if task.state is not TaskState.RUNNING or task.fence != event.fence:
            return  # stale or repeated: somebody else's run, or reported already
        task = self._change(event.number)
        task.reported_fence = event.fence
        self._take(event.number, cause, event)

    def _cancel_all(self) -> None:
        if self.cancel:
            return
        self.cancel = True
        unfinished = [n for n in self._numbers() if self[n].state not in DONE]
        for number in unfinished:
            task = self._change(number)
            task.cancel = True
            if task.state is TaskState.RUNNING:
                self._effects.append(Stop(number, task.fence))
        for number in unfinished:
            if (self[number].state, Cause.CANCELED) in ROWS:
                self._take(number, Cause.CANCELED, None)
            elif self[number].state is TaskState.PLANNED:
                self._settling.append((Cause.SETTLED, number))

    def _numbers(self) -> list[int]:
        return [*self.tree.tasks, *self._inserted]

    # The table

    def _take(self, number: int, cause: Cause, event: Event | None) -> None:
        task = self[number]
        for row in ROWS.get((task.state, cause), ()):
            if row.guard(self, task, event):
                break
        else:
            raise InternalError(f"no move for {task.full_name}: {task.state}, {cause}")
        task = self._change(number)
        was = task.state
        task.state = row.target
        self._moves.append(Move(number, was, cause, row.target))
        _EFFECTS[row.effect](self, task, event)
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
            task.how = task.how or (RAN if state is TaskState.SUCCESS else None)
            task.retry_at = task.awaits = None
            if state is TaskState.SUCCESS:
                self._succeeded(task)
            if task.parent is None:
                self._ended(task)
        if task.parent is not None:
            parent = self._edit(task.parent)
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
            follower = self._edit(number)
            follower.waiting -= 1
            if follower.waiting == 0 and follower.state is TaskState.BLOCKED:
                self._settling.append((Cause.UNBLOCKED, number))

    def _ended(self, root: Task) -> None:
        self._effects += [End(root.state), Wake()]

    def _settle(self) -> None:
        while self._settling:
            cause, number = self._settling.popleft()
            task = self[number]
            if cause is Cause.UNBLOCKED:
                if task.state is TaskState.BLOCKED and self._is_open(task.parent):
                    self._take(number, cause, None)
            elif task.state is TaskState.PLANNED and task.moving == 0:
                # Whatever could be unblocked stands ahead of this in the queue, so nothing will move.
                self._take(number, cause, None)

    def _is_open(self, parent: int | None) -> bool:
        return parent is None or self[parent].state is TaskState.PLANNED

    # Effects, by the names in the table

    def _nothing(self, _task: Task, _event: Event | None) -> None:
        pass

    def _new_fence(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, Claimed)  # noqa: S101 - narrows the type
        task.fence += 1
        task.retry_at = task.awaits = None
        task.started_at = task.started_at or event.at

    def _record_result(self, task: Task, event: Event | None) -> None:
        assert isinstance(event, Succeeded)  # noqa: S101 - narrows the type
        outcome = event.outcome
        task.losses = 0
        if outcome.subtasks or outcome.export or outcome.store or outcome.reset:
            self._save(
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
        roots = [definition for definition in definitions.tasks if _is_generated_root(definition)]
        self._plant(roots, definitions, parent=task, origin=task.number)

    def _record_error(self, task: Task, event: Event | None) -> None:
        self._save(Output(task.number, task.round, None, {}, {}, (), _error_of(event)))

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
        task.retry_at = None
        definitions = task.definitions
        children = [definitions[index] for index in task.definition.children]
        self._plant(children, definitions, parent=task, origin=task.origin)

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
        task.verdict = verdict
        handlers = []
        if self.handler_fits(task):
            assert task.definition.error is not None  # noqa: S101 - it fits, so it exists
            handlers.append(task.definitions[task.definition.error])
        if task.parent is None:
            handlers.append(self.tree.definitions.tasks[-1])  # the failure alert
        self._plant(handlers, task.definitions, parent=task, origin=task.origin, afresh=True)

    # Rows

    def _edit(self, number: int) -> Task:
        task = self._edited.get(number) or self._inserted.get(number)
        if task is None:
            original = self.tree.tasks[number]
            task = self._edited[number] = original.copy()
            self._was[number] = original.state
        return task

    def _change(self, number: int) -> Task:
        """Like `_edit`, for changes of the row itself."""
        if number not in self._inserted:
            self._moved[number] = None
        return self._edit(number)

    def _save(self, output: Output) -> None:
        self._outputs[output.number, output.round] = output

    def _plant(
        self,
        roots: list[TaskDefinition],
        definitions: Definitions,
        parent: Task | None,
        origin: int | None,
        *,
        afresh: bool = False,
    ) -> list[Task]:
        """Insert the static subtrees of `roots` below `parent`, depth first; return the tasks of the roots.

        What an earlier attempt finished is taken over only where every ancestor is in its first round and
        stands behind nothing that ran: a later round executes everything, and so does what depends on a new
        result. Handlers (`afresh`) are never taken over.
        """
        prefix = "" if parent is None else parent.full_name
        choosing = not afresh and self._may_choose(parent)
        siblings: dict[int, Task] = {}
        for definition in roots:
            how = None
            if choosing:
                how = self._choose(definition, definitions, prefix, origin, siblings)
            task = self._insert(definition, definitions, parent, origin, how)
            connect(task, siblings)
            siblings[definition.index] = task
            if how == RESUMED:
                self._plant_taken(task)
            elif definition.children:
                children = [definitions[index] for index in definition.children]
                self._plant(children, definitions, task, origin, afresh=afresh)
        tasks = list(siblings.values())
        if parent is not None:
            adopt(parent, parent.round, tasks)
        return tasks

    def _may_choose(self, parent: Task | None) -> bool:
        """Whether tasks below `parent` may be taken over or left out; see `_plant`."""
        selection = self.tree.selection
        if not selection.takeovers and selection.run is None:
            return False
        while parent is not None:
            if parent.round or parent.verdict is not None:
                return False
            if any(self[number].how == RAN for number in parent.upstreams):
                return False
            parent = None if parent.parent is None else self[parent.parent]
        return True

    def _choose(
        self,
        definition: TaskDefinition,
        definitions: Definitions,
        prefix: str,
        origin: int | None,
        siblings: dict[int, Task],
    ) -> str | None:
        """`RESUMED`, `SKIPPED` or None for a task about to be inserted behind `siblings`."""
        full_name = prefix + definition.name
        run = self.tree.selection.run
        if run is not None and origin is None and full_name not in run:
            return SKIPPED
        if self._takeable(definition, definitions, full_name) and all(
            siblings[index].how == RESUMED for index in definition.upstreams
        ):
            return RESUMED
        return None

    def _takeable(
        self, definition: TaskDefinition, definitions: Definitions, full_name: str
    ) -> bool:
        if definition.name == "^check" or full_name not in self.tree.selection.takeovers:
            return False
        return all(
            self._takeable(child, definitions, full_name + child.name)
            for child in (definitions[index] for index in definition.children)
        )

    def _plant_taken(self, task: Task) -> None:
        """Insert everything below a task that is taken over: static children, and what it had generated."""
        definitions = task.definitions
        children = [definitions[index] for index in task.definition.children]
        origin = task.origin
        if not task.is_group:
            generated = self._copy_output(task)
            if generated is None:
                return
            definitions, origin = generated, task.number
            children = [d for d in generated.tasks if _is_generated_root(d)]
        siblings: dict[int, Task] = {}
        for definition in children:
            child = self._insert(definition, definitions, task, origin, RESUMED)
            connect(child, siblings)
            siblings[definition.index] = child
            self._plant_taken(child)
        adopt(task, task.round, list(siblings.values()))

    def _copy_output(self, task: Task) -> Definitions | None:
        taken = self.tree.selection.takeovers.get(task.full_name)
        if taken is None:
            return None
        if taken.output is not None:
            self._save(taken.output._replace(number=task.number, round=task.round))
        return taken.definitions

    def _insert(
        self,
        definition: TaskDefinition,
        definitions: Definitions,
        parent: Task | None,
        origin: int | None,
        how: str | None,
    ) -> Task:
        number = len(self) + 1
        state = TaskState.BLOCKED if how is None else TaskState.SUCCESS
        row = TaskRow(
            number=number,
            parent=None if parent is None else parent.number,
            born=0 if parent is None else parent.round,
            round=0,
            full_name=("" if parent is None else parent.full_name) + definition.name,
            origin=origin,
            source=definition.index,
            state=state,
            verdict=None,
            cancel=False,
            how=how,
            fence=0,
            reported_fence=0,
            losses=0,
            retries=0,
            retry_at=None,
            awaits=None,
            state_params={},
            started_at=None,
            ended_at=None if how is None else self._at,
        )
        task = self._inserted[number] = Task(row, definitions)
        return task


def _is_generated_root(definition: TaskDefinition) -> bool:
    return definition.parent is None and definition.name in ("^sub", "^check")


def _error_of(event: Event | None) -> Params:
    if isinstance(event, Failed):
        return event.error
    return {
        "message": f"the agent running this task disappeared {MAX_LOSSES} times (worker_lost)",
    }


_EFFECTS: dict[RowEffect, Callable[[Draft, Task, Event | None], None]] = {
    RowEffect.NOTHING: Draft._nothing,
    RowEffect.NEW_FENCE: Draft._new_fence,
    RowEffect.RECORD_RESULT: Draft._record_result,
    RowEffect.OPEN_RESULT: Draft._open_result,
    RowEffect.RECORD_ERROR: Draft._record_error,
    RowEffect.RETRY: Draft._retry,
    RowEffect.POSTPONE: Draft._postpone,
    RowEffect.HANDLE_ERROR: Draft._handle_error,
    RowEffect.COUNT_LOSS: Draft._count_loss,
    RowEffect.OPEN_ROUND: Draft._open_round,
    RowEffect.NEXT_ROUND: Draft._next_round,
    RowEffect.HANDLE_GROUP_ERROR: Draft._handle_group_error,
}
