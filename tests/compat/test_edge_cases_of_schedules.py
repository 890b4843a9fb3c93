"""The numbered edge cases of digdag's language that are about schedules and ``sla:``."""

from __future__ import annotations

import pytest

from digpy.control.schedules import ScheduleState, Start, Wait, backfill, decide, pushed
from digpy.control.sla import sla_instant
from digpy.control.triggers import FINISHED, Trigger
from digpy.dsl.compiler import compile_workflow
from digpy.dsl.reader import read_text
from digpy.dsl.schedule import read_schedule
from digpy.dsl.sla import read_sla
from digpy.errors import CompileError
from digpy.expr.builtin import session_parameters
from digpy.source import Source
from digpy.values import Params
from tests.support.instants import instant, shown
from tests.support.played import Play, play
from tests.support.scheduling import Schedule, schedule

__all__ = ["play", "schedule"]

LOS_ANGELES = "America/Los_Angeles"


def trigger(schedule: Params, timezone: str = "UTC") -> Trigger:
    return Trigger(read_schedule(schedule), timezone)


def sessions(schedule: Params, after: str, count: int, timezone: str = "UTC") -> list[str]:
    found, at = [], instant(after)
    for _ in range(count):
        at = trigger(schedule, timezone).next_after(at).session_time
        found.append(shown(at, timezone))
    return found


def started(schedule: Trigger, state: ScheduleState, now: str) -> list[str]:
    """The sessions that a scheduler starts at a moment; each attempt ends at once."""
    found = []
    while not isinstance(decision := decide(schedule, state, instant(now), is_active=False), Wait):
        if isinstance(decision, Start):
            found.append(shown(decision.time.session_time)[11:16])
        state = decision.state
    return found


@pytest.mark.parametrize(
    ("pushed_at", "session"),
    [("06:59:59", "2016-01-01"), ("07:00:00", "2016-01-01"), ("07:00:01", "2016-01-02")],
)
def test_136_the_first_session_is_one_that_has_not_run_yet(pushed_at: str, session: str) -> None:
    state = pushed(trigger({"daily>": "07:00:00"}), None, instant(f"2016-01-01T{pushed_at}"))

    assert state.next == (instant(session), instant(f"{session}T07:00"))


def test_137_sessions_that_were_missed_are_all_started() -> None:
    hourly = trigger({"hourly>": "00:00"})
    state = ScheduleState(hourly.first_from(instant("2016-01-01T01:30")), None)

    assert started(hourly, state, "2016-01-01T05:10") == ["02:00", "03:00", "04:00", "05:00"]


def test_137_those_that_are_too_late_are_skipped() -> None:
    hourly = trigger({"hourly>": "00:00", "skip_delayed_by": "30m"})
    state = ScheduleState(hourly.first_from(instant("2016-01-01T01:30")), None)

    assert started(hourly, state, "2016-01-01T05:10") == ["05:00"]


@pytest.mark.parametrize(
    ("option", "hours"), [("", ["02", "03", "04", "05"]), (", skip_delayed_by: 30m", ["05"])]
)
def test_137_a_scheduler_that_was_down_catches_up(
    schedule: Schedule, option: str, hours: list[str]
) -> None:
    site = schedule(w=f"schedule: {{hourly>: 00:00{option}}}", now="2016-01-01T01:30")
    site.look_at("2016-01-01T05:10")

    assert site.sessions("w") == [f"2016-01-01T{hour}:00" for hour in hours]


def test_138_the_session_after_skipped_ones_knows_the_one_that_ran(schedule: Schedule) -> None:
    site = schedule(
        w="schedule: {minutes_interval>: 10, skip_on_overtime: true}\n"
        '+a:\n  echo>: "${session_time} ${last_session_time} ${last_executed_session_time}"\n',
        now="2016-01-01",
    )
    for minute in ("00", "10", "20", "25", "30"):
        site.look_at(f"2016-01-01T00:{minute}")
        if minute == "25":  # the attempt of 00:00 ends
            site.run_everything()
    site.run_everything()

    assert site.printed[1:] == [
        "2016-01-01T00:30:00+00:00 2016-01-01T00:20:00+00:00 2016-01-01T00:00:00+00:00"
    ]


def test_138_no_session_starts_while_an_attempt_is_active() -> None:
    schedule = trigger({"minutes_interval>": 10, "skip_on_overtime": True})
    state = ScheduleState(schedule.first_from(instant("2016-01-01")), None)
    runs = []
    for minute in range(0, 40, 10):
        now = instant(f"2016-01-01T00:{minute:02}")
        # An attempt that was started at 00:00 is active for 25 minutes.
        decision = decide(schedule, state, now, is_active=minute in (10, 20))
        assert not isinstance(decision, Wait)
        if isinstance(decision, Start):
            time = decision.time.session_time
            last, executed = schedule.previous_before(time).session_time, state.last_session_time
            runs.append([at and shown(at)[11:16] for at in (time, last, executed)])
        state = decision.state

    assert runs == [["00:00", "23:50", None], ["00:30", "00:20", "00:00"]]


def test_139_a_manual_start_has_the_neighbours_of_its_time(play: Play) -> None:
    played = play(
        "schedule: {daily>: 07:00:00}\n"
        '+a: {echo>: "${last_session_time} ${next_session_time} [${last_executed_session_time}]"}\n'
    )
    played.run(session_time="2016-01-02T03:04:05+00:00")

    assert played.prints == ["2016-01-02T00:00:00+00:00 2016-01-03T00:00:00+00:00 []"]


def test_139_a_required_workflow_has_the_neighbours_in_its_own_schedule(play: Play) -> None:
    played = play(
        {
            "w.dig": "schedule: {daily>: 07:00:00}\n+a: {require>: other}\n",
            "other.dig": 'schedule: {hourly>: 00:00}\n+a: {echo>: "${next_session_local_time}"}\n',
        }
    )
    played.run(session_time="2016-01-02T00:00:00+00:00")

    assert played.prints == ["2016-01-02 01:00:00"]


def test_140_without_a_schedule_there_are_no_neighbours(play: Play) -> None:
    played = play('+a: {echo>: "${typeof last_session_time} [${last_executed_session_time}]"}\n')
    played.run()

    assert played.prints == ["undefined []"]


def test_141_the_last_session_of_an_irregular_schedule_is_one_of_it(play: Play) -> None:
    played = play(
        'schedule: {cron>: "0 0 * * 1-5"}\n+a: {echo>: "${last_session_date}"}\n',
    )
    played.run(session_time="2016-01-04T00:00:00+00:00")

    assert played.prints == ["2016-01-01"]


def test_142_day_of_month_and_day_of_week_must_both_match() -> None:
    assert sessions({"cron>": "0 0 13 * 5"}, "2016-01-01", 3) == [
        "2016-05-13T00:00+00:00",
        "2017-01-13T00:00+00:00",
        "2017-10-13T00:00+00:00",
    ]


def test_143_of_the_hour_that_comes_twice_the_second_is_a_session() -> None:
    assert sessions({"hourly>": "00:00"}, "2016-11-06T06:59:59", 3, LOS_ANGELES) == [
        "2016-11-06T00:00-07:00",
        "2016-11-06T01:00-08:00",
        "2016-11-06T02:00-08:00",
    ]


def test_143_the_hour_that_is_skipped_is_no_session() -> None:
    assert sessions({"hourly>": "00:00"}, "2016-03-13T08:59:59", 2, LOS_ANGELES) == [
        "2016-03-13T01:00-08:00",
        "2016-03-13T03:00-07:00",
    ]


def test_143_a_midnight_that_is_skipped_is_an_hour_later() -> None:
    assert sessions({"daily>": "07:00:00"}, "2016-10-15T12:00", 1, "America/Sao_Paulo") == [
        "2016-10-16T01:00-02:00"
    ]


def test_144_a_schedule_begins_and_ends() -> None:
    schedule = trigger({"cron>": "0 10 * * *", "start": "2016-03-01", "end": "2016-03-31"})

    assert schedule.first_from(instant("2016-01-01")).session_time == instant("2016-03-01T10:00")
    last = schedule.next_after(instant("2016-03-30T10:00"))
    assert last.session_time == instant("2016-03-31T10:00")
    assert schedule.next_after(last.session_time) == FINISHED
    assert shown(FINISHED.session_time) == "9999-01-01T00:00+00:00"


def test_145_an_unknown_option_is_refused_with_a_suggestion() -> None:
    text = "schedule: {daily>: 07:00:00, skip_on_over_time: true}\n+a: {echo>: a}\n"

    with pytest.raises(CompileError) as refused:
        compile_workflow(read_text(Source("w.dig", text)), "w", path="w.dig")

    (problem,) = refused.value.problems
    assert problem.message == 'unknown option "skip_on_over_time" in schedule'
    assert problem.help == 'did you mean "skip_on_overtime"?'


def test_146_the_sessions_of_a_backfill_know_the_one_before() -> None:
    daily = trigger({"daily>": "09:00:00"})
    times = backfill(daily, instant("2016-01-01"), instant("2016-06-01"), 3, most=1000)

    assert [shown(time) for time in times] == [
        "2016-01-01T00:00+00:00",
        "2016-01-02T00:00+00:00",
        "2016-01-03T00:00+00:00",
    ]
    second = session_parameters({}, "UTC", (times[0], times[2]), last_executed=times[0])
    assert second["last_executed_session_time"] == "2016-01-01T00:00:00+00:00"


MISSED = """\
sla: {duration: 00:00:05, fail: FAIL}
+a: {wait>: 10s}
+b: {echo>: b}
"""


def test_147_a_missed_sla_that_is_to_fail_stops_the_work(play: Play) -> None:
    # On purpose not as in digdag, where +a and +b still complete before the attempt fails.
    played = play(MISSED.replace("FAIL", "true"))
    played.run()

    assert played.prints == []
    assert played.states() == {
        "+w": "group_error",
        "+w+a": "canceled",
        "+w+b": "blocked",
        "+w^sla^alert": "success",
        "+w^sla^fail": "error",
        "+w^failure-alert": "success",
    }


def test_147_without_fail_nothing_is_interrupted(play: Play) -> None:
    played = play(MISSED.replace("FAIL", "false"))
    played.run()

    assert played.prints == ["b"]
    assert set(played.states().values()) == {"success"}
    assert "+w^sla^alert" in played.states()


def test_146_a_backfill_runs_one_session_after_another(schedule: Schedule) -> None:
    site = schedule(
        w="schedule: {daily>: 09:00:00}\n"
        '+a:\n  echo>: "${session_date} ${last_executed_session_time}"\n',
        now="2016-06-01",
    )
    site.backfill("w", "2016-01-01", 3)
    while admitted := site.admit():
        (attempt,) = admitted
        site.run(attempt)

    assert site.printed == [
        "2016-01-01 ",
        "2016-01-02 2016-01-01T00:00:00+00:00",
        "2016-01-03 2016-01-02T00:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("run_time", "missed"),
    [("2016-01-01T03:00", "2016-01-02T02:00"), ("2016-01-01T01:00", "2016-01-01T02:00")],
)
def test_148_a_time_that_is_over_is_one_of_tomorrow(run_time: str, missed: str) -> None:
    assert sla_instant(read_sla({"time": "02:00"}), "UTC", instant(run_time)) == instant(missed)
