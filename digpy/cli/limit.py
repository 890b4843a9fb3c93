"""``digpy limit``: give an attempt that runs more time, or less."""

from __future__ import annotations

from pathlib import Path

import click

from digpy.cli.limits_view import limit_fields
from digpy.cli.options import common_options, length_of_some_time, length_of_time, option
from digpy.cli.records import record
from digpy.cli.stored import attempt_options, chosen, installation, opened
from digpy.clock import SystemClock
from digpy.control.limit_changes import change_limits
from digpy.errors import UsageError

_TIMES = ("run_timeout", "start_timeout", "queue_timeout", "cancel_timeout")


@click.command("limit", short_help="Change the limits of an attempt that runs.")
@attempt_options
@option(
    "--run-timeout",
    type=length_of_time,
    metavar="DURATION",
    help="Stop it this long after its start: 4h, 1h 30m, 90 (seconds). 0: no limit.",
)
@option(
    "--start-timeout",
    type=length_of_time,
    metavar="DURATION",
    help="Give up when its worker has not reported for this long.",
)
@option(
    "--queue-timeout",
    type=length_of_time,
    metavar="DURATION",
    help="Give up when it has been queued for this long.",
)
@option(
    "--cancel-timeout",
    type=length_of_some_time,
    metavar="DURATION",
    help="After a cancel, wait this long for tasks to stop, then end them by force.",
)
@option(
    "--max-resumes",
    type=click.IntRange(min=0),
    metavar="N",
    help="How often in a row a lost worker is replaced before it fails.",
)
@common_options
def command(
    attempt: int | None, last: bool, project: Path, save: Path | None, **written: int | None
) -> int:
    """Change limits of an attempt that has not ended; they hold at once.

    Times count from where they always count: --run-timeout from the attempt's start, not from now.
    A limit that has passed cannot be changed any more.
    """
    given = {name: number for name, number in written.items() if number is not None}
    if not given:
        raise UsageError(
            "there is no limit to change\n    help: digpy limit --help lists what can be changed"
        )
    limits = {name: number or None if name in _TIMES else number for name, number in given.items()}
    place, now = installation(project, save), SystemClock().now()
    with opened(place) as database:
        wanted = chosen(database, attempt, last=last)
        with database.transaction() as tx:
            row = change_limits(tx, wanted, limits, place.settings, now, "user")
    click.echo("\n".join(record(limit_fields(row, now))))
    return 0
