"""Session times as digdag 0.10.5.1 computed them, and where digpy differs on purpose."""

import json
from pathlib import Path
from typing import Any

import pytest

from digpy.control.triggers import ScheduledTime, Trigger
from digpy.dsl.schedule import read_schedule
from digpy.errors import CompileError
from tests.support.instants import instant

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "schedules.jsonl").read_text("utf-8").splitlines()]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "schedules.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}
ACCEPTED = next(rows for reason, rows in DIFFERS.items() if reason.startswith("D13"))

REFUSED = "refused"


def python_instant(text: str) -> int:
    """As `instant`; 0 for a year that Python does not have."""
    return 0 if text.startswith(("0000", "-", "+")) else instant(text)


def times(row: dict[str, Any]) -> Any:
    """The recorded first, next and last times; False for what failed or did not end."""
    found = []
    for key in ("first", "next", "last"):
        time = row[key]
        found.append(
            "time" in time and (python_instant(time["time"]), python_instant(time["run_time"]))
        )
    return found


def recorded(row: dict[str, Any]) -> Any:
    return REFUSED if row["error"] or row["push_error"] else times(row)


def outcome(row: dict[str, Any]) -> Any:
    try:
        trigger = Trigger(read_schedule(row["config"]), row["timezone"])
    except CompileError:
        return REFUSED
    current = instant(row["current"])
    found: list[ScheduledTime] = [
        trigger.first_from(current),
        trigger.next_after(current),
        trigger.previous_before(current),
    ]
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_times_are_those_of_digdag(row: dict[str, Any]) -> None:
    if row["id"] in DIFFERENT:
        assert outcome(row) != recorded(row)
    else:
        assert outcome(row) == recorded(row)


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["id"]) for row in ROWS if row["id"] in ACCEPTED]
)
def test_options_that_a_push_refuses_mean_what_the_schedule_makes_of_them(
    row: dict[str, Any],
) -> None:
    assert outcome(row) == times(row)


def test_every_difference_names_a_recorded_row_once() -> None:
    listed = [row for rows in DIFFERS.values() for row in rows]

    assert len(listed) == len(set(listed))
    assert set(listed) <= {row["id"] for row in ROWS}
