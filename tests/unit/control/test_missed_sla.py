"""``sla:`` through the one door, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digpy.control.starter import Start, Starter
from digpy.engine.states import TaskState
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store.phases import Phase
from digpy.values import SECOND, Params
from tests.support.instants import instant
from tests.unit.control.test_cleanups import TimedSite

S = TaskState
MINUTE = 60 * SECOND

Make = Callable[[str], TimedSite]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Make]:
    """``site(text)``: a project with this workflow, and an attempt of it."""
    made: list[TimedSite] = []

    def make(text: str) -> TimedSite:
        made.append(TimedSite(tmp_path, {"w.dig": f"timezone: UTC\n{text}"}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def sla_at(site: TimedSite, *, options: Params | None = None, **given: Any) -> int | None:
    """When an attempt of ``w`` that is started so has missed its SLA."""
    with site.database.transaction() as tx:
        row = attempt_rows.load(tx, site.attempt)
        workflow = project_rows.load_workflow(tx, row.workflow_id)
        start = Start(
            row.workflow_id, workflow, row.session, "again", {}, options or {}, {}, None
        )._replace(**given)
        starter = Starter(site.clock, task_limit=1000, attempt_limit=100)
        return attempt_rows.load(tx, starter.start(tx, start)).sla_at


WORK = "+a: {sh>: x}\n+b: {sh>: x}\n"
ALERT = "sla: {duration: '00:05'}\n" + WORK
FAIL = "sla: {duration: '00:05', fail: true}\n" + WORK


class TestInstant:
    def test_it_counts_from_the_start(self, site: Make) -> None:
        here = site(ALERT)
        assert here.row().sla_at == here.row().created_at + 5 * MINUTE

    def test_it_counts_from_the_run_time_of_the_schedule(self, site: Make) -> None:
        run_time = instant("2016-01-01T03:00")
        assert sla_at(site(ALERT), run_time=run_time) == run_time + 5 * MINUTE

    def test_a_time_of_day_is_one_in_the_zone_of_the_workflow(self, site: Make) -> None:
        here = site("sla: {time: '02:00'}\n+a: {sh>: x}\n")
        assert sla_at(here, run_time=instant("2016-01-01T03:00")) == instant("2016-01-02T02:00")

    def test_there_is_none_unless_it_is_written(self, site: Make) -> None:
        assert site(WORK).row().sla_at is None

    def test_a_dry_run_has_none(self, site: Make) -> None:
        assert sla_at(site(ALERT), options={"dry_run": True}) is None

    def test_whoever_starts_an_attempt_may_leave_it_out(self, site: Make) -> None:
        assert sla_at(site(ALERT), has_sla=False) is None

    def test_there_is_none_if_there_would_be_nothing_to_do(self, site: Make) -> None:
        assert site("sla: {duration: '00:05', alert: false}\n" + WORK).row().sla_at is None


class TestMissed:
    def test_the_executor_wakes_for_it(self, site: Make) -> None:
        here = site(ALERT)
        here.claimed()
        assert here.executor.next_due(here.attempt) == here.row().sla_at

    def test_it_wakes_for_what_comes_first(self, site: Make) -> None:
        here = site("sla: {duration: '00:05'}\n+a: {sh>: x, _timeout: 2m}\n")
        here.claimed()
        due, missed = here.executor.next_due(here.attempt), here.row().sla_at
        assert due is not None
        assert missed is not None
        assert due < missed

    def test_the_alert_is_sent_while_the_work_goes_on(self, site: Make) -> None:
        here = site(ALERT)
        here.claimed()
        here.later(6 * MINUTE)
        assert here.said("it has missed its sla") == 1
        states = here.states()
        assert (states["w^sla^alert"], states["a"]) == (S.SUCCESS, S.RUNNING)

    def test_nothing_happens_before(self, site: Make) -> None:
        here = site(ALERT)
        here.claimed()
        here.later(4 * MINUTE)
        assert "w^sla^alert" not in here.states()

    def test_it_happens_once(self, site: Make) -> None:
        here = site(ALERT)
        here.claimed()
        here.later(6 * MINUTE)
        here.later(6 * MINUTE)
        assert len(here.events("sla.missed")) == 1
        assert here.row().sla_at is None
        assert here.executor.next_due(here.attempt) is None

    def test_another_executor_knows_that_it_has_happened(self, site: Make) -> None:
        here = site(ALERT)
        here.claimed()
        here.later(6 * MINUTE)
        here.other_executor().step(here.attempt)
        assert len(here.events("sla.missed")) == 1

    def test_it_happens_though_another_executor_began(self, site: Make) -> None:
        here = site(ALERT)
        here.claimed()
        here.clock.skipped += 6 * MINUTE
        here.other_executor().step(here.attempt)
        assert here.states()["w^sla^alert"] is S.SUCCESS

    def test_a_report_of_the_same_moment_wins(self, site: Make) -> None:
        here = site("sla: {duration: '00:05'}\n+a: {sh>: x}\n")
        (request,) = here.claimed()
        here.clock.skipped += 6 * MINUTE
        here.end(request)
        assert here.events("sla.missed") == []
        assert here.row().phase is Phase.SUCCESS

    def test_what_is_to_stop_does_not_miss_it(self, site: Make) -> None:
        here = site(FAIL)
        here.claimed()
        here.executor.cancel(here.attempt, "user", "test")
        here.later(6 * MINUTE)
        assert here.events("sla.missed") == []
        assert here.executor.next_due(here.attempt) is None

    def test_an_alert_is_sent_though_what_is_exported_cannot_be_evaluated(self, site: Make) -> None:
        here = site("_export: {x: '${missing}'}\nsla: {duration: '00:05'}\n+a: {echo>: a}\n")
        here.later(6 * MINUTE)
        assert here.states()["w^sla^alert"] is S.SUCCESS


class TestFail:
    def test_what_runs_is_stopped(self, site: Make) -> None:
        here = site(FAIL)
        (request,) = here.claimed()
        here.clock.skipped += 6 * MINUTE
        (stop,) = here.executor.step(here.attempt).stops
        assert stop.number == request.number
        assert here.said("it has missed its sla: stopping it") == 1

    def test_the_attempt_fails_because_of_it(self, site: Make) -> None:
        here = site(FAIL)
        (request,) = here.claimed()
        here.later(6 * MINUTE)
        here.end(request)
        row = here.row()
        assert (row.phase, row.reason) == (Phase.FAILURE, "sla")
        (ended,) = here.events("attempt.ended")
        assert ended.data["class"] == "limit"
        assert here.states()["b"] is S.BLOCKED

    def test_its_tasks_are_told_why_they_are_stopped(self, site: Make) -> None:
        task = "+a: {sh>: x, _canceled: {echo>: 'because of ${cancel_cause}'}}\n"
        here = site("sla: {duration: '00:05', fail: true}\n" + task)
        (request,) = here.claimed()
        here.later(6 * MINUTE)
        here.end(request)
        assert here.said("because of sla") == 1

    def test_its_error_handler_is_told_what_happened(self, site: Make) -> None:
        here = site("_error: {echo>: 'because of ${error.message}'}\n" + FAIL)
        (request,) = here.claimed()
        here.later(6 * MINUTE)
        here.end(request)
        assert here.said("because of SLA violation") == 1

    def test_work_that_has_failed_before_fails_for_its_own_reason(self, site: Make) -> None:
        here = site("_error: {sh>: x}\n" + FAIL.replace("00:05'", "00:05', alert: false"))
        (request,) = here.claimed()
        here.end(request, {"message": "no"})
        (handler,) = here.claimed()
        here.later(6 * MINUTE)
        assert here.row().sla_at is None
        here.end(handler)
        assert here.row().reason == "task_error"
