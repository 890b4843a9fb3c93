"""What commands that look at attempts have in common: where the database is, and which attempt.

They work on the database of one project, whoever runs it at the moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from digpy.access import obstacle, unusable
from digpy.app import Installation
from digpy.cli.options import Decorated, common, option
from digpy.errors import NotFound, UsageError
from digpy.store import attempts as attempt_rows
from digpy.store.database import Database, open_database

LARGEST_ID = 2**63 - 1
"""The largest number that a database can give."""


def place_options(command: Decorated) -> Decorated:
    """Give a command ``--project`` and ``--save``, which it hands to `installation`."""
    for declare in reversed(_PLACE):
        command = declare(command)
    return command


def attempt_options(command: Decorated) -> Decorated:
    """Give a command ``[ATTEMPT-ID]``, ``--last`` and the options of `place_options`."""
    for declare in (place_options, _LAST, click.argument("attempt", required=False, **_ID)):
        command = declare(command)
    return command


def json_option(command: Decorated) -> Decorated:
    """Give a command ``--json``."""
    return option("--json", "as_json", is_flag=True, help="Answer with JSON.")(command)


def page_size_option(command: Decorated) -> Decorated:
    """Give a command ``--page-size``."""
    declare = option(
        "-s",
        "--page-size",
        type=click.IntRange(1, 10_000),
        default=100,
        show_default=True,
        metavar="N",
        help="How many to list at most.",
    )
    return declare(command)


_ID: dict[str, Any] = {"metavar": "[ATTEMPT-ID]", "type": click.IntRange(1, LARGEST_ID)}
_LAST = option("--last", is_flag=True, help="The attempt that was started last.")
_PLACE: tuple[Callable[[Any], Any], ...] = (
    option(
        "--project",
        type=click.Path(file_okay=False, path_type=Path),
        default=".",
        metavar="DIR",
        help="Directory of the project. Default: here.",
    ),
    option(
        "-o",
        "--save",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The state directory, seen from the project.  [default: .digpy]",
    ),
)


def installation(project: Path, save: Path | None) -> Installation:
    """The installation in `project`, which may not have run anything yet. Raises `UsageError`."""
    if not project.is_dir():
        raise UsageError(f'there is no directory "{project}" (--project)')
    root = project.resolve()
    return Installation(root, root / (save or ".digpy"), common().settings())


def require_database(place: Installation) -> Path:
    """The file of the project's database.

    Raises `NotFound` if nothing was ever run, `Unavailable` if it cannot be looked at.
    """
    path = place.state / "digpy.db"
    try:
        path.stat()
    except FileNotFoundError:
        raise NotFound(
            f'nothing was run here: there is no database "{path}"\n'
            "    help: --project DIR names the project, --save DIR its state directory"
        ) from None
    except OSError as error:
        found = obstacle(path, place.state)
        raise error if found is None else unusable(found) from None
    return path


@contextmanager
def opened(place: Installation) -> Iterator[Database]:
    """The project's database, for reading. Raises `NotFound`, `Unavailable` and `ConfigError`."""
    database = open_database(require_database(place), create=False)
    try:
        yield database
    finally:
        database.close()


def numbered(what: str, written: str) -> int:
    """The id that is written in digits. Raises `NotFound` for one that `what` cannot have."""
    if len(written) > len(str(LARGEST_ID)) or int(written) > LARGEST_ID:
        raise NotFound(f"{what} {written} does not exist")
    return int(written)


def place_words(project: Path, save: Path | None) -> list[str]:
    """The words of a command line that lead to the same place, as `place_options` read them."""
    words = [] if project == Path() else ["--project", str(project)]
    return words if save is None else [*words, "--save", str(save)]


def chosen(database: Database, attempt: int | None, *, last: bool) -> int:
    """The id of the attempt that is meant. Raises `UsageError` and `NotFound`."""
    if (attempt is None) is not last:
        raise UsageError(
            "ATTEMPT-ID and --last contradict each other"
            if last
            else "ATTEMPT-ID is missing\n"
            "    help: digpy attempts lists them; --last is the newest one"
        )
    with database.reading() as tx:
        if attempt is None:
            newest = attempt_rows.before(tx, None, 1)
            if not newest:
                raise NotFound("there is no attempt yet")
            return newest[0].id
        return attempt_rows.load(tx, attempt).id
