"""What a person is shown of a run: the facts, and the view that fits where they are shown.

Whoever follows a run hands a view the tasks that changed and what was printed since the last time.
Read the states first and the logs after them: a view can put an early line in its place, but not a
late one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from digpy.engine.states import DONE, FAILED, TaskState

if TYPE_CHECKING:
    from digpy.log import Log


class TaskView(NamedTuple):
    """One task as it stands.

    Attributes:
        number: of the task in its attempt; parent: that of its parent, None for the root. operator:
        without ``>``; None for a group. how: ``ran``, ``resumed`` (taken over from an earlier run)
        or ``skipped``; None while undecided. started_at, ended_at: UTC microseconds. retries: how
        often it was tried again. error_message: of a task that failed itself. round_current: False
        once its group was tried again: it is history.
    """

    number: int
    parent: int | None
    full_name: str
    operator: str | None
    state: TaskState
    how: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    retries: int = 0
    error_message: str | None = None
    round_current: bool = True

    @property
    def is_done(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.state in DONE

    @property
    def is_failed(self) -> bool:
        """Whether it ended badly."""
        return self.state in FAILED

    @property
    def short_name(self) -> str:
        """The last part of its name: ``+b`` of ``+w+a+b``."""
        return self.full_name[max(self.full_name.rfind("+"), self.full_name.rfind("^"), 0) :]


class AttemptView(NamedTuple):
    """One attempt and its tasks: all of them, or those that changed.

    `phase` is ``starting``, ``running``, ``canceling``, ``success``, ``failure`` or ``canceled``;
    `reason` says why it ended that way (``task_error``, ``run_timeout`` ...). What ended before
    `since` (UTC microseconds) is no news: an earlier command has shown it.
    """

    attempt: int
    workflow: str
    session_time: str
    phase: str
    reason: str | None
    tasks: Sequence[TaskView]
    since: int = 0


class LogLine(NamedTuple):
    """A piece of a log: ``out`` is what a task printed, verbatim; else a sentence of digpy's.

    `full_name` is empty where a sentence is about no task.
    `at` (UTC microseconds) is when it was written; of a program's output, when the last of it was.
    """

    attempt: int
    full_name: str
    kind: Literal["out", "info", "warn", "error"]
    text: str
    at: int = 0


class View(Protocol):
    """Shows a run while it goes on."""

    def show(self, attempts: Sequence[AttemptView], lines: Sequence[LogLine], now: int) -> None:
        """Take in what changed and show it; `now` is the present, UTC microseconds."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was, everything shown."""
        ...


def open_view(log: Log) -> View:
    """The view for standard error: a live tree on a terminal, else plain lines."""
    from digpy.cli.plain import PlainView

    is_terminal = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if not is_terminal or log.is_file or not log.shows("info"):
        return PlainView(log)
    from digpy.cli.live import LiveView

    return LiveView()


def legible(text: str) -> str:
    """`text` of a program with U+FFFD for every byte that is no text (see `digpy.cli.follow`)."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def length_text(microseconds: int) -> str:
    """A length of time for people: ``0.4 s``, ``12 s``, ``3 m 07 s``, ``2 h 05 m``."""
    tenths = max(0, microseconds) // 100_000
    seconds = tenths // 10
    if seconds < 10:
        return f"{tenths / 10:.1f} s"
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} m"
