"""Every recorded use of `moment` in digdag 0.10.5.1, and where digpy differs on purpose."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from digpy.errors import ExpressionError
from digpy.expr.evaluate import evaluate_text
from digpy.expr.javascript import JavaScript
from digpy.expr.quickjs_engine import QuickJS
from tests.support.javascript import NEEDS_JS2PY, make_engine
from tests.support.zone_of_1970 import transitions_of_1970

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "moment.jsonl").read_text("utf-8").splitlines()]
GROUPS = {group: list(rows) for group, rows in groupby(ROWS, lambda row: row["group"])}
ZONE_OF_1970 = (
    "digdag's engine takes the offset that a zone had in 1970 for its standard time of all years"
)
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "moment.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
# What rows that speak of the present take for it; none shows it.
NOW = 1_700_000_000_000_000


class Outcome(NamedTuple):
    """What a template gave: a text, or the name of an error."""

    result: str | None
    error: str | None


@pytest.fixture(scope="module")
def engine() -> QuickJS:
    return QuickJS()


def outcome(row: dict[str, Any], engine: JavaScript) -> Outcome:
    variables = {"timezone": row["timezone"], **row["params"]}
    try:
        result = evaluate_text(row["template"], variables, lambda: engine, row["timezone"], NOW)
    except ExpressionError as error:
        message = str(error).removeprefix(f"Failed to evaluate a variable {row['template']} (")
        return Outcome(None, message.split(":")[0])
    return Outcome(result, None)


def disagreements(rows: list[dict[str, Any]], engine: JavaScript) -> dict[str, tuple[str, Outcome]]:
    """Template and outcome of the rows that do not give what digdag gave, by id."""
    return {
        row["id"]: (row["template"], found)
        for row in rows
        if (found := outcome(row, engine)) != Outcome(row["result"], row["error_kind"])
    }


@pytest.mark.parametrize("group", GROUPS)
def test_moment_gives_what_digdag_gave(group: str, engine: QuickJS) -> None:
    rows = [row for row in GROUPS[group] if row["id"] not in DIFFERENT]

    assert disagreements(rows, engine) == {}


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_listed_as_different_differs(group: str, engine: QuickJS) -> None:
    rows = [row for row in GROUPS[group] if row["id"] in DIFFERENT]

    agreeing = {row["id"] for row in rows} - set(disagreements(rows, engine))

    assert agreeing == set(), "take these off the list of differences"


@pytest.mark.parametrize("group", GROUPS)
def test_with_the_clock_of_digdags_engine_no_zone_makes_a_difference(
    group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digpy.expr.transitions.transitions", transitions_of_1970)
    listed = set(DIFFERS[ZONE_OF_1970])
    rows = [row for row in GROUPS[group] if row["id"] in listed]

    assert disagreements(rows, QuickJS()) == {}


@NEEDS_JS2PY
def test_js2py_gives_what_quickjs_gives() -> None:
    # All rows were compared once (it takes minutes): the same ones differ.
    rows = ROWS[::60]

    differing = set(disagreements(rows, make_engine("js2py")))

    assert differing == {row["id"] for row in rows} & DIFFERENT


def test_the_list_of_differences_names_recorded_rows() -> None:
    assert {row["id"] for row in ROWS} >= DIFFERENT
