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
    parser.add_argument("--items", type=int, default=10_000, metavar="N", help="for (d, e): 10000")
    parser.add_argument("--many-tasks", type=int, default=100_000, metavar="N", help="(f): 100000")
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
        growth("d: for_each>, one after another", for_each, given.items, given.repeat),
        growth("e: for_each>, at once", for_each_parallel, given.items, given.repeat),
        growth("f: echo> tasks in a file", echo_tasks, given.many_tasks, given.repeat),
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


def growth(name: str, workflow: Callable[[int], str], count: int, repeat: int) -> Result:
    """How much more of a processor one task takes among `count` than among a tenth of them."""
    few = max(1, count // 10)
    largest = 0

    def cpu_of(text: str, tasks: int) -> Callable[[], float]:
        def measure() -> float:
            nonlocal largest
            spent = run_workflow(text, tasks)
            largest = max(largest, spent.megabytes)
            return spent.cpu

        return measure

    many_spent, few_spent, one_spent = in_turn(
        repeat,
        cpu_of(workflow(count), count),
        cpu_of(workflow(few), few),
        cpu_of(echo_tasks(1), 1),
    )
    each = max(many_spent - one_spent, 1e-9) / count
    each_of_few = max(few_spent - one_spent, 1e-9) / few
    detail = (
        f"{count:,} tasks: {each * 1e6:.0f} µs each, at most {largest} MB in a process; "
        f"{few:,}: {each_of_few * 1e6:.0f} µs each"
    )
    return Result(name, each / each_of_few, "x a tenth", 1.5, at_least=False, detail=detail)


def for_each(count: int) -> str:
    """A ``for_each>`` over `count` numbers."""
    return f"+e:\n  for_each>: {{x: {list(range(count))}}}\n  _do:\n    echo>: ${{x}}\n"


def for_each_parallel(count: int) -> str:
    """The same, at once."""
    return f"{for_each(count)}  _parallel: true\n"


def echo_tasks(count: int) -> str:
    """A file with `count` tasks, one after another."""
    return workflow_of(["echo>: hello"] * count)


def in_turn(repeat: int, *measured: Callable[[], float]) -> list[float]:
    """The median of each, all measured in turn; the first round only warms the caches."""
    rounds = [[measure() for measure in measured] for _ in range(repeat + 1)][1:]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


class Spent(NamedTuple):
    """What a process and its children took.

    `seconds` is from start to end, `cpu` the seconds of all processors; `megabytes` is the most
    that one of the processes had.
    """

    seconds: float
    cpu: float
    megabytes: int


def workflow_of(tasks: Sequence[str]) -> str:
    """A file of `tasks`, one after another."""
    lines = (f"+t{number:05}:\n  {task}\n" for number, task in enumerate(tasks))
    return "timezone: UTC\n" + "".join(lines)


def run_of(tasks: Sequence[str]) -> Callable[[], float]:
    """Measures ``digpy run`` of a workflow of `tasks`, each time in a new directory."""
    workflow = workflow_of(tasks)
    return lambda: run_workflow(workflow, len(tasks)).seconds


def run_workflow(workflow: str, count: int) -> Spent:
    """``digpy run`` of a file with `count` tasks, in a new directory."""
    with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
        Path(directory, "w.dig").write_text(workflow)
        limit = f"executor.task_max_run={count + 10}"
        return run_python(["-m", "digpy", "run", "w.dig", "-X", limit], directory)


def importing() -> float:
    """Measures an interpreter that only imports `LIBRARIES`."""
    return run_python(["-c", LIBRARIES], tempfile.gettempdir()).seconds


def run_python(arguments: Sequence[str], directory: str) -> Spent:
    """What a Python process takes. Raises if it fails."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIGPY_", "DIGDAG_", "COVERAGE_"))
    }
    environment |= {"PYTHONPATH": path, "XDG_CONFIG_HOME": directory}
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        _, status, usage = os.wait4(process.pid, 0)  # of it and of what it has waited for
        spent = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            text = said.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}:\n{text}")
    return Spent(spent, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


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
