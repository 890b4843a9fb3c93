from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digpy.expr.transitions import BEGINNING, transitions


@pytest.mark.parametrize(
    "name",
    [
        "America/Los_Angeles",
        "Europe/London",
        "Africa/Casablanca",
        "Asia/Tokyo",
        "Australia/Lord_Howe",
    ],
)
def test_transitions_tell_the_offset_of_every_day(name: str) -> None:
    table = transitions(name)
    info = ZoneInfo(name)
    assert table[0][0] == BEGINNING
    position = 0
    day = datetime(1890, 1, 1, 12, tzinfo=UTC)
    while day.year < 2099:
        while position + 1 < len(table) and table[position + 1][0] <= day.timestamp() * 1000:
            position += 1
        offset = day.astimezone(info).utcoffset()
        assert offset == timedelta(minutes=table[position][1]), day
        day += timedelta(days=5)


def test_fixed_offset_has_one_entry() -> None:
    assert [entry[:2] for entry in transitions("+09:00")] == [(BEGINNING, 540)]
