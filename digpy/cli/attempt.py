"""``digpy attempt``: how one attempt stands, who runs it, and which limits hold for it."""

from __future__ import annotations

from pathlib import Path

import click

from digpy.cli.limits_view import limit_fields, limits_as_json
from digpy.cli.options import common_options, option
from digpy.cli.records import attempt_fields, detail_fields, json_text, record
from digpy.cli.stored import attempt_options, chosen, installation, json_option, opened
from digpy.clock import SystemClock
from digpy.control.locks import CommandLocks
from digpy.control.resources import details_as_json, load_details
from digpy.store.attempts import AttemptRow
from digpy.store.phases import RESTING
from digpy.values import Params


@click.command("attempt", short_help="Show how one attempt stands.")
@attempt_options
@option("--limits", is_flag=True, help="Show its limits, where they come from, and the time left.")
@json_option
@common_options
def command(
    attempt: int | None, last: bool, project: Path, save: Path | None, limits: bool, as_json: bool
) -> int:
    """Show an attempt: its phase and why, its times, who runs it, what it waits for."""
    place = installation(project, save)
    now = SystemClock().now()
    with opened(place) as database:
        wanted = chosen(database, attempt, last=last)
        with database.reading() as tx:
            details = load_details(tx, wanted)
    row = details.row
    locks = CommandLocks(place.state)
    process = _process(locks, row)
    if as_json:
        found = {**details_as_json(details), "process": process}
        if limits:
            found["limits"] = limits_as_json(row, now)
        click.echo(json_text(found))
    elif limits:
        click.echo("\n".join(record(limit_fields(row, now))))
    else:
        fields = attempt_fields(row, details.project)
        fields |= detail_fields(details, _leader(row, process), now)
        click.echo("\n".join(record(fields)))
    return 0


def _process(locks: CommandLocks, row: AttemptRow) -> Params | None:
    """The living command that leads the attempt, as it described itself."""
    if row.is_done or not locks.is_held(row.command):
        return None
    return locks.holder(row.command)


def _leader(row: AttemptRow, process: Params | None) -> str:
    if process is not None:
        return f"process {process.get('pid', '?')}"
    if row.is_done:
        return "nobody any more"
    if row.phase in RESTING:
        return "nobody yet: digpy scheduler starts it, digpy kill ends it"
    if row.queued_since is not None:
        return "nobody: its scheduler is gone; digpy scheduler continues it, digpy kill ends it"
    return "nobody: its command is gone; digpy run continues it, digpy kill ends it"
