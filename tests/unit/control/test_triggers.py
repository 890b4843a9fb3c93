"""Session times and run times of schedules, beyond what was recorded of digdag."""

from __future__ import annotations

import pytest

from digpy.control.triggers import FINISHED, Trigger, upcoming
from digpy.dsl.schedule import read_schedule
from digpy.errors import ConfigError
from digpy.values import Params
from tests.support.instants import instant, shown

NEW_YORK = "America/New_York"


def trigger(schedule: Params, timezone: str = "UTC") -> Trigger:
    return Trigger(read_schedule(schedule), timezone)


def following(schedule: Params, after: str, count: int, timezone: str = "UTC") -> list[str]:
    """The sessions after an instant, by stepping."""
    found, at = [], instant(after)
    steps = trigger(schedule, timezone)
    for _ in range(count):
        at = steps.next_after(at).session_time
        found.append(shown(at, timezone))
    return found


def test_upcoming_begins_with_a_session_that_runs_just_then() -> None:
    daily = read_schedule({"daily>": "07:00:00"})

    found = upcoming(daily, "UTC", instant("2016-01-01T07:00"), 2)

    assert [(shown(time.session_time), shown(time.run_time)) for time in found] == [
        ("2016-01-01T00:00+00:00", "2016-01-01T07:00+00:00"),
        ("2016-01-02T00:00+00:00", "2016-01-02T07:00+00:00"),
    ]


def test_upcoming_has_no_more_than_there_are() -> None:
    daily = read_schedule({"daily>": "00:00:00", "end": "2016-01-02"})

    assert len(upcoming(daily, "UTC", instant("2016-01-01"), 10)) == 2


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(ConfigError, match="Nowhere"):
        upcoming(read_schedule({"daily>": "00:00:00"}), "Nowhere", 0, 1)


def test_a_fraction_of_a_second_ahead_of_a_run_is_not_too_late() -> None:
    daily = trigger({"daily>": "07:00:00"})

    assert daily.first_from(instant("2016-01-01T06:59:59.999999")).run_time == instant(
        "2016-01-01T07:00"
    )


def test_a_fraction_of_a_second_behind_a_run_is() -> None:
    daily = trigger({"daily>": "07:00:00"})

    assert daily.first_from(instant("2016-01-01T07:00:00.000001")).run_time == instant(
        "2016-01-02T07:00"
    )


def test_the_session_before_a_fraction_of_a_second_is_the_one_just_then() -> None:
    daily = trigger({"daily>": "07:00:00"})

    assert daily.previous_before(instant("2016-01-01T00:00:00.000001")).session_time == instant(
        "2016-01-01"
    )


def test_a_rare_date_is_found_over_many_years() -> None:
    assert following({"cron>": "0 0 29 2 1"}, "2024-02-29", 2) == [
        "2044-02-29T00:00+00:00",
        "2072-02-29T00:00+00:00",
    ]


def test_a_rare_date_is_found_backwards_too() -> None:
    leap = trigger({"cron>": "0 0 29 2 *"})

    assert leap.previous_before(instant("1904-01-01")).session_time == instant("1896-02-29")


def test_the_last_day_of_the_month_is_found_whichever_it_is() -> None:
    assert following({"cron>": "0 0 L * *"}, "2024-01-31", 3) == [
        "2024-02-29T00:00+00:00",
        "2024-03-31T00:00+00:00",
        "2024-04-30T00:00+00:00",
    ]


def test_the_first_of_a_month_is_not_lost_behind_a_short_one() -> None:
    assert following({"cron>": "0 0 31-1 * *"}, "2016-02-10", 2) == [
        "2016-03-01T00:00+00:00",
        "2016-03-31T00:00+00:00",
    ]


def test_every_keeps_its_distance_across_a_change_of_the_clock() -> None:
    assert following({"every": "12h", "start": "2016-03-12"}, "2016-03-12T17:00", 3, NEW_YORK) == [
        "2016-03-13T00:00-05:00",
        "2016-03-13T13:00-04:00",
        "2016-03-14T01:00-04:00",
    ]


def test_every_without_a_start_has_a_session_at_a_midnight() -> None:
    assert following({"every": "7d"}, "2000-01-01T00:00+09:00", 1, "Asia/Tokyo") == [
        "2000-01-08T00:00+09:00"
    ]


def test_a_skipped_time_that_moves_behind_another_one_keeps_the_order() -> None:
    assert following({"cron>": "30 2 * * *|0 3 * * *"}, "2016-03-13T05:00", 3, NEW_YORK) == [
        "2016-03-13T03:00-04:00",
        "2016-03-13T03:30-04:00",
        "2016-03-14T02:30-04:00",
    ]


def test_a_skipped_time_that_moves_onto_another_one_is_one_session() -> None:
    assert following({"cron>": "0 2,3 * * *"}, "2016-03-13T05:00", 2, NEW_YORK) == [
        "2016-03-13T03:00-04:00",
        "2016-03-14T02:00-04:00",
    ]


def test_a_day_that_a_zone_skipped_has_no_session_of_its_own() -> None:
    assert following({"daily>": "00:00:00"}, "2011-12-29T00:00-10:00", 2, "Pacific/Apia") == [
        "2011-12-31T00:00+14:00",
        "2012-01-01T00:00+14:00",
    ]


@pytest.mark.parametrize("timezone", ["UTC", "+05:30", NEW_YORK, "Pacific/Kiritimati"])
def test_after_the_year_9998_no_session_is_left(timezone: str) -> None:
    hourly = trigger({"hourly>": "00:00"}, timezone)

    assert hourly.next_after(FINISHED.session_time - 1) == FINISHED
    assert hourly.next_after(instant("9999-12-31T23:59:59")) == FINISHED


@pytest.mark.parametrize("timezone", ["UTC", "+05:30", NEW_YORK, "Asia/Manila"])
def test_before_the_year_1_there_is_a_first_instant_and_no_error(timezone: str) -> None:
    yearly = trigger({"cron>": "0 0 1 7 *"}, timezone)

    assert yearly.previous_before(instant("0001-03-01")).session_time == instant("0001-01-03")


def test_start_and_end_are_about_run_times() -> None:
    late = trigger({"daily>": "30:00:00", "start": "2016-03-02", "end": "2016-03-03"})

    first = late.next_after(instant("2016-01-01"))
    second = late.next_after(first.session_time)

    assert [shown(first.session_time), shown(second.session_time)] == [
        "2016-03-01T00:00+00:00",
        "2016-03-02T00:00+00:00",
    ]
    assert late.next_after(second.session_time) == FINISHED


def test_the_session_before_another_one_may_lie_ahead_of_the_start() -> None:
    daily = trigger({"daily>": "00:00:00", "start": "2016-03-01"})

    assert daily.previous_before(instant("2016-03-01")).session_time == instant("2016-02-29")


def test_a_day_on_which_the_clock_changes_belongs_to_the_schedule_until_its_midnight() -> None:
    hourly = trigger({"hourly>": "00:00", "end": "2016-11-06"}, NEW_YORK)

    assert hourly.next_after(instant("2016-11-07T03:59Z")).session_time == instant(
        "2016-11-07T04:00Z"
    )
    assert hourly.next_after(instant("2016-11-07T04:00Z")) == FINISHED


def test_the_last_session_until_an_instant_is_one_that_has_run() -> None:
    daily = trigger({"daily>": "07:00:00"})

    last = daily.last_until(instant("2016-01-05T06:59"))

    assert last is not None
    assert shown(last.session_time) == "2016-01-04T00:00+00:00"


def test_the_last_session_until_an_instant_is_none_before_the_start() -> None:
    daily = trigger({"daily>": "07:00:00", "start": "2016-03-01"})

    assert daily.last_until(instant("2016-03-01T06:59")) is None


def test_the_last_session_until_an_instant_is_not_after_the_end() -> None:
    daily = trigger({"daily>": "07:00:00", "end": "2016-03-01"})

    last = daily.last_until(instant("2020-01-01"))

    assert last is not None
    assert shown(last.session_time) == "2016-03-01T00:00+00:00"


@pytest.mark.parametrize("timezone", ["UTC", NEW_YORK, "Asia/Manila", "Pacific/Kiritimati"])
def test_the_first_and_the_last_day_of_all_can_be_start_and_end(timezone: str) -> None:
    always = trigger({"daily>": "00:00:00", "start": "0001-01-01", "end": "9999-12-31"}, timezone)

    assert not always.next_after(instant("2016-01-01")).is_finished
