"""Lengths of time as they are written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digpy.durations import in_units, length, written
from digpy.values import SECOND


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("90s", 90), (" 1h  30M ", 5400), ("1d2h3m4s", 93_784), ("90", 90), (90, 90), (0, 0)],
)
def test_units_and_whole_seconds_are_understood(value: object, seconds: int) -> None:
    assert length(value) == seconds * SECOND  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", -5, 1.5, "1.5", True, None, [5], "30m 1h", "٣", "5 ms"]
)
def test_anything_else_is_no_length_of_time(value: object) -> None:
    assert length(value) is None  # type: ignore[arg-type]


@given(st.integers(1, 10**9))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert in_units(written(seconds * SECOND)) == seconds * SECOND


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (90, "1m 30s"), (1200, "20m"), (90_000, "1d 1h")]
)
def test_it_is_written_as_people_do(seconds: int, text: str) -> None:
    assert written(seconds * SECOND) == text
