"""Mappings of parameters evaluated by digdag 0.10.5.1, and where digpy differs on purpose."""

import json
from pathlib import Path
from typing import Any

import pytest

from digpy.errors import ExpressionError
from digpy.expr.evaluate import evaluate
from digpy.expr.javascript import default_engine
from digpy.values import Params, as_templates, deep_merge

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "configs.jsonl").read_text("utf-8").splitlines()]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "configs.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}


def templates(params: Params) -> Params:
    return {key: as_templates(value) for key, value in params.items()}


def outcome(row: dict[str, Any]) -> str:
    """The evaluated mapping as JSON text (so that order counts), or the name of the error."""
    scope = {"timezone": row["timezone"], **templates(row["params"])}
    params = deep_merge(scope, templates(row["local"]))
    try:
        result = evaluate(params, scope, default_engine, row["timezone"], 0)
    except ExpressionError as error:
        return str(error).split(":")[0]
    del result["timezone"]
    return json.dumps(result)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_mapping_is_evaluated_as_digdag_did(row: dict[str, Any]) -> None:
    failed = row["error"] is not None
    expected = row["error"].split(":")[0] if failed else json.dumps(row["result"])
    if row["id"] in DIFFERENT:
        assert outcome(row) != expected, "it agrees: take it off the list of differences"
    else:
        assert outcome(row) == expected
