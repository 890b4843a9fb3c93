"""What digpy takes of a machine while it runs, and while it has nothing to do."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import Result, Sizes, digpy_run, file_of, memory_of
from benchmarks.scheduler import idle


def memory(sizes: Sizes) -> Sequence[Result]:
    """The most memory that the larger of command and worker has, of one task and of many."""
    return [_memory(1, 60, sizes.repeat), _memory(min(sizes.many), 150, sizes.repeat)]


def scheduler(sizes: Sizes) -> Sequence[Result]:
    """A scheduler with one schedule that is not due."""
    return [Result(*result, False, "") for result in idle(1, sizes.idle)]


def _memory(count: int, goal: float, repeat: int) -> Result:
    peaks = [_peaks(count) for _ in range(repeat)]
    command, worker = map(statistics.median, zip(*peaks, strict=True))
    title = f"memory of {count:,} task{'s' if count > 1 else ''}"
    detail = f"command {command:.0f}, worker {worker:.0f}, together {command + worker:.0f} MB"
    return Result(title, max(command, worker), "MB", goal, False, detail)


def _peaks(count: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="digpy-benchmark-") as directory:
        Path(directory, "w.dig").write_text(file_of(["echo>: hello"] * count))
        command, worker = memory_of(digpy_run(), directory)
    return command, worker
