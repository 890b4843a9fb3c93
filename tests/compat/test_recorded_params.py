"""Built-in variables recorded from digdag 0.10.5.1, and where digpy differs on purpose.

The times of the schedule's neighbours are taken from the record: computing them is the business of
schedules, and what is tested here is everything that follows from them.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digpy.expr.builtin import AttemptVariables, session_parameters

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "params.jsonl").read_text("utf-8").splitlines()]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "params.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
AGREEING = [row for row in ROWS if row["id"] not in DIFFERENT]


def instant(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


@pytest.mark.parametrize("row", AGREEING, ids=lambda row: row["id"])
def test_parameters_of_an_attempt(row: dict[str, Any]) -> None:
    recorded = row["session_params"]
    schedule = None
    if row["schedule"] is not None:
        schedule = (instant(recorded["last_session_time"]), instant(recorded["next_session_time"]))
    executed = None if row["last_executed"] is None else instant(row["last_executed"])

    params = session_parameters(row["attempt_params"], row["timezone"], schedule, executed)

    assert list(params.items()) == list(recorded.items())


@pytest.mark.parametrize("row", AGREEING, ids=lambda row: row["id"])
def test_variables_of_a_task(row: dict[str, Any]) -> None:
    variables = AttemptVariables(
        timezone=row["timezone"],
        session_uuid="01234567-89ab-cdef-0123-456789abcdef",
        session_id=13,
        session_time=instant(row["session_time"]),
        project_id=7,
        attempt_id=11,
        retry_attempt_name=row["retry_attempt_name"],
    )

    found = variables.of_task("+w+t", {**row["session_params"], **row["export"]})

    assert list(found.items()) == list(row["runtime_params"].items())


OUTSIDE = [row for row in ROWS if row["id"] in DIFFERENT]


@pytest.mark.parametrize("row", OUTSIDE, ids=lambda row: row["id"])
def test_instant_outside_of_the_years_1_to_9999_cannot_be_said(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Invalid isoformat string"):
        instant(row["session_time"])
