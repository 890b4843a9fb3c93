"""``digpy schedules``: which session of which workflow is next."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from digpy.cli.options import common_options, option
from digpy.cli.records import json_text, record, show_table, zoned_time
from digpy.cli.scheduled import schedule_as_json, schedule_fields
from digpy.cli.stored import (
    LARGEST_ID,
    installation,
    json_option,
    opened,
    page_size_option,
    place_options,
)
from digpy.control.triggers import FINISHED
from digpy.log import local_time
from digpy.store import projects as project_rows
from digpy.store import schedules as schedule_rows
from digpy.store.schedules import ScheduleRow


@click.command("schedules", short_help="List which sessions are next.")
@option(
    "-i",
    "--last-id",
    type=click.IntRange(0, LARGEST_ID),
    default=0,
    metavar="ID",
    help="List schedules with a higher id than this one: the next page.",
)
@page_size_option
@place_options
@json_option
@common_options
def command(last_id: int, page_size: int, project: Path, save: Path | None, as_json: bool) -> int:
    """List the schedules of this project; on a terminal as a table."""
    with opened(installation(project, save)) as database, database.reading() as tx:
        rows = schedule_rows.page(tx, after=last_id, size=page_size)
        names = {row.project: project_rows.project_name(tx, row.project) for row in rows}
    if as_json:
        found = {"schedules": [schedule_as_json(row, names[row.project]) for row in rows]}
        click.echo(json_text(found))
        return 0
    if sys.stdout.isatty():
        headings = ("id", "workflow", "next session", "runs at", "last session", "notes")
        show_table(headings, map(_cells, rows))
        return 0
    click.echo("Schedules:")
    for row in rows:
        click.echo("\n".join(record(schedule_fields(row, names[row.project]))))
    click.echo(f"{len(rows)} entries.")
    return 0


def _cells(row: ScheduleRow) -> list[str]:
    last = row.last_session_time
    following = zoned_time(row.next_session_time, row.timezone)
    cells = [str(row.id), row.workflow, following, local_time(row.next_run_time)]
    if row.next_session_time >= FINISHED.session_time:
        cells[2:] = ["none: it has ended", ""]
    cells.append("" if last is None else zoned_time(last, row.timezone))
    cells.append("disabled" if row.disabled_at is not None else row.error or "")
    return cells
