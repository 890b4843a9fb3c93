"""How the benchmarks measure: whole commands as processes, and numbers with their goals.

Standard library only. What is measured is the digpy of this checkout, with the interpreter that
runs the benchmark.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
LEAST = 0.001
"""Seconds; a difference of two times that is smaller cannot be told."""


class Sizes(NamedTuple):
    """How much is measured.

    `repeat` is the number of runs of which the median is taken, `idle` the seconds for which
    something that has nothing to do is watched.
    """

    repeat: int
    tasks: int
    programs: int
    many: Sequence[int]
    idle: float


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


class Spent(NamedTuple):
    """What a process took: seconds from start to end, and `cpu` of it and of its children."""

    seconds: float
    cpu: float


class CommandError(Exception):
    """A command that is measured ended otherwise than it should."""


def in_turn(repeat: int, *measured: Callable[[], float]) -> list[float]:
    """The median of each, all measured in turn; the first round only warms the caches."""
    rounds = [[measure() for measure in measured] for _ in range(repeat + 1)][1:]
    return [statistics.median(values) for values in zip(*rounds, strict=True)]


def file_of(tasks: Sequence[str], *, at_once: bool = False) -> str:
    """A workflow of `tasks`, one after another unless `at_once`."""
    lines = [f"  +t{number:05}:\n    {task}\n" for number, task in enumerate(tasks)]
    return f"timezone: UTC\n+all:\n  _parallel: {str(at_once).lower()}\n" + "".join(lines)


ONE_TASK = file_of(["echo>: hello"])
"""The least that a run can do."""


def seconds_of_run(
    workflow: str, *options: str, files: Mapping[str, str] | None = None
) -> Callable[[], float]:
    """Measures ``digpy run`` of a file in a new directory, beside `files`."""
    return lambda: run_workflow(workflow, *options, files=files).seconds


def run_workflow(workflow: str, *options: str, files: Mapping[str, str] | None = None) -> Spent:
    """``digpy run`` of a file in a new directory, beside `files`."""
    with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
        for name, text in {**(files or {}), "w.dig": workflow}.items():
            Path(directory, name).write_text(text)
        return run_here(directory, *options)


def run_here(directory: str, *options: str, code: int = 0) -> Spent:
    """``digpy run`` of the file ``w.dig`` in `directory`, which ends with `code`."""
    return run_program(digpy_run(*options), directory, code)


def digpy_run(*options: str) -> list[str]:
    """The command that runs ``w.dig``, of any number of tasks."""
    limit = f"executor.task_max_run={10**7}"
    return [sys.executable, "-m", "digpy", "run", "w.dig", "-X", limit, *options]


def run_program(argv: Sequence[str], directory: str, code: int = 0) -> Spent:
    """What a program takes. Raises `CommandError` if it ends with another code."""
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        process = _start(argv, directory, said.fileno())
        _, status, usage = os.wait4(process.pid, 0)  # of it and of what it has waited for
        spent = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != code:
            said.seek(0)
            text = said.read().decode(errors="replace")
            raise CommandError(f"{' '.join(argv)} ended with {process.returncode}:\n{text}")
    return Spent(spent, usage.ru_utime + usage.ru_stime)


def memory_of(argv: Sequence[str], directory: str) -> list[float]:
    """The most memory (MB, resident) a program and each of its children had, the program first.

    Read while it runs, since the kernel's own account of a process includes the one that started
    it. Linux only. Raises `CommandError` if the program fails.
    """
    most: dict[int, float] = {}
    process = _start(argv, directory, subprocess.DEVNULL)
    while process.poll() is None:
        with suppress(OSError):  # it has just ended
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            for pid in (process.pid, *map(int, children.split())):
                # The last account may be of a process that has already given its memory back.
                most[pid] = max(_high_water(pid), most.get(pid, 0))
        time.sleep(0.001)
    if process.returncode != 0:
        raise CommandError(f"{' '.join(argv)} ended with {process.returncode}")
    return list(most.values())


def machine() -> str:
    """What the numbers were measured on, in general words."""
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{os.cpu_count()} cores, {platform.system()} {kernel.partition('-')[0]}, "
        f"Python {platform.python_version()}"
    )


def _start(argv: Sequence[str], directory: str, stderr: int) -> subprocess.Popen[bytes]:
    # PYTHONDONTWRITEBYTECODE: what is installed has its bytecode beside it.
    others = ("DIGPY_", "DIGDAG_", "COVERAGE_", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment |= {"PYTHONPATH": path, "XDG_CONFIG_HOME": directory}
    return subprocess.Popen(
        argv,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def _high_water(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0  # it has ended, and nobody has waited for it yet
