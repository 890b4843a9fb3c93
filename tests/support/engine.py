"""A simulated run: a workflow as nested mappings, and a script that says how each run ends.

`Play` is the whole world around the engine: it claims what is READY in the order of numbers, ends
each run as its script says, wakes what is due, and moves its own clock. Every change is applied to
the tree, so a test sees what an executor would see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from digpy.dsl.compiler import compile_generated, compile_workflow
from digpy.dsl.model import (
    HANDLER_NAMES,
    SLA_NAMES,
    Definitions,
    Subtasks,
    TaskDefinition,
    Workflow,
)
from digpy.dsl.retry import RetryRule, parse_retry
from digpy.engine.advance import advance, begin
from digpy.engine.changes import Changes, Effect, Move, Output
from digpy.engine.events import (
    CancelRequested,
    Claimed,
    Due,
    Event,
    Failed,
    Killed,
    Limited,
    Lost,
    Outcome,
    Postponed,
    SlaMissed,
    Succeeded,
    TimedOut,
)
from digpy.engine.states import WAITING, TaskState
from digpy.engine.tree import EVERYTHING, Selection, Task, TaskRow, TaskTree, load_tree
from digpy.values import SECOND, Params

LEAF: dict[str, Any] = {"sh>": "true"}
"""An operator task; what it does is up to the script."""


class Step(NamedTuple):
    """How one run of a task ends."""

    kind: str
    subtasks: Subtasks | None = None
    store: Params = {}  # noqa: RUF012 - never mutated
    export: Params = {}  # noqa: RUF012
    reset: tuple[str, ...] = ()
    error: Params = {}  # noqa: RUF012
    retry: RetryRule | None = None
    after: int = 0
    awaits: int | None = None


def ok(
    sub: Mapping[str, Any] | Subtasks | None = None,
    store: Params | None = None,
    export: Params | None = None,
    reset: tuple[str, ...] = (),
) -> Step:
    """Success; `sub` is the ``^sub`` mapping."""
    subtasks = sub if sub is None or isinstance(sub, Subtasks) else Subtasks(dict(sub))
    return Step("ok", subtasks, store or {}, export or {}, reset)


def fail(message: str = "boom", retry: object = None) -> Step:
    """Failure; `retry` is the evaluated ``_retry``."""
    rule = None if retry is None else parse_retry(retry)  # type: ignore[arg-type]
    return Step("fail", error={"message": message}, retry=rule)


def lose(retry: object = None) -> Step:
    """The run vanishes."""
    return Step("lose", retry=None if retry is None else parse_retry(retry))  # type: ignore[arg-type]


def postpone(seconds: int = 1, awaits: int | None = None) -> Step:
    """The operator asks to be called again."""
    return Step("postpone", after=seconds * SECOND, awaits=awaits)


OK = ok()

Script = Callable[[TaskTree, Task], Step]


def scripted(steps: Mapping[str, Any]) -> Script:
    """A step or a list of them by full name, the last one again and again; else success."""
    runs: dict[str, Iterator[Step]] = {}
    last: dict[str, Step] = {}

    def script(_tree: TaskTree, task: Task) -> Step:
        name = task.full_name
        if name not in runs:
            given = steps.get(name, OK)
            runs[name] = iter([given] if isinstance(given, Step) else given)
        step = next(runs[name], last.get(name, OK))
        last[name] = step
        return step

    return script


def compile_dict(workflow: Mapping[str, Any], name: str = "w") -> Workflow:
    """Compile a workflow from its mapping."""
    return compile_workflow(workflow, name, path=name + ".dig")


class Play:
    """One attempt, played."""

    def __init__(
        self,
        workflow: Mapping[str, Any] | Workflow,
        steps: Mapping[str, Any] | Script | None = None,
        *,
        limit: int = 1000,
        selection: Selection = EVERYTHING,
        at: int = 0,
    ) -> None:
        self.workflow = workflow if isinstance(workflow, Workflow) else compile_dict(workflow)
        self.script = steps if callable(steps) else scripted(steps or {})
        self.now = at
        self.claims: list[str] = []
        self.moves: list[Move] = []
        self.effects: list[Effect] = []
        self.tree, changes = begin(self.workflow, at, limit, selection)
        self._saved(changes)

    # Events

    def feed(self, *events: Event) -> Changes:
        """Advance, apply, and hand the changes back."""
        changes = advance(self.tree, *events)
        self._saved(changes)
        return changes

    def claim(self, name: str, timeout: int = 0) -> Task:
        """Claim the newest task of that name; a try that begins may take `timeout` seconds."""
        number = self.task(name).number
        self.claims.append(name)
        self.feed(Claimed(number, self.now), Limited(number, self.now, timeout * SECOND))
        return self.tree[number]

    def end(self, name: str, step: Step | None = None) -> Changes:
        """End the run of a running task."""
        task = self.task(name)
        return self.feed(self.report(task, step or self.script(self.tree, task)))

    def play(self, name: str, step: Step | None = None) -> Changes:
        """Claim a task and end its run."""
        self.claim(name)
        return self.end(name, step)

    def due(self, name: str) -> Changes:
        """Wake a waiting task, at the instant it waits for."""
        task = self.task(name)
        if task.retry_at is not None:
            self.now = max(self.now, task.retry_at)
        return self.feed(Due(task.number, self.now))

    def time_out(self, name: str, retry: object = None) -> Changes:
        """Let the deadline of a task pass; `retry` is the evaluated ``_retry``."""
        task = self.task(name)
        assert task.deadline_at is not None
        self.now = max(self.now, task.deadline_at)
        rule = None if retry is None else parse_retry(retry)  # type: ignore[arg-type]
        return self.feed(TimedOut(task.number, self.now, rule))

    def miss_sla(self) -> Changes:
        """Let the attempt miss its ``sla:``."""
        return self.feed(SlaMissed(self.now))

    def cancel(self) -> Changes:
        """Ask the attempt to stop."""
        return self.feed(CancelRequested(self.now, "user"))

    def pass_limit(self) -> Changes:
        """Let the attempt take longer than its two hours, of which its handlers are to be told."""
        return self.feed(CancelRequested(self.now, "run_timeout", 7200 * SECOND))

    def kill(self) -> Changes:
        """End the attempt at once."""
        return self.feed(Killed(self.now))

    def report(self, task: Task, step: Step) -> Event:
        """The event that ends the run of `task` as `step` says."""
        number, fence, now = task.number, task.fence, self.now
        if step.kind == "fail":
            return Failed(number, fence, now, step.error, step.retry, task.state_params)
        if step.kind == "lose":
            return Lost(number, fence, now, step.retry)
        if step.kind == "postpone":
            state: Params = {"polled by": fence}
            return Postponed(number, fence, now, now + step.after, state, step.awaits)
        definitions = compile_generated(task.definition, task.full_name, step.subtasks)
        outcome = Outcome(definitions, step.subtasks, step.export, step.store, step.reset)
        return Succeeded(number, fence, now, outcome)

    def run(self, *, claims: int = 10_000) -> Play:
        """Play until nothing can be claimed or woken."""
        for _ in range(claims):
            ready = self.numbers(TaskState.READY)
            if ready:
                task = self.tree[ready[0]]
                self.claims.append(task.full_name)
                self.feed(Claimed(task.number, self.now))
                task = self.tree[task.number]
                self.feed(self.report(task, self.script(self.tree, task)))
                continue
            waiting = [task for task in self.tree.tasks.values() if task.state in WAITING]
            if not waiting:
                return self
            first = min(waiting, key=lambda task: (task.retry_at or 0, task.number))
            self.now = max(self.now, first.retry_at or 0)
            self.feed(Due(first.number, self.now))
        raise AssertionError(f"still moving after {claims} claims and wakes")

    # Looking

    def task(self, name: str) -> Task:
        """The newest task of that full name."""
        return next(t for t in reversed(self.tree.tasks.values()) if t.full_name == name)

    def named(self, name: str) -> list[Task]:
        """All tasks of that full name, oldest first."""
        return [task for task in self.tree.tasks.values() if task.full_name == name]

    def state(self, name: str) -> TaskState:
        """The state of the newest task of that name."""
        return self.task(name).state

    def states(self) -> dict[str, str]:
        """State by full name, the newest task of each."""
        return {task.full_name: str(task.state) for task in self.tree.tasks.values()}

    def numbers(self, state: TaskState) -> list[int]:
        """Numbers of the tasks in `state`, ascending."""
        return [number for number, task in self.tree.tasks.items() if task.state is state]

    def names(self) -> list[str]:
        """Full names in the order of numbers."""
        return [task.full_name for task in self.tree.tasks.values()]

    def waits(self) -> int:
        """Seconds from the start till now."""
        return self.now // SECOND

    def selection(self) -> Selection:
        """What the attempt after this one takes over."""
        return Selection(self.successes())

    def successes(self) -> dict[str, Output | None]:
        """What a resume may take over."""
        return successes(self.tree)

    def reloaded(self) -> TaskTree:
        """The tree as a restarted executor would read it."""
        return reload(self.tree)

    def trace(self) -> str:
        """The moves, one a line, and how it ended."""
        width = max((len(task.full_name) for task in self.tree.tasks.values()), default=0)
        lines = [
            f"{move.number:>3} {self.tree[move.number].full_name:<{width}}"
            f"  {move.source} -> {move.target}  ({move.cause})"
            for move in self.moves
        ]
        lines.append("")
        lines += [
            f"{task.number:>3} {task.full_name:<{width}}  {task.state}"
            + (f" {task.how}" if task.how else "")
            for task in self.tree.tasks.values()
        ]
        return "\n".join(lines) + "\n"

    def _saved(self, changes: Changes) -> None:
        self.tree.apply(changes)
        self.moves += changes.moves
        self.effects += changes.effects


def successes(tree: TaskTree) -> dict[str, Output | None]:
    """Live successes that did something, by full name, with their newest output; no handlers."""
    found: dict[str, Output | None] = {}
    pending = [tree.root]
    while pending:
        task = pending.pop()
        if task.definition.name in HANDLER_NAMES.union(SLA_NAMES):
            continue
        if task.state is TaskState.SUCCESS and task.how in ("ran", "resumed"):
            found[task.full_name] = tree.newest_output(task)
        pending += [tree[number] for number in task.children]
    return found


def reload(tree: TaskTree) -> TaskTree:
    """Save the tree as rows and read it back."""
    rows = [TaskRow(*task.row()) for task in tree.tasks.values()]
    fresh = TaskTree(tree.definitions, tree.limit, tree.selection)
    return load_tree(fresh, reversed(rows), list(tree.outputs.values()), compile_generated)


def image(tree: TaskTree) -> dict[int, tuple[Any, ...]]:
    """Everything that two equal trees have in common, derived counters included."""
    return {number: _image(task) for number, task in tree.tasks.items()}


def _image(task: Task) -> tuple[Any, ...]:
    return (
        *task.row(),
        task.definition.name,
        task.definition.config,
        task.children,
        task.past,
        task.place,
        tuple(task.downstream),
        task.moving,
        task.failed,
        task.waiting,
    )


def assert_same(tree: TaskTree, other: TaskTree) -> None:
    """Two trees are equal in rows, definitions, counters, outputs and the request to stop."""
    left, right = image(tree), image(other)
    assert left.keys() == right.keys()
    for number, mine in left.items():
        assert mine == right[number], tree[number]
    assert tree.outputs == other.outputs
    assert tree.cancel == other.cancel


def tasks_of(*definitions: tuple[str, int | None, tuple[int, ...], bool]) -> Definitions:
    """Definitions by hand: name, parent, upstreams, is it a group."""
    tasks = [
        TaskDefinition(index, name, parent, upstreams, is_group, {})
        for index, (name, parent, upstreams, is_group) in enumerate(definitions)
    ]
    for task in tasks:
        task.children = tuple(t.index for t in tasks if t.parent == task.index)
    return Definitions(tasks)
