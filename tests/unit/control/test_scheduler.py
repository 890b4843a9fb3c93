"""When sessions are started: once each, by the rules of their schedule, one failing alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from digpy.control.leadership import Deposed, Leadership
from digpy.control.scheduled import SessionStarter
from digpy.control.scheduler import FULL, LOOK, Scheduler
from digpy.control.starter import Starter
from digpy.dsl.model import Workflow
from digpy.dsl.project import load_project
from digpy.errors import InternalError, Unavailable
from digpy.store import projects as project_rows
from digpy.store import schedules as schedule_rows
from digpy.store.database import Transaction
from digpy.store.phases import Phase
from digpy.store.schedules import ScheduleRow
from digpy.values import SECOND, Params
from tests.support.instants import instant, shown
from tests.support.scheduling import (
    DAY,
    ECHO,
    HOUR,
    MINUTE,
    Schedule,
    Scheduled,
    anybody,
    schedule,
)

__all__ = ["schedule"]

HOURLY = "schedule: {hourly>: '00:00'}"
BAD_LIMIT = "_run_timeout: ${nothing}\n" + HOURLY
"""Can be compiled, and fails when an attempt is to be made."""


def sleep(site: Scheduled, length: int) -> int:
    """Let time pass, and call the scheduler as often as it wants to be called meanwhile."""
    end = site.clock.now() + length
    again = site.look()
    while again <= end:
        site.clock.set(again)
        again = site.look()
    site.clock.set(end)
    return again


# Loading


def test_a_new_schedule_begins_with_the_first_session_that_has_not_run_yet(
    schedule: Schedule,
) -> None:
    site = schedule(w="schedule: {daily>: '07:00:00'}", now="2016-01-01T07:00:01")
    row = site.schedule("w")
    assert shown(row.next_session_time) == "2016-01-02T00:00+00:00"
    assert shown(row.next_run_time) == "2016-01-02T07:00+00:00"


def test_a_workflow_without_a_schedule_has_none(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, plain="+a: {echo>: a}\n+b: {echo>: b}")
    with site.database.reading() as tx:
        assert [row.workflow for row in schedule_rows.page(tx)] == ["w"]


def test_loading_the_same_project_again_changes_nothing(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    site.look_at("2016-01-01T03:30")
    before = site.schedule("w")
    site.new_scheduler()
    assert site.schedule("w")._replace(updated_at=0) == before._replace(updated_at=0)


def test_an_edit_elsewhere_leaves_a_schedule_where_it_is(schedule: Schedule) -> None:
    site = schedule(w="schedule: {hourly>: '00:00', catchup: latest}")
    site.look_at("2016-01-01T05:30")
    site.edit({"w": "schedule: {hourly>: '00:00', catchup: latest}\n+b: {echo>: b}\n"})
    site.look()
    assert site.sessions("w") == ["2016-01-01T05:00"]


def test_attempts_run_the_definition_that_was_loaded_last(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    site.edit({"w": HOURLY + "\n+b: {echo>: edited}\n"})
    site.look_at("2016-01-01T01:00")
    site.run_everything()
    assert site.printed == ["edited"]


def test_a_changed_schedule_goes_on_after_the_session_it_started_last(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '00:00:00'}")
    site.look_at("2016-01-02T02:30")
    site.edit({"w": HOURLY + "\n+a: {echo>: a}\n"})
    site.look()
    assert site.sessions("w") == ["2016-01-02T00:00", "2016-01-02T01:00", "2016-01-02T02:00"]


def test_a_changed_schedule_that_never_ran_begins_anew(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '00:00:00'}")
    site.clock.set(instant("2016-01-01T05:30"))
    site.edit({"w": HOURLY + "\n+a: {echo>: a}\n"})
    assert shown(site.schedule("w").next_session_time) == "2016-01-01T06:00+00:00"


def test_a_changed_zone_is_a_changed_schedule(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '00:00:00'}")
    site.edit({"w": "timezone: Asia/Tokyo\nschedule: {daily>: '00:00:00'}\n+a: {echo>: a}\n"})
    assert shown(site.schedule("w").next_session_time) == "2016-01-01T15:00+00:00"


def test_an_edit_keeps_the_other_workflows_as_they_are(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, other=HOURLY)
    before = site.bodies()
    site.edit({"w": HOURLY + "\n+b: {echo>: edited}\n"})
    after = site.bodies()
    assert after["other"] == before["other"]
    assert after["w"] != before["w"]


def test_an_edit_leads_every_schedule_to_the_new_revision(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, other=HOURLY)
    site.edit({"w": HOURLY + "\n+b: {echo>: edited}\n"})
    rows = [site.schedule(name).workflow_id for name in ("w", "other")]
    with site.database.reading() as tx:
        assert [project_rows.revision_of(tx, row) for row in rows] == [2, 2]


def test_an_edit_that_is_taken_back_leads_to_the_revision_of_before(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, other=HOURLY)
    before = site.bodies(), site.schedule("w").workflow_id, site.schedule("other").workflow_id
    site.edit({"w": HOURLY + "\n+b: {echo>: edited}\n"})
    site.edit({"w": HOURLY + "\n" + ECHO})
    after = site.bodies(), site.schedule("w").workflow_id, site.schedule("other").workflow_id
    assert after == before


def test_a_workflow_whose_file_is_removed_has_no_schedule(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, other=HOURLY)
    (site.project / "w.dig").unlink()
    site.edit({})
    assert list(site.bodies()) == ["other"]
    with site.database.reading() as tx:
        assert list(schedule_rows.ids(tx, 1)) == ["other"]


def test_a_revision_shares_no_workflow_that_is_not_there(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    project = load_project(site.project, since=site.sources)
    known = site.sources._replace(content_hash="of a project that was never loaded")
    with pytest.raises(InternalError, match="lacks workflows"):
        site.scheduler.load(project._replace(since=known), {})


def test_a_schedule_that_is_taken_away_is_forgotten(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, other=HOURLY)
    site.edit({"w": "+a: {echo>: a}\n"})
    site.look_at("2016-01-01T01:00")
    assert site.sessions("w") == []
    assert site.sessions("other") == ["2016-01-01T01:00"]


def test_a_schedule_keeps_its_number_and_stays_disabled_when_it_changes(
    schedule: Schedule,
) -> None:
    site = schedule(w=HOURLY)
    before = site.schedule("w")
    with site.database.transaction() as tx:
        schedule_rows.disable(tx, before.id, 1)
    site.edit({"w": "schedule: {daily>: '00:00:00'}\n+a: {echo>: a}\n"})
    after = site.schedule("w")
    assert (after.id, after.disabled_at) == (before.id, 1)


# Starting


def test_a_session_starts_when_it_is_due_and_not_before(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '07:00:00'}")
    site.look_at("2016-01-02T06:59:59")
    before = site.sessions("w")
    site.look_at("2016-01-02T07:00:00")
    assert before == ["2016-01-01T00:00"]
    assert site.sessions("w") == ["2016-01-01T00:00", "2016-01-02T00:00"]


def test_an_attempt_of_a_schedule_waits_in_the_queue(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    site.look_at("2016-01-01T01:00")
    (row,) = site.attempts("w")
    assert (row.phase, row.retry_attempt_name) == (Phase.QUEUED, None)


def test_it_asks_to_be_called_at_the_next_session_or_in_a_second(schedule: Schedule) -> None:
    site = schedule(w=HOURLY, now="2016-01-01T00:30")
    far = site.scheduler.tick()
    site.clock.set(instant("2016-01-01T01:00") - SECOND // 2)
    assert far == instant("2016-01-01T00:30") + LOOK
    assert site.scheduler.tick() == instant("2016-01-01T01:00")


def test_without_a_project_there_is_nothing_to_do(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    idle = Scheduler(site.database, site.starter(), site.clock, anybody, site.said.append)
    site.clock.advance(DAY)
    assert idle.tick() == site.clock.now() + LOOK


def test_tasks_know_the_sessions_around_theirs(schedule: Schedule) -> None:
    known = "${last_session_time} ${next_session_time} [${last_executed_session_time}]"
    site = schedule(w=f"schedule: {{hourly>: '00:00'}}\n+a:\n  echo>: '{known}'\n")
    site.look_at("2016-01-01T02:00")
    site.run_everything()
    assert site.printed == [
        "2016-01-01T00:00:00+00:00 2016-01-01T02:00:00+00:00 []",
        "2016-01-01T01:00:00+00:00 2016-01-01T03:00:00+00:00 [2016-01-01T01:00:00+00:00]",
    ]


def test_tasks_see_the_parameters_of_the_project(schedule: Schedule) -> None:
    site = schedule(w=HOURLY + "\n+a:\n  echo>: hello ${who}\n")
    site.scheduler = site.new_scheduler(who="ada")
    site.look_at("2016-01-01T01:00")
    site.run_everything()
    assert site.printed == ["hello ada"]


def test_a_session_that_has_an_attempt_counts_as_started(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    site.look_at("2016-01-01T02:00")
    row = site.schedule("w")
    with site.open().transaction() as tx:  # as if the row had never moved on
        back = instant("2016-01-01T01:00")
        schedule_rows.move(tx, row, schedule_rows.Place(back, back, None), 0)
    site.look()
    assert site.sessions("w") == ["2016-01-01T01:00", "2016-01-01T02:00"]
    assert site.schedule("w").place == row.place


def test_an_sla_counts_from_when_the_session_should_have_run(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '07:00:00'}\nsla: {duration: 00:30:00}")
    site.look_at("2016-01-01T09:00")
    (row,) = site.attempts("w")
    assert row.sla_at == instant("2016-01-01T07:30")


def test_nothing_starts_after_the_end(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '00:00:00', end: 2016-01-03}")
    site.look_at("2016-02-01")
    assert site.sessions("w") == ["2016-01-02T00:00", "2016-01-03T00:00"]
    assert shown(site.schedule("w").next_session_time) == "9999-01-01T00:00+00:00"


# What was missed


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ("", "2016-01-01T01:00"),
        (", catchup: all", "2016-01-01T01:00"),
        (", catchup_limit: 3", "2016-01-01T22:00"),
        (", catchup: latest", "2016-01-02T00:00"),
        (", skip_delayed_by: 2h", "2016-01-01T23:00"),
    ],
)
def test_after_a_day_of_downtime_sessions_are_caught_up(
    schedule: Schedule, options: str, first: str
) -> None:
    site = schedule(w=f"schedule: {{hourly>: '00:00'{options}}}")
    site.look_at("2016-01-02T00:30")
    hours = range(instant(first), instant("2016-01-02T00:01"), HOUR)
    assert site.sessions("w") == [shown(hour)[:16] for hour in hours]


def test_after_a_day_of_downtime_nothing_is_caught_up_if_nobody_wants_it(
    schedule: Schedule,
) -> None:
    site = schedule(w="schedule: {hourly>: '00:00', catchup: none}")
    site.look_at("2016-01-02T00:30")
    assert site.sessions("w") == []
    site.look_at("2016-01-02T01:00")
    assert site.sessions("w") == ["2016-01-02T01:00"]


def test_it_is_said_which_sessions_are_skipped(schedule: Schedule) -> None:
    site = schedule(w="schedule: {hourly>: '00:00', catchup: latest}")
    site.look_at("2016-01-01T05:30")
    assert site.said == [
        "w: sessions from 2016-01-01T01:00:00+00:00 to before 2016-01-01T05:00:00+00:00 are"
        " skipped: catchup"
    ]


def test_schedules_take_turns_when_they_catch_up(schedule: Schedule) -> None:
    site = schedule(a=HOURLY, b=HOURLY)
    site.clock.set(instant("2016-01-01T03:30"))
    site.scheduler.tick()
    assert (len(site.attempts("a")), len(site.attempts("b"))) == (1, 1)


def test_sessions_are_skipped_while_an_attempt_is_active(schedule: Schedule) -> None:
    site = schedule(w="schedule: {minutes_interval>: 10, skip_on_overtime: true}")
    for minute in (10, 20, 30):
        site.look_at(f"2016-01-01T00:{minute}")
        if minute == 20:
            site.run_everything()
    assert site.sessions("w") == ["2016-01-01T00:10", "2016-01-01T00:30"]


def test_a_disabled_schedule_starts_nothing_and_catches_up_when_it_is_enabled(
    schedule: Schedule,
) -> None:
    site = schedule(w=HOURLY)
    other = site.open()
    with other.transaction() as tx:
        schedule_rows.disable(tx, 1, 1)
    site.look_at("2016-01-01T02:30")
    before = site.sessions("w")
    with other.transaction() as tx:
        schedule_rows.enable(tx, 1, 1)
    site.look()
    assert (before, site.sessions("w")) == ([], ["2016-01-01T01:00", "2016-01-01T02:00"])


def test_a_change_by_another_process_is_noticed_at_the_next_look(schedule: Schedule) -> None:
    site = schedule(w="schedule: {daily>: '00:00:00'}")
    site.look()
    row = site.schedule("w")
    with site.open().transaction() as tx:
        place = row.place._replace(next_run_time=site.clock.now() + 2 * LOOK)
        schedule_rows.move(tx, row, place, 1)
    sleep(site, 2 * LOOK)
    assert site.sessions("w") == ["2016-01-02T00:00"]


def _taken_away(tx: Transaction, row: ScheduleRow) -> None:
    schedule_rows.delete(tx, row.id)


def _disabled(tx: Transaction, row: ScheduleRow) -> None:
    schedule_rows.disable(tx, row.id, 1)


def _put_later(tx: Transaction, row: ScheduleRow) -> None:
    schedule_rows.move(tx, row, row.place._replace(next_run_time=row.next_run_time + DAY), 1)


@pytest.mark.parametrize("change", [_taken_away, _disabled, _put_later])
def test_a_change_at_the_last_moment_counts(
    schedule: Schedule, change: Callable[[Transaction, ScheduleRow], None]
) -> None:
    site = schedule(a="schedule: {hourly>: '00:00', catchup: none}", b=HOURLY)
    other = site.open()

    def tell(_: str) -> None:  # a has skipped something, and b is next
        with other.transaction() as tx:
            change(tx, schedule_rows.load(tx, 2))

    scheduler = Scheduler(site.database, site.starter(), site.clock, anybody, tell)
    scheduler.load(load_project(site.project), {})
    site.clock.set(instant("2016-01-01T01:30"))
    scheduler.tick()
    assert site.sessions("b") == []


# Failing


def test_a_session_for_which_there_is_no_room_is_tried_again_in_ten_minutes(
    schedule: Schedule,
) -> None:
    site = schedule(w=HOURLY, attempts=1)
    site.look_at("2016-01-01T02:00")
    row = site.schedule("w")
    assert row.error == "Too many attempts running. Limit: 1, Current: 1"
    assert row.next_run_time == site.clock.now() + FULL
    site.run_everything()
    site.clock.advance(FULL)
    site.look()
    assert site.sessions("w") == ["2016-01-01T01:00", "2016-01-01T02:00"]
    assert site.schedule("w").error is None


def test_a_session_that_cannot_be_started_is_tried_again_in_an_hour(schedule: Schedule) -> None:
    site = schedule(w=BAD_LIMIT)
    site.look_at("2016-01-01T01:00")
    row = site.schedule("w")
    assert "nothing" in str(row.error)
    assert shown(row.next_run_time) == "2016-01-01T02:00+00:00"
    assert "w: session 2016-01-01T01:00:00+00:00 was not started: " in site.said[0]
    assert site.said[0].endswith("(next try in 60 min)")


def test_what_failed_is_tried_at_once_after_an_edit(schedule: Schedule) -> None:
    site = schedule(w=BAD_LIMIT)
    site.look_at("2016-01-01T01:00")
    site.edit({"w": HOURLY + "\n+a: {echo>: a}\n"})
    site.look()
    assert site.sessions("w") == ["2016-01-01T01:00"]
    assert site.schedule("w").error is None


def test_what_failed_is_tried_at_once_after_an_edit_elsewhere(schedule: Schedule) -> None:
    site = schedule(w=BAD_LIMIT, other=HOURLY)
    site.look_at("2016-01-01T01:00")
    site.clock.advance(MINUTE)
    site.edit({"other": HOURLY + "\n+b: {echo>: b}\n"})
    assert site.schedule("w").next_run_time == site.clock.now()


def test_a_changed_schedule_has_not_failed_yet(schedule: Schedule) -> None:
    site = schedule(w=BAD_LIMIT, other=HOURLY)
    site.look_at("2016-01-01T01:00")
    site.edit({"w": BAD_LIMIT.replace("hourly>: '00:00'", "daily>: '00:00:00'")})
    site.edit({"other": HOURLY + "\n+b: {echo>: b}\n"})
    row = site.schedule("w")
    assert row.error is None
    assert shown(row.next_run_time) == "2016-01-02T00:00+00:00"


def test_one_that_fails_does_not_delay_the_others(schedule: Schedule) -> None:
    site = schedule(a=BAD_LIMIT, b=HOURLY, c=BAD_LIMIT)
    site.look_at("2016-01-01T03:00")
    assert [len(site.sessions(name)) for name in "abc"] == [0, 3, 0]


def test_a_defect_of_our_own_in_one_schedule_does_not_delay_the_others(
    schedule: Schedule,
) -> None:
    site = schedule(a=HOURLY, b=HOURLY)

    def limits(workflow: Workflow, params: Params) -> Params:
        if workflow.name == "a":
            raise KeyError("defect")
        return params

    starter = SessionStarter(Starter(site.clock, task_limit=9, attempt_limit=9), limits)
    defective = Scheduler(site.database, starter, site.clock, anybody, site.said.append)
    defective.load(load_project(site.project), {})
    site.clock.set(instant("2016-01-01T01:00"))
    site.look(defective)
    assert site.schedule("a").error == "KeyError: 'defect'"
    assert site.sessions("b") == ["2016-01-01T01:00"]


def test_a_database_that_is_away_is_nobodys_failure(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    site.clock.advance(HOUR)
    with site.open().transaction(), pytest.raises(Unavailable):
        site.scheduler.tick()
    site.look()
    assert site.sessions("w") == ["2016-01-01T01:00"]
    assert site.schedule("w").error is None


# Two schedulers


def test_of_two_schedulers_only_the_leader_starts_sessions(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    ours, theirs = site.open(), site.open()
    leader, other = (Leadership("installation", name, 2 * HOUR) for name in ("one", "two"))
    with ours.transaction() as tx:
        assert leader.take(tx, site.clock.now())
    with theirs.transaction() as tx:
        assert not other.take(tx, site.clock.now())
    leading = site.new_scheduler(ours, leader.check)
    with pytest.raises(Deposed):
        site.new_scheduler(theirs, other.check)
    site.clock.advance(HOUR)
    site.look(leading)
    assert site.sessions("w") == ["2016-01-01T01:00"]


def test_a_scheduler_that_was_replaced_writes_nothing(schedule: Schedule) -> None:
    site = schedule(w=HOURLY)
    lead = Leadership("installation", "one", SECOND)
    with site.database.transaction() as tx:
        lead.take(tx, site.clock.now())
    replaced = site.new_scheduler(guard=lead.check)
    site.clock.advance(HOUR)
    with site.open().transaction() as tx:
        assert Leadership("installation", "two", SECOND).take(tx, site.clock.now())
    with pytest.raises(Deposed):
        replaced.tick()
    assert site.sessions("w") == []


def test_two_schedulers_that_both_believe_they_lead_start_a_session_once(
    schedule: Schedule,
) -> None:
    site = schedule(w=HOURLY)
    other = site.new_scheduler(site.open())
    site.look()
    other.tick()
    site.clock.advance(HOUR)
    site.look()
    site.look(other)
    assert site.sessions("w") == ["2016-01-01T01:00"]
