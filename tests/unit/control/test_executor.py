"""The one door, on a real database: several executors, late reports, endings, waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from digpy.control.executor import AttemptOver, Executor
from digpy.control.requests import Surroundings
from digpy.control.trees import Trees
from digpy.engine.states import TaskState
from digpy.expr.javascript import default_engine
from digpy.spi import Report, Run, TaskRequest, TaskResult
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import runs as run_rows
from digpy.store import tasks as task_rows
from digpy.store.database import Database, open_database
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.recorded_execution import RememberedLogs, Scenario

SESSION_TIME = "2024-03-05T00:00:00+00:00"
PROOF = "P1 reaped"


class Site(Scenario):
    """A scenario whose attempt is moved by hand, by one executor or by several."""

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        super().__init__(directory, files, {})
        self.push()
        self.attempt = self.begin({"workflow": "w", "session_time": SESSION_TIME}).attempt
        self.others: list[Database] = []

    def other_executor(self) -> Executor:
        """A second one, with a connection and a memory of its own."""
        database = open_database(self.state / "digpy.db", durability="relaxed")
        self.others.append(database)
        surroundings = Surroundings(
            project=self.project,
            state=self.state,
            settings={},
            secret=lambda _: None,
            task_limit=1000,
            javascript=default_engine,
        )
        trees = Trees(database, surroundings)
        return Executor(database, self.clock, trees, RememberedLogs(), self, agent="other")

    def claim(self, room: int = 9, executor: Executor | None = None) -> dict[str, TaskRequest]:
        """Claim programs; the requests by the last part of the task's name."""
        step = (executor or self.executor).step(self.attempt, room=room)
        return {request.full_name.rpartition("+")[2]: request for request in step.requests}

    def report(
        self, request: TaskRequest, outcome: Any = None, executor: Executor | None = None
    ) -> None:
        """Report the end of a program, successful unless `outcome` says otherwise."""
        reports = [Report(run_of(request), outcome or TaskResult(), PROOF, None)]
        (executor or self.executor).step(self.attempt, reports=reports)

    def row(self, attempt: int | None = None) -> attempt_rows.AttemptRow:
        with self.database.reading() as tx:
            return attempt_rows.load(tx, attempt or self.attempt)

    def states(self, attempt: int | None = None) -> dict[str, TaskState]:
        with self.database.reading() as tx:
            return {
                task.full_name.rpartition("+")[2]: task.state
                for task in task_rows.summary(tx, attempt or self.attempt)
            }

    def events(self, kind: str) -> list[Any]:
        with self.database.reading() as tx:
            return [e for e in event_rows.of_attempt(tx, self.attempt) if e.kind == kind]

    def said(self, text: str) -> int:
        """How often the log has said `text`."""
        return sum(entry.text.strip() == text for _, entry in self.logs.entries)

    def close(self) -> None:
        super().close()
        for database in self.others:
            database.close()


def run_of(request: TaskRequest) -> Run:
    return Run(request.attempt, request.number, request.fence)


Make = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Make]:
    """``site(w=...)``: a project of these workflows, and an attempt of ``w``."""
    made: list[Site] = []

    def make(**workflows: str) -> Site:
        files = {f"{name}.dig": f"timezone: UTC\n{text}" for name, text in workflows.items()}
        made.append(Site(tmp_path, files))
        return made[-1]

    yield make
    for each in made:
        each.close()


TWO = "_parallel: true\n+a: {sh>: 'true'}\n+b: {sh>: 'true'}\n"
ECHO_AFTER = """\
_parallel: true
+a:
  sh>: 'true'
+b:
  +program: {sh>: 'true'}
  +echo: {echo>: once}
"""


# Two executors


def test_what_another_executor_did_is_not_lost(site: Make) -> None:
    here = site(w=TWO)
    claimed = here.claim()
    here.report(claimed["a"], executor=here.other_executor())
    here.report(claimed["b"])
    assert here.states() == dict.fromkeys(["w", "a", "b"], TaskState.SUCCESS)


def test_a_draft_that_came_too_late_is_done_again_and_says_nothing_twice(site: Make) -> None:
    here = site(w=ECHO_AFTER)
    claimed = here.claim()
    here.report(claimed["a"], executor=here.other_executor())
    here.report(claimed["program"])
    assert here.said("once") == 1
    assert here.row().phase is Phase.SUCCESS


def test_a_task_is_claimed_by_one_of_two(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    here.claim(room=0)
    other = here.other_executor()
    other.step(here.attempt)
    assert list(here.claim()) == ["a"]
    assert here.claim(executor=other) == {}


def test_a_cancel_from_elsewhere_keeps_the_rest_from_starting(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n+b: {sh>: 'true'}\n")
    claimed = here.claim()
    here.other_executor().cancel(here.attempt, "user", "test")
    here.report(claimed["a"])
    assert here.row().phase is Phase.CANCELED
    with here.database.reading() as tx:
        assert [row.run for row in run_rows.of_attempt(tx, here.attempt)] == [run_of(claimed["a"])]


# Late reports


def test_a_report_of_an_earlier_fence_changes_nothing(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    first = here.claim()["a"]
    here.report(first, "lost")
    second = here.claim()["a"]
    before = here.row().version
    here.report(first)
    assert (here.row().version, here.states()["a"]) == (before, TaskState.RUNNING)
    assert second.fence == first.fence + 1


def test_a_report_for_an_attempt_that_has_ended_is_refused(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    request = here.claim()["a"]
    here.report(request)
    before = here.row()
    with pytest.raises(AttemptOver):
        here.report(request, {"message": "late"})
    assert here.row() == before


def test_a_report_that_comes_twice_counts_once(site: Make) -> None:
    here = site(w=TWO)
    claimed = here.claim()
    here.report(claimed["a"])
    before = here.row().version
    here.report(claimed["a"])
    assert here.row().version == before


def test_a_lost_run_leaves_its_proof_and_the_task_ready(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    here.report(here.claim(room=1)["a"], "lost")
    with here.database.reading() as tx:
        (row,) = run_rows.of_attempt(tx, here.attempt)
    assert (row.outcome, row.proof) == ("lost", PROOF)
    assert here.states()["a"] is TaskState.READY


# Endings


def test_an_end_is_recorded_once_whoever_sees_it(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    request = here.claim()["a"]
    other = here.other_executor()
    other.step(here.attempt)  # it remembers the tree as it is now
    here.report(request)
    with pytest.raises(AttemptOver):
        here.report(request, executor=other)
    assert len(here.events("attempt.ended")) == 1


def test_a_second_cancel_is_noted_and_moves_no_deadline(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    here.claim()
    here.executor.cancel(here.attempt, "user", "test")
    since = here.row().canceling_since
    here.clock.skipped += SECOND
    here.executor.cancel(here.attempt, "run_timeout", "test")
    assert (here.row().canceling_since, here.row().cause) == (since, "user")
    assert len(here.events("cancel.repeated")) == 1


@pytest.mark.parametrize(
    ("cause", "phase"), [("user", Phase.CANCELED), ("run_timeout", Phase.FAILURE)]
)
def test_the_cause_of_a_cancel_decides_how_the_attempt_ends(
    site: Make, cause: str, phase: Phase
) -> None:
    here = site(w="+a: {wait>: 1h}\n")
    here.executor.step(here.attempt)
    here.executor.cancel(here.attempt, cause, "test")
    assert (here.row().phase, here.row().reason) == (phase, cause)


def test_a_task_that_succeeds_after_the_cancel_is_canceled(site: Make) -> None:
    here = site(w="+a: {sh>: 'true'}\n")
    request = here.claim()["a"]
    here.executor.cancel(here.attempt, "user", "test")
    here.report(request)
    assert here.states()["a"] is TaskState.CANCELED


def test_an_ended_attempt_takes_no_cancel(site: Make) -> None:
    here = site(w="+a: {echo>: hi}\n")
    here.run(lambda: here.row().is_done)
    with pytest.raises(AttemptOver):
        here.executor.cancel(here.attempt, "user", "test")
    assert here.row().phase is Phase.SUCCESS


# Waiting for another attempt


def test_who_waits_is_woken_by_the_end_of_the_other_attempt(site: Make) -> None:
    here = site(w="+a: {require>: other}\n", other="+b: {sh>: 'true'}\n")
    here.run(lambda: here.row().is_done)
    assert here.row().phase is Phase.SUCCESS
    assert here.clock.skipped == 0, "it was found by a poll"


def names(here: Site) -> list[str | None]:
    with here.database.reading() as tx:
        rows = attempt_rows.of_command(tx, here.attempt)
        return [row.retry_attempt_name for row in rows if row.workflow == "other"]


RANDOM = "${Math.random().toString(36).slice(-8)}"
FAILING = "+b: {fail>: no}\n"


def test_polling_starts_no_attempt_under_a_random_name(site: Make) -> None:
    w = f"+a:\n  require>: other\n  retry_attempt_name: {RANDOM}\n"
    here = site(w=w, other="+b: {wait>: 60s}\n")
    here.run(lambda: here.row().is_done)
    assert len(names(here)) == 1
    assert here.row().phase is Phase.SUCCESS


def test_a_retry_of_the_task_starts_one_attempt_under_a_new_name(site: Make) -> None:
    w = f"+a:\n  require>: other\n  _retry: 2\n  retry_attempt_name: {RANDOM}\n"
    here = site(w=w, other=FAILING)
    here.run(lambda: here.row().is_done)
    assert len(set(names(here))) == len(names(here)) == 3


def test_a_retry_of_the_task_finds_the_attempt_of_a_fixed_name_again(site: Make) -> None:
    w = "+a:\n  require>: other\n  _retry: 2\n  retry_attempt_name: one\n"
    here = site(w=w, other=FAILING)
    here.run(lambda: here.row().is_done)
    assert names(here) == ["one"]


def test_a_stored_name_names_the_required_attempt(site: Make) -> None:
    w = "+n: {param_store>: {retry_attempt_name: kept}}\n+a: {require>: other}\n"
    here = site(w=w, other="+b: {echo>: hi}\n")
    here.run(lambda: here.row().is_done)
    assert names(here) == ["kept"]


def test_an_exported_name_names_nothing(site: Make) -> None:
    w = "_export: {retry_attempt_name: inherited}\n+a: {require>: other}\n"
    here = site(w=w, other="+b: {echo>: hi}\n")
    here.run(lambda: here.row().is_done)
    assert names(here) == [None]


def test_a_name_that_a_group_retry_stores_anew_starts_an_attempt_a_round(site: Make) -> None:
    w = f"""\
_retry: 2
+n:
  param_eval>: retry_attempt_name
  _export:
    retry_attempt_name: {RANDOM}
+a: {{require>: other}}
"""
    here = site(w=w, other=FAILING)
    here.run(lambda: here.row().is_done)
    assert len(set(names(here))) == len(names(here)) == 3
