"""A tree with changes laid over it that are not committed yet: reading and editing, no decisions.

`digpy.engine.advance.Draft` is the one that decides.
"""

from __future__ import annotations

from digpy.dsl.model import ALERT, HANDLER_NAMES, SLA_NAMES, TaskDefinition
from digpy.engine.changes import Changes, Effect, Move, Output, Update
from digpy.engine.states import FAILED, TaskState
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

    def handlers(self, task: Task, verdict: TaskState) -> list[TaskDefinition]:
        """What has to run next before `task` ends as `verdict`; nothing if all of it is there.

        ``^canceled``, or the alert of the root and ``^error``; then ``^finally``. What does not fit
        the task limit is left out, but for the alert.
        """
        there = set()
        for number in reversed(task.children):
            name = self[number].definition.name
            if name in HANDLER_NAMES:
                there.add(name)
            elif name not in SLA_NAMES:  # which may have come in between
                break
        first: list[TaskDefinition] = []
        if verdict in FAILED:
            if task.parent is None and ALERT not in there:
                first.append(self.tree.definitions.tasks[-1])  # before ^error, as digdag
            first += self._missing(task, "^error", there)
        elif verdict is TaskState.CANCELED and "^finally" not in there:
            first = self._missing(task, "^canceled", there)
        return first or self._missing(task, "^finally", there)

    def _missing(self, task: Task, name: str, there: set[str]) -> list[TaskDefinition]:
        index = task.definition.handlers.get(name)
        if index is None or name in there:
            return []
        if len(self) + task.definitions.static_count(index) > self.limit:
            return []
        return [task.definitions[index]]

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
