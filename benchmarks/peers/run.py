"""Gives other workflow engines the same work as digpy, and prints one table.

    benchmarks/peers/install luigi doit    # also: prefect dbos
    python benchmarks/peers/run.py         # digpy, and all that are installed

Whole commands, each in a new directory. Where many tasks took at least twice as long as one it also
says how many a second were done, after what one task takes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.measuring import (
    file_of,
    in_turn,
    machine,
    run_program,
    seconds_of_run,
)
from benchmarks.workloads.many_tasks import for_each
from digpy import __version__

HERE = Path(__file__).parent
PEERS = ("luigi", "doit", "prefect", "dbos")


class Work(NamedTuple):
    """Something to do; `kind` is what the scripts call it, `workflow` what digpy gets."""

    name: str
    kind: str
    tasks: int
    workflow: str


class Engine(NamedTuple):
    """Somebody who does it; `python` is None for digpy."""

    name: str
    version: str
    python: Path | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--only", action="append", choices=PEERS, help="of the peers")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument("--tasks", type=int, default=1_000, metavar="N", help="(1000)")
    parser.add_argument("--programs", type=int, default=200, metavar="N", help="(200)")
    parser.add_argument(
        "--venvs", type=Path, default=HERE / ".venv", metavar="DIR", help="where they are installed"
    )
    given = parser.parse_args(arguments)
    engines = [Engine("digpy", __version__, None), *installed(given.venvs, given.only or PEERS)]
    works = [
        Work("one task", "sequential", 1, file_of(["echo>: hello"])),
        Work(
            f"{given.tasks:,} tasks, one after another",
            "sequential",
            given.tasks,
            file_of(["echo>: hello"] * given.tasks),
        ),
        Work(
            f"fan-out of {given.tasks:,}",
            "fan_out",
            given.tasks,
            for_each(given.tasks, at_once=True),
        ),
        Work(
            f"{given.programs:,} shell steps, one after another",
            "shell",
            given.programs,
            file_of(['sh>: "true"'] * given.programs),
        ),
    ]
    measured = [
        in_turn(given.repeat, *(doing(engine, work) for engine in engines)) for work in works
    ]
    print((as_json if given.json else as_table)(engines, works, measured))
    return 0


def installed(directory: Path, names: Sequence[str]) -> list[Engine]:
    """The peers that are there, with their versions."""
    found = []
    for name in names:
        python = (directory / name / "bin" / "python").absolute()
        if python.exists():
            ask = f"from importlib.metadata import version; print(version({name!r}))"
            version = subprocess.check_output([python, "-c", ask], text=True).strip()
            found.append(Engine(name, version, python))
    return found


def doing(engine: Engine, work: Work) -> Callable[[], float]:
    """Measures one engine doing one work."""
    if engine.python is None:
        return seconds_of_run(work.workflow)
    argv = [str(engine.python), str(HERE / f"{engine.name}_work.py"), work.kind, str(work.tasks)]

    def run() -> float:
        with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
            return run_program(argv, directory).seconds

    return run


def as_table(
    engines: Sequence[Engine], works: Sequence[Work], measured: Sequence[Sequence[float]]
) -> str:
    """A Markdown table: a line for each work, a column for each engine."""
    heads = ["work", *(f"{engine.name} {engine.version}" for engine in engines)]
    lines = [heads, ["---"] * len(heads)]
    for work, times in zip(works, measured, strict=True):
        cells = [f"{seconds:.2f} s" for seconds in times]
        if work is not works[0]:
            cells = [
                # Where one task takes long, or waits for a tick, it hides what many take.
                f"{cell}, {work.tasks / (seconds - one):,.0f}/s" if seconds >= 2 * one else cell
                for cell, seconds, one in zip(cells, times, measured[0], strict=True)
            ]
        lines.append([work.name, *cells])
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in lines), "", machine()])


def as_json(
    engines: Sequence[Engine], works: Sequence[Work], measured: Sequence[Sequence[float]]
) -> str:
    """The seconds of everything, for programs."""
    rows = [
        {"engine": engine.name, "version": engine.version, "work": work.name, "seconds": seconds}
        for work, times in zip(works, measured, strict=True)
        for engine, seconds in zip(engines, times, strict=True)
    ]
    return json.dumps({"machine": machine(), "results": rows}, indent=2)


if __name__ == "__main__":
    sys.exit(main())
