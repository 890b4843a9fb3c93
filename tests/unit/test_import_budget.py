"""What a plain ``digpy run`` imports, in the command and in the worker: start-up is paid each time.

The list of our own modules is kept in ``tests/golden/import-budget.txt``; ``--update-golden``
rewrites it. A new name there wants a reason.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.golden import Golden

ROOT = Path(__file__).parents[2]

HEAVY = frozenset(
    {
        "alembic", "asyncio", "dataclasses", "http", "inspect", "lark", "logging", "quickjs", "rich",
        "ssl", "sqlalchemy", "subprocess", "urllib", "yaml",
    }
)  # fmt: skip
"""What no run of an ``echo>`` needs."""

_LINE = re.compile(r"import time: +\d+ \| +\d+ \| +([\w.]+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every module that the processes of a run import; ``-X importtime`` reports the fork's, too."""
    directory = tmp_path_factory.mktemp("run")
    (directory / "w.dig").write_text("timezone: UTC\n+hello:\n  echo>: hello\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "digpy", "run", "w.dig"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "hello\n"
    return set(_LINE.findall(ended.stderr))


def test_a_plain_run_imports_nothing_heavy(imported: set[str]) -> None:
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def test_a_plain_run_imports_these_modules_of_ours(imported: set[str], golden: Golden) -> None:
    ours = sorted(name for name in imported if name.partition(".")[0] == "digpy")
    golden.check("import-budget.txt", "\n".join(ours) + "\n")
