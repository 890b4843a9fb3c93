"""``digpy disable``: let a schedule start nothing for now."""

from __future__ import annotations

from pathlib import Path

import click

from digpy.cli.options import common_options
from digpy.cli.scheduled import WHICH, chosen_schedules
from digpy.cli.stored import installation, opened, place_options
from digpy.clock import SystemClock
from digpy.control.schedule_changes import disable


@click.command("disable", short_help="Let a schedule start nothing for now.")
@click.argument("which", metavar=WHICH, nargs=-1, required=True)
@place_options
@common_options
def command(which: tuple[str, ...], project: Path, save: Path | None) -> int:
    """Let a schedule, or all of a project, start nothing until it is enabled again.

    Attempts that run or are queued go on.
    """
    with opened(installation(project, save)) as database, database.transaction() as tx:
        now = SystemClock().now()
        for row in chosen_schedules(tx, which):
            disable(tx, row.id, now)
            click.echo(f"Disabled schedule id: {row.id}")
    return 0
