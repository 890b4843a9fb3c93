"""``digpy log``: what an attempt printed and what digpy said of it, also while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import click

from digpy.cli.follow import LogFollower
from digpy.cli.options import common_options, option
from digpy.cli.plain import Output
from digpy.cli.stored import chosen, installation, json_option, numbered, opened, place_options
from digpy.cli.view import LogLine, legible
from digpy.control.resources import precise_instant
from digpy.engine.states import DONE
from digpy.errors import NotFound, UsageError
from digpy.log import local_time
from digpy.store import attempts as attempt_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database
from digpy.store.tasks import TaskSummary
from digpy.values import to_json

_PAUSE = 0.2
_SHARE = 10
"""Looking may cost one part in this many of the time."""


@click.command("log", short_help="Show what an attempt printed.")
@click.argument("words", nargs=-1, metavar="[ATTEMPT-ID] [+TASK]")
@option("--last", is_flag=True, help="The attempt that was started last.")
@option("-f", "--follow", is_flag=True, help="Go on showing until it has ended.")
@place_options
@json_option
@common_options
def command(
    words: tuple[str, ...],
    last: bool,
    follow: bool,
    project: Path,
    save: Path | None,
    as_json: bool,
) -> int:
    """Show what the tasks of an attempt printed, as it is, and between it what digpy said of them.

    With +TASK, only tasks whose name begins like that. With --json, each line is an object.
    """
    attempt, prefix = _understand(words)
    place = installation(project, save)
    with opened(place) as database:
        wanted = chosen(database, attempt, last=last)
        _Reading(place.state, database, wanted, prefix, as_json=as_json).show(follow=follow)
    return 0


def _understand(words: tuple[str, ...]) -> tuple[int | None, str | None]:
    """The attempt's id and the beginning of the tasks' names.

    Raises `UsageError`, and `NotFound` for a number that no attempt can have.
    """
    left = list(words)
    attempt = numbered("attempt", left.pop(0)) if left and left[0].isdecimal() else None
    prefix = left.pop(0) if left and left[0].startswith(("+", "^")) else None
    if left:
        raise UsageError(
            f'"{left[0]}" is neither the id of an attempt nor a task\n'
            "    help: digpy log 7 +name shows tasks of attempt 7 whose name begins with +name"
        )
    return attempt, prefix


class _Reading:
    """One look at the logs of an attempt, or many."""

    def __init__(
        self, state: Path, database: Database, attempt: int, prefix: str | None, *, as_json: bool
    ) -> None:
        self._database = database
        self._attempt = attempt
        self._prefix = prefix
        self._as_json = as_json
        self._names: dict[int, str] = {}
        self._output = Output()
        self._follower = LogFollower(state / "logs" / str(attempt), self._name_of)

    def show(self, *, follow: bool) -> None:
        """Write what there is; with `follow` until nothing can come any more."""
        while True:
            began = time.monotonic()
            row, tasks = self._look()
            chosen_tasks = [task for task in tasks if self._is_wanted(task.full_name, row)]
            if not chosen_tasks:
                raise NotFound(f"no task of attempt {self._attempt} begins with {self._prefix}")
            over = row.is_done or all(task.state in DONE for task in chosen_tasks)
            ended = {task.number for task in tasks if task.state in DONE}
            # The states were read first: what an ended task printed is all there.
            lines = self._follower.poll(ended, everything=row.is_done or not follow)
            self._write(line for line in lines if self._is_wanted(line.full_name, row))
            if over or not follow:
                self._output.end_line()
                return
            time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))

    def _look(self) -> tuple[AttemptRow, list[TaskSummary]]:
        with self._database.reading() as tx:
            row = attempt_rows.load(tx, self._attempt)
            tasks = task_rows.summary(tx, self._attempt)
        self._names.update((task.number, task.full_name) for task in tasks)
        return row, tasks

    def _is_wanted(self, full_name: str, row: AttemptRow) -> bool:
        prefix = self._prefix or ""
        return full_name.startswith((prefix, f"+{row.workflow}{prefix}"))

    def _write(self, lines: Iterable[LogLine]) -> None:
        for line in lines:
            if self._as_json:
                self._output.write(_as_json(line) + "\n")
            elif line.kind == "out":
                self._output.write(line.text)
            else:
                self._output.end_line()
                at = local_time(line.at, milliseconds=True)
                about = f"{line.full_name}: " if line.full_name else ""
                self._output.write(f"{at} [{line.kind.upper()}] {about}{line.text}\n")

    def _name_of(self, number: int) -> str:
        return self._names.get(number, f"task {number}")


def _as_json(line: LogLine) -> str:
    return to_json(
        {
            "at": precise_instant(line.at),
            "task": line.full_name,
            "kind": line.kind,
            "text": legible(line.text),
        }
    )
