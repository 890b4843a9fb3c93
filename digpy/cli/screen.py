"""Brings together what is shown of a run: how its tasks stand, and what its logs say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from digpy.cli.follow import LogFollower
from digpy.cli.view import AttemptView, LogLine, TaskView, View, open_view
from digpy.clock import Clock
from digpy.control.session_times import session_text
from digpy.control.supervisor import AttemptStanding
from digpy.engine.states import DONE
from digpy.log import Log
from digpy.store.tasks import Seen, TaskSummary
from digpy.values import SECOND

Standings: TypeAlias = Callable[[Mapping[int, Seen]], Sequence[AttemptStanding]]

_SHORTEST = SECOND // 20
_SHARE = 10
"""Looking may cost one part in this many of the time."""


class Screen:
    """What a person sees while a run goes on. Use as a context.

    `since` is when the command began (UTC microseconds): of attempts that are older, what happened
    before it is known but not shown again.
    """

    def __init__(self, state: Path, log: Log, clock: Clock, since: int) -> None:
        self.interval = _SHORTEST
        """Microseconds until `refresh` wants to be called again."""
        self._logs = state / "logs"
        self._clock = clock
        self._since = since
        self._view: View = open_view(log)
        self._followed: dict[int, _Followed] = {}
        self._next = 0

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._view.close()

    def say(self, text: str) -> None:
        """Show a sentence of digpy's own, about no task."""
        now = self._clock.now()
        self._view.show([], [LogLine(0, "", "warn", text, now)], now)

    def refresh(self, standings: Standings) -> None:
        """Look at everything again and show what changed; called too often, it does nothing."""
        now = self._clock.now()
        if now < self._next:
            return
        seen = {attempt: followed.seen for attempt, followed in self._followed.items()}
        self._show(standings(seen), everything=False)
        # A large attempt takes time to look at: then it is looked at less often.
        self.interval = max(_SHORTEST, _SHARE * (self._clock.now() - now))
        self._next = now + self.interval

    def end(self, standings: Sequence[AttemptStanding]) -> list[AttemptView]:
        """Show the rest; nothing runs any more. Returns the attempts, with all their tasks."""
        self._show(standings, everything=True)
        return [self._followed[standing.row.id].view(standing) for standing in standings]

    def _show(self, standings: Sequence[AttemptStanding], *, everything: bool) -> None:
        views: list[AttemptView] = []
        lines: list[LogLine] = []
        for standing in standings:
            attempt = standing.row.id
            if attempt not in self._followed:
                shown = self._since if standing.row.created_at < self._since else 0
                self._followed[attempt] = _Followed(self._logs / str(attempt), shown)
            changed, said = self._followed[attempt].look(standing, everything=everything)
            views.append(changed)
            lines += said
        self._view.show(views, lines, self._clock.now())


class _Followed:
    """One attempt: what of it was shown already, by this command or before `since`."""

    def __init__(self, directory: Path, since: int) -> None:
        self._since = since
        self._follower = LogFollower(directory, self._name_of)
        self._names: dict[int, str] = {}
        self._operators: dict[str, str] = {}
        self._shown: dict[int, TaskSummary] = {}
        self._children: dict[int, list[int]] = {}  # of live rounds
        self.seen = Seen()

    def look(
        self, standing: AttemptStanding, *, everything: bool
    ) -> tuple[AttemptView, list[LogLine]]:
        """The tasks that changed, and what was printed, since the last time."""
        tasks = standing.tasks
        changed = [task for task in tasks if self._shown.get(task.number) != task]
        history = self._take_in(changed)
        self._names.update((task.number, task.full_name) for task in changed)
        ended = {task.number for task in changed if task.state in DONE}
        lines = self._follower.poll(ended, everything=everything)
        for line in lines:
            if line.kind == "info":  # digpy names the operator of every task it runs
                self._operators[line.full_name] = line.text.partition(">:")[0]
        return self._view(standing, [*history, *changed]), [
            line._replace(text=_without_traceback(line.text)) if line.kind == "error" else line
            for line in lines
            if line.at >= self._since
        ]

    def _take_in(self, changed: Sequence[TaskSummary]) -> list[TaskSummary]:
        """Remember what changed; returns the tasks that became history by it."""
        reopened: list[int] = []
        for task in changed:
            before = self._shown.get(task.number)
            if before is None and task.parent is not None:
                self._children.setdefault(task.parent, []).append(task.number)
            if before is not None and before.round != task.round:
                reopened += self._children.pop(task.number, ())
            self._shown[task.number] = task
            self.seen = Seen(
                max(self.seen.number, task.number), max(self.seen.ended_at, task.ended_at or 0)
            )
        for number in reopened:  # grows while it is walked
            reopened += self._children.pop(number, ())
        return [self._shown[number] for number in reopened]

    def view(self, standing: AttemptStanding) -> AttemptView:
        """The whole attempt."""
        return self._view(standing, standing.tasks)

    def _view(self, standing: AttemptStanding, tasks: Sequence[TaskSummary]) -> AttemptView:
        row = standing.row
        return AttemptView(
            row.id,
            row.workflow,
            session_text(row.session_time, row.timezone),
            row.phase,
            row.reason,
            [self._task(task, self._is_live(task)) for task in tasks],
            self._since,
        )

    def _is_live(self, task: TaskSummary | None) -> bool:
        """Whether it belongs to the newest round of everything above it."""
        while task is not None and task.parent is not None:
            parent = self._shown.get(task.parent)
            if parent is None or parent.round != task.born:
                return False
            task = parent
        return True

    def _task(self, task: TaskSummary, live: bool) -> TaskView:
        operator = None
        if task.started_at is not None:  # only tasks with an operator are started
            operator = self._operators.get(task.full_name, "task")
        message = None
        if task.error is not None:
            message = _without_traceback(str(task.error.get("message")))
        return TaskView(
            task.number,
            task.parent,
            task.full_name,
            operator,
            task.state,
            task.how,
            task.started_at,
            task.ended_at,
            task.retries,
            message,
            live,
        )

    def _name_of(self, number: int) -> str:
        return self._names.get(number, f"task {number}")


def _without_traceback(message: str) -> str:
    """What went wrong, without the stack that a Python task had: that is in its own output."""
    return message.partition("\nTraceback (most recent call last):\n")[0]
