"""A disk that fails at one write, and one that is full: in the database, for runs, for logs.

The system calls of the real command are made to fail by strace, and small disks are mounted for it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import ROOT, CommandProject, projects
from tests.support.eventually import eventually
from tests.support.slow import SLOW, let_go, started, texts

Make = Callable[[Mapping[str, str]], CommandProject]
Mount = Callable[[Path, str], None]

NAMES = "abcdefgh"
TASKS = {"w.dig": "".join(f"+{name}: {{sh>: sh effect.sh {name}}}\n" for name in NAMES)}
SYNCS = (1, 2, 4, 6, 7, 9, 10, 12)
"""In the command the first ten sync a new database, in the worker each one a result."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a disk of some size on a directory, until the end of the test."""
    mounted: list[Path] = []

    def make(directory: Path, size: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(directory)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no mount here")
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
        mounted.append(directory)

    yield make
    for directory in mounted:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """Take all the room that is left; the file to remove afterwards."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return filler


def run_with_fault(project: CommandProject, fault: str) -> int:
    """``digpy run`` in which the given syncs to the disk do not go well; its exit code."""
    strace = shutil.which("strace")
    if strace is None:
        # Continuous integration installs it, so there it has to be.
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("strace is not installed")
    trace = project.directory / "trace"
    options = ["-e", "trace=fsync,fdatasync", "-e", f"inject=fsync,fdatasync:{fault}"]
    ended = subprocess.run(
        [strace, "-f", "-o", trace, *options, sys.executable, "-m", "digpy", "run", "w.dig"],
        cwd=project.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    assert re.search(r"INJECTED|killed by SIGKILL", trace.read_text()), "no such sync was made"
    return ended.returncode


def succeeded(project: CommandProject) -> set[str]:
    """The tasks whose success is in the database, if there is one."""
    try:
        rows = project.rows("SELECT full_name FROM tasks WHERE state = 'success' AND number > 1")
    except sqlite3.OperationalError:  # it died before it had made one
        return set()
    return {row["full_name"].removeprefix("+w+") for row in rows}


def assert_completed(project: CommandProject, done: set[str]) -> None:
    """What was done was kept, the rest is done by the next command, and the file is sound."""
    ended = project.run()
    assert ended.code == 0, ended.err
    ran = Counter(texts(project))
    assert set(ran) == set(NAMES)
    assert all(ran[name] == 1 for name in done)
    assert ran.total() <= len(NAMES) + 1
    with closing(sqlite3.connect(project.directory / ".digpy" / "digpy.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    project.assert_clean()


@pytest.mark.parametrize("sync", SYNCS)
def test_a_disk_that_fails_once_ends_the_run_and_loses_nothing(project: Make, sync: int) -> None:
    run = project(TASKS)
    assert run_with_fault(run, f"error=EIO:when={sync}") in (0, 74)
    assert_completed(run, succeeded(run))


@pytest.mark.parametrize("sync", SYNCS)
def test_who_dies_in_a_sync_loses_nothing(project: Make, sync: int) -> None:
    run = project(TASKS)
    assert run_with_fault(run, f"signal=KILL:when={sync}") in (0, -signal.SIGKILL)
    assert_completed(run, succeeded(run))


def test_what_runs_ends_and_nothing_starts_while_the_disk_of_the_database_is_full(
    project: Make, mount: Mount
) -> None:
    run = project(SLOW)
    state = run.directory / ".digpy"
    mount(state, "8m")
    command = started(run, "-X", "disk.reserve=1")
    filler = fill(state)
    let_go(run)
    eventually(lambda: "almost full" in command.err)
    eventually(lambda: run.rows("SELECT 1 FROM tasks WHERE number = 3 AND state = 'success'"))
    command.send(signal.SIGINT)
    assert command.wait().code == 130
    filler.unlink()
    assert run.run().code == 0
    assert texts(run) == ["before", "slow", "after"]
    run.assert_clean()


def test_a_program_without_room_is_lost_and_runs_when_there_is_some(
    project: Make, mount: Mount
) -> None:
    run = project({"w.dig": "+t: {sh>: sh effect.sh ran}\n"})
    runs = run.directory / ".digpy" / "runs"
    mount(runs, "64k")
    filler = fill(runs)
    ended = run.run()
    assert ended.code == 1
    assert "worker_lost" in ended.err
    assert texts(run) == []
    filler.unlink()
    assert run.run().code == 0
    assert texts(run) == ["ran"]
    run.assert_clean()


def test_a_program_whose_log_has_no_room_succeeds(project: Make, mount: Mount) -> None:
    run = project({"w.dig": "+t: {sh>: seq 1 3000000 && sh effect.sh ran}\n"})
    logs = run.directory / ".digpy" / "logs"
    mount(logs, "1m")
    ended = run.run()
    assert ended.code == 0, ended.err
    assert texts(run) == ["ran"]
    assert (logs / "1" / "2-1.log").stat().st_size > 500_000
    run.assert_clean()
