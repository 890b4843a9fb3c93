"""What a new attempt may take over from the one it continues, and what it leaves out.

Follows digdag 0.10.5 in what counts as done, and differs on purpose: of a retried group only its
last round counts, stores and resets of generated tasks survive, handlers and the alert always run,
a task that was skipped on purpose is not done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from digpy.control.trees import workflow_of
from digpy.dsl.model import HANDLER_NAMES, SLA_NAMES, Definitions, Workflow
from digpy.dsl.subtree import full_names, match_task
from digpy.engine.changes import Output
from digpy.engine.states import DONE, TaskState
from digpy.engine.tree import EVERYTHING, RAN, RESUMED, SKIPPED, Selection
from digpy.store import attempts as attempt_rows
from digpy.store import tasks as task_rows
from digpy.store.database import Transaction
from digpy.store.tasks import TaskSummary

_NEVER = HANDLER_NAMES.union(SLA_NAMES)
"""What is about one attempt."""

_FAR = 20
"""Each attempt back is a list of tasks to load."""


def select(
    tx: Transaction, workflow: Workflow, options: Mapping[str, object], far: int = _FAR
) -> Selection:
    """The selection that `options` mean: ``resumed_from``, ``start``, ``goal``, ``end``.

    `far` is how many attempts back a success may lie that was skipped since.

    Raises `NotFound` or `Conflict` for a task pattern that matches no task, or several.
    """
    definitions = workflow.definitions
    run: frozenset[str] | None = None
    before: frozenset[str] | None = None
    if isinstance(pattern := options.get("start") or options.get("goal"), str):
        names = full_names(definitions)
        name = match_task(names, pattern)
        before = _before(definitions, names.index(name))
        if options.get("goal"):
            run = before | frozenset(n for n in names if n == name or _is_below(n, name))
    if isinstance(pattern := options.get("end"), str):
        names = full_names(definitions)
        run = _before(definitions, names.index(match_task(names, pattern)))
    source = options.get("resumed_from")
    if not isinstance(source, int):
        return Selection({}, run) if run is not None else EVERYTHING
    takeovers = _successes(tx, source, far)
    if before is not None:
        takeovers = {name: left for name, left in takeovers.items() if _static_part(name) in before}
    return Selection(takeovers, run)


def _static_part(full_name: str) -> str:
    """A generated task belongs to the written task that generated it."""
    return full_name.partition("^")[0]


def _is_below(name: str, ancestor: str) -> bool:
    return name.startswith((ancestor + "+", ancestor + "^"))


def _before(definitions: Definitions, index: int) -> frozenset[str]:
    """What comes before a task: its ancestors, their upstreams, and all below those upstreams."""
    names = full_names(definitions)
    found: set[int] = set()
    current: int | None = index
    while current is not None:
        for upstream in _upstreams(definitions, current):
            found.update(range(upstream, upstream + definitions.static_count(upstream)))
        current = definitions[current].parent
        if current is not None:
            found.add(current)
    return frozenset(names[i] for i in found)


def _upstreams(definitions: Definitions, index: int) -> set[int]:
    """The siblings before a task, near and far."""
    found: set[int] = set()
    pending = [definitions[index].upstreams]
    walked: set[int] = set()  # by identity: the tasks of a chunk share their upstreams
    while pending:
        upstreams = pending.pop()
        if id(upstreams) not in walked:
            walked.add(id(upstreams))
            found.update(upstreams)
            pending += [definitions[upstream].upstreams for upstream in upstreams]
    return found


def _successes(tx: Transaction, attempt: int, far: int) -> dict[str, Output | None]:
    """What was finished when `attempt` ended, in it or before it.

    Rows say it all: definitions are not needed, nor that they can still be read.
    """
    tasks = task_rows.summary(tx, attempt)
    outputs = {(left.number, left.round): left for left in task_rows.load_outputs(tx, attempt)}
    found = _passed_by(tx, attempt, tasks, far)
    live: dict[int | None, TaskSummary] = {}
    for task in tasks:  # parents before children
        parent = live.get(task.parent)
        if task.parent is not None and (parent is None or not _counts(task, parent)):
            continue
        live[task.number] = task
        if task.state is TaskState.SUCCESS and task.how in (RAN, RESUMED):
            found[task.full_name] = outputs.get((task.number, task.round))
    return found


def _counts(task: TaskSummary, parent: TaskSummary) -> bool:
    """It belongs to the newest round of its parent, and is not only about one attempt."""
    return task.born == parent.round and task.full_name[len(parent.full_name) :] not in _NEVER


def _passed_by(
    tx: Transaction, attempt: int, tasks: Sequence[TaskSummary], far: int
) -> dict[str, Output | None]:
    """What an attempt could have taken over but did not: it left it out, or ended before."""
    row = attempt_rows.load(tx, attempt)
    if not far or "resumed_from" not in row.options:
        return {}
    asked_for_all = not any(row.options.get(name) for name in ("task", "goal", "end"))
    if asked_for_all and all(task.state in DONE for task in tasks):
        return {}
    ran = {task.full_name for task in tasks if task.how != SKIPPED}
    earlier = select(tx, workflow_of(tx, row), row.options, far - 1).takeovers
    return {name: left for name, left in earlier.items() if name not in ran}
