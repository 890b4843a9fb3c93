"""What is wrong in a project's state directory, and what to do about it. Looks only.

Every check says what it found as facts, and what needs doing as problems: what, why, and the
command that mends it.
"""

from __future__ import annotations

import os
import re
import shlex
import sqlite3
import stat
import sys
import zoneinfo
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import digpy
from digpy.access import Obstacle, obstacle
from digpy.agent import processes
from digpy.app import Installation
from digpy.cli.leftovers import Leftovers, find_leftovers
from digpy.cli.records import zoned_time
from digpy.cli.running import LivingCommand, living_commands
from digpy.clock import SystemClock
from digpy.control.disk import Disk, room
from digpy.control.session_times import session_option
from digpy.expr.evaluate import evaluate_text
from digpy.expr.javascript import choose_engine
from digpy.store import installation as installation_rows
from digpy.store.database import REVISION, Database, open_database
from digpy.store.inspection import inspect
from digpy.store.invariants import violations
from digpy.store.phases import Phase

MEGABYTE = 1 << 20
_LARGE_WAL = 64 * MEGABYTE


class Problem(NamedTuple):
    """Something that needs doing: what it is, why, and how it is mended."""

    what: str
    why: str
    fix: str


class Diagnosis(NamedTuple):
    """All that was found. `running` is None if that cannot be seen."""

    facts: dict[str, str]
    running: list[LivingCommand] | None
    problems: list[Problem]


def diagnose(place: Installation, words: Sequence[str] = ()) -> Diagnosis:
    """Look at everything. Raises nothing for what is wrong with the project.

    `words` lead the commands that are proposed to the same place (``--project`` ...).
    """
    mend = _command("doctor", *words, "--fix")
    facts = {"digpy": digpy.__version__, "python": sys.version.split()[0]}
    problems = list(_directory(place, facts))
    running = None
    if not problems:  # else there is no more to see before that is mended
        running = living_commands(place.state)
        problems += [*_privacy(place), *_database(place, facts, mend)]
    problems += [
        *_disk(place, facts),
        *_time_zones(facts),
        *_javascript(place, facts),
    ]
    if missing := _missing_extras():
        facts["not installed"] = missing
    if facts.get("schema") == REVISION:
        database = open_database(place.state / "digpy.db", create=False)
        try:
            problems += _left_behind(find_leftovers(place, database), words, mend)
            facts["clock"] = _clock_steps(database)
        finally:
            database.close()
        problems += _contradictions(place.state / "digpy.db")
    return Diagnosis(facts, running, problems)


# The machine and the files


def _directory(place: Installation, facts: dict[str, str]) -> Iterator[Problem]:
    facts["state"] = str(place.state)
    if not os.path.lexists(place.state):
        facts["state"] += " (nothing was run here)"
        return
    found: dict[str, list[Obstacle]] = {}
    for path in _parts(place.state):
        if (one := obstacle(path, place.state)) is not None and one not in found.get(one.fix, ()):
            found.setdefault(one.fix, []).append(one)
    for fix, (first, *others) in found.items():
        more = f", nor can {len(others)} more" if others else ""
        yield Problem(f"{first.path} cannot be used{more}", first.why, fix)


def _parts(state: Path) -> Iterator[Path]:
    """What has to be readable and writable; what cannot be reached may be missing."""
    yield state
    for name in ("digpy.db", "digpy.db-wal", "digpy.db-shm", "locks", "runs", "logs"):
        path = state / name
        yield path
        with suppress(OSError):  # no directory, or one that is found to be in the way
            yield from path.iterdir()


def _privacy(place: Installation) -> Iterator[Problem]:
    path = place.state / "digpy.db"
    if not path.exists() or not place.state.stat().st_mode & stat.S_IXOTH:
        return
    if path.stat().st_mode & stat.S_IROTH:
        why = "parameters and results are in it; older releases made it so"
        fix = shlex.join(["chmod", "o=", str(place.state)])
        yield Problem(f"every user of this machine can read {path}", why, fix)


def _database(place: Installation, facts: dict[str, str], mend: str) -> Iterator[Problem]:
    path = place.state / "digpy.db"
    if not path.exists():
        return
    found = inspect(path)
    facts["database"] = f"{_megabytes(found.size)}, log {_megabytes(found.wal)}"
    facts["schema"] = found.stamp or "unknown"
    if found.damage:
        what = f"the database is damaged: {found.damage[0]}"
        why = "a disk or a file system lost what was written, or something else wrote to the file"
        yield Problem(what, why, f"move {path} away, or restore it from a backup")
    elif found.unreadable:
        why = "another process may hold it; what is in it was not looked at"
        yield Problem(f"the database cannot be read: {found.unreadable}", why, "ask once more")
    elif found.age == "newer":
        what = f"the database has schema {found.stamp}, this digpy knows {REVISION}"
        yield Problem(what, "a newer digpy has used it", "use that digpy here")
    elif found.age == "older":
        facts["schema"] += " (older; the next command brings it up to date)"
    if found.wal > _LARGE_WAL:
        what = f"the log of the database has {_megabytes(found.wal)}"
        why = "a reader that never ends keeps it from being written back, or commands were killed"
        yield Problem(what, why, mend)


def _contradictions(path: Path) -> Iterator[Problem]:
    try:
        found = violations(path)
    except sqlite3.Error:
        return  # it is damaged, which is a problem of its own
    rules: dict[str, list[str]] = {}
    for rule, where in found:
        rules.setdefault(rule, []).append(where)
    for rule, places in rules.items():
        yield Problem(
            f"the database contradicts itself: not true of {', '.join(places[:5])}: {rule}",
            "something else wrote to it, or this is a defect of digpy",
            "keep a copy of the database, and report it",
        )


def _disk(place: Installation, facts: dict[str, str]) -> Iterator[Problem]:
    directory = place.state if place.state.exists() else place.project
    found = room(directory)
    facts["disk"] = f"{_megabytes(found.free)} free of {_megabytes(found.total)}"
    least = place.settings.integer("disk.min_free") * MEGABYTE
    if Disk(directory, SystemClock(), min_free=least, reserve=0, look=lambda _: found).is_low:
        what = f"only {_megabytes(found.free)} are free on the disk of {directory}"
        why = "with so little room nothing new is started (disk.min_free)"
        yield Problem(what, why, "remove what is not needed; old logs are in logs/")


def _time_zones(facts: dict[str, str]) -> Iterator[Problem]:
    version = "of the system"
    for directory in zoneinfo.TZPATH:
        source = Path(directory) / "tzdata.zi"
        if source.exists():
            with source.open() as file:
                version = f"{file.readline().removeprefix('# version ').strip()} ({directory})"
            break
    else:
        version = f"package tzdata {_version('tzdata')}"
    facts["time zones"] = version
    try:
        zoneinfo.ZoneInfo("Asia/Tokyo")
    except zoneinfo.ZoneInfoNotFoundError:
        why = "neither the system nor the package tzdata has it"
        yield Problem("there is no time zone database", why, "pip install tzdata")


def _javascript(place: Installation, facts: dict[str, str]) -> Iterator[Problem]:
    engine = "eval.js-engine-type"
    facts["javascript"] = place.settings.text(engine) or ""
    wanted = "2024-02-29"
    template = "${moment('2024-01-31').add(1, 'month').format('YYYY-MM-DD')}"
    try:
        choose_engine(place.settings.text(engine), place.settings.origin(engine))
        answer = evaluate_text(template, {}, timezone="UTC")
    except Exception as error:  # noqa: BLE001 - nobody knows what a broken engine raises
        answer = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if answer != wanted:
        what = "expressions cannot be evaluated"
        yield Problem(
            what, answer, "pip install --force-reinstall quickjs-ng, or change eval.js-engine-type"
        )


def _missing_extras() -> str:
    """The optional parts of digpy that are not installed, with the packages they need."""
    try:
        wanted = metadata.requires("digpy") or []
    except metadata.PackageNotFoundError:  # run from its source
        return ""
    missing: dict[str, list[str]] = {}
    for line in wanted:
        found = re.match(r"([\w.-]+).*\bextra == ['\"]([\w-]+)['\"]", line)
        if found is not None and found[2] != "test" and _version(found[1]) is None:
            missing.setdefault(found[2], []).append(found[1])
    return ", ".join(f"digpy[{extra}] ({', '.join(names)})" for extra, names in missing.items())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _clock_steps(database: Database) -> str:
    with database.reading() as tx:
        events = installation_rows.events(tx)
    steps = sum(event.kind == "supervisor.clock_step" for event in events)
    times = "once" if steps == 1 else f"{steps} times"
    return f"was set {times} while digpy ran" if steps else "was never set while digpy ran"


def _left_behind(left: Leftovers, words: Sequence[str], mend: str) -> Iterator[Problem]:
    for row in left.attempts:
        what = f"attempt {row.id} ({row.workflow}, {zoned_time(row.session_time, row.timezone)})"
        if row.command != row.id:
            fix = f"what is done with attempt {row.command}, which required it"
        elif row.phase is Phase.CANCELING:
            fix = _command("kill", str(row.id), *words)
        else:
            session = session_option(row.session_time, row.timezone)
            again = _command("run", f"{row.workflow}.dig", *words, "--session", session)
            if row.queued_since is not None:
                again = _command("scheduler", *words)
            fix = f"{again} continues it, {_command('kill', str(row.id), *words)} ends it"
        yield Problem(
            f"{what} is {row.phase}, and nobody runs it",
            "its command or scheduler was stopped, or the machine was",
            fix,
        )
    for pid, run in left.strays:
        what = f"process {pid} ({processes.name_of(pid)}) of run {run} is alive"
        yield Problem(what, "no command watches it any more", mend)
    if left.runs:
        names = ", ".join(map(str, left.runs[:5]))
        are_left = "directories are left" if len(left.runs) > 1 else "directory is left"
        what = f"{len(left.runs)} run {are_left}: {names}"
        yield Problem(what, "the commands that used them are gone", mend)
    if left.unclean:
        what = f"runs of ended attempts may be alive: {', '.join(map(str, left.unclean[:5]))}"
        yield Problem(what, "they were not proved dead when their attempt ended", mend)


def _command(*words: str) -> str:
    """A command line that a person can copy."""
    return shlex.join(["digpy", *words])


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:,.1f} MiB"
