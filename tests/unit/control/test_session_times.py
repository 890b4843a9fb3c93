"""What ``--session`` means."""

from __future__ import annotations

import pytest

from digpy.control.session_times import attempt_parameters, session_text, session_time
from digpy.dsl.model import Definitions, Workflow
from digpy.errors import UsageError
from digpy.values import Params

TOKYO = "Asia/Tokyo"
NEW_YORK = "America/New_York"
NOW = 1_456_800_123_456_789  # 2016-03-01T11:42:03+09:00
LAST = 1_400_000_000_000_000


def workflow(timezone: str = TOKYO, schedule: Params | None = None) -> Workflow:
    return Workflow("w", timezone, Definitions([]), schedule, None, {})


def text(
    written: str,
    timezone: str = TOKYO,
    last: int | None = None,
    schedule: Params | None = None,
) -> str:
    return session_text(session_time(written, workflow(timezone, schedule), NOW, last), timezone)


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
    assert session_time("last", workflow(), NOW, LAST) == LAST


def test_without_a_session_last_is_the_one_before_now_of_the_schedule() -> None:
    assert text("last", schedule={"weekly>": "wed,09:00:00"}) == "2016-02-24T00:00:00+09:00"


def test_a_session_there_is_goes_before_the_schedule() -> None:
    daily: Params = {"daily>": "07:00:00"}
    assert session_time("last", workflow(schedule=daily), NOW, LAST) == LAST


def test_schedule_is_the_session_before_now_even_if_it_runs_later() -> None:
    assert text("schedule", schedule={"daily>": "23:00:00"}) == "2016-03-01T00:00:00+09:00"


def test_schedule_needs_one() -> None:
    with pytest.raises(UsageError, match=r"w\.dig has no schedule"):
        text("schedule")


def test_an_attempt_gets_the_times_of_the_neighbours_in_its_schedule() -> None:
    scheduled = workflow(schedule={"cron>": "0 0 * * 1-5"})

    assert attempt_parameters({"k": 1, "last_session_time": "x"}, scheduled, NOW) == {
        "k": 1,
        "last_session_time": "2016-03-01T00:00:00+09:00",
        "next_session_time": "2016-03-02T00:00:00+09:00",
    }


def test_an_attempt_of_a_workflow_without_a_schedule_gets_none() -> None:
    assert attempt_parameters({"k": 1}, workflow(), NOW) == {"k": 1}


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
