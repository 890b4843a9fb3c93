"""A tree with changes laid over it that are not committed yet: reading and editing, no decisions.

`digpy.engine.advance.Draft` is the one that decides.
"""

from __future__ import annotations

from digpy.engine.changes import Changes, Effect, Move, Output, Update
from digpy.engine.states import TaskState
from digpy.engine.tree import Task, TaskTree


class Overlay:
    """Reads like the tree below it, with its own changes on top."""

    def __init__(self, tree: TaskTree) -> None:
        self.tree = tree
        self.cancel = tree.cancel
        self.limit = tree.limit
        self._edited: dict[int, Task] = {}
        self._was: dict[int, TaskState] = {}
        self._changed: dict[int, None] = {}
        """Of the edited those whose row changed, in order."""
        self._inserted: dict[int, Task] = {}
        self._outputs: dict[tuple[int, int], Output] = {}
        self._moves: list[Move] = []
        self._effects: list[Effect] = []

    # Reading

    def __getitem__(self, number: int) -> Task:
        return self._edited.get(number) or self._inserted.get(number) or self.tree.tasks[number]

    def __len__(self) -> int:
        return len(self.tree) + len(self._inserted)

    @property
    def root(self) -> Task:
        """The task of the workflow itself."""
        return self[1]

    def numbers(self) -> list[int]:
        """The numbers of all tasks, ascending."""
        return [*self.tree.tasks, *self._inserted]

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
            [Update(self._edited[number], self._was[number]) for number in self._changed],
            [task for number, task in self._edited.items() if number not in self._changed],
            list(self._outputs.values()),
            self._moves,
            self._effects,
            self.cancel and not self.tree.cancel,
        )

    # Editing: the engine's own

    def count(self, number: int) -> Task:
        """The task, for changing its derived counters."""
        task = self._edited.get(number) or self._inserted.get(number)
        if task is None:
            original = self.tree.tasks[number]
            task = self._edited[number] = original.copy()
            self._was[number] = original.state
        return task

    def change(self, number: int) -> Task:
        """The task, for changing its row."""
        if number not in self._inserted:
            self._changed[number] = None
        return self.count(number)

    def insert(self, task: Task) -> None:
        """Add a new task; its number is the next one."""
        self._inserted[task.number] = task

    def save(self, output: Output) -> None:
        """Keep what a run left."""
        self._outputs[output.number, output.round] = output

    def moved(self, move: Move) -> None:
        """Note a move that was made."""
        self._moves.append(move)

    def emit(self, effect: Effect) -> None:
        """Ask something of the outside."""
        self._effects.append(effect)
