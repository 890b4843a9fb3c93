"""What is done about a schedule: starting, skipping, catching up, pushing, backfilling."""

from __future__ import annotations

import pytest

from digpy.control.schedules import (
    ScheduleState,
    Skip,
    Start,
    Wait,
    backfill,
    decide,
    postponed,
    pushed,
    skipped_by,
    skipped_to,
)
from digpy.control.triggers import FINISHED, Trigger
from digpy.dsl.schedule import read_schedule
from digpy.errors import Conflict, LimitExceeded, UsageError
from digpy.values import SECOND, Json, Params
from tests.support.instants import instant

HOUR = 3600 * SECOND


def hourly(**options: Json) -> Trigger:
    return trigger({"hourly>": "00:00", **options})


def trigger(schedule: Params) -> Trigger:
    return Trigger(read_schedule(schedule), "UTC")


def at(time: str) -> int:
    return instant(f"2016-01-01T{time}")


def state(schedule: Trigger, time: str, last: str | None = None) -> ScheduleState:
    return ScheduleState(schedule.first_from(at(time)), None if last is None else at(last))


def log(schedule: Trigger, state: ScheduleState, now: str, *, lasting: bool = False) -> list[str]:
    """What a scheduler does at a moment, until nothing is due; attempts end at once or last."""
    found = []
    is_active = False
    while not isinstance(decision := decide(schedule, state, at(now), is_active=is_active), Wait):
        time = state.next.session_time // HOUR % 24
        if isinstance(decision, Start):
            found.append(f"start {time}")
            is_active = lasting
        else:
            until = decision.state.next.session_time // HOUR % 24
            found.append(f"skip {time} to {until}: {decision.reason}")
        state = decision.state
    return found


def test_nothing_is_done_before_a_session_is_due() -> None:
    schedule = hourly()

    assert decide(schedule, state(schedule, "02:00"), at("01:59:59"), is_active=False) == Wait(
        at("02:00")
    )


def test_a_session_that_is_due_is_started_and_the_next_one_awaited() -> None:
    schedule = hourly()
    before = state(schedule, "02:00", last="01:00")

    assert decide(schedule, before, at("02:00"), is_active=False) == Start(
        before.next, state(schedule, "03:00", last="02:00")
    )


def test_nothing_is_due_after_the_end() -> None:
    assert decide(hourly(), ScheduleState(FINISHED, None), at("02:00"), is_active=False) == Wait(
        FINISHED.run_time
    )


def test_an_active_attempt_does_not_hinder_without_an_option() -> None:
    schedule = hourly()

    assert log(schedule, state(schedule, "02:00"), "03:00", lasting=True) == ["start 2", "start 3"]


def test_skipped_sessions_are_not_the_last_ones() -> None:
    schedule = hourly(skip_delayed_by="10m")

    decision = decide(schedule, state(schedule, "02:00", last="01:00"), at("03:30"), is_active=True)

    assert decision == Skip(at("02:00"), "delayed", state(schedule, "04:00", last="01:00"))


def test_a_session_is_not_late_at_the_last_moment() -> None:
    schedule = hourly(skip_delayed_by="10m")

    assert log(schedule, state(schedule, "02:00"), "02:10") == ["start 2"]


def test_all_sessions_are_caught_up_oldest_first() -> None:
    schedule = hourly()

    assert log(schedule, state(schedule, "02:00"), "04:10") == ["start 2", "start 3", "start 4"]


def test_a_limit_leaves_the_newest_ones() -> None:
    schedule = hourly(catchup_limit=2)

    assert log(schedule, state(schedule, "02:00"), "06:10") == [
        "skip 2 to 5: catchup",
        "start 5",
        "start 6",
    ]


def test_a_limit_skips_nothing_if_there_are_not_more() -> None:
    schedule = hourly(catchup_limit=5)

    assert log(schedule, state(schedule, "02:00"), "04:10") == ["start 2", "start 3", "start 4"]


def test_latest_leaves_one() -> None:
    schedule = hourly(catchup="latest")

    assert log(schedule, state(schedule, "02:00"), "06:10") == ["skip 2 to 6: catchup", "start 6"]


def test_none_leaves_what_is_due_now() -> None:
    schedule = hourly(catchup="none")

    assert log(schedule, state(schedule, "02:00"), "06:01:00") == [
        "skip 2 to 6: catchup",
        "start 6",
    ]


def test_none_leaves_nothing_that_was_missed() -> None:
    schedule = hourly(catchup="none")

    assert log(schedule, state(schedule, "02:00"), "06:10") == ["skip 2 to 7: catchup"]


def test_a_session_started_is_a_reason_to_skip_the_following_ones() -> None:
    schedule = hourly(skip_on_overtime=True)

    assert log(schedule, state(schedule, "02:00"), "04:10", lasting=True) == [
        "start 2",
        "skip 3 to 5: overtime",
    ]


def test_a_schedule_that_has_ended_catches_up_to_its_end() -> None:
    schedule = hourly(end="2016-01-01", catchup="latest")

    decision = decide(schedule, state(schedule, "02:00"), instant("2016-02-01"), is_active=False)

    assert decision == Skip(at("02:00"), "catchup", state(schedule, "23:00"))


def test_a_session_that_was_put_off_is_due_later() -> None:
    schedule = hourly()
    later = postponed(state(schedule, "02:00"), at("02:10"))

    assert decide(schedule, later, at("02:09"), is_active=False) == Wait(at("02:10"))
    assert log(schedule, later, "02:10") == ["start 2"]


def test_a_session_that_runs_early_can_be_skipped_all_the_same() -> None:
    schedule = hourly(skip_on_overtime=True)
    early = skipped_to(schedule, state(schedule, "02:00"), at("05:00"), run_at=at("02:30"))

    decision = decide(schedule, early, at("02:30"), is_active=True)

    assert decision == Skip(at("05:00"), "overtime", state(schedule, "06:00"))


def test_a_long_absence_is_decided_at_once() -> None:
    schedule = trigger({"cron>": "* * * * *", "catchup": "latest"})

    decision = decide(
        schedule, state(schedule, "02:00"), instant("2036-01-01T00:00:30"), is_active=False
    )

    assert isinstance(decision, Skip)
    assert decision.state.next.session_time == instant("2036-01-01")


# Pushing


def test_a_new_schedule_begins_with_the_first_session_that_runs_from_now_on() -> None:
    assert pushed(hourly(), None, at("02:30")).next.session_time == at("03:00")


def test_a_schedule_that_never_ran_begins_anew() -> None:
    before = state(hourly(), "01:00")

    assert pushed(hourly(), before, at("02:30")).next.session_time == at("03:00")


def test_a_schedule_that_ran_goes_on_after_its_last_session() -> None:
    before = state(hourly(), "03:00", last="01:00")
    halves = trigger({"minutes_interval>": 30})

    after = pushed(halves, before, at("02:45"))

    assert (after.next.session_time, after.last_session_time) == (at("01:30"), at("01:00"))


def test_clearing_forgets_what_ran() -> None:
    before = state(hourly(), "03:00", last="01:00")

    assert pushed(hourly(), before, at("02:45"), clear=True) == state(hourly(), "03:00")


# Rescheduling


def test_skipping_to_an_instant_goes_on_with_the_first_session_from_there() -> None:
    schedule = hourly()

    assert skipped_to(schedule, state(schedule, "02:00"), at("04:30")) == state(schedule, "05:00")


def test_skipping_by_a_number_counts_from_now() -> None:
    schedule = hourly()

    assert skipped_by(schedule, state(schedule, "02:00"), at("01:30"), 2) == state(
        schedule, "04:00"
    )


def test_skipping_keeps_the_last_session() -> None:
    schedule = hourly()

    after = skipped_to(schedule, state(schedule, "02:00", last="01:00"), at("04:00"))

    assert after.last_session_time == at("01:00")


def test_skipping_backwards_is_refused() -> None:
    schedule = hourly()

    with pytest.raises(Conflict, match="already past"):
        skipped_to(schedule, state(schedule, "02:00"), at("01:30"))


# Backfilling


def test_a_backfill_ends_before_the_next_session() -> None:
    assert backfill(hourly(), at("01:00"), at("04:00"), None, most=10) == [
        at("01:00"),
        at("02:00"),
        at("03:00"),
    ]


def test_a_backfill_of_more_than_there_are_is_refused() -> None:
    with pytest.raises(UsageError, match="count is set to 4 but there are only 3 attempts"):
        backfill(hourly(), at("01:00"), at("04:00"), 4, most=10)


def test_a_backfill_of_more_than_may_be_started_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="Limit: 2"):
        backfill(hourly(), at("01:00"), at("04:00"), None, most=2)


def test_a_backfill_of_as_many_as_may_be_started_is_not_refused() -> None:
    assert len(backfill(hourly(), at("01:00"), at("04:00"), 2, most=2)) == 2
