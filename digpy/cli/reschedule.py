"""``digpy reschedule``: skip sessions of a schedule."""

from __future__ import annotations

from pathlib import Path

import click

from digpy.cli.options import common_options, option
from digpy.cli.records import record
from digpy.cli.scheduled import WHICH, chosen_schedule, schedule_fields, written_instant
from digpy.cli.stored import installation, opened, place_options
from digpy.clock import SystemClock
from digpy.control.schedule_changes import Move, moved, reschedule
from digpy.errors import UsageError

_SHOWN = ("id", "workflow", "disabled at", "next session time", "next scheduled to run at")


@click.command("reschedule", short_help="Skip sessions of a schedule.")
@click.argument("which", metavar=WHICH, nargs=-1, required=True)
@option(
    "-s",
    "--skip",
    type=click.IntRange(min=0),
    metavar="N",
    help="Skip N sessions, counted from the first one that runs from now on.",
)
@option(
    "-t",
    "--skip-to",
    metavar="TIME",
    help='Skip what runs before this time: "yyyy-MM-dd HH:mm:ss +0000", a UNIX timestamp, or now.',
)
@option(
    "-a",
    "--run-at",
    metavar="TIME",
    help="Run the session that is next then at this time.",
)
@option("-d", "--dry-run", is_flag=True, help="Show what would be, and change nothing.")
@place_options
@common_options
def command(
    which: tuple[str, ...],
    skip: int | None,
    skip_to: str | None,
    run_at: str | None,
    dry_run: bool,
    project: Path,
    save: Path | None,
) -> int:
    """Skip sessions of a schedule; those that are skipped are never started by it.

    Fails if there is nothing to skip. --run-at holds for one session.
    """
    if (skip is None) is (skip_to is None):
        raise UsageError(
            "give either --skip N or --skip-to TIME\n"
            "    help: digpy reschedule --help explains both"
        )
    now = SystemClock().now()
    move = Move(
        skip,
        None if skip_to is None else written_instant(skip_to, "--skip-to", now),
        None if run_at is None else written_instant(run_at, "--run-at", now),
    )
    with opened(installation(project, save)) as database, database.transaction() as tx:
        row = chosen_schedule(tx, which)
        row = moved(row, move, now) if dry_run else reschedule(tx, row.id, move, now)
    fields = schedule_fields(row, "")
    click.echo("\n".join(record({name: fields[name] for name in _SHOWN})))
    if dry_run:
        click.echo("--dry-run: nothing was changed", err=True)
    return 0
