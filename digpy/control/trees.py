"""The trees an executor keeps in memory, so that one event costs the change and not the tree.

A tree is valid while ``attempts.version`` is the one it was loaded or saved with; the executor
checks that under the attempt's lock and asks for a fresh one otherwise.
"""

from __future__ import annotations

from heapq import heappop, heappush

from digpy.control.context import AttemptContext
from digpy.control.requests import Requests, Surroundings, raw_operator
from digpy.dsl.compiler import compile_generated
from digpy.dsl.model import Workflow
from digpy.engine.changes import Changes
from digpy.engine.states import WAITING, TaskState
from digpy.engine.tree import EVERYTHING, Selection, Task, TaskTree, load_tree
from digpy.operators import registry
from digpy.spi import Attempts
from digpy.store import attempts as attempt_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, Transaction
from digpy.store.projects import load_workflow
from digpy.values import Params


class CachedTree:
    """One attempt in memory: context, tree, version, and what can be done next."""

    def __init__(
        self, context: AttemptContext, tree: TaskTree, version: int, requests: Requests
    ) -> None:
        self.context = context
        self.tree = tree
        self.version = version
        self.requests = requests
        self.ready: list[int] = []
        """Heap of numbers of inline tasks that were READY when pushed; some have moved on since."""
        self.programs: list[int] = []
        """The same for programs."""
        self.waiting: list[tuple[int, int]] = []
        """Heap of (instant, number) of tasks that wait until then, or have till then; outdated
        entries are passed over.
        """
        self._sla_at = context.sla_at
        self._deadlines: dict[int, int] = {}  # what of them is in the heap
        for task in tree.tasks.values():
            self._note(task)

    def saved(self, changes: Changes, *, missed_sla: bool = False) -> None:
        """Take over changes that are committed; the version has moved by one."""
        self.tree.apply(changes)
        self.version += 1
        if missed_sla:
            self._sla_at = None
        for task in changes.inserted:
            self._note(task)
        for update in changes.updated:
            self._note(update.task)

    def _note(self, task: Task) -> None:
        if task.state is TaskState.READY:
            self.push_ready(task)
        elif task.state in WAITING and task.retry_at is not None:
            heappush(self.waiting, (task.retry_at, task.number))
        deadline = task.deadline_at
        if deadline is not None and self._deadlines.get(task.number) != deadline:
            self._deadlines[task.number] = deadline
            heappush(self.waiting, (deadline, task.number))

    def push_ready(self, task: Task) -> None:
        """Enter a READY task into the heap of its kind."""
        name = raw_operator(task.definition)
        program = name is None or registry.kind(name, self.requests.settings) == "program"
        heappush(self.programs if program else self.ready, task.number)

    def due(self, now: int) -> list[int]:
        """Take out the numbers of tasks whose instant has come, each once."""
        numbers: dict[int, None] = {}
        while self.waiting and self.waiting[0][0] <= now:
            instant, number = heappop(self.waiting)
            if self._is_current(instant, number):
                numbers[number] = None
        return list(numbers)

    def misses_sla(self, now: int) -> bool:
        """It should have ended by now, and nothing has been done about it."""
        return self._sla_at is not None and self._sla_at <= now and not self.tree.cancel

    def next_due(self) -> int | None:
        """The instant at which something will be due, None if nothing waits."""
        sla_at = None if self.tree.cancel else self._sla_at
        while self.waiting:
            instant, number = self.waiting[0]
            if self._is_current(instant, number):
                return instant if sla_at is None else min(instant, sla_at)
            heappop(self.waiting)
        return sla_at

    def _is_current(self, instant: int, number: int) -> bool:
        return instant in (self.tree[number].retry_at, self.tree[number].deadline_at)


class Trees:
    """Loads attempts and keeps them."""

    def __init__(self, database: Database, surroundings: Surroundings) -> None:
        self._database = database
        self._surroundings = surroundings
        self._cached: dict[int, CachedTree] = {}

    def get(self, attempt: int, attempts: Attempts) -> CachedTree:
        """The attempt's tree, from memory or from the database. Raises `NotFound`."""
        if attempt not in self._cached:
            with self._database.reading() as tx:
                self._cached[attempt] = self._load(tx, attempt, attempts)
        return self._cached[attempt]

    def drop(self, attempt: int) -> None:
        """Forget a tree that is outdated, or whose attempt has ended."""
        self._cached.pop(attempt, None)

    def _load(self, tx: Transaction, attempt: int, attempts: Attempts) -> CachedTree:
        context, version = load_context(tx, attempt)
        if self._surroundings.settings.get("notification.type"):
            from digpy.control.notifier import identity  # on use: most runs tell nobody

            context = context._replace(identity=identity(tx, attempt_rows.load(tx, attempt)))
        selection = selection_of(tx, context.workflow, context.options)
        tree = TaskTree(context.workflow.definitions, self._surroundings.task_limit, selection)
        load_tree(
            tree,
            task_rows.load(tx, attempt),
            task_rows.load_outputs(tx, attempt),
            compile_generated,
        )
        return CachedTree(context, tree, version, Requests(context, self._surroundings, attempts))


def workflow_of(tx: Transaction, attempt: AttemptRow) -> Workflow:
    """What an attempt runs: its workflow, or the part of it that was asked for."""
    workflow = load_workflow(tx, attempt.workflow_id)
    pattern = attempt.options.get("task")
    if not isinstance(pattern, str):
        return workflow
    from digpy.dsl.subtree import extract_subtree

    return extract_subtree(workflow, pattern)


def selection_of(tx: Transaction, workflow: Workflow, options: Params) -> Selection:
    """Which tasks of an attempt need not run; see `digpy.control.takeover.select`."""
    if not options:
        return EVERYTHING
    from digpy.control.takeover import select

    return select(tx, workflow, options)


def load_context(tx: Transaction, attempt: int) -> tuple[AttemptContext, int]:
    """One attempt's unchanging facts, and its present version. Raises `NotFound`."""
    row = attempt_rows.load(tx, attempt)
    context = AttemptContext(
        attempt=attempt,
        session=row.session,
        session_uuid=row.session_uuid,
        project=row.project,
        workflow=workflow_of(tx, row),
        session_time=row.session_time,
        timezone=row.timezone,
        retry_attempt_name=row.retry_attempt_name,
        params=row.params,
        options=row.options,
        command=row.command,
        epoch=row.epoch,
        cause=row.cause,
        sla_at=row.sla_at,
    )
    return context, row.version
