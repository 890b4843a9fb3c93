"""``digpy events``: the story of an attempt, a line for each thing that was decided about it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from digpy.cli.options import common_options
from digpy.cli.stored import attempt_options, chosen, installation, json_option, opened
from digpy.control.resources import event_as_json
from digpy.log import local_time
from digpy.store import events as event_rows
from digpy.store import tasks as task_rows
from digpy.store.events import EventRow
from digpy.values import Json, to_json

_LONGEST = 80
"""Characters of one value; --json has all of it."""


@click.command("events", short_help="Tell what happened to an attempt.")
@attempt_options
@json_option
@common_options
def command(
    attempt: int | None, last: bool, project: Path, save: Path | None, as_json: bool
) -> int:
    """Tell the story of an attempt: number, time, what happened, who decided it, and details.

    With --json, each line is an object.
    """
    with opened(installation(project, save)) as database:
        wanted = chosen(database, attempt, last=last)
        with database.reading() as tx:
            events = event_rows.of_attempt(tx, wanted)
            names = {task.number: task.full_name for task in task_rows.summary(tx, wanted)}
    for event in events:
        if as_json:
            click.echo(json.dumps(event_as_json(event), ensure_ascii=False))
        else:
            click.echo(event_line(event, names))
    return 0


def event_line(event: EventRow, names: dict[int, str]) -> str:
    """One event; `names` are the full names of tasks by number."""
    words = [f"{event.seq:>4}", local_time(event.at, milliseconds=True), f"{event.kind:<18}"]
    words.append(f"{event.actor:<10}")
    if event.number is not None:
        words.append(names.get(event.number, f"task {event.number}"))
    words += [f"{key}={_value(value)}" for key, value in event.data.items()]
    return "  ".join(words).rstrip()


def _value(value: Json) -> str:
    """A value in few words: text as it is where that is one word, and no more than a line holds."""
    if isinstance(value, str) and value and not any(c.isspace() or c in '"=' for c in value):
        return value
    text = to_json(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
