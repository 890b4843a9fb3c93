"""``_timeout``, ``_finally`` and ``_canceled`` through the one door, on a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digpy.control.recovery import Control, end_abandoned
from digpy.engine.states import TaskState
from digpy.spi import Report, TaskRequest, TaskResult
from digpy.store import tasks as task_rows
from digpy.store.phases import Phase
from digpy.values import SECOND, Json
from tests.unit.control.test_executor import PROOF, Site, run_of

S = TaskState
MINUTE = 60 * SECOND


class TimedSite(Site):
    """A site whose time a test moves."""

    def later(self, microseconds: int) -> None:
        """Let time pass, and do what is due then."""
        self.clock.skipped += microseconds
        self.executor.step(self.attempt)

    def claimed(self) -> list[TaskRequest]:
        """Everything that can be claimed now."""
        return self.executor.step(self.attempt, room=9).requests

    def end(self, request: TaskRequest, outcome: Json = None, retry: Json = None) -> None:
        """Report a program."""
        result = TaskResult() if outcome is None else outcome
        assert isinstance(result, (TaskResult, dict))
        report = Report(run_of(request), result, PROOF, retry)
        self.executor.step(self.attempt, reports=[report])

    def error(self, name: str) -> object:
        with self.database.reading() as tx:
            found = {task.full_name: task for task in task_rows.summary(tx, self.attempt)}
        return found[name].error


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


class TestTimeout:
    def test_the_executor_wakes_at_the_deadline(self, site: Make) -> None:
        here = site("+a: {sh>: x, _timeout: 20m}\n")
        before = here.clock.now()
        here.claimed()
        due = here.executor.next_due(here.attempt)
        assert due is not None
        assert before + 20 * MINUTE <= due <= here.clock.now() + 20 * MINUTE

    def test_a_program_is_stopped_and_its_report_is_a_failure(self, site: Make) -> None:
        here = site("+a: {sh>: x, _timeout: 90}\n")
        (request,) = here.claimed()
        here.clock.skipped += 91 * SECOND
        assert here.executor.step(here.attempt).stops == [run_of(request)]
        assert here.said("timed out after 1m 30s: stopping it") == 1
        here.end(request)
        assert here.error("+w+a") == {"message": "timed out after 1m 30s"}
        assert here.row().phase is Phase.FAILURE

    def test_a_report_of_the_same_moment_wins(self, site: Make) -> None:
        here = site("+a: {sh>: x, _timeout: 90}\n")
        (request,) = here.claimed()
        here.clock.skipped += 91 * SECOND
        here.end(request)
        assert here.row().phase is Phase.SUCCESS

    def test_the_retry_of_the_report_counts(self, site: Make) -> None:
        here = site("+a: {sh>: x, _timeout: 90, _retry: 1}\n")
        (request,) = here.claimed()
        here.later(91 * SECOND)
        here.end(request, retry=1)
        assert here.said("timed out after 1m 30s (retry 1 of 1)") == 1
        (again,) = here.claimed()
        assert again.fence == 2

    def test_it_is_evaluated_with_the_parameters_of_the_task(self, site: Make) -> None:
        here = site("_export: {m: 6}\n+a: {sh>: x, n: '${m}m', _timeout: '${n}'}\n")
        here.claimed()
        here.later(6 * MINUTE - SECOND)
        assert here.states()["a"] is S.RUNNING
        here.clock.skipped += SECOND
        assert here.executor.step(here.attempt).stops

    @pytest.mark.parametrize("written", ["soon", "-5", "${missing}", "1.5"])
    def test_what_is_evaluated_to_no_duration_fails_the_task(
        self, site: Make, written: str
    ) -> None:
        here = site(f"_export: {{x: '{written}'}}\n+a: {{sh>: x, _timeout: '${{x}}'}}\n")
        assert here.claimed() == []
        assert here.states()["a"] is S.ERROR

    def test_evaluated_to_none_it_is_no_limit(self, site: Make) -> None:
        here = site("_export: {x: none}\n+a: {sh>: x, _timeout: '${x}'}\n")
        here.claimed()
        assert here.executor.next_due(here.attempt) is None

    def test_an_elapsed_deadline_fires_before_a_poll(self, site: Make) -> None:
        here = site("+a: {wait>: 30m, poll_interval: 10m, _timeout: 5m}\n")
        here.executor.step(here.attempt)
        here.later(60 * MINUTE)
        assert here.states()["a"] is S.ERROR
        assert here.error("+w+a") == {"message": "timed out after 5m"}

    def test_it_survives_the_worker(self, site: Make) -> None:
        here = site("+a: {sh>: x, _timeout: 5m}\n")
        (request,) = here.claimed()
        here.clock.skipped += 6 * MINUTE
        lost = Report(run_of(request), "lost", PROOF)
        here.other_executor().step(here.attempt, reports=[lost], work=False)
        assert here.states()["a"] is S.ERROR

    def test_a_polling_operator_is_tried_again_from_its_beginning(self, site: Make) -> None:
        here = site("+a: {require>: v, _timeout: 5m, _retry: {limit: 1, interval: 1m}}\n")
        here.write({"v.dig": "+a: {sh>: x}\n"})
        here.push()
        here.executor.step(here.attempt)
        here.executor.step(here.attempt)
        here.later(6 * MINUTE)
        assert here.states()["a"] is S.RETRY_WAITING
        assert here.said("timed out after 5m (retry 1 of 1 in 60 s)") == 1

    def test_a_group_shows_why_it_failed(self, site: Make) -> None:
        here = site("+g: {_timeout: 5m, +a: {wait>: 1h}}\n")
        here.executor.step(here.attempt)
        here.later(6 * MINUTE)
        assert here.error("+w+g") == {"message": "timed out after 5m"}
        assert here.said("timed out after 5m: stopping it") == 1


class TestHandlers:
    def test_after_a_cancel_only_they_are_claimed(self, site: Make) -> None:
        here = site(
            "_parallel: true\n+a: {sh>: a, _canceled: {sh>: c}, _finally: {sh>: f}}\n"
            "+b: {+x: {sh>: b}, +y: {sh>: y}}\n"
        )
        first, second = here.claimed()
        here.executor.cancel(here.attempt, "user", "test")
        here.end(first)
        (canceled,) = here.claimed()
        assert canceled.full_name == "+w+a^canceled"
        here.end(canceled)
        (final,) = here.claimed()
        assert final.full_name == "+w+a^finally"
        here.end(second)
        here.end(final)
        assert here.row().phase is Phase.CANCELED

    def test_they_are_told_the_cause(self, site: Make) -> None:
        here = site("+a: {sh>: a, _canceled: {sh>: c}, _finally: {+x: {sh>: f}}}\n")
        (request,) = here.claimed()
        here.executor.cancel(here.attempt, "run_timeout", "test")
        here.end(request)
        told = []
        for _ in range(2):
            (request,) = here.claimed()
            told.append(request.params["cancel_cause"])
            assert "error" not in request.params
            here.end(request)
        assert told == ["run_timeout", "run_timeout"]
        assert here.row().reason == "run_timeout"

    def test_below_a_task_that_timed_out_the_cause_is_its_timeout(self, site: Make) -> None:
        here = site("+g: {_timeout: 5m, +a: {sh>: a, _canceled: {sh>: c}}}\n")
        (request,) = here.claimed()
        here.later(6 * MINUTE)
        here.end(request)
        (canceled,) = here.claimed()
        assert canceled.params["cancel_cause"] == "timeout"

    def test_without_a_cancel_there_is_no_cause(self, site: Make) -> None:
        here = site("+a: {sh>: a, _finally: {sh>: f}}\n")
        here.end(here.claimed()[0])
        assert "cancel_cause" not in here.claimed()[0].params

    def test_a_finally_sees_the_error_and_what_was_stored(self, site: Make) -> None:
        here = site("+g:\n  _finally: {sh>: f}\n  +a: {sh>: a}\n  +b: {sh>: b}\n")
        (request,) = here.claimed()
        stored = Report(run_of(request), TaskResult(store={"cluster": "c7"}), PROOF)
        here.executor.step(here.attempt, reports=[stored])
        here.end(here.claimed()[0], {"message": "boom"})
        (final,) = here.claimed()
        assert (final.params["cluster"], final.params["error"]) == ("c7", {"message": "boom"})

    def test_no_operator_is_shown_the_directives(self, site: Make) -> None:
        here = site("+a: {sh>: a, _timeout: 5m, _canceled: {sh>: c}, _finally: {sh>: f}}\n")
        (request,) = here.claimed()
        hidden = {"_timeout", "_canceled", "_finally"}
        assert hidden.isdisjoint(request.params)
        assert hidden.isdisjoint(request.local)

    def test_who_is_gone_cleans_up_no_more(self, site: Make) -> None:
        here = site("_finally: {sh>: f}\n+a: {sh>: a, _canceled: {sh>: c}}\n")
        (request,) = here.claimed()
        control = Control(here.database, here.executor, lambda: None)
        lost = [Report(run_of(request), "lost", PROOF)]
        end_abandoned(control, here.attempt, "user", lambda _: lost)
        assert here.row().phase is Phase.CANCELED
        assert S.READY not in here.states().values()
