"""Workflow files as digdag 0.10.5.1 compiled them, and where digpy differs on purpose."""

import json
from pathlib import Path
from typing import Any

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.model import Workflow
from digpy.dsl.reader import read_text
from digpy.dsl.subtree import full_names
from digpy.dsl.tree import Tree
from digpy.errors import SourceError
from digpy.source import Source

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "compile.jsonl").read_text("utf-8").splitlines()]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "compile.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
FAILED_TO_COMPILE = [
    row
    for row in ROWS
    if row["id"] not in DIFFERENT
    and (row["stage"] == "compile" or "_export" in (row.get("submit_error") or ""))
]


def tasks(workflow: Workflow) -> list[dict[str, Any]]:
    names = full_names(workflow.definitions)
    static = workflow.definitions.tasks[: workflow.definitions.static_count(0)]
    return [
        {
            "index": task.index,
            "name": task.name,
            "full_name": names[task.index],
            "parent_index": task.parent,
            "upstream_indexes": list(task.upstreams),
            "grouping_only": task.is_group,
            "config": task.config,
        }
        for task in static
    ]


def outcome(row: dict[str, Any]) -> str:
    """The tasks (or their number) and the zone as JSON text, so that order counts; or a refusal."""
    try:
        node = read_text(Source(row["file"], row["text"]))
        workflow = compile_workflow(node, row["file"].removesuffix(".dig"), path=row["file"])
    except SourceError:
        return "refused"
    found: Any = tasks(workflow)
    if row.get("tasks") is None and "task_count" in row:
        found = len(found)
    return json.dumps([workflow.timezone, found])


def recorded(row: dict[str, Any]) -> str:
    if row["error"] is not None or row["submit_error"] is not None:
        return "refused"
    found = row["task_count"] if row["tasks"] is None else row["tasks"]
    return json.dumps([row["timezone"], found])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_file_is_compiled_as_digdag_did(row: dict[str, Any]) -> None:
    if row["id"] in DIFFERENT:
        assert outcome(row) != recorded(row)
    else:
        assert outcome(row) == recorded(row)


@pytest.mark.parametrize("row", FAILED_TO_COMPILE, ids=lambda row: row["id"])
def test_generated_definition_fails_with_the_text_of_digdag(row: dict[str, Any]) -> None:
    root = "+" + row["file"].removesuffix(".dig")
    tree = Tree([])
    tree.check_name(root, None)
    tree.build(root, root, read_text(Source(row["file"], row["text"])))
    assert tree.digdag_error == (row["error"] or row["submit_error"])
