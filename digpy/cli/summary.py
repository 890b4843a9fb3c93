"""How a run ended, in plain words: what ran, what failed and why, what never ran, what is next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from digpy.cli.problems import plural
from digpy.cli.view import AttemptView, TaskView
from digpy.dsl.model import OWN_NAMES
from digpy.engine.states import TaskState

_NAMED = 5
"""How many of the tasks that never ran are named; the rest is counted."""

_OWN = tuple(OWN_NAMES)


class Summary(NamedTuple):
    """What a run left behind.

    Attributes:
        attempts: with all their tasks; the one that was asked for first.
        state: the state directory, None if nothing was kept.
        log_of: the log file of a task of an attempt, None if there is none.
        dry_run: nothing was really done.
        to_continue, to_repeat: the words of the commands that go on, and that run everything again.
        secrets: keys of settings that were given, must not be shown, and have to be given again.
        place_of: the line in its file that has to be repaired, drawn, for a failed task; None if
            that is not known.
    """

    attempts: Sequence[AttemptView]
    state: Path | None
    log_of: Callable[[int, int], Path | None] = lambda _attempt, _number: None
    dry_run: bool = False
    to_continue: Sequence[str] = ()
    to_repeat: Sequence[str] = ()
    secrets: Sequence[str] = ()
    place_of: Callable[[AttemptView, TaskView], str | None] = lambda _attempt, _task: None

    def text(self) -> str:
        """All of it, for standard error; ends with a newline."""
        main = self.attempts[0]
        blocks = [_headline(main, dry_run=self.dry_run)]
        for attempt in self.attempts:
            if attempt.phase != "success":
                blocks += self._failures(attempt)
        blocks += [f"  {_counts(attempt, self.attempts)}" for attempt in self.attempts]
        if main.phase != "success":
            blocks += _never_ran(main)
        if self.state is not None:
            blocks += ["", *self._what_now(main)]
        return "\n".join(blocks) + "\n"

    def _failures(self, attempt: AttemptView) -> Iterable[str]:
        for task in attempt.tasks:
            if not (task.is_failed and task.error_message is not None and task.round_current):
                continue
            yield f"  * {task.full_name}:"
            yield from (f"    {line}" for line in task.error_message.splitlines() or [""])
            place = self.place_of(attempt, task)
            if place is not None:
                yield from (f"    {line}" for line in place.splitlines())
            log = self.log_of(attempt.attempt, task.number)
            if log is not None:
                yield f"    log: {log}"

    def _what_now(self, main: AttemptView) -> Iterable[str]:
        yield f"Task state is saved at {self.state} directory."
        if main.phase != "success":
            import shlex  # a success does not need it

            yield f"  * To continue where it stopped: {shlex.join(self.to_continue)}"
            yield f"  * To run everything again: {shlex.join(self.to_repeat)}"
            yield from (f"  * {line}" for line in secrets_again(self.secrets))
        yield (
            '  * Use --session <daily | hourly | "yyyy-MM-dd[ HH:mm:ss]"> to not reuse the last '
            "session time."
        )
        yield "  * Use --rerun, --start +NAME, or --goal +NAME argument to rerun skipped tasks."


def secrets_again(keys: Sequence[str]) -> Iterable[str]:
    """What to say of secrets that a proposed command does not contain."""
    if keys:
        yield f"Give these again, which are not shown: {' '.join(f'-X {key}=...' for key in keys)}"


_REASONS = {
    "run_timeout": "it ran longer than its limit (--run-timeout, _run_timeout)",
    "start_timeout": "its worker did not report in time (--start-timeout)",
    "resume_exhausted": "its worker was lost too often (--max-resumes)",
    "sla": "it missed its sla, and was to fail then",
    "user": "as asked",
    "parent": "what required it was stopped by its limit",
    "superseded": "another attempt took its place",
}


def _headline(attempt: AttemptView, *, dry_run: bool) -> str:
    what = f"{attempt.workflow}, session {attempt.session_time} (attempt {attempt.attempt})"
    if attempt.phase == "success":
        return f"Success. {what}" + (": a dry run, nothing was done" if dry_run else "")
    reason = _REASONS.get(attempt.reason or "")
    if attempt.phase == "canceled":
        return f"error: canceled: {what}" + (f": {reason}" if reason else "")
    if reason is None and attempt.reason not in (None, "task_error"):
        reason = attempt.reason
    return f"error: failed: {what}" + (f": {reason}" if reason else "")


def _counts(attempt: AttemptView, attempts: Sequence[AttemptView]) -> str:
    ran = resumed = skipped = failed = canceled = 0
    for task in _work(attempt):
        if task.is_failed and (task.state is TaskState.ERROR or task.error_message is not None):
            failed += 1
        elif task.is_failed:  # it did its part; what it generated failed, and is counted
            ran += 1
        elif task.state is TaskState.CANCELED and task.started_at is not None:
            canceled += 1
        elif task.state is TaskState.SUCCESS:
            resumed += task.how == "resumed"
            skipped += task.how == "skipped"
            ran += task.how in (None, "ran")
    parts = [f"{plural(ran, 'task')} ran"]
    if failed:
        parts.append(f"{failed:,} failed")
    if canceled:
        parts.append(f"{canceled:,} canceled while running")
    if resumed:
        parts.append(f"{resumed:,} taken over from an earlier run")
    if skipped:
        parts.append(f"{skipped:,} skipped (not asked for)")
    whose = f"{attempt.workflow}: " if len(attempts) > 1 else ""
    return whose + ", ".join(parts)


def _never_ran(attempt: AttemptView) -> Iterable[str]:
    names = [
        task.full_name
        for task in _work(attempt)
        if task.started_at is None and not task.is_failed and task.state is not TaskState.SUCCESS
    ]
    if names:
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        yield f"  never ran because of it: {', '.join(names[:_NAMED])}{more}"


def _work(attempt: AttemptView) -> Iterable[TaskView]:
    """The tasks of the live rounds that do something themselves: no groups, nothing of our own."""
    parents = {task.parent for task in attempt.tasks}
    for task in attempt.tasks:
        is_group = task.operator is None and task.number in parents
        if task.round_current and not is_group and not task.full_name.endswith(_OWN):
            yield task
