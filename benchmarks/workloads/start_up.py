"""What a command takes before its first task: a cold run, a resume, reading a file."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.measuring import (
    ONE_TASK,
    CommandError,
    Result,
    Sizes,
    file_of,
    in_turn,
    run_here,
    run_program,
    seconds_of_run,
)

LIBRARIES = "import sqlalchemy, ruamel.yaml, lark"
"""What a program with a database, YAML and a grammar pays before it does anything."""


def cold(sizes: Sizes) -> Sequence[Result]:
    """One ``echo>`` in a directory without a database, against importing three libraries."""

    def importing() -> float:
        return run_program([sys.executable, "-c", LIBRARIES], tempfile.gettempdir()).seconds

    ours, theirs = in_turn(sizes.repeat, seconds_of_run(ONE_TASK), importing)
    detail = f"{ours * 1e3:.0f} ms against {theirs * 1e3:.0f} ms of `{LIBRARIES}`"
    return [Result("cold run of one `echo>`", ours / theirs, "x the imports", 0.5, False, detail)]


def resume(sizes: Sizes) -> Sequence[Result]:
    """A file of which nine tenths succeeded, mended and run again, against a cold run."""
    failing = sizes.tasks * 9 // 10

    def mended() -> float:
        tasks = ["echo>: hello"] * sizes.tasks
        session = ("--session", "2026-01-15")
        with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
            file = Path(directory, "w.dig")
            file.write_text(file_of([*tasks[:failing], "fail>: stop", *tasks[failing + 1 :]]))
            run_here(directory, *session, code=1)
            file.write_text(file_of(tasks))
            spent = run_here(directory, *session).seconds
            taken_over = _taken_over(Path(directory, ".digpy", "digpy.db"))
        if taken_over != failing:
            raise CommandError(f"{taken_over} tasks were taken over, not {failing}")
        return spent

    again, once = in_turn(sizes.repeat, mended, seconds_of_run(ONE_TASK))
    detail = (
        f"{sizes.tasks:,} tasks, {failing:,} of them taken over, in {again * 1e3:,.0f} ms; "
        f"a cold run {once * 1e3:.0f} ms"
    )
    return [Result("resume", (again - once) * 1e3, "ms over a cold run", 100, False, detail)]


def reading(sizes: Sizes) -> Sequence[Result]:
    """Parsing, compiling and checking a file, against a YAML library that only parses it."""
    from ruamel.yaml import YAML

    from digpy.dsl.project import load_project
    from digpy.operators import registry

    with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
        text = file_of(["echo>: hello"] * sizes.tasks)
        Path(directory, "w.dig").write_text(text)

        def ours() -> float:
            begin = time.perf_counter()
            load_project(Path(directory), known_operators=registry.known())
            return time.perf_counter() - begin

        def theirs() -> float:
            begin = time.perf_counter()
            YAML(typ="safe", pure=True).load(text)
            return time.perf_counter() - begin

        read, loaded = in_turn(sizes.repeat, ours, theirs)
    detail = f"{sizes.tasks:,} tasks in {read * 1e3:.0f} ms against {loaded * 1e3:.0f} ms"
    name = "parse, compile and check a file"
    return [Result(name, read / loaded, "x ruamel.yaml's load", 0.3, False, detail)]


def _taken_over(path: Path) -> int:
    query = "SELECT count(*) FROM tasks WHERE how = 'resumed' AND full_name LIKE '+w+all+%'"
    with closing(sqlite3.connect(path)) as database:
        (count,) = database.execute(query).fetchone()
    return int(count)
