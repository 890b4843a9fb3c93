"""Measures what a scheduler costs that has nothing to do, and how late sessions start.

    python benchmarks/scheduler.py                    # 10,000 schedules, a minute each
    python benchmarks/scheduler.py --schedules 100 --seconds 10 --json

Linux and the standard library only; it measures the digpy of this checkout with the interpreter
that runs it. Each file of a project has a schedule that is due once a year; the last measurement
adds one that is due every second.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
RARE = "timezone: UTC\nschedule: {{cron>: '{minute} 0 1 1 *'}}\n+a: {{echo>: a}}\n"
OFTEN = "timezone: UTC\nschedule: {seconds_interval>: 1}\n+a: {echo>: a}\n"
TICKS = os.sysconf("SC_CLK_TCK")


class Result(NamedTuple):
    """One line of the table; no more than `goal` is good."""

    name: str
    value: float
    unit: str
    goal: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print. The exit code is 0 whether goals are reached or not."""
    parser = argparse.ArgumentParser(description="Measure what a scheduler costs.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--schedules", type=int, default=10_000, metavar="N", help="(10000)")
    parser.add_argument("--seconds", type=float, default=60, metavar="S", help="of each (60)")
    given = parser.parse_args(arguments)
    results = [*idle(1, given.seconds), *idle(given.schedules, given.seconds)]
    results += lateness(given.schedules, given.seconds)
    if given.json:
        sys.stdout.write(json.dumps({"results": [result._asdict() for result in results]}) + "\n")
        return 0
    sys.stdout.write("| what | goal | measured | reached |\n|---|---|---|---|\n")
    for name, value, unit, goal in results:
        reached = "yes" if value <= goal else "no"
        sys.stdout.write(f"| {name} | <= {goal:g} {unit} | {value:.3g} | {reached} |\n")
    return 0


def idle(schedules: int, seconds: float) -> Iterator[Result]:
    """Start-up, memory and processor time of a scheduler of which nothing is due."""
    with project(schedules) as directory:
        begin = time.perf_counter()
        with scheduler(directory) as pid:
            started = time.perf_counter() - begin
            time.sleep(2)  # what starts beside it is not idle
            before = spent(pid)
            time.sleep(seconds)
            share = (spent(pid) - before) / seconds * 100
            memory = {name: megabytes(each) for name, each in processes(pid).items()}
    about = f"{schedules:,} schedules"
    yield Result(f"{about}: until it leads, and all are loaded", started, "s", 30)
    yield Result(f"{about}: memory of the scheduler", memory["scheduler"], "MB", 80)
    yield Result(f"{about}: memory of what watches its files", memory["watcher"], "MB", 80)
    yield Result(f"{about}: processor time of both, idle", share, "%", 1)


def lateness(schedules: int, seconds: float) -> Iterator[Result]:
    """How long after its time a session has its attempt, and a worker, beside so many schedules."""
    with project(schedules) as directory:
        (directory / "often.dig").write_text(OFTEN)
        with scheduler(directory):
            # What became due while it was loading is caught up first.
            ready = time.time() + seconds / 2
            time.sleep(seconds)
        query = """
            SELECT (a.created_at - s.session_time) / 1e3, (a.started_at - s.session_time) / 1e3
              FROM attempts a JOIN sessions s ON a.session = s.id
             WHERE a.started_at IS NOT NULL AND s.session_time > ?"""
        with closing(sqlite3.connect(directory / ".digpy" / "digpy.db")) as database:
            created, started = zip(*database.execute(query, [ready * 1e6]), strict=True)
    about = f"{len(created)} sessions beside {schedules:,} schedules"
    yield Result(f"{about}: lateness of the attempt, median", statistics.median(created), "ms", 50)
    yield Result(f"{about}: lateness of the attempt, p99", percentile(created, 99), "ms", 50)
    yield Result(f"{about}: until its worker runs, p99", percentile(started, 99), "ms", 200)


@contextmanager
def project(schedules: int) -> Iterator[Path]:
    """A directory with so many workflows, each of which is due in a year at most."""
    with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as name:
        for number in range(schedules):
            text = RARE.format(minute=number % 60)
            Path(name, f"w{number:05}.dig").write_text(text)
        yield Path(name)


@contextmanager
def scheduler(directory: Path) -> Iterator[int]:
    """A scheduler of `directory` that has loaded it; its process number."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIGPY_", "DIGDAG_", "COVERAGE_"))
    }
    environment |= {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(directory)}
    process = subprocess.Popen(
        [sys.executable, "-m", "digpy", "scheduler"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "with a schedule" in line:
                break
        else:
            raise RuntimeError(f"the scheduler ended with code {process.wait()}")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def processes(pid: int) -> dict[str, int]:
    """The scheduler, and its only child."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (watcher,) = map(int, children)
    return {"scheduler": pid, "watcher": watcher}


def spent(pid: int) -> float:
    """Seconds of processor time of both so far."""
    total = 0
    for each in processes(pid).values():
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def megabytes(pid: int) -> float:
    """The memory of a process that is resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory")


def percentile(values: Sequence[float], rank: int) -> float:
    """The smallest value that is not below `rank` percent of `values`."""
    return sorted(values)[min(len(values) - 1, len(values) * rank // 100)]


if __name__ == "__main__":
    sys.exit(main())
