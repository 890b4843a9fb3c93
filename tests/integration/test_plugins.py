"""Operators from other packages: found by their entry point, and unable to take the worker down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = """
from digpy.spi import InlineOperator, TaskResult


class Shout(InlineOperator):
    def run(self, request):
        return TaskResult(output=str(request.command).upper() + "\\n")


class Broken(InlineOperator):
    def run(self, request):
        return 1 / 0
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory of installed packages with one plugin."""
    site = tmp_path / "site"
    info = site / "loud-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "loud.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[digpy.operators]\nshout = loud:Shout\nbroken = loud:Broken\n"
    )
    return site


def _run(project: Path, site: Path, workflow: str) -> subprocess.CompletedProcess[str]:
    project.mkdir()
    (project / "w.dig").write_text(workflow)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{site}"}
    return subprocess.run(
        [sys.executable, "-m", "digpy", "run", "w.dig"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_operator_of_an_installed_package_is_found_by_its_entry_point(
    tmp_path: Path, site: Path
) -> None:
    done = _run(tmp_path / "p", site, "+a:\n  shout>: hello\n")

    assert (done.returncode, done.stdout) == (0, "HELLO\n")


def test_a_defect_of_an_operator_fails_its_task_and_lets_handlers_run(
    tmp_path: Path, site: Path
) -> None:
    done = _run(
        tmp_path / "p",
        site,
        "+a:\n  broken>: x\n  _error:\n    echo>: handled ${error.message}\n",
    )

    assert done.returncode == 1
    assert done.stdout == "handled ZeroDivisionError: division by zero (runtime)\n"
    assert "recovering" not in done.stderr, "the worker survived"


def test_output_without_a_newline_gets_one_and_a_long_line_stays_one(
    tmp_path: Path, site: Path
) -> None:
    (site / "loud.py").write_text(PLUGIN.replace('.upper() + "\\n"', " * 20000"))
    done = _run(tmp_path / "p", site, "+a:\n  shout>: 12345\n+b:\n  echo>: next\n")

    assert done.stdout == "12345" * 20000 + "\nnext\n"
