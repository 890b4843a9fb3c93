"""When an SLA is missed, as digdag 0.10.5.1 computed it."""

import json
from pathlib import Path
from typing import Any

import pytest

from digpy.control.sla import sla_instant
from digpy.dsl.sla import read_sla
from digpy.errors import CompileError
from tests.support.instants import instant

RECORDED = Path(__file__).parent / "recorded"
ROWS = [json.loads(line) for line in (RECORDED / "sla.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS if row["trigger"]])
def test_instant_is_that_of_digdag(row: dict[str, Any]) -> None:
    found = sla_instant(read_sla(row["sla"]), row["timezone"], instant(row["run_time"]))

    assert found == instant(row["trigger"])


@pytest.mark.parametrize("row", [pytest.param(row, id=row["id"]) for row in ROWS if row["error"]])
def test_what_digdag_refuses_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(CompileError):
        read_sla(row["sla"])
