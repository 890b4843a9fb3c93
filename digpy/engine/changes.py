"""What an event changes: rows, results, the order of moves, and effects on the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from digpy.dsl.model import Subtasks
from digpy.engine.states import TaskState
from digpy.values import Params

if TYPE_CHECKING:
    from digpy.engine.tree import Task


class Output(NamedTuple):
    """What one run of a task left: its results, or its error. At most one per (task, round).

    `round` is the round that the result opened (0 for the first run of a task): a task that runs
    again after its children failed leaves a second output, and the children of each round are read
    from their own.
    """

    number: int
    round: int
    subtasks: Subtasks | None
    export: Params
    store: Params
    reset: tuple[str, ...]
    error: Params | None


class Move(NamedTuple):
    """One row of the transition table, taken.

    The audit trail, the log and the tests read the same list.
    """

    number: int
    source: TaskState | None
    cause: str
    target: TaskState


class Stop(NamedTuple):
    """The running program of this task has to be stopped."""

    number: int
    fence: int


class End(NamedTuple):
    """The attempt is over; `state` is the root's."""

    state: TaskState


Effect: TypeAlias = Stop | End


class Update(NamedTuple):
    """A row to save, and the state it had when it was read: the guard of the statement."""

    task: Task
    was: TaskState


class Changes(NamedTuple):
    """Everything that a number of events did to a tree, in one piece. False: nothing happened.

    `counted` are tasks of which only derived counters changed: nothing to save, but part of the
    new tree. `cancel` says that these events include the request to stop.
    """

    inserted: list[Task]
    updated: list[Update]
    counted: list[Task]
    outputs: list[Output]
    moves: list[Move]
    effects: list[Effect]
    cancel: bool

    def __bool__(self) -> bool:
        return bool(self.inserted or self.updated or self.outputs or self.effects)
