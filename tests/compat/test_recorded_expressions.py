"""Every expression that was recorded from digdag 0.10.5.1, and where digpy differs on purpose."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from digpy.errors import ExpressionError
from digpy.expr.evaluate import evaluate_text
from digpy.expr.javascript import JavaScript, default_engine
from tests.support.javascript import NEEDS_JS2PY, make_engine

RECORDED = Path(__file__).parent / "recorded"
ROWS = [
    json.loads(line) for line in (RECORDED / "expressions.jsonl").read_text("utf-8").splitlines()
]
DIFFERS: dict[str, list[str]] = json.loads(
    (RECORDED / "expressions.differs.json").read_text("utf-8")
)
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
GROUPS = {group: list(rows) for group, rows in groupby(ROWS, lambda row: row["group"])}
DIFFERENT_WITH_JS2PY = {
    row
    for rows in json.loads(
        (RECORDED / "expressions.js2py.differs.json").read_text("utf-8")
    ).values()
    for row in rows
}
SLOW_WITH_JS2PY = {"long-0004"}
"""Splits a text of 100,000 signs, which takes js2py nearly the second that it may take."""
NAMES = {"SyntaxError", "ReferenceError", "TypeError", "RangeError", "URIError", "Error"}


def outcome(row: dict[str, Any], engine: JavaScript | None = None) -> tuple[str | None, str | None]:
    """Result and kind of error, one of them None."""
    variables = {"timezone": row["timezone"], **row["params"]}
    template, timezone = row["template"], row["timezone"]
    make = default_engine if engine is None else lambda: engine
    try:
        return evaluate_text(template, variables, make, timezone, 0), None
    except ExpressionError as error:
        message = str(error).removeprefix(f"Failed to evaluate a variable {row['template']} (")
        name = message.split(":")[0]
        return None, name if name in NAMES else "other"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_expression_gives_what_digdag_gave(row: dict[str, Any]) -> None:
    expected = (row["result"], row["error_kind"])
    if row["id"] in DIFFERENT:
        assert outcome(row) != expected, "it agrees: take it off the list of differences"
    else:
        assert outcome(row) == expected


@pytest.fixture(scope="module")
def js2py() -> JavaScript:
    return make_engine("js2py")


@NEEDS_JS2PY
@pytest.mark.parametrize("group", GROUPS)
def test_js2py_gives_what_digdag_gave(group: str, js2py: JavaScript) -> None:
    found = {
        row["id"]
        for row in GROUPS[group]
        if row["id"] not in SLOW_WITH_JS2PY
        and outcome(row, js2py) != (row["result"], row["error_kind"])
    }

    assert found == DIFFERENT_WITH_JS2PY & {row["id"] for row in GROUPS[group]}


def test_the_list_of_differences_names_recorded_rows() -> None:
    assert {row["id"] for row in ROWS} >= DIFFERENT | DIFFERENT_WITH_JS2PY | SLOW_WITH_JS2PY
