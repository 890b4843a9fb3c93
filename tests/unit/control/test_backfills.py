"""Sessions of the past: which, in which order, and how many at once."""

from __future__ import annotations

import pytest

from digpy.control.backfills import MOST, Backfill, sessions_of
from digpy.control.limits import deadlines
from digpy.control.recovery import Control
from digpy.control.stopping import Stopper
from digpy.errors import Conflict, LimitExceeded, UsageError
from digpy.store import schedules as schedule_rows
from digpy.store.phases import Phase
from tests.support.instants import instant, shown
from tests.support.scheduling import DAY, Schedule, Scheduled, schedule

__all__ = ["schedule"]

DAILY = "schedule: {daily>: '09:00:00'}"
NOW = "2016-06-01T12:00:00"


def phases(site: Scheduled) -> list[Phase]:
    return [row.phase for row in site.attempts("w")]


def days(site: Scheduled, attempts: list[int]) -> list[str]:
    found = {row.id: shown(row.session_time)[:10] for row in site.attempts("w")}
    return [found[attempt] for attempt in attempts]


def test_all_attempts_are_there_at_once_and_rest(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-01", 3)
    assert phases(site) == 3 * [Phase.CREATED]
    assert {row.retry_attempt_name for row in site.attempts("w")} == {"b"}


def test_without_a_count_it_goes_up_to_the_next_session_of_the_schedule(
    schedule: Schedule,
) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-05-30", None)
    assert site.sessions("w") == ["2016-05-30T00:00", "2016-05-31T00:00", "2016-06-01T00:00"]


def test_one_runs_after_another(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-01", 3)
    order = []
    while admitted := site.admit():
        assert site.admit() == []
        order += days(site, admitted)
        site.run(*admitted)
    assert order == ["2016-01-01", "2016-01-02", "2016-01-03"]


def test_no_more_run_at_once_than_were_asked_for(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-01", 5, parallel=2)
    first, second = site.admit()
    assert site.admit() == []
    site.run(second)
    assert days(site, site.admit()) == ["2016-01-03"]
    site.run(first)
    assert days(site, site.admit()) == ["2016-01-04"]


def test_a_failure_does_not_stop_it(schedule: Schedule) -> None:
    site = schedule(w=DAILY + "\n+a:\n  fail>: no\n", now=NOW)
    site.backfill("w", "2016-01-01", 2)
    site.run_everything()
    assert phases(site) == [Phase.FAILURE, Phase.FAILURE]


def test_each_knows_the_session_before_it(schedule: Schedule) -> None:
    site = schedule(
        w=DAILY + '\n+a:\n  echo>: "${session_date} ${last_executed_session_time}"\n', now=NOW
    )
    site.backfill("w", "2016-01-01", 2)
    site.run_everything()
    assert site.printed == ["2016-01-01 ", "2016-01-02 2016-01-01T00:00:00+00:00"]


def test_the_first_knows_the_latest_session_before_it(schedule: Schedule) -> None:
    site = schedule(w=DAILY + '\n+a:\n  echo>: "[${last_executed_session_date}]"\n', now=NOW)
    site.look_at("2016-06-03T09:00")
    site.backfill("w", "2016-06-03", None)
    site.run_everything()
    assert site.printed == ["[]", "[2016-06-02]", "[2016-06-02]"]


def test_sessions_that_ran_run_again_under_the_new_name(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.look_at("2016-06-02T09:00")
    site.run_everything()
    site.backfill("w", "2016-06-02", 1)
    assert [row.idx for row in site.attempts("w")] == [1, 2]


def test_nothing_is_made_if_one_session_has_an_attempt_of_that_name(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-03", 1)
    with pytest.raises(Conflict, match='has an attempt called "b" already; nothing was started'):
        site.backfill("w", "2016-01-01", 3)
    assert site.sessions("w") == ["2016-01-03T00:00"]


def test_more_sessions_than_there_are_are_refused(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    with pytest.raises(UsageError, match="count is set to 9 but there are only 3 attempts"):
        site.backfill("w", "2016-05-30", 9)


def test_there_is_a_limit_for_all(schedule: Schedule) -> None:
    site = schedule(w="schedule: {hourly>: '00:00'}", now=NOW)
    with pytest.raises(LimitExceeded, match=f"Limit: {MOST}\n    help: --count {MOST}, and"):
        site.backfill("w", "2016-01-01", None)


def test_more_sessions_than_may_be_active_can_wait_for_their_turn(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW, attempts=2)
    site.backfill("w", "2016-01-01", 20)
    assert phases(site) == 20 * [Phase.CREATED]


def test_those_that_rest_hinder_no_session_of_the_schedule(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW, attempts=2)
    site.backfill("w", "2016-01-01", 20)
    site.look_at("2016-06-02T09:00")
    assert site.sessions("w")[-1] == "2016-06-02T00:00"


def test_no_more_are_queued_than_may_be_active(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW, attempts=2)
    site.backfill("w", "2016-01-01", 5, parallel=4)
    assert len(site.admit()) == 2
    assert site.admit() == []


def test_a_backfill_has_no_sla(schedule: Schedule) -> None:
    site = schedule(w=DAILY + "\nsla: {duration: 00:30:00}", now=NOW)
    site.backfill("w", "2016-01-01", 1)
    assert site.attempts("w")[0].sla_at is None


def test_the_time_of_an_attempt_does_not_pass_while_it_rests(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-01", 1)
    resting = deadlines(site.attempts("w")[0])
    site.clock.advance(30 * DAY)
    site.admit(0)
    assert resting == []
    (ends,) = deadlines(site.attempts("w")[0])
    assert (ends.cause, ends.at) == ("attempt_ttl", site.clock.now() + 7 * DAY)


def test_also_of_a_disabled_schedule(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    with site.database.transaction() as tx:
        schedule_rows.disable(tx, 1, 1)
    site.backfill("w", "2016-01-01", 1)
    assert len(site.admit()) == 1


def test_it_goes_on_after_a_crash_of_whoever_ran_it(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-01", 2)
    (first,) = site.admit()
    site.database.close()
    site.database = site.open()
    site.new_scheduler()
    assert site.admit() == []
    site.run(first)
    assert days(site, site.admit()) == ["2016-01-02"]


def test_one_that_is_stopped_before_its_turn_is_left_out(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    site.backfill("w", "2016-01-01", 3)
    (first,) = site.admit()
    control = Control(site.database, site.executor(), lambda: None)
    stopper = Stopper(
        site.state, control, lambda _: [], lambda _: None, site.clock, site.said.append
    )
    stopper.stop(site.attempts("w")[1].id)
    assert phases(site) == [Phase.STARTING, Phase.CANCELED, Phase.CREATED]
    assert site.admit() == []
    site.run(first)
    assert days(site, site.admit()) == ["2016-01-03"]


def test_what_would_run_can_be_asked_for(schedule: Schedule) -> None:
    site = schedule(w=DAILY, now=NOW)
    row = site.schedule("w")
    with site.database.reading() as tx:
        found = sessions_of(tx, row, Backfill(instant(NOW) - DAY, None, "b", 1))
    assert [shown(time)[:10] for time in found] == ["2016-06-01"]
    assert site.sessions("w") == []
