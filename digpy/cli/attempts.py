"""``digpy attempts``: what was run, and how it ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from digpy.cli import records
from digpy.cli.options import common_options, option
from digpy.cli.records import attempt_fields, json_text, optional_time, record, zoned_time
from digpy.cli.stored import (
    LARGEST_ID,
    installation,
    json_option,
    numbered,
    opened,
    page_size_option,
    place_options,
)
from digpy.cli.view import length_text
from digpy.control.resources import attempt_as_json, status
from digpy.control.sessions import PROJECT
from digpy.errors import NotFound
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction


@click.command("attempts", short_help="List what was run, and how it ended.")
@click.argument("which", metavar="[WORKFLOW | SESSION-ID]", required=False)
@option(
    "-i",
    "--last-id",
    type=click.IntRange(1, LARGEST_ID),
    metavar="ID",
    help="List attempts older than this one: the next page.",
)
@page_size_option
@place_options
@json_option
@common_options
def command(
    which: str | None,
    last_id: int | None,
    page_size: int,
    project: Path,
    save: Path | None,
    as_json: bool,
) -> int:
    """List the newest attempts of this project, oldest first; on a terminal as a table.

    With WORKFLOW, only those of that workflow; with a SESSION-ID, only those of that session.
    """
    with opened(installation(project, save)) as database, database.reading() as tx:
        rows = list(reversed(_find(tx, which, last_id, page_size)))
        names = {row.project: project_rows.project_name(tx, row.project) for row in rows}
    if as_json:
        found = {"attempts": [attempt_as_json(row, names[row.project]) for row in rows]}
        click.echo(json_text(found))
        return 0
    if sys.stdout.isatty():
        show_table(rows)
        return 0
    click.echo("Session attempts:")
    for row in rows:
        click.echo("\n".join(record(attempt_fields(row, names[row.project]))))
    return 0


def show_table(rows: Sequence[AttemptRow]) -> None:
    """A line for each attempt, as wide as the terminal allows."""
    headings = ("attempt", "workflow", "session time", "status", "started", "took", "reason")
    records.show_table(headings, map(_cells, rows))


def _cells(row: AttemptRow) -> list[str]:
    started, ended = row.started_at, row.ended_at
    return [
        str(row.id),
        row.workflow,
        zoned_time(row.session_time, row.timezone),
        status(row),
        optional_time(started) or "",
        "" if started is None or ended is None else length_text(ended - started),
        row.reason or row.cause or "",
    ]


def _check_workflow(tx: Transaction, name: str) -> None:
    """Raises `NotFound` for a workflow that no run has seen."""
    project = project_rows.find_project(tx, PROJECT)
    newest = None if project is None else project_rows.newest_revision(tx, project)
    names = [row.name for row in project_rows.workflows_of(tx, newest.id)] if newest else []
    if name not in names and not attempt_rows.before(tx, None, 1, workflow=name):
        from digpy.dsl.suggest import did_you_mean

        advice = did_you_mean(name, names) or "digpy attempts lists what was run"
        raise NotFound(f'there is no workflow "{name}"\n    help: {advice}')


def _find(tx: Transaction, which: str | None, last_id: int | None, count: int) -> list[AttemptRow]:
    """The attempts to list, the newest first."""
    if which is None or not which.isdecimal():
        name = None if which is None else which.removesuffix(".dig")
        found = attempt_rows.before(tx, last_id, count, workflow=name)
        if name is not None and not found:
            _check_workflow(tx, name)
        return found
    session = attempt_rows.load_session(tx, numbered("session", which))
    rows = attempt_rows.of_session(tx, session.id)
    older = [row for row in rows if last_id is None or row.id < last_id]
    return older[: -count - 1 : -1]
