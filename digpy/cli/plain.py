"""A run as plain lines: for logs, pipes and everything that is no terminal.

What tasks print goes to standard output as it is; one line for each task that starts or ends goes
to digpy's log. Both are flushed in the order in which things happened.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from digpy.cli.view import AttemptView, LogLine, TaskView, length_text
from digpy.engine.states import WAITING, TaskState
from digpy.log import Level, Log


class Notice(NamedTuple):
    """A line about a task."""

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
        self._known: dict[tuple[int, int], TaskView] = {}
        self._started: dict[tuple[int, str], int] = {}

    def show(self, attempts: Sequence[AttemptView], lines: Sequence[LogLine], now: int) -> None:
        """Write what happened since the last time, in order."""
        happened: list[tuple[int, Notice | LogLine]] = []
        for attempt in attempts:
            for task in attempt.tasks:
                key = (attempt.attempt, task.number)
                for notice in notices(attempt.attempt, self._known.get(key), task, now):
                    happened.append((notice.at, notice))
                self._known[key] = task
                if task.started_at is not None:
                    self._started[attempt.attempt, task.full_name] = task.started_at
        for line in lines:
            # The clock of a file is coarser than ours: no task prints before it starts.
            start = self._started.get((line.attempt, line.full_name), 0)
            happened.append((max(line.at, start), line))
        happened.sort(key=lambda pair: pair[0])
        for _, item in happened:
            self._write(item)

    def close(self) -> None:
        """End an unfinished line of output."""
        self._output.end_line()

    def _write(self, item: Notice | LogLine) -> None:
        if isinstance(item, Notice):
            self._output.end_line()
            self._log.say_at(
                item.at, item.level, item.text, item.event, attempt=item.attempt, task=item.task
            )
        elif item.kind == "out":
            self._output.write(item.text)
        else:
            self._output.end_line()
            text = f"{item.full_name}: {item.text}"
            self._log.say_at(item.at, item.kind, text, "task.log", attempt=item.attempt)


class Output:
    """Standard output for what tasks print. Once nobody reads it any more, it swallows everything."""

    def __init__(self) -> None:
        self._is_open = True
        self._ends_line = True

    def write(self, text: str) -> None:
        """Write `text` at once, as it is."""
        if not text or not self._is_open:
            return
        self._ends_line = text.endswith("\n")
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
            sys.stdout.flush()
        except BrokenPipeError:
            # `digpy run w.dig | head`: the reader is satisfied, the workflow has to go on all the same.
            self._is_open = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def end_line(self) -> None:
        """Begin a new line if the last one was left unfinished."""
        if not self._ends_line:
            self.write("\n")


def notices(attempt: int, before: TaskView | None, now_: TaskView, now: int) -> Iterable[Notice]:
    """The lines that the change of a task from `before` to `now_` is worth. Groups are quiet unless they fail."""
    state = now_.state
    if before is not None and before.state is state and before.retries == now_.retries:
        return
    name = now_.full_name

    def notice(at: int | None, level: Level, text: str, event: str) -> Notice:
        return Notice(now if at is None else at, level, f"{name}: {text}", event, attempt, name)

    if now_.is_failed:
        if now_.error_message is not None:
            text = f"failed: {now_.error_message}"
            yield notice(now_.ended_at, "error", text, "task.failed")
        else:
            yield notice(now_.ended_at, "debug", "failed, because of its tasks", "task.failed")
    elif state in WAITING:
        if before is None or before.retries != now_.retries:
            text = f"failed, will be tried again ({now_.retries})"
            yield notice(None, "warn", text, "task.retry")
    elif now_.operator is None:
        return
    elif state is TaskState.RUNNING:
        yield notice(now_.started_at, "info", f"started ({now_.operator}>)", "task.started")
    elif state is TaskState.CANCELED:
        yield notice(now_.ended_at, "warn", "canceled", "task.canceled")
    elif state is TaskState.SUCCESS:
        yield notice(now_.ended_at, "info", _success(now_), "task.succeeded")


def _success(task: TaskView) -> str:
    if task.how == "resumed":
        return "skipped: an earlier run finished it"
    if task.how == "skipped":
        return "skipped: not asked for"
    if task.started_at is None or task.ended_at is None:
        return "done"
    return f"done in {length_text(task.ended_at - task.started_at)}"
