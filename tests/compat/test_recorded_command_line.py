"""Recorded command lines of digdag, given to the real command.

Compared: the exit code (digpy's table is finer), which files appear besides the state directory,
whether the state is announced, which tasks failed and why, and what tasks printed. Those that
differ on purpose stand in `recorded/cli.differs.json`, by reason; they are run too, and have to
differ.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.compat.test_recorded_runs import DEFINITION, USAGE, DifferenceError, expect
from tests.support.command import ROOT
from tests.support.recorded_execution import TOOLS

RECORDED = Path(__file__).parent / "recorded"
ROWS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((RECORDED / "cli").glob("*.json"))
}
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "cli.differs.json").read_text())
REASONS = {id_: reason for reason, ids in DIFFERS.items() for id_ in ids}

_USAGE = (*USAGE, "error: Dynamic parameter", "error: Unknown command")
_DEFINITION = (*DEFINITION, "error: gone.yml (no such file)")
_ANNOUNCEMENT = "Task state is saved at "


class Facts(NamedTuple):
    """What a command line led to, as far as both programs can agree."""

    code: int
    created: list[str]
    announced: bool
    failures: dict[str, str]
    printed: list[str] | None


def test_every_command_line_that_differs_exists_and_stands_in_one_list() -> None:
    listed = [id_ for ids in DIFFERS.values() for id_ in ids]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_command_line(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    try:
        found, recorded = _given(row, tmp_path), _recorded(row)
        if recorded.printed is None:
            found = found._replace(printed=None)
        expect(found == recorded, f"{found}\n    recorded {recorded}")
    except DifferenceError:
        if name not in REASONS:
            raise
    else:
        assert name not in REASONS, f"agrees, so it is not: {REASONS[name]}"


def _given(row: dict[str, Any], directory: Path) -> Facts:
    project = directory / "project"
    scratch = directory / "scratch"
    project.mkdir()
    scratch.mkdir()
    for file_name, text in (row.get("files") or {}).items():
        (project / file_name).write_text(text)

    def command(argv: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {"PYTHONPATH": str(ROOT), "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        ended = subprocess.run(
            [sys.executable, "-m", "digpy", *argv],
            cwd=project,
            env={**os.environ, **environment, "ORACLE_DIR": str(scratch), "TZ": "Etc/UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return ended

    for argv in row.get("before") or []:
        command(argv)
    before = set(_files(project))
    ended = command(row["argv"])
    return Facts(
        ended.returncode,
        sorted(set(_files(project)) - before),
        _ANNOUNCEMENT in ended.stderr,
        _failures(ended.stderr),
        ended.stdout.splitlines(),
    )


def _files(project: Path) -> list[str]:
    files = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return [path.as_posix() for path in files if path.parts[0] != ".digpy"]


def _recorded(row: dict[str, Any]) -> Facts:
    said = row["stderr"].partition("\n")[2] if "Digdag v" in row["stderr"] else row["stderr"]
    code = row["exit"]
    if row["argv"][-1:] != ["--help"] and row["argv"]:
        code = 2 if said.startswith(_USAGE) else 3 if said.startswith(_DEFINITION) else code
    created = [path for path in row["created"] if path and not path.startswith(".digdag/")]
    return Facts(code, created, _ANNOUNCEMENT in said, _failures(said), _printed(row))


def _failures(said: str) -> dict[str, str]:
    return dict(re.findall(r"^  \* (\S+):\n    (.*)$", said, re.MULTILINE))


def _printed(row: dict[str, Any]) -> list[str] | None:
    """What tasks printed, and reports; None where digdag's own words cannot be told from it."""
    argv = row["argv"]
    if "--help" in argv or not argv or argv[0] == "init" or {"-E", "-dE"} & {*argv}:
        return None
    if argv[0] == "check" and row["exit"] != 0:
        return []
    of_digdag = ("<time>", "java.lang.", "<stack>", *_failures(row["stderr"]).values())
    lines: list[str] = row["stdout"].splitlines()
    return [line for line in lines if not line.startswith(of_digdag)]
