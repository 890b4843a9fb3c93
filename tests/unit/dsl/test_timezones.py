"""Zones as digdag understands them; most cases were recorded with the workflows."""

from datetime import datetime

import pytest

from digpy.dsl.timezones import timezone_name, zone, zone_id
from digpy.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (None, "UTC"),
        (" UTC ", "UTC"),
        ("+9", "+09:00"),
        ("+0930", "+09:30"),
        ("-01:02:03", "-01:02:03"),
        (-8, "-08:00"),
        ("+0", "Z"),
        ("UTC+0", "UTC"),
        ("UT-3", "UT-03:00"),
        ("GMT+9", "GMT+09:00"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_zone_is_known(written: str | int | None, name: str) -> None:
    assert timezone_name(written) == name


@pytest.mark.parametrize(
    "written",
    [
        "+18:01",
        "+9:30",
        "+09:60",
        "GMT9",
        "EST",
        "Europe",
        "../etc",
        "Europe/Nowhere",
        "é",
        9,
        1.5,
        True,
        [],
    ],
)
def test_zone_is_unknown(written: object) -> None:
    assert timezone_name(written) is None  # type: ignore[arg-type]


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
