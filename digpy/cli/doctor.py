"""``digpy doctor``: what runs here, what was left behind, what is wrong, and how it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from digpy.cli.diagnosis import Diagnosis, diagnose
from digpy.cli.options import common_options, option
from digpy.cli.problems import plural
from digpy.cli.records import json_text
from digpy.cli.stored import (
    installation,
    json_option,
    place_options,
    place_words,
    require_database,
)
from digpy.cli.view import length_text
from digpy.values import SECOND


@click.command("doctor", short_help="Look for what is wrong here, and mend it.")
@place_options
@option(
    "--fix",
    is_flag=True,
    help="Put in order what commands left that are gone: prove their programs dead, keep results, "
    "remove files. No attempt is ended.",
)
@json_option
@common_options
def command(project: Path, save: Path | None, fix: bool, as_json: bool) -> int:
    """Look at the state directory, its database, what runs and what was left, and the machine.

    Changes nothing without --fix. Ends with 0 if all is well, with 1 if something needs doing.
    """
    place = installation(project, save)
    done: list[str] = []
    if fix:
        from digpy.cli.mending import mend

        require_database(place)
        done = mend(place)
    found = diagnose(place, place_words(project, save))
    if as_json:
        click.echo(json_text(_as_json(found, done)))
    else:
        click.echo("\n".join([*(f"mended: {what}" for what in done), *report(found)]))
    return 1 if found.problems else 0


def report(found: Diagnosis) -> Iterator[str]:
    """The facts, what runs, and what needs doing."""
    width = max(map(len, found.facts)) + 1
    for name, fact in found.facts.items():
        yield f"{name + ':':<{width}} {fact}"
    yield ""
    if found.running is None:
        yield "What is running cannot be seen."
    else:
        yield "Running:" if found.running else "Nothing is running."
    for command in found.running or ():
        led = ", ".join(map(str, command.attempts))
        leads = led and f" for attempt{'s' if len(command.attempts) > 1 else ''} {led}"
        if not command.processes:
            yield f"  {command.role} {command.noted}{leads}, out of sight"
        for process in command.processes:
            about = leads if process.depth == 0 else ""
            age = length_text(int(process.age * SECOND))
            indent = "  " * (process.depth + 1)
            yield f"{indent}{process.role} {process.pid} ({process.name}), {age}{about}"
    yield ""
    for problem in found.problems:
        yield f"problem: {problem.what}"
        yield f"    why: {problem.why}"
        yield f"    fix: {problem.fix}"
    yield f"{plural(len(found.problems), 'problem')}." if found.problems else "All is well."


def _as_json(found: Diagnosis, done: list[str]) -> dict[str, object]:
    return {
        "facts": found.facts,
        "running": found.running
        and [
            {
                "role": command.role,
                "attempts": command.attempts,
                "processes": [
                    {**process._asdict(), "age": round(process.age, 3)}
                    for process in command.processes
                ],
            }
            for command in found.running
        ],
        "problems": [problem._asdict() for problem in found.problems],
        "mended": done,
    }
