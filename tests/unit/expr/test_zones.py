from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digpy.errors import ConfigError
from digpy.expr.transitions import BEGINNING, transitions
from digpy.expr.zones import zone, zone_id


@pytest.mark.parametrize(
    ("name", "shown", "offset"),
    [
        ("UTC", "UTC", "+0000"),
        ("", "UTC", "+0000"),
        (" UTC", "UTC", "+0000"),
        ("Z", "Z", "+0000"),
        ("+00:00", "Z", "+0000"),
        ("UTC+0", "UTC", "+0000"),
        ("+9", "+09:00", "+0900"),
        ("+0900", "+09:00", "+0900"),
        ("-03:30", "-03:30", "-0330"),
        ("GMT+9", "GMT+09:00", "+0900"),
        ("UTC+05:45", "UTC+05:45", "+0545"),
        ("+18:00", "+18:00", "+1800"),
        ("Asia/Tokyo", "Asia/Tokyo", "+0900"),
        ("Etc/GMT+8", "Etc/GMT+8", "-0800"),
        ("EST5EDT", "EST5EDT", "-0500"),
    ],
)
def test_zone_is_understood(name: str, shown: str, offset: str) -> None:
    assert zone_id(name) == shown
    assert datetime(2016, 1, 1, tzinfo=zone(name)).strftime("%z") == offset


@pytest.mark.parametrize(
    "name",
    ["JST", "PST", "EST", "HST", "asia/tokyo", "+19:00", "+9:0", "+09:60", "9", "Asia", "../etc"],
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not a time zone"):
        zone(name)


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
