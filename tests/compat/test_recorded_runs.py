"""Recorded sequences of ``digdag run``, given to the real command, step by step.

Compared: the exit code (by the table of exit codes, which is finer than digdag's), what tasks did,
and how many were skipped. Scenarios that differ on purpose stand in `recorded/runs.differs.json`,
by reason; they are run too, and have to differ, so that the list cannot rot.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import ROOT
from tests.support.recorded_execution import TOOLS

RECORDED = Path(__file__).parent / "recorded"
ROWS = [
    row
    for line in (RECORDED / "executions.jsonl").read_text().splitlines()
    if (row := json.loads(line))["how"] == "run"
]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "runs.differs.json").read_text())
REASONS = {id_: reason for reason, ids in DIFFERS.items() for id_ in ids}

USAGE = (
    "Usage:",
    "error: Unknown option",
    "error: Expected a value",
    "error: Parameter",
    "error: Can only specify option -P once",
    "error: --session",
    'error: "--max-task-threads"',
)
"""How digdag begins to complain of a command line: exit code 2 here."""

DEFINITION = (
    "error: while parsing",
    "error: Expected object",
    "error: A task can't have",
    "error: Validating",
    "error: io.digdag.core.repository.ModelValidationException",
    "error: missing.yml (no such file)",
)
"""How digdag begins to complain of files: exit code 3 here."""


class DifferenceError(AssertionError):
    """What happened is not what was recorded."""


def test_every_scenario_that_differs_exists_and_stands_in_one_list() -> None:
    listed = [id_ for ids in DIFFERS.values() for id_ in ids]
    assert len(listed) == len(set(listed))
    assert set(listed) <= {row["id"] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_sequence_of_runs(row: dict[str, Any], tmp_path: Path) -> None:
    scenario = Scenario(tmp_path)
    scenario.write(row["files"])
    try:
        for number, step in enumerate(row["steps"], 1):
            if step["do"] == "write files":
                scenario.write(step["files"])
            else:
                scenario.check(number, step, is_ordered=row["ordered"])
    except DifferenceError:
        if row["id"] not in REASONS:
            raise
    else:
        assert row["id"] not in REASONS, f"agrees, so it is not: {REASONS[row['id']]}"


class Scenario:
    """A directory in which commands run one after the other."""

    def __init__(self, directory: Path) -> None:
        self._project = directory / "project"
        self._project.mkdir()
        self._scratch = directory / "scratch"
        self._scratch.mkdir()
        self._seen = 0

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self._project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def check(self, number: int, step: Mapping[str, Any], *, is_ordered: bool) -> None:
        """Give one command and compare how it ended. Raises `DifferenceError`."""
        argv = step["argv"]
        ended = self._command(argv)
        where = f"step {number}, {' '.join(argv)}"
        assert "Traceback" not in ended.stderr, ended.stderr
        expect(step["exit"] is not None, f"{where}: recorded as hanging")
        code = expected_code(step)
        expect(ended.returncode == code, f"{where}: {ended.returncode}, not {code}: {ended.stderr}")
        effects, recorded = self._effects(), [tuple(effect) for effect in step["effects"]]
        if not is_ordered:
            effects, recorded = sorted(effects), sorted(recorded)
        same = len(effects) == len(recorded) and all(map(is_like, recorded, effects))
        expect(same, f"{where}: effects {effects}, recorded {recorded}")
        if "has been done before" not in ended.stderr:
            # digdag counts a skipped task and what it had generated, digpy names the latter alone.
            skipped = ended.stderr.count(": skipped: ")
            recorded_skips = (step.get("log") or []).count("[WARN] Skipped")
            alike = bool(skipped) == bool(recorded_skips) and skipped <= recorded_skips
            expect(alike, f"{where}: {skipped} skipped, recorded {recorded_skips}")

    def _command(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "digpy", *argv],
            cwd=self._project,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PATH": f"{TOOLS}:{os.environ['PATH']}",
                "ORACLE_DIR": str(self._scratch),
                "TZ": "UTC",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _effects(self) -> list[tuple[str, str]]:
        """Task and text of what was added since the last time."""
        path = self._scratch / "effects"
        lines = path.read_text().splitlines() if path.exists() else []
        added, self._seen = lines[self._seen :], len(lines)
        return [(task, text) for _, task, text in (line.split("\t", 2) for line in added)]


def expected_code(step: Mapping[str, Any]) -> int:
    """digpy's exit code for what digdag ended with 0 or 1."""
    said = next(iter(step["stderr"]), "")
    if said.startswith(USAGE):
        return 2
    if said.startswith(DEFINITION):
        return 3
    return int(step["exit"])


def is_like(recorded: tuple[str, str], found: tuple[str, str]) -> bool:
    """Equal, where ``<today>`` and the like stand for the time of the recording."""
    if recorded[0] != found[0]:
        return False
    now = datetime.now().astimezone()
    pattern = re.escape(recorded[1])
    pattern = pattern.replace("<today>", now.strftime("%Y-%m-%d"))
    return re.fullmatch(re.sub(r"<[a-z-]+(?:-\d+)?>", ".*", pattern), found[1]) is not None


def expect(holds: bool, text: str) -> None:
    if not holds:
        raise DifferenceError(text)
