"""``digpy backfill``: run sessions of the past."""

from __future__ import annotations

import uuid
from pathlib import Path

import click

from digpy.app import Installation
from digpy.cli.kill import stopper_of
from digpy.cli.options import common_options, option
from digpy.cli.records import attempt_fields, record, zoned_time
from digpy.cli.scheduled import WHICH, chosen_schedule
from digpy.cli.stored import installation, opened, place_options, require_database
from digpy.clock import SystemClock
from digpy.control.backfills import Backfill, begin_backfill, sessions_of
from digpy.control.session_times import local_instant
from digpy.errors import Conflict, NotFound, UsageError
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store.database import Transaction
from digpy.store.schedules import ScheduleRow


@click.command("backfill", short_help="Run sessions of the past.")
@click.argument("which", metavar=f"[{WHICH}]", nargs=-1)
@option(
    "-f",
    "--from",
    "since",
    metavar="TIME",
    help='Begin with the first session that runs then: "yyyy-MM-dd[ HH:mm:ss]", in the time zone '
    "of the workflow.",
)
@option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many sessions. Default: all, up to the next one of the schedule.",
)
@option("--name", metavar="NAME", help="Name of the attempts. Default: a random one.")
@option(
    "--parallel",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many of them may run at once.",
)
@option("--cancel", metavar="NAME", help="Stop a backfill: every attempt of that name.")
@option("-d", "--dry-run", is_flag=True, help="Show the sessions, and start nothing.")
@place_options
@common_options
def command(  # noqa: PLR0913, PLR0917 - its options
    which: tuple[str, ...],
    since: str | None,
    count: int | None,
    name: str | None,
    parallel: int,
    cancel: str | None,
    dry_run: bool,
    project: Path,
    save: Path | None,
) -> int:
    """Run sessions of the past of a scheduled workflow, one after another, whether they ran or not.

    Also one whose schedule is disabled. The attempts are started by the scheduler of the project,
    and wait for it if it does not run.
    """
    place = installation(project, save)
    if cancel is not None:
        if which or since is not None:
            raise UsageError("--cancel stands alone: it stops what has that name")
        return _cancel(place, cancel)
    if not which or since is None:
        missing = "--from TIME" if which else WHICH
        raise UsageError(
            f'{missing} is missing\n    help: digpy backfill daily_report --from "2016-01-01"'
        )
    with opened(place) as database, database.transaction() as tx:
        row = chosen_schedule(tx, which)
        instant = local_instant(since, row.timezone, "--from")
        wanted = Backfill(instant, count, str(uuid.uuid4()) if name is None else name, parallel)
        if dry_run:
            _show_plan(tx, row, wanted)
        else:
            starter = place.session_starter(SystemClock())
            _show_attempts(tx, row, begin_backfill(tx, starter, row, wanted))
    return 0


def _show_plan(tx: Transaction, row: ScheduleRow, wanted: Backfill) -> None:
    click.echo("Session attempts:")
    for time in sessions_of(tx, row, wanted):
        fields = {
            "workflow": row.workflow,
            "session time": zoned_time(time, row.timezone),
            "retry attempt name": wanted.name,
        }
        click.echo("\n".join(record(fields)))
    click.echo("--dry-run: nothing was started", err=True)


def _show_attempts(tx: Transaction, row: ScheduleRow, attempts: list[int]) -> None:
    project = project_rows.project_name(tx, row.project)
    click.echo("Session attempts:")
    for attempt in attempts:
        fields = attempt_fields(attempt_rows.load(tx, attempt), project)
        renamed = {"id" if key == "attempt id" else key: field for key, field in fields.items()}
        click.echo("\n".join(record(renamed)))
    text = f"{len(attempts)} sessions are queued" if attempts else "there is no session to start"
    click.echo(text, err=True)


def _cancel(place: Installation, name: str) -> int:
    """Stop the attempts called `name`, the newest first, so that none takes another's place."""
    require_database(place)
    control = place.open_control()
    try:
        with control.database.reading() as tx:
            rows = attempt_rows.unfinished_named(tx, name)
        if not rows:
            raise NotFound(f'nothing called "{name}" is queued or runs')
        stopper = stopper_of(place, control)
        for row in reversed(rows):
            try:
                phase = stopper.stop(row.id).phase
            except Conflict:
                with control.database.reading() as tx:
                    if attempt_rows.load(tx, row.id).is_done:
                        continue  # it has ended by itself meanwhile
                raise
            click.echo(f"Kill requested: attempt {row.id} ({row.workflow}) is {phase}")
    finally:
        control.database.close()
    return 0
