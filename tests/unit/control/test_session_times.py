"""What ``--session`` means."""

from __future__ import annotations

import pytest

from digpy.control.session_times import session_text, session_time
from digpy.errors import UsageError

TOKYO = "Asia/Tokyo"
NEW_YORK = "America/New_York"
NOW = 1_456_800_123_456_789  # 2016-03-01T11:42:03+09:00
LAST = 1_400_000_000_000_000


def text(written: str, timezone: str = TOKYO, last: int | None = None) -> str:
    return session_text(session_time(written, timezone, NOW, last), timezone)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("daily", "2016-03-01T00:00:00+09:00"),
        ("today", "2016-03-01T00:00:00+09:00"),
        ("hourly", "2016-03-01T11:00:00+09:00"),
        ("now", "2016-03-01T11:42:03+09:00"),
        ("last", "2016-03-01T00:00:00+09:00"),
        ("2016-02-29", "2016-02-29T00:00:00+09:00"),
        ("2016-02-29 23:59:58", "2016-02-29T23:59:58+09:00"),
        ("2016-02-29T23:59:58", "2016-02-29T23:59:58+09:00"),
        ("1970-01-01", "1970-01-01T00:00:00+09:00"),
    ],
)
def test_the_instant_that_is_meant(written: str, expected: str) -> None:
    assert text(written) == expected


def test_last_is_the_newest_session_there_is() -> None:
    assert session_time("last", TOKYO, NOW, LAST) == LAST


def test_the_newest_session_matters_to_nothing_else() -> None:
    assert text("daily", last=LAST) == text("daily")


def test_a_time_is_one_of_the_workflow_s_time_zone() -> None:
    assert text("2016-11-06 12:00:00", NEW_YORK) == "2016-11-06T12:00:00-05:00"


def test_a_time_that_a_clock_change_skips_moves_on() -> None:
    assert text("2016-03-13 02:30:00", NEW_YORK) == "2016-03-13T03:30:00-04:00"


def test_of_a_time_that_exists_twice_the_first_is_meant() -> None:
    assert text("2016-11-06 01:30:00", NEW_YORK) == "2016-11-06T01:30:00-04:00"


@pytest.mark.parametrize("written", ["", "tomorrow", "2016-1-1", "2016-01-01 00:00", "20160101"])
def test_the_accepted_forms_are_named_for_anything_else(written: str) -> None:
    with pytest.raises(UsageError, match="write last, daily, hourly"):
        text(written)


@pytest.mark.parametrize("written", ["2015-02-29", "2016-13-01", "2016-01-01 24:00:00"])
def test_what_is_no_date_is_refused(written: str) -> None:
    with pytest.raises(UsageError, match="is no date"):
        text(written)


@pytest.mark.parametrize(
    ("written", "zone"),
    [("0001-01-01", "Asia/Tokyo"), ("9999-12-31 23:59:59", NEW_YORK)],
)
def test_a_date_whose_year_cannot_be_written_everywhere_is_refused(written: str, zone: str) -> None:
    with pytest.raises(UsageError, match="is no date"):
        text(written, zone)
