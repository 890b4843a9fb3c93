"""What a plain ``digpy run`` imports, in the command and in the worker: start-up is paid each time.

And what is done with it: Python's garbage collector would look through all of it fifty times.

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
import atexit, gc, os, sys

looked = 0

def look(phase, info):
    global looked
    looked += phase == "start"

gc.callbacks.append(look)

def dump(path=os.path.join(os.environ["MODULES"], "{}")):
    with open(path.format(os.getpid()), "w") as file:
        file.write("\\n".join([str(looked), *sys.modules]))

def leave(code, leave=os._exit):  # how a forked process ends: no atexit there
    dump()
    leave(code)

atexit.register(dump)
os._exit = leave
"""


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Of the command and of the worker of one run, when they end: collections, and modules."""
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
    return dumps


@pytest.fixture
def imported(dumps: list[list[str]]) -> set[str]:
    """Every module that the command or the worker has imported."""
    return {name for _, *names in dumps for name in names}


def test_hardly_ever_is_rubbish_looked_for(dumps: list[list[str]]) -> None:
    assert sum(int(looked) for looked, *_ in dumps) < 20


def test_a_plain_run_imports_nothing_heavy(imported: set[str]) -> None:
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def test_a_plain_run_imports_these_modules_of_ours(imported: set[str], golden: Golden) -> None:
    ours = sorted(name for name in imported if name.partition(".")[0] == "digpy")
    golden.check("import-budget.txt", "\n".join(ours) + "\n")
