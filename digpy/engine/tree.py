"""One attempt's tasks, as the engine reads them.

A `Task` is a row plus what can be derived from its siblings (counters, so that a step costs the
change and not the tree). A `TaskTree` is read-only outside the engine; `TaskTree.apply` after the
commit is its one mutation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple, Protocol

from digpy.dsl.model import SLA_FAIL, Definitions, Subtasks, TaskDefinition
from digpy.engine.changes import Changes, Output
from digpy.engine.states import FAILED, MOVING, TaskState
from digpy.errors import InternalError
from digpy.values import Params

RAN, RESUMED, SKIPPED = "ran", "resumed", "skipped"
"""How a task succeeded: it ran, it did so in an earlier attempt, or it was left out on purpose."""

AT_REST = frozenset({RESUMED, SKIPPED})
"""How a task succeeded that did nothing in this attempt."""


class TaskRow(NamedTuple):
    """A task as the database keeps it; the columns of ``tasks`` without the attempt, in order.

    What has a default is so as long as nothing has happened to the task.

    Attributes:
        number: identity within the attempt, in digdag's id order (parents before children).
        parent: number of the parent, None for the root.
        born: the parent's round that this task belongs to.
        round: which set of this task's own children is live.
        full_name: ``+w+group+leaf``.
        origin: number of the task whose run generated this one's definition; None: it is written
            in the workflow.
        source: index of the definition, in the workflow or in what `origin` generated.
        state: a `TaskState`.
        verdict: how the task will end; held while handlers run.
        cancel: the attempt, or a task above this one, was to stop before the task was done.
        how: `RAN`, `RESUMED` or `SKIPPED`, once it succeeded.
        fence: number of the newest claim; 0: never claimed.
        reported_fence: number of the newest claim whose run is known to have ended.
        losses: consecutive runs that vanished.
        retries: used of ``_retry``, both kinds.
        retry_at: when a waiting task is due, UTC microseconds; None: it does not wait.
        awaits: the attempt whose end makes a waiting task due earlier.
        state_params: private state of the operator.
        started_at: first claim; ended_at: when done. UTC microseconds.
        timeout: how long the present try may take, microseconds; None: as long as it likes.
        deadline_at: when that is over, UTC microseconds; None with a `timeout`: it is over, and
            what runs is being stopped. With `cancel` that is the time of the attempt, and holds
            until it ends.
    """

    number: int
    parent: int | None
    born: int
    round: int
    full_name: str
    origin: int | None
    source: int
    state: TaskState
    verdict: TaskState | None = None
    cancel: bool = False
    how: str | None = None
    fence: int = 0
    reported_fence: int = 0
    losses: int = 0
    retries: int = 0
    retry_at: int | None = None
    awaits: int | None = None
    state_params: Params = {}  # noqa: RUF012 - never mutated
    started_at: int | None = None
    ended_at: int | None = None
    timeout: int | None = None
    deadline_at: int | None = None


_FIELDS = attrgetter(*TaskRow._fields)


class Place(NamedTuple):
    """Where a task stands among its siblings: one object for all that wait for the same ones.

    Attributes:
        upstreams: numbers of the siblings that must succeed first.
        together: numbers of the tasks that stand here, in order; empty where nobody has to wait.
        undisturbed: no upstream does anything in this attempt.
    """

    upstreams: tuple[int, ...]
    together: list[int]
    undisturbed: bool


_IN_FRONT = Place((), [], True)


class Task:
    """A row, its definition, and the derived counters.

    Beyond `TaskRow`'s fields: `definition` and the `definitions` it stands in; `children` are the
    numbers of the live round, `past` those of earlier rounds; `moving` and `failed` count live
    children in such states. `place` says where it stands among its siblings; of those that share
    one the first counts for all: its `waiting` is how many upstreams have not succeeded, and
    `downstream` are the first ones of those that wait for this task. So N tasks behind N others
    cost N, not N x N. These are complete once the siblings are inserted.
    """

    number: int
    parent: int | None
    born: int
    round: int
    full_name: str
    origin: int | None
    source: int
    state: TaskState
    verdict: TaskState | None
    cancel: bool
    how: str | None
    fence: int
    reported_fence: int
    losses: int
    retries: int
    retry_at: int | None
    awaits: int | None
    state_params: Params
    started_at: int | None
    ended_at: int | None
    timeout: int | None
    deadline_at: int | None

    # Only parents have own ones. Python lets objects share their table of names as long as these
    # are fewer than 30, which makes a leaf a fifth as large.
    children: tuple[int, ...] = ()
    past: tuple[int, ...] = ()
    moving = 0
    failed = 0

    def __init__(self, row: TaskRow, definitions: Definitions) -> None:
        self.__dict__.update(zip(TaskRow._fields, row, strict=True))
        self.definitions = definitions
        self.definition: TaskDefinition = definitions[row.source]
        self.place = _IN_FRONT
        self.downstream: list[int] = []
        self.waiting = 0

    def __repr__(self) -> str:
        return f"<Task {self.number} {self.full_name} {self.state}>"

    @property
    def is_group(self) -> bool:
        """It has no operator of its own."""
        return self.definition.is_group

    @property
    def upstreams(self) -> tuple[int, ...]:
        """Numbers of the siblings that must succeed first."""
        return self.place.upstreams

    @property
    def first(self) -> int:
        """Number of the first of those that stand at the same place: itself if it is in front."""
        return self.place.together[0] if self.place.together else self.number

    @property
    def timed_out(self) -> bool:
        """Its deadline has passed; it fails once nothing below it runs."""
        return self.timeout is not None and self.deadline_at is None

    @property
    def fails_by_limit(self) -> bool:
        """The time of the attempt, whose root this is, is over, and its handlers are to be told."""
        return self.cancel and self.timed_out

    @property
    def tells_limit(self) -> bool:
        """It fails by a limit of the attempt, and nothing but its handlers goes on."""
        return self.fails_by_limit and self.verdict in FAILED

    def row(self) -> TaskRow:
        """The part that the database keeps."""
        return TaskRow._make(_FIELDS(self))

    def copy(self) -> Task:
        """A copy that a draft may change."""
        # No slots: taking the whole dictionary is eight times as fast as copying field by field.
        other = Task.__new__(Task)
        other.__dict__ = self.__dict__.copy()
        return other


class Selection(NamedTuple):
    """Which tasks need not run: taken over by full name, or left out because they are not in `run`.

    `takeovers` are the tasks of live rounds that ran or were taken over, ``^check`` included, and
    what the last run of each left.
    `run` are full names of static tasks, with a task all its ancestors; None means all. A generated
    task follows the task that generated it, handlers always run.
    """

    takeovers: Mapping[str, Output | None] = {}
    run: frozenset[str] | None = None


EVERYTHING = Selection()


class Tasks(Protocol):
    """What a tree and a draft over it have in common."""

    def __getitem__(self, number: int) -> Task:
        """The task of that number."""
        ...

    def output(self, number: int, round_: int) -> Output | None:
        """What the run that opened `round_` left, None if nothing."""
        ...


def fails_by_sla(tasks: Tasks) -> bool:
    """The ``sla:`` was missed, which ends the work and makes the attempt fail."""
    return any(tasks[number].definition.name == SLA_FAIL for number in tasks[1].children)


class TaskTree:
    """All tasks of one attempt, and their outputs. Reading only; see the module's text."""

    def __init__(
        self, definitions: Definitions, limit: int = 1000, selection: Selection = EVERYTHING
    ) -> None:
        self.definitions = definitions
        self.limit = limit
        self.selection = selection
        self.tasks: dict[int, Task] = {}
        self.outputs: dict[tuple[int, int], Output] = {}
        self.cancel = False

    def __getitem__(self, number: int) -> Task:
        return self.tasks[number]

    def __len__(self) -> int:
        return len(self.tasks)

    def output(self, number: int, round_: int) -> Output | None:
        """What the run that opened `round_` left, None if nothing."""
        return self.outputs.get((number, round_))

    def newest_output(self, task: Task) -> Output | None:
        """What the newest run of `task` left, None if nothing."""
        return self.output(task.number, task.round)

    @property
    def root(self) -> Task:
        """The task of the workflow itself."""
        return self.tasks[1]

    def apply(self, changes: Changes) -> None:
        """Take over committed changes: the one mutation of a tree."""
        for task in changes.inserted:
            self.tasks[task.number] = task
        for task, _ in changes.updated:
            self.tasks[task.number] = task
        for task in changes.counted:
            self.tasks[task.number] = task
        for output in changes.outputs:
            self.outputs[output.number, output.round] = output
        self.cancel = self.cancel or changes.cancel


CompileGenerated = Callable[[TaskDefinition, str, Subtasks | None], Definitions | None]


def load_tree(
    tree: TaskTree,
    rows: Iterable[TaskRow],
    outputs: Iterable[Output],
    compile_generated: CompileGenerated,
) -> TaskTree:
    """Fill an empty `tree` from the database: equal to the tree whose changes were saved.

    Rows may come in any order; `compile_generated` turns what an operator generated back into
    definitions.
    """
    tree.outputs = {(output.number, output.round): output for output in outputs}
    generated: dict[tuple[int, int], Definitions] = {}
    siblings: dict[tuple[int | None, int], Siblings] = defaultdict(Siblings)
    for row in sorted(rows):
        task = Task(row, _definitions_of(row, tree, generated, compile_generated))
        tree.tasks[row.number] = task
        siblings[row.parent, row.born].enter(task)
    for (parent, born), born_together in siblings.items():
        if parent is not None:
            adopt(tree.tasks[parent], born, born_together.tasks)
    tree.cancel = tree.root.cancel
    return tree


class Siblings:
    """The tasks of one parent and one round, entered in order: who waits for whom."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        # Handlers may stand in other definitions than their siblings; they come last and depend on
        # nobody, so an index means one sibling to whoever asks.
        self._by_source: dict[int, Task] = {}
        # By identity: the definitions of a chunk share their upstreams.
        self._places: dict[int, tuple[Place, list[Task]]] = {}

    def place(self, definition: TaskDefinition) -> Place:
        """Where the next one stands; its upstreams have been entered."""
        return self._stand(definition)[0]

    def enter(self, task: Task) -> None:
        """Add the next one."""
        task.place, upstreams = self._stand(task.definition)
        if upstreams:
            task.place.together.append(task.number)
            if task.first == task.number:
                for upstream in upstreams:
                    upstream.downstream.append(task.number)
                    task.waiting += upstream.state is not TaskState.SUCCESS
        self.tasks.append(task)
        self._by_source[task.source] = task

    def _stand(self, definition: TaskDefinition) -> tuple[Place, list[Task]]:
        written = definition.upstreams
        if not written:
            return _IN_FRONT, []
        found = self._places.get(id(written))
        if found is None:
            upstreams = [self._by_source[source] for source in dict.fromkeys(written)]
            numbers = tuple([task.number for task in upstreams])
            undisturbed = all(task.how in AT_REST for task in upstreams)
            found = self._places[id(written)] = Place(numbers, [], undisturbed), upstreams
        return found


def adopt(parent: Task, born: int, children: list[Task]) -> None:
    """Enter `children`, born in round `born`, into their parent's lists and counters."""
    numbers = tuple(task.number for task in children)
    if born != parent.round:
        parent.past = tuple(sorted((*parent.past, *numbers)))
        return
    parent.children += numbers
    parent.moving += sum(task.state in MOVING for task in children)
    parent.failed += sum(task.state in FAILED for task in children)


def _definitions_of(
    row: TaskRow,
    tree: TaskTree,
    generated: dict[tuple[int, int], Definitions],
    compile_generated: CompileGenerated,
) -> Definitions:
    if row.origin is None or row.parent is None:
        return tree.definitions
    if row.parent != row.origin:
        return tree.tasks[row.parent].definitions
    key = (row.origin, row.born)
    if key not in generated:
        owner = tree.tasks[row.origin]
        output = tree.outputs.get(key)
        subtasks = None if output is None else output.subtasks
        definitions = compile_generated(owner.definition, owner.full_name, subtasks)
        if definitions is None:
            raise InternalError(f"{owner.full_name} has children but generates none")
        generated[key] = definitions
    return generated[key]
