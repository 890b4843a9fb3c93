"""``digpy kill``: stop an attempt, whoever runs it and whatever it is doing."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click

from digpy.app import Installation
from digpy.cli.options import common_options, option
from digpy.cli.stored import attempt_options, chosen, installation, require_database
from digpy.clock import SystemClock
from digpy.control.locks import CommandLocks
from digpy.control.recovery import Control
from digpy.control.stopping import Stopper
from digpy.errors import Conflict

_END = 5.0
"""Seconds that a process needs at most to go once it was killed."""

_PAUSE = 0.005


@click.command("kill", short_help="Stop an attempt.")
@attempt_options
@option(
    "-f",
    "--force",
    is_flag=True,
    help="Kill its programs at once, and wait until nothing of it is alive.",
)
@common_options
def command(attempt: int | None, last: bool, project: Path, save: Path | None, force: bool) -> int:
    """Stop an attempt: its programs are asked to end, and killed if they do not.

    Returns as soon as the attempt is bound to stop; with --force, when it has ended. The attempt of
    a digpy run takes along the attempts that it required. Ends with 1 if it had ended before.
    """
    place = installation(project, save)
    require_database(place)
    control = place.open_control()
    try:
        wanted = chosen(control.database, attempt, last=last)
        row = stopper_of(place, control).stop(wanted, force=force)
    finally:
        control.database.close()
    click.echo(f"Kill requested: attempt {row.id} ({row.workflow}) is {row.phase}")
    return 0


def stopper_of(place: Installation, control: Control) -> Stopper:
    """What stops attempts of `place`; what people should know goes to standard error."""
    return Stopper(
        place.state,
        control,
        place.settle,
        partial(end_command, place),
        SystemClock(),
        lambda text: click.echo(text, err=True),
    )


def end_command(place: Installation, command: int) -> None:
    """Kill whoever holds the lock of `command`, with its worker, and wait until the lock is free.

    Who that is, is known from the lock itself; a number in a file may belong to somebody else.
    Raises `Conflict`.
    """
    from digpy.agent import processes

    locks = CommandLocks(place.state)
    holders = processes.holders(str(locks.path(command)))
    numbers = {process.pid for process in holders}
    workers = [process for process in processes.everyone() if process.parent in numbers]
    processes.kill([*holders, *workers])
    deadline = time.monotonic() + (_END if holders else 0)
    while locks.is_held(command):
        if time.monotonic() > deadline:
            raise Conflict(
                f"process {locks.holder(command).get('pid', '?')}, which runs it, is out of reach\n"
                "    help: end it where it runs, as the user it belongs to; then try again"
            )
        time.sleep(_PAUSE)
