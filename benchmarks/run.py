"""Measures what digpy costs, and compares it with goals.

    python benchmarks/run.py                         # everything, a table
    python benchmarks/run.py --only cold --only shell
    python benchmarks/run.py --json                  # the same for programs

Each number is the median of several runs, in fresh directories. Numbers that are compared with each
other are measured in turn, in one go, because a machine is faster at one time than at another.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import Result, Sizes, machine
from benchmarks.workloads import footprint, many_tasks, start_up, throughput

WORKLOADS: dict[str, Callable[[Sizes], Sequence[Result]]] = {
    workload.__name__: workload
    for workload in (
        start_up.cold,
        throughput.sequential,
        throughput.parallel,
        many_tasks.growth,
        throughput.shell,
        throughput.python,
        throughput.javascript,
        throughput.moment,
        start_up.resume,
        start_up.reading,
        footprint.memory,
        footprint.scheduler,
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. The exit code is 0 whether goals are reached or not."""
    names = ", ".join(WORKLOADS)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=WORKLOADS, metavar="NAME", help=names)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument("--tasks", type=int, default=1_000, metavar="N", help="of a file (1000)")
    parser.add_argument("--programs", type=int, default=200, metavar="N", help="of a file (200)")
    parser.add_argument(
        "--many",
        type=int,
        nargs="+",
        default=[10_000, 100_000],
        metavar="N",
        help="what is compared with --tasks (10000 100000)",
    )
    parser.add_argument(
        "--idle", type=float, default=30, metavar="S", help="seconds to watch a scheduler (30)"
    )
    given = parser.parse_args(arguments)
    sizes = Sizes(given.repeat, given.tasks, given.programs, given.many, given.idle)
    results: list[Result] = []
    if not given.json:
        print("| workload | goal | measured | reached | in detail |\n|---|---|---|---|---|")
    for name in given.only or WORKLOADS:
        for result in WORKLOADS[name](sizes):
            results.append(result)
            if not given.json:
                print(_line(result), flush=True)
    if given.json:
        rows = [{**result._asdict(), "reached": result.reached} for result in results]
        print(json.dumps({"machine": machine(), "results": rows}, indent=2))
    else:
        print(f"\n{machine()}")
    return 0


def _line(result: Result) -> str:
    """A row of a Markdown table."""
    sign = "≥" if result.at_least else "≤"
    return (
        f"| {result.name} | {sign} {result.goal:,g} {result.unit} | {_number(result.value)} "
        f"| {'yes' if result.reached else 'no'} | {result.detail} |"
    )


def _number(value: float) -> str:
    """Three figures of a small number, whole ones of a large."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
