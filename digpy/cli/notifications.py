"""``digpy notifications``: what people were told, and what they are still to be told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from digpy.cli import records
from digpy.cli.options import common_options, option
from digpy.cli.records import json_text, optional_time, record
from digpy.cli.stored import (
    LARGEST_ID,
    installation,
    json_option,
    opened,
    page_size_option,
    place_options,
)
from digpy.control.resources import notification_as_json, notification_status
from digpy.log import local_time
from digpy.store import attempts as attempt_rows
from digpy.store import notifications as notification_rows
from digpy.store.notifications import NotificationRow


@click.command("notifications", short_help="List what people were told.")
@click.argument(
    "attempt", metavar="[ATTEMPT-ID]", type=click.IntRange(1, LARGEST_ID), required=False
)
@option(
    "-i",
    "--last-id",
    type=click.IntRange(1, LARGEST_ID),
    metavar="ID",
    help="List notifications older than this one: the next page.",
)
@page_size_option
@place_options
@json_option
@common_options
def command(
    attempt: int | None,
    last_id: int | None,
    page_size: int,
    project: Path,
    save: Path | None,
    as_json: bool,
) -> int:
    """List the newest notifications of this project, oldest first; on a terminal as a table.

    These are those that digpy sends by itself (notification.on); with ATTEMPT-ID, about that
    attempt. What tasks send (notify>) is told by digpy log and digpy events.
    """
    with opened(installation(project, save)) as database, database.reading() as tx:
        if attempt is not None:
            attempt_rows.load(tx, attempt)  # or an error
        rows = notification_rows.before(tx, last_id, page_size, attempt=attempt)
    rows.reverse()
    if as_json:
        found = {"notifications": [notification_as_json(row) for row in rows]}
        click.echo(json_text(found))
        return 0
    if sys.stdout.isatty():
        show_table(rows)
        return 0
    click.echo("Notifications:")
    for row in rows:
        click.echo("\n".join(record(_fields(row))))
    return 0


def show_table(rows: Sequence[NotificationRow]) -> None:
    """A line for each notification, as wide as the terminal allows."""
    headings = ("id", "attempt", "kind", "happened", "status", "tries", "message", "error")
    records.show_table(headings, map(_cells, rows))


def _cells(row: NotificationRow) -> list[str]:
    return [
        str(row.id),
        "" if row.attempt is None else str(row.attempt),
        row.kind,
        local_time(row.at),
        notification_status(row),
        str(row.tries),
        str(row.body["message"]),
        row.error or "",
    ]


def _fields(row: NotificationRow) -> dict[str, object]:
    return {
        "notification id": row.id,
        "attempt id": row.attempt,
        "kind": row.kind,
        "message": row.body["message"],
        "happened at": local_time(row.at),
        "status": notification_status(row),
        "tries": row.tries,
        "next try at": optional_time(row.next_at),
        "delivered at": optional_time(row.delivered_at),
        "error": row.error,
    }
