"""Every workflow in ``workflows/`` is run as a user would, by the command in its second line.

What it prints, its exit code and the tree it ends with are kept in ``tests/golden/workflows``. A
group retry over ``for_each>``, and ``require>`` under a retry, are also spelled out here.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.golden import Golden

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "workflows").rglob("*.dig"))
SESSION = "2024-03-05"


class Task(NamedTuple):
    """A task as it ended."""

    attempt: int
    number: int
    parent: int | None
    full_name: str
    state: str
    started: bool


class Ran(NamedTuple):
    """A command, and what it left in the database."""

    code: int
    out: str
    attempts: list[dict[str, Any]]
    tasks: list[Task]

    def of(self, workflow: str) -> list[dict[str, Any]]:
        """The attempts of a workflow, by id."""
        return [attempt for attempt in self.attempts if attempt["workflow"] == workflow]

    def started(self, attempt: int = 1) -> Counter[str]:
        """How often each task of an attempt was started; of those that have no children."""
        parents = {(task.attempt, task.parent) for task in self.tasks}
        return Counter(
            task.full_name
            for task in self.tasks
            if task.attempt == attempt
            and task.started
            and (task.attempt, task.number) not in parents
        )


Run = Callable[[str], Ran]


def comments(path: Path) -> dict[str, str]:
    """The three lines at the top of a file: what it shows, how to run it, what to see."""
    lines = path.read_text().splitlines()[:3]
    return {line[2:6]: line.partition(":")[2].strip() for line in lines}


def command_of(path: Path) -> str:
    return comments(path)["Run:"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command line in a directory that has ``workflows`` in it."""

    def run(command: str) -> Ran:
        shutil.copytree(
            ROOT / "workflows", tmp_path / "workflows", ignore=shutil.ignore_patterns(".*")
        )
        words = shlex.split(command)
        assert words[0] == "digpy"
        if "--session" not in words:
            words += ["--session", SESSION]
        done = subprocess.run(
            [sys.executable, "-m", "digpy", *words[1:]],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        project = tmp_path / words[words.index("--project") + 1]
        assert (project / ".digpy").exists(), done.stderr
        return Ran(done.returncode, done.stdout, *read(project / ".digpy" / "digpy.db"))

    return run


def read(database: Path) -> tuple[list[dict[str, Any]], list[Task]]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        attempts = connection.execute(
            "SELECT a.id, s.workflow, a.retry_attempt_name AS name, a.phase, a.reason"
            " FROM attempts a JOIN sessions s ON s.id = a.session ORDER BY a.id"
        ).fetchall()
        tasks = connection.execute(
            "SELECT attempt, number, parent, full_name, state, started_at IS NOT NULL"
            " FROM tasks ORDER BY attempt, number"
        ).fetchall()
    return [dict(row) for row in attempts], [Task._make((*row[:5], bool(row[5]))) for row in tasks]


def picture(ran: Ran) -> str:
    """Exit code and trees as text; names that are random differ only in their numbers."""
    lines = [f"exit code {ran.code}"]
    names = {attempt["name"]: f"<{i}>" for i, attempt in enumerate(ran.attempts, 1)}
    for attempt in ran.attempts:
        name = f" {names[attempt['name']]}" if attempt["name"] else ""
        lines += ["", f"attempt {attempt['id']} of {attempt['workflow']}{name}: {attempt['phase']}"]
        tasks = [task for task in ran.tasks if task.attempt == attempt["id"]]
        lines += branch(tasks, None, "  ")
    return "\n".join(lines) + "\n"


def branch(tasks: list[Task], parent: int | None, indent: str) -> list[str]:
    lines = []
    for task in tasks:
        if task.parent == parent:
            lines.append(f"{indent}{task.full_name}: {task.state}")
            lines += branch(tasks, task.number, indent + "  ")
    return lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_workflow_says_what_it_shows_how_to_run_it_and_what_to_see(path: Path) -> None:
    assert list(comments(path)) == ["Show", "Run:", "See:"]


def golden_name(command: str) -> str:
    words = shlex.split(command)
    project = words[words.index("--project") + 1]
    return f"{project}/{words[2]}".removesuffix(".dig")


@pytest.mark.parametrize("command", sorted({command_of(path) for path in FILES}))
def test_a_workflow_does_what_it_did(run: Run, golden: Golden, command: str) -> None:
    ran = run(command)
    golden.check(f"{golden_name(command)}.out", ran.out)
    golden.check(f"{golden_name(command)}.tree", picture(ran))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_promised_exit_code_is_the_one_that_is_kept(path: Path) -> None:
    promised = re.search(r"exit code (\d+)", comments(path)["See:"])
    kept = ROOT / "tests" / "golden" / f"{golden_name(command_of(path))}.tree"
    assert promised is None or kept.read_text().startswith(f"{promised[0]}\n")


FIRST_ITERATION = "+run^sub+for-0=v=0=0"
ALERT = "^failure-alert"


def test_a_group_retry_over_for_each_runs_each_task_of_its_first_iteration_once_a_round(
    run: Run,
) -> None:
    ran = run("digpy run retry_for_each.dig --project workflows")
    first = f"+retry_for_each{FIRST_ITERATION}"
    assert ran.started() == {f"{first}+echo": 4, f"{first}+failed": 4, f"+retry_for_each{ALERT}": 1}
    assert (ran.code, ran.out) == (1, "0\n" * 4)


def test_require_under_a_retry_without_a_name_finds_the_failed_attempt_again(run: Run) -> None:
    ran = run("digpy run schedule-layer.dig --project workflows/require")
    (required,) = ran.of("core-layer")
    assert required["phase"] == "failure"
    assert (ran.code, ran.out) == (1, "0\n")


@pytest.mark.parametrize("project", ["require_random_name", "require_frozen_name"])
def test_require_under_a_retry_with_a_random_name_starts_one_attempt_a_try(
    run: Run, project: str
) -> None:
    ran = run(f"digpy run schedule-layer.dig --project workflows/{project}")
    required = ran.of("core-layer")
    assert len({attempt["name"] for attempt in required}) == len(required) == 4
    assert (ran.code, ran.out) == (1, "0\n" * 4)
    first = f"+core-layer{FIRST_ITERATION}"
    for attempt in required:
        assert ran.started(attempt["id"]) == {
            f"{first}+echo": 1,
            f"{first}+failed": 1,
            f"+core-layer{ALERT}": 1,
        }
