"""Measures what digpy costs: whole commands, as processes, in fresh directories.

    python benchmarks/run.py            # a table
    python benchmarks/run.py --json     # the same for programs

Standard library only; it measures the digpy of this checkout with the interpreter that runs it.
Each number is the median of several runs. Numbers that are compared with each other are measured in
turn, in one go, because a machine is faster at one time than at another.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LIBRARIES = "import sqlalchemy, ruamel.yaml, lark"
"""What a program with a database, YAML and a grammar pays before it does anything."""


class Result(NamedTuple):
    """One line of the table. `goal` is a bound for `value`; `at_least` says on which side."""

    name: str
    value: float
    unit: str
    goal: float
    at_least: bool
    detail: str

    @property
    def reached(self) -> bool:
        """Whether the goal was reached in this run."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. The exit code is 0 whether goals are reached or not."""
    parser = argparse.ArgumentParser(description="Measure what digpy costs.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument("--echo-tasks", type=int, default=1000, metavar="N", help="for (b): 1000")
    parser.add_argument("--shell-tasks", type=int, default=200, metavar="N", help="for (c): 200")
    given = parser.parse_args(arguments)
    results = [
        cold_run(given.repeat),
        throughput(
            "b: echo> tasks, one after another",
            "echo>: hello",
            given.echo_tasks,
            2000,
            given.repeat,
        ),
        throughput(
            'c: sh>: "true", one after another', 'sh>: "true"', given.shell_tasks, 200, given.repeat
        ),
    ]
    sys.stdout.write(as_json(results) if given.json else as_table(results))
    return 0


def cold_run(repeat: int) -> Result:
    """(a): one ``echo>`` in a directory without a database, against importing three libraries."""
    ours, theirs = in_turn(repeat, run_of(["echo>: hello"]), importing)
    return Result(
        "a: cold run of one echo>",
        ours / theirs,
        "x the imports",
        0.8,
        at_least=False,
        detail=f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms of `{LIBRARIES}`",
    )


def throughput(name: str, task: str, count: int, goal: float, repeat: int) -> Result:
    """Tasks a second, after what a cold run of a single ``echo>`` takes."""
    many, one = in_turn(repeat, run_of([task] * count), run_of(["echo>: hello"]))
    spent = max(many - one, 1e-9)
    detail = f"{count:,} tasks in {spent * 1000:,.0f} ms, without {one * 1000:.0f} ms of start-up"
    return Result(name, count / spent, "tasks/s", goal, at_least=True, detail=detail)


def in_turn(repeat: int, *measured: Callable[[], float]) -> list[float]:
    """The median of each, all measured in turn; the first round only warms the caches."""
    rounds = [[measure() for measure in measured] for _ in range(repeat + 1)][1:]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def run_of(tasks: Sequence[str]) -> Callable[[], float]:
    """Measures ``digpy run`` of a workflow of `tasks`, each time in a new directory."""
    lines = (f"+t{number:05}:\n  {task}\n" for number, task in enumerate(tasks))
    workflow = "timezone: UTC\n" + "".join(lines)

    def measure() -> float:
        with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
            Path(directory, "w.dig").write_text(workflow)
            limit = f"executor.task_max_run={len(tasks) + 10}"
            return seconds(["-m", "digpy", "run", "w.dig", "-X", limit], directory)

    return measure


def importing() -> float:
    """Measures an interpreter that only imports `LIBRARIES`."""
    return seconds(["-c", LIBRARIES], tempfile.gettempdir())


def seconds(arguments: Sequence[str], directory: str) -> float:
    """How long a Python process takes, from its start to its end. Raises if it fails."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIGPY_", "DIGDAG_", "COVERAGE_"))
    }
    environment |= {"PYTHONPATH": path, "XDG_CONFIG_HOME": directory}
    begin = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    spent = time.perf_counter() - begin
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} ended with {ended.returncode}:\n{ended.stderr}")
    return spent


def machine() -> str:
    """What the numbers were measured on, in general words."""
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{os.cpu_count()} cores, {platform.system()} {kernel.partition('-')[0]}, "
        f"Python {platform.python_version()}"
    )


def as_table(results: Sequence[Result]) -> str:
    """A Markdown table, with the machine below."""
    lines = ["| what | goal | measured | reached | in detail |", "|---|---|---|---|---|"]
    for result in results:
        sign = ">=" if result.at_least else "<="
        lines.append(
            f"| {result.name} | {sign} {result.goal:,g} {result.unit} | {number(result.value)} "
            f"| {'yes' if result.reached else 'no'} | {result.detail} |"
        )
    return "\n".join([*lines, "", machine(), ""])


def as_json(results: Sequence[Result]) -> str:
    """Everything, for programs."""
    rows = [{**result._asdict(), "reached": result.reached} for result in results]
    return json.dumps({"machine": machine(), "results": rows}, indent=2) + "\n"


def number(value: float) -> str:
    """Three figures of a small number, whole ones of a large."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
