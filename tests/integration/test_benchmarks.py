"""The benchmarks work; how fast things are is not asserted here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_benchmarks_measure_everything_in_the_table() -> None:
    tasks = ["--echo-tasks", "3", "--shell-tasks", "2", "--items", "20", "--many-tasks", "20"]
    ended = subprocess.run(
        [sys.executable, "benchmarks/run.py", "--json", "--repeat", "1", *tasks],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stderr
    results = json.loads(ended.stdout)["results"]
    assert [result["name"][0] for result in results] == list("abcdef")
    assert all(result["value"] > 0 for result in results)


def test_fuzzing_tries_texts_of_every_target_and_finds_nothing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "benchmarks/fuzz.py", "--blind", "--minutes", "0.1", "--finds", tmp_path],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" texts") == ended.stdout.count("blind") > 0
    assert list(tmp_path.iterdir()) == []
