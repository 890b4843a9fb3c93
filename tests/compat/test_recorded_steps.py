"""The tree that ``check`` shows of every recorded workflow has the tasks that digdag compiled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digpy.cli.steps import Step
from tests.support.steps import steps

RECORDED = Path(__file__).parent / "recorded"
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "compile.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
ROWS = [
    row
    for line in (RECORDED / "compile.jsonl").read_text("utf-8").splitlines()
    if (row := json.loads(line))["file"] == "w.dig"
    and row.get("tasks")
    and row["submit_error"] is None
    and row["id"] not in DIFFERENT
]


def written(step: Step) -> Iterator[str]:
    """The full names of a step and what is written below it, in the order of the file."""
    yield step.full_name
    for child in step.children:
        if not child.made:
            yield from written(child)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_written_tasks_are_those_that_digdag_compiled(row: dict[str, Any]) -> None:
    names = list(written(steps(row["text"])))

    assert names == [task["full_name"] for task in row["tasks"]]
