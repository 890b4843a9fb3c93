"""Trees of tasks: loading them whole, saving what an event changed.

`save` is the hot path of everything: a batch of changes is three statements, whatever its size.
Each updated row is compared with the state it was read in; a row that somebody else moved is a bug,
because the caller holds the attempt (`attempts.bump_version`) when it gets here.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from digpy.dsl.model import Subtasks
from digpy.engine.changes import Changes, Output
from digpy.engine.states import TaskState
from digpy.engine.tree import Task, TaskRow
from digpy.errors import InternalError
from digpy.store.database import Row, Transaction
from digpy.values import Params

_STATES = {str(state): state for state in TaskState}  # cheaper than calling the enum
_json = json.JSONEncoder(separators=(",", ":")).encode


class TaskSummary(NamedTuple):
    """A task as listings show it. Instants are UTC microseconds; `error` is the newest run's."""

    number: int
    parent: int | None
    born: int
    round: int
    full_name: str
    state: TaskState
    how: str | None
    retries: int
    started_at: int | None
    ended_at: int | None
    error: Params | None


class Seen(NamedTuple):
    """How far a reader has come: the highest number, and the latest end (UTC microseconds)."""

    number: int = 0
    ended_at: int = 0


def load(tx: Transaction, attempt: int) -> list[TaskRow]:
    """All tasks of `attempt`, by number."""
    return [_row(*row) for row in tx.run("tasks.load", {"attempt": attempt})]


def load_outputs(tx: Transaction, attempt: int) -> list[Output]:
    """What the runs of `attempt`'s tasks left, by task and round."""
    return [_output(*row) for row in tx.run("outputs.load", {"attempt": attempt})]


def save(tx: Transaction, attempt: int, changes: Changes) -> None:
    """Write the rows and outputs of `changes`; moves and effects are the caller's.

    Raises `InternalError`, and the transaction is rolled back, if an updated task is not in the
    state it was read in.
    """
    if changes.inserted:
        tx.many("tasks.insert", [_inserted(attempt, task) for task in changes.inserted])
    if changes.updated:
        rows = [_updated(attempt, task, was) for task, was in changes.updated]
        saved = tx.many("tasks.update", rows)
        if saved != len(changes.updated):
            numbers = ", ".join(f"{attempt}.{task.number}" for task, _ in changes.updated)
            raise InternalError(
                f"{len(changes.updated) - saved} of the tasks {numbers} were moved by somebody else"
            )
    if changes.outputs:
        tx.many("outputs.put", [_output_row(attempt, output) for output in changes.outputs])


def summary(tx: Transaction, attempt: int) -> list[TaskSummary]:
    """All tasks of `attempt` for a listing, by number."""
    return _summaries(tx.run("tasks.summary", {"attempt": attempt}))


def changed(tx: Transaction, attempt: int, seen: Seen) -> list[TaskSummary]:
    """The tasks of `attempt` that may have changed since somebody has `seen` the rest, by number.

    They are new, on the move, or have ended since. After the clock was set back, one that ended may
    be missing: `summary` has them all.
    """
    params = {"attempt": attempt, "seen": seen.number, "since": seen.ended_at}
    return _summaries(tx.run("tasks.changed", params))


def count_done(tx: Transaction, attempt: int) -> int:
    """How many tasks of `attempt` are done, whatever came of them; it never falls."""
    found = tx.one("tasks.count_done", {"attempt": attempt})
    return int(found[0]) if found else 0


def oldest_dispatch(tx: Transaction, attempt: int) -> int | None:
    """When the first of the tasks that run or wait was first dispatched (UTC microseconds).

    None if there is no such task.
    """
    found = tx.one("tasks.oldest_dispatch", {"attempt": attempt})
    return None if found is None or found[0] is None else int(found[0])


def waiting_for(tx: Transaction, attempt: int) -> list[tuple[int, int]]:
    """(attempt, number) of the tasks that wait for `attempt` to end, in order."""
    return [
        (waiting, number) for waiting, number in tx.run("tasks.waiting_for", {"awaits": attempt})
    ]


def _summaries(rows: list[Row]) -> list[TaskSummary]:
    return [
        TaskSummary._make((*row[:5], _STATES[row[5]], *row[6:10], _loaded(row[10], None)))
        for row in rows
    ]


def _inserted(attempt: int, task: Task) -> tuple[Any, ...]:
    identity = (attempt, task.number, task.parent, task.born)
    origin = (task.full_name, task.origin, task.source)
    return (*identity, task.round, *origin, *_progress(task))


def _updated(attempt: int, task: Task, was: TaskState) -> tuple[Any, ...]:
    return (task.round, *_progress(task), attempt, task.number, str(was))


def _progress(task: Task) -> tuple[Any, ...]:
    """The columns from `state` on, in the order of the table: what both statements write."""
    return (
        str(task.state),
        None if task.verdict is None else str(task.verdict),
        int(task.cancel),
        task.how,
        task.fence,
        task.reported_fence,
        task.losses,
        task.retries,
        task.retry_at,
        task.awaits,
        _json(task.state_params) if task.state_params else None,
        task.started_at,
        task.ended_at,
        task.timeout,
        task.deadline_at,
    )


def _row(*columns: Any) -> TaskRow:
    state, verdict, cancel = columns[7:10]
    return TaskRow._make(
        (
            *columns[:7],
            _STATES[state],
            None if verdict is None else _STATES[verdict],
            bool(cancel),
            *columns[10:17],
            _loaded(columns[17], {}),
            *columns[18:],
        )
    )


def _output_row(attempt: int, output: Output) -> tuple[Any, ...]:
    number, round_, subtasks, export, store, reset, error = output
    return (
        attempt,
        number,
        round_,
        _json(export) if export else None,
        _json(store) if store else None,
        _json(reset) if reset else None,
        None if subtasks is None else subtasks.to_text(),
        None if error is None else _json(error),
    )


def _output(
    number: int,
    round_: int,
    export: str | None,
    store: str | None,
    reset: str | None,
    subtasks: str | None,
    error: str | None,
) -> Output:
    return Output(
        number,
        round_,
        None if subtasks is None else Subtasks.from_text(subtasks),
        _loaded(export, {}),
        _loaded(store, {}),
        tuple(_loaded(reset, [])),
        _loaded(error, None),
    )


def _loaded(text: Any, absent: Any) -> Any:
    return absent if text is None else json.loads(text)
