"""A run as plain lines: for logs, pipes and everything that is no terminal.

What tasks print goes to standard output as it is; what is said about them goes to digpy's log: the
sentences of the attempt's own log (a task starts, a task failed), and from the states what those do
not say (a program is done, a task was taken over). Both streams are flushed in the order of things.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from digpy.cli.view import AttemptView, LogLine, TaskView, length_text
from digpy.engine.states import TaskState
from digpy.log import Level, Log


class Notice(NamedTuple):
    """A sentence about a task."""

    at: int
    level: Level
    text: str
    event: str
    attempt: int
    task: str


class PlainView:
    """Writes lines; see `digpy.cli.view.View`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._output = Output()
        self._states: dict[tuple[int, int], TaskState] = {}
        self._parents: set[tuple[int, int]] = set()
        self._started: dict[tuple[int, str], int] = {}
        self._unexplained: dict[tuple[int, str], Notice] = {}

    def show(self, attempts: Sequence[AttemptView], lines: Sequence[LogLine], now: int) -> None:
        """Write what happened since the last time, in order."""
        happened: list[tuple[int, Notice | LogLine]] = [
            (notice.at, notice) for notice in self._failures_without_a_line(lines)
        ]
        for attempt in attempts:
            self._take_in(attempt.attempt, attempt.tasks)
            for task in attempt.tasks:
                if task.ended_at is not None and task.ended_at < attempt.since:
                    self._states[attempt.attempt, task.number] = task.state
                notice = self._notice(attempt.attempt, task, now)
                if notice is not None:
                    happened.append((notice.at, notice))
        for line in lines:
            # The clock of a file is coarser than ours: no task prints before it starts.
            start = self._started.get((line.attempt, line.full_name), 0)
            happened.append((max(line.at, start), line))
        happened.sort(key=lambda pair: pair[0])
        for _, item in happened:
            self._write(item)

    def close(self) -> None:
        """Say what is left to say, and end an unfinished line of output."""
        for notice in self._failures_without_a_line(()):
            self._write(notice)
        self._output.end_line()

    def _take_in(self, attempt: int, tasks: Sequence[TaskView]) -> None:
        for task in tasks:
            if task.parent is not None:
                self._parents.add((attempt, task.parent))
            if task.started_at is not None:
                self._started[attempt, task.full_name] = task.started_at

    def _notice(self, attempt: int, task: TaskView, now: int) -> Notice | None:
        key = (attempt, task.number)
        if self._states.get(key) is task.state:
            return None
        self._states[key] = task.state
        at = now if task.ended_at is None else task.ended_at
        if task.is_failed and task.error_message is not None:
            # The log says so too, perhaps a moment later; but not if a task was lost too often.
            text = f"{task.full_name}: {task.error_message}"
            failure = Notice(at, "error", text, "task.failed", attempt, task.full_name)
            self._unexplained[attempt, task.full_name] = failure
            return None
        is_group = task.operator is None and key in self._parents
        sentence = None if is_group else sentence_about(task)
        if sentence is None:
            return None
        level, text, event = sentence
        return Notice(at, level, f"{task.full_name}: {text}", event, attempt, task.full_name)

    def _failures_without_a_line(self, lines: Sequence[LogLine]) -> list[Notice]:
        """Failures of the last time that the log has not explained by now."""
        for line in lines:
            if line.kind == "error":
                self._unexplained.pop((line.attempt, line.full_name), None)
        notices = list(self._unexplained.values())
        self._unexplained.clear()
        return notices

    def _write(self, item: Notice | LogLine) -> None:
        if isinstance(item, Notice):
            self._say(item.at, item.level, item.text, item.event, item.attempt, item.task)
        elif item.kind == "out":
            self._output.write(item.text)
        else:
            text = f"{item.full_name}: {item.text}" if item.full_name else item.text
            self._say(item.at, item.kind, text, "task.log", item.attempt, item.full_name)
            if item.kind == "error":
                self._unexplained.pop((item.attempt, item.full_name), None)

    def _say(  # the parts of one line
        self, at: int, level: Level, text: str, event: str, attempt: int, task: str
    ) -> None:
        if self._log.shows(level):
            self._output.end_line()
        self._log.say_at(at, level, text, event, attempt=attempt, task=task)


class Output:
    """Standard output for what tasks print."""

    def __init__(self) -> None:
        self._ends_line = True

    def write(self, text: str) -> None:
        """Write `text` at once, as it is."""
        if not text:
            return
        self._ends_line = text.endswith("\n")
        sys.stdout.write(_printable(text, sys.stdout))
        sys.stdout.flush()

    def end_line(self) -> None:
        """Begin a new line if the last one was left unfinished."""
        if not self._ends_line:
            self.write("\n")


def _printable(text: str, stream: TextIO) -> str:
    """`text` with what `stream` cannot say replaced: output must never stop a run."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding, stream.errors or "strict")
    except UnicodeEncodeError:
        return text.encode(encoding, "replace").decode(encoding)
    return text


def sentence_about(task: TaskView) -> tuple[Level, str, str] | None:
    """Level, text and event name of what a task's state says beyond its log; None: nothing."""
    if task.state is TaskState.CANCELED and task.started_at is not None:
        return "warn", "canceled", "task.canceled"
    if task.state is not TaskState.SUCCESS:
        return None
    if task.how == "resumed":
        return "info", "skipped: an earlier run finished it", "task.resumed"
    if task.how == "skipped":
        return "info", "skipped: not asked for", "task.skipped"
    if task.started_at is None or task.ended_at is None or task.started_at == task.ended_at:
        return None  # it took no time: its own line says enough
    return "info", f"done in {length_text(task.ended_at - task.started_at)}", "task.succeeded"
