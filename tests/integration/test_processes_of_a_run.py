"""How many processes a task costs: what must not grow unnoticed.

Each run is alone in a PID namespace, whose numbers are given one after another, to threads too: the
number of the next process says how many there were.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALONE = ["unshare", "--map-root-user", "--pid", "--fork", "--mount-proc", "sh", "-c"]
SCRIPT = """"$@" && exec sh -c 'sh -c "echo \\$\\$"; :'"""
COMMAND_AND_WORKER = 2
SPAWNER_AND_KEEPER = 2


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    try:
        subprocess.run([*ALONE, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        # Installing something does not help: whether there are any is the kernel's decision.
        pytest.skip(f"this system makes no PID namespaces: {error}")


def _processes(directory: Path, task: str, count: int, *, at_once: bool = False) -> int:
    """How many processes and threads a run of `count` tasks consists of, the command included."""
    directory.mkdir()
    tasks = "".join(f"  +t{number}: {{{task}}}\n" for number in range(count))
    (directory / "w.dig").write_text(f"+all:\n  _parallel: {str(at_once).lower()}\n{tasks}")
    (directory / "steps.py").write_text("def nothing():\n    pass\n")
    command = [sys.executable, "-m", "digpy", "run", "w.dig", "--max-task-threads", "2"]
    ended = subprocess.run(
        [*ALONE, SCRIPT, "sh", *command],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    first_shell_and_next_process = 2
    return int(ended.stdout.split()[-1]) - first_shell_and_next_process


def test_inline_tasks_need_a_command_and_a_worker(tmp_path: Path) -> None:
    assert _processes(tmp_path / "w", "echo>: hello", 20) == COMMAND_AND_WORKER


@pytest.mark.parametrize("task", ['sh>: "true"', f"py>: steps.nothing, python: {sys.executable}"])
def test_programs_one_after_another_share_a_keeper(tmp_path: Path, task: str) -> None:
    count = 5
    others = COMMAND_AND_WORKER + SPAWNER_AND_KEEPER
    assert _processes(tmp_path / "w", task, count) == others + count


def test_programs_two_at_once_share_two_keepers(tmp_path: Path) -> None:
    count = 10
    others = COMMAND_AND_WORKER + SPAWNER_AND_KEEPER + 1
    assert _processes(tmp_path / "w", 'sh>: "true"', count, at_once=True) == others + count
