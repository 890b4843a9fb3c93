"""Zones as digdag understands them; most cases were recorded with the workflows."""

import pytest

from digpy.dsl.timezones import timezone_name


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
