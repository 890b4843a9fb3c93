"""Every conversion recorded from digdag 0.10.5.1, and where digpy differs on purpose."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.values import SECOND

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "types.jsonl").read_text("utf-8").splitlines()]
DIFFERS: dict[str, list[str]] = json.loads((RECORDED / "types.differs.json").read_text("utf-8"))
DIFFERENT = {row for rows in DIFFERS.values() for row in rows}


def instant_text(params: Any, key: str) -> str:
    from datetime import UTC, datetime, timedelta

    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=conversions.instant(params, key)
    )
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return text.replace(".000Z", "Z")


CONVERSIONS: dict[str, Callable[[Any, str], Any]] = {
    "string": conversions.string,
    "optional_string": conversions.optional_string,
    "boolean": conversions.boolean,
    "int": conversions.integer,
    "long": conversions.long,
    "double": conversions.double,
    "list_of_json": conversions.items,
    "list_of_string": conversions.strings,
    "parse_list": conversions.parsed_items,
    "nested": conversions.mapping,
    "nested_or_empty": conversions.optional_mapping,
    "parse_nested": conversions.parsed_mapping,
    "ordered_nested": conversions.ordered_mapping,
    "map_of_string": conversions.mapping_of_strings,
    "duration": lambda params, key: conversions.duration(params, key) // SECOND,
    "instant": instant_text,
    "zone": conversions.zone,
}


def converted(row: dict[str, Any]) -> tuple[Any, str | None]:
    params = {"k": row["value"]} if row["value_given"] else {}
    try:
        return CONVERSIONS[row["as"]](params, "k"), None
    except TaskFailed as failed:
        return None, str(failed)


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["id"]) for row in ROWS if row["id"] not in DIFFERENT]
)
def test_conversion_gives_what_digdag_gives(row: dict[str, Any]) -> None:
    result, error = converted(row)

    assert error == row["error"]
    assert json.dumps(result) == json.dumps(row["result"])


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["id"]) for row in ROWS if row["id"] in DIFFERENT]
)
def test_rows_listed_as_different_are_different(row: dict[str, Any]) -> None:
    assert converted(row) != (row["result"], row["error"])


def test_every_difference_names_a_recorded_row_once() -> None:
    listed = [row for rows in DIFFERS.values() for row in rows]

    assert len(listed) == len(set(listed))
    assert set(listed) <= {row["id"] for row in ROWS}
