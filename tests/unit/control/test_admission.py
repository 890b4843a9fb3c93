"""Who of the queued attempts may start, and why the others wait."""

from __future__ import annotations

from digpy.control.limits import value
from digpy.store import events as event_rows
from digpy.store import launches as launch_rows
from digpy.store.phases import Phase
from tests.support.scheduling import Schedule, Scheduled, schedule

__all__ = ["schedule"]

HOURLY = "schedule: {hourly>: '00:00'}"


def admitted(site: Scheduled, running: int | None = None) -> list[str]:
    """The workflows of the attempts that are admitted, in this order."""
    names = {row.id: row.workflow for name in "abc" for row in site.attempts(name)}
    return [names[attempt] for attempt in site.admit(running)]


def reasons(site: Scheduled, workflow: str) -> list[str | None]:
    return [row.waiting_reason for row in site.attempts(workflow)]


def test_everybody_starts_if_there_is_no_limit(schedule: Schedule) -> None:
    site = schedule(a=HOURLY)
    site.look_at("2016-01-01T03:00")
    assert admitted(site) == ["a", "a", "a"]
    assert {row.phase for row in site.attempts("a")} == {Phase.STARTING}


def test_whoever_is_admitted_is_to_be_launched(schedule: Schedule) -> None:
    site = schedule(a=HOURLY)
    site.look_at("2016-01-01T01:00")
    (attempt,) = site.admit()
    with site.database.reading() as tx:
        launch = launch_rows.newest(tx, attempt)
        kinds = [event.kind for event in event_rows.of_attempt(tx, attempt)]
    assert launch is not None
    assert (launch.epoch, launch.hello_at) == (1, None)
    assert kinds == ["attempt.created", "attempt.queued", "launch.intended"]
    assert reasons(site, "a") == [None]


def test_the_oldest_comes_first(schedule: Schedule) -> None:
    site = schedule(b=HOURLY, a="schedule: {cron>: '1 1 * * *'}")
    site.look_at("2016-01-01T01:00")
    site.look_at("2016-01-01T01:01")
    assert admitted(site, 1) == ["b"]


def test_the_most_urgent_comes_before_the_oldest(schedule: Schedule) -> None:
    site = schedule(
        a=HOURLY,
        b=f"_priority: 5\n{HOURLY}",
        c=f"_priority: -5\n{HOURLY}",
    )
    site.look_at("2016-01-01T01:00")
    assert admitted(site) == ["b", "a", "c"]


def test_no_more_run_than_may(schedule: Schedule) -> None:
    site = schedule(a=HOURLY)
    site.look_at("2016-01-01T03:00")
    (first,) = site.admit(1)
    assert site.admit(1) == []
    site.run(first)
    assert len(site.admit(1)) == 1


def test_whoever_waits_is_told_why(schedule: Schedule) -> None:
    site = schedule(a=HOURLY)
    site.look_at("2016-01-01T02:00")
    site.admit(1)
    assert reasons(site, "a") == [None, "1 of 1 attempts run (queue.max_active_attempts)"]


def test_a_workflow_has_a_limit_of_its_own_that_holds_nobody_else_up(schedule: Schedule) -> None:
    site = schedule(a=f"_max_active: 1\n{HOURLY}", b=HOURLY)
    site.look_at("2016-01-01T02:00")
    assert sorted(admitted(site)) == ["a", "b", "b"]
    assert reasons(site, "a") == [None, "1 of 1 attempts of a run (_max_active)"]


def test_limits_of_the_queue_are_kept_with_the_attempt(schedule: Schedule) -> None:
    site = schedule(a=f"_max_active: ${{1 + 1}}\n_priority: -3\n{HOURLY}")
    site.look_at("2016-01-01T01:00")
    (row,) = site.attempts("a")
    assert (value(row, "max_active"), value(row, "priority")) == (2, -3)


def test_a_limit_that_lets_nobody_in_is_refused(schedule: Schedule) -> None:
    site = schedule(a=f"_max_active: 0\n{HOURLY}")
    site.look_at("2016-01-01T01:00")
    assert site.schedule("a").error == '_max_active: "0" is not a whole number from 1 up'


def test_without_news_nobody_takes_the_write_lock(schedule: Schedule) -> None:
    site = schedule(a=HOURLY)
    site.look_at("2016-01-01T02:00")
    site.admit(1)
    with site.open().transaction():
        assert site.admit(1) == []
