"""The benchmarks work; how fast things are is not asserted here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.run import PEERS
from benchmarks.run import WORKLOADS
from digpy import __version__

ROOT = Path(__file__).parents[2]


def _run(script: str, *arguments: object) -> str:
    ended = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_is_measured(name: str) -> None:
    sizes = ["--repeat", 1, "--tasks", 20, "--many", 40, "--programs", 3, "--idle", 0.1]
    results: list[dict[str, Any]] = json.loads(
        _run("benchmarks/run.py", "--json", "--only", name, *sizes)
    )["results"]
    assert results
    for result in results:
        value, goal = result["value"], result["goal"]
        assert result["reached"] is (value >= goal if result["at_least"] else value <= goal)


def test_the_table_says_what_was_wanted_and_what_was_measured() -> None:
    table = _run("benchmarks/run.py", "--repeat", 1, "--tasks", 20, "--only", "reading")
    assert table.startswith("| workload | goal | measured | reached | in detail |\n")
    assert "| ≤ 0.3 x ruamel.yaml's load | " in table


@pytest.mark.parametrize("name", PEERS)
def test_the_script_of_a_peer_is_python(name: str) -> None:
    path = ROOT / "benchmarks" / "peers" / f"{name}_work.py"
    compile(path.read_text(), path, "exec")


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_is_pinned(name: str) -> None:
    requirements = ROOT / "benchmarks" / "peers" / "requirements" / f"{name}.txt"
    first, *others = requirements.read_text().splitlines()
    assert first.startswith(f"{name}==")
    assert all("==" in line for line in others)


def test_digpy_is_measured_without_peers(tmp_path: Path) -> None:
    sizes = ["--repeat", 1, "--tasks", 5, "--programs", 2]
    table = _run("benchmarks/peers/run.py", "--venvs", tmp_path, *sizes)
    assert table.startswith(f"| work | digpy {__version__} |\n")


def test_digpy_is_measured_for_programs(tmp_path: Path) -> None:
    sizes = ["--repeat", 1, "--tasks", 5, "--programs", 2]
    answer = _run("benchmarks/peers/run.py", "--venvs", tmp_path, "--json", *sizes)
    assert {row["engine"] for row in json.loads(answer)["results"]} == {"digpy"}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_that_is_installed_is_measured(name: str) -> None:
    if not (ROOT / "benchmarks" / "peers" / ".venv" / name).exists():
        pytest.skip(f"not installed: benchmarks/peers/install {name}")
    sizes = ["--repeat", 1, "--tasks", 5, "--programs", 2]
    table = _run("benchmarks/peers/run.py", "--only", name, "--json", *sizes)
    assert {row["engine"] for row in json.loads(table)["results"]} == {"digpy", name}


def test_a_scheduler_among_schedules_is_measured() -> None:
    printed = _run("benchmarks/scheduler.py", "--schedules", 3, "--seconds", 5, "--json")
    assert all(result["value"] >= 0 for result in json.loads(printed)["results"])


def test_fuzzing_tries_texts_of_every_target_and_finds_nothing(tmp_path: Path) -> None:
    printed = _run("benchmarks/fuzz.py", "--blind", "--minutes", 0.1, "--finds", tmp_path)
    assert printed.count(" texts") == printed.count("blind") > 0
    assert list(tmp_path.iterdir()) == []


def test_a_short_soak_kills_and_finds_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "benchmarks/soak.py", "--json", "--minutes", "0.1", "--sessions", "2"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(ended.stdout)
    assert sum(report["kills"].values()) > 0
    assert set(map(len, report["faults"].values())) == {0}
