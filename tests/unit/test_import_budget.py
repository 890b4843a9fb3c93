"""What a plain ``digpy run`` imports, in the command and in the worker: start-up is paid each time.

The list of our own modules is kept in ``tests/golden/import-budget.txt``; ``--update-golden``
rewrites it. A new name there wants a reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.golden import Golden

ROOT = Path(__file__).parents[2]

HEAVY = frozenset(
    {
        "_quickjs", "alembic", "asyncio", "http", "lark", "logging", "quickjs", "rich", "ssl",
        "sqlalchemy", "tempfile",
    }
)  # fmt: skip
"""What no run of an ``echo>`` needs. (`inspect` is missing here because click imports it.)"""

_HOOK = """\
import atexit, os, sys

def dump(path=os.path.join(os.environ["MODULES"], "{}")):
    with open(path.format(os.getpid()), "w") as file:
        file.write("\\n".join(sys.modules))

def leave(code, leave=os._exit):  # how a forked process ends: no atexit there
    dump()
    leave(code)

atexit.register(dump)
os._exit = leave
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every module that the command or the worker of one run has imported when it ends."""
    directory = tmp_path_factory.mktemp("run")
    (directory / "w.dig").write_text("timezone: UTC\n+hello:\n  echo>: hello\n")
    (directory / "hook").mkdir()
    (directory / "hook" / "sitecustomize.py").write_text(_HOOK)
    modules = directory / "modules"
    modules.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONPATH": f"{directory / 'hook'}{os.pathsep}{ROOT}",
        "MODULES": str(modules),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "digpy", "run", "w.dig"],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "hello\n"
    dumps = [path.read_text().split() for path in modules.iterdir()]
    assert len(dumps) == 2, "one of the command, one of the worker"
    return set(dumps[0]) | set(dumps[1])


def test_a_plain_run_imports_nothing_heavy(imported: set[str]) -> None:
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def test_a_plain_run_imports_these_modules_of_ours(imported: set[str], golden: Golden) -> None:
    ours = sorted(name for name in imported if name.partition(".")[0] == "digpy")
    golden.check("import-budget.txt", "\n".join(ours) + "\n")
