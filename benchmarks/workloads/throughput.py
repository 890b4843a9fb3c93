"""Tasks a second, after what a cold run of a single ``echo>`` takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measuring import LEAST, ONE_TASK, Result, Sizes, file_of, in_turn, seconds_of_run
from benchmarks.workloads.many_tasks import for_each

FUNCTION = {"steps.py": "def nothing():\n    pass\n"}
TWO_AT_ONCE = ("--max-task-threads", "2")


def sequential(sizes: Sizes) -> Sequence[Result]:
    """``echo>`` tasks, one after another."""
    run = seconds_of_run(file_of(["echo>: hello"] * sizes.tasks))
    return [_throughput("`echo>`, one after another", run, sizes.tasks, 5_000, sizes)]


def parallel(sizes: Sizes) -> Sequence[Result]:
    """A ``for_each>`` with all its items at once."""
    run = seconds_of_run(for_each(sizes.tasks, at_once=True))
    return [_throughput("`for_each>`, at once", run, sizes.tasks, 5_000, sizes)]


def shell(sizes: Sizes) -> Sequence[Result]:
    """Programs that do nothing: what a keeper and its proofs cost."""
    return _programs('`sh>: "true"`', 'sh>: "true"', (400, 600), sizes)


def python(sizes: Sizes) -> Sequence[Result]:
    """Calls of a function, each in an interpreter of its own."""
    # Not the first on PATH, which may be a script that looks for a version.
    task = f"py>: steps.nothing\n    python: {json.dumps(sys.executable)}"
    return _programs("`py>`", task, (35, 60), sizes, FUNCTION)


def javascript(sizes: Sizes) -> Sequence[Result]:
    """An expression that is no plain path in each task."""
    task = "echo>: ${1 + 1}"
    return [_expressions("a JavaScript expression each", task, 2_000, sizes)]


def moment(sizes: Sizes) -> Sequence[Result]:
    """An expression about dates in each task."""
    task = "echo>: ${moment(session_time).add(1, 'days').format('YYYY-MM-DD')}"
    return [_expressions("a `moment` chain each", task, 1_000, sizes)]


def _programs(
    name: str,
    task: str,
    goals: tuple[float, float],
    sizes: Sizes,
    files: Mapping[str, str] | None = None,
) -> Sequence[Result]:
    tasks = [task] * sizes.programs
    one_by_one = seconds_of_run(file_of(tasks), files=files)
    two_at_once = seconds_of_run(file_of(tasks, at_once=True), *TWO_AT_ONCE, files=files)
    return [
        _throughput(f"{name}, one after another", one_by_one, sizes.programs, goals[0], sizes),
        _throughput(f"{name}, two at once", two_at_once, sizes.programs, goals[1], sizes),
    ]


def _expressions(name: str, task: str, goal: float, sizes: Sizes) -> Result:
    run = seconds_of_run(file_of([task] * sizes.tasks))
    return _throughput(f"`echo>` with {name}", run, sizes.tasks, goal, sizes)


def _throughput(
    name: str, run: Callable[[], float], count: int, goal: float, sizes: Sizes
) -> Result:
    many, one = in_turn(sizes.repeat, run, seconds_of_run(ONE_TASK))
    spent = max(many - one, LEAST)
    detail = f"{count:,} tasks in {spent * 1e3:,.0f} ms, without {one * 1e3:.0f} ms of start-up"
    return Result(name, count / spent, "tasks/s", goal, True, detail)
