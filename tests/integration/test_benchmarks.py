"""The benchmarks work; how fast things are is not asserted here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_benchmarks_measure_everything_in_the_table() -> None:
    sizes = ["--repeat", "1", "--echo-tasks", "3", "--shell-tasks", "2"]
    ended = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--json", *sizes],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr
    results = json.loads(ended.stdout)["results"]
    assert [result["name"][0] for result in results] == ["a", "b", "c"]
    assert all(result["value"] > 0 for result in results)
