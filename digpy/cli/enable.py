"""``digpy enable``: let a schedule start sessions again."""

from __future__ import annotations

from pathlib import Path

import click

from digpy.cli.options import common_options, option
from digpy.cli.scheduled import WHICH, chosen_schedules
from digpy.cli.stored import installation, opened, place_options
from digpy.clock import SystemClock
from digpy.control.schedule_changes import enable


@click.command("enable", short_help="Let a schedule start sessions again.")
@click.argument("which", metavar=WHICH, nargs=-1, required=True)
@option("--skip", is_flag=True, help="Leave out what was due meanwhile.")
@place_options
@common_options
def command(which: tuple[str, ...], skip: bool, project: Path, save: Path | None) -> int:
    """Let a schedule, or all of a project, start sessions again.

    Sessions that were due meanwhile are started too, as far as catchup: in the workflow says,
    unless --skip is given.
    """
    with opened(installation(project, save)) as database, database.transaction() as tx:
        now = SystemClock().now()
        for row in chosen_schedules(tx, which):
            enable(tx, row.id, now, skip=skip)
            click.echo(f"Enabled schedule id: {row.id}")
    return 0
