"""What Dagster's run monitoring does, and what digpy does in its place: one behaviour a test.

The numbers D01-D38 are those of the table that both were compared by. Time is played, so are
workers; the same with real processes that are really killed is in ``tests/crash`` ("real" below).

==== ==============================================================================================
D01  `test_a_limit_holds_without_anything_being_switched_on`
D02  `test_the_next_look_is_exactly_at_the_next_deadline`
D03  `test_only_unfinished_attempts_are_looked_at_in_pages`
D04  `test_an_attempt_that_waits_in_the_queue_too_long_fails_at_once`
D05  `test_the_start_timeout_counts_from_the_launch_and_fires_when_it_is_reached`
D06  `test_an_attempt_that_did_not_start_is_marked_after_its_worker_is_gone`,
     `test_a_worker_that_comes_after_the_start_timeout_has_no_effect`
D07  `test_a_worker_that_dies_while_starting_is_replaced_at_once`
D08  `test_limits_that_are_off_are_no_error`
D09  `test_a_second_cancel_is_noted_and_moves_no_deadline`
D10  ``tests/contract/store/test_constraints.py`` (canceling without its instant is refused)
D11  `test_at_the_cancel_timeout_the_work_is_killed_and_the_attempt_ends`,
     `test_an_attempt_whose_processes_cannot_be_killed_ends_unclean`,
     `test_what_an_unclean_attempt_left_is_proved_dead_later`
D12  `test_a_limit_that_passed_while_the_worker_was_down_wins_over_a_resume`; real too
D13  launchers with a health check that can err come later; here the parent sees its child's end
D14  `test_a_worker_that_exits_with_0_before_the_end_is_lost_like_any_other`
D15  `test_a_decision_about_an_attempt_that_has_ended_meanwhile_is_void`
D16  `test_an_intended_launch_counts_though_it_failed`
D17  `test_a_launch_that_fails_is_tried_again_until_the_start_timeout`
D18  `test_too_many_losses_end_the_attempt_and_say_how_the_workers_died`
D19  `test_losses_with_progress_between_them_do_not_add_up`,
     `test_losses_are_counted_beyond_the_life_of_a_supervisor`,
     `test_all_losses_of_a_life_can_be_limited`
D20  every launcher of digpy can resume
D21  `test_a_resume_repeats_nothing_that_was_done`
D22  `test_nothing_is_resumed_before_what_ran_is_proved_dead`
D23  `test_a_report_with_an_older_fence_changes_nothing`
D24  `test_a_worker_that_dies_while_canceling_is_not_replaced`
D25  `test_a_worker_of_an_older_launch_has_to_leave`
D26  `test_a_worker_that_does_not_obey_is_killed`
D27  nothing holds a slot but a running task: there is nothing to free
D28  `test_the_run_timeout_counts_from_the_first_start_over_all_resumes`
D29  ``tests/unit/control/test_limits.py`` (a limit that cannot be read is refused when written)
D30  `test_the_run_timeout_stops_the_work_and_marks_afterwards`; real too
D31  `test_time_spent_waiting_counts`
D32  `test_what_goes_wrong_with_one_attempt_is_noted_once_and_the_others_are_watched`
D33  `test_a_supervisor_that_was_replaced_writes_nothing_and_leaves`
D34  `test_an_attempt_is_admitted_once`
D35  ``test_attempt_retry.py`` (what was canceled, or has succeeded, is not tried again); real too
D36  `test_too_many_losses_end_the_attempt_and_say_how_the_workers_died`; the rest is asked of
     platforms that this version does not run on
D37  real (``test_process_tree.py``)
D38  real (a worker ignores the signals of its command: ``test_local_launcher.py``)
==== ==============================================================================================
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from digpy.control.executor import StaleLaunch
from digpy.control.leadership import Leadership
from digpy.control.recovery import StillAlive, clear_up, end_abandoned, end_overdue
from digpy.control.starter import admit
from digpy.control.supervisor import ANSWER
from digpy.engine.states import TaskState
from digpy.errors import InternalError
from digpy.spi import Report, TaskResult
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import installation as installation_rows
from digpy.store import launches as launch_rows
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.supervision import PACE, SLEEP, Supervised

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Make = Callable[..., Supervised]

TWO = "+a: {sh>: 'true'}\n+b: {sh>: 'true'}\n"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """``make(workflow, *settings)``: an attempt of that workflow, not watched yet."""
    made: list[Supervised] = []

    def build(workflow: str = SLEEP, *settings: str) -> Supervised:
        made.append(Supervised(tmp_path / str(len(made)), workflow, *settings))
        return made[-1]

    yield build
    for each in made:
        each.close()


# Limits


def test_a_limit_holds_without_anything_being_switched_on(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.sleep(supervisor, 7 * DAY - 1)
    assert site.asked() == []
    site.sleep(supervisor, 1)
    assert site.asked() == ["attempt_ttl"]


def test_the_next_look_is_exactly_at_the_next_deadline(make: Make) -> None:
    site = make("_run_timeout: 3s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    started = site.clock.now()
    site.clock.advance(SECOND)
    assert supervisor.tick() == started + 3 * SECOND


def test_only_unfinished_attempts_are_looked_at_in_pages(make: Make) -> None:
    site = make("_queue_timeout: 1h\n" + SLEEP)
    others = [site.new_attempt(waits_for="a slot") for _ in range(4)]
    end_abandoned(site.control(), others[1], "user", site.settle)
    with site.database.reading() as tx:
        first = attempt_rows.all_unfinished(tx, page=2)
        second = attempt_rows.all_unfinished(tx, after=first[-1].id, page=2)
    found = [row.id for row in (*first, *second)]
    assert found == [site.attempt, others[0], others[2], others[3]]


def test_an_attempt_that_waits_in_the_queue_too_long_fails_at_once(make: Make) -> None:
    site = make("_queue_timeout: 1h\n" + SLEEP)
    waiting = site.new_attempt(waits_for="another attempt of w runs")
    site.clock.advance(HOUR - 1)
    end_overdue(site.control(), led_by(site), site.settle, site.clock, lambda _: None)
    assert site.row(waiting).phase is Phase.QUEUED
    site.clock.advance(1)
    end_overdue(site.control(), led_by(site), site.settle, site.clock, lambda _: None)
    assert site.ending(waiting) == (Phase.FAILURE, "queue_timeout")
    assert site.events("attempt.ended", waiting)[0].data["class"] == "limit"


def led_by(site: Supervised) -> Callable[[attempt_rows.AttemptRow], bool]:
    return lambda row: row.command == site.attempt


def test_the_start_timeout_counts_from_the_launch_and_fires_when_it_is_reached(
    make: Make,
) -> None:
    site = make("_start_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.clock.advance(MINUTE - 1)
    supervisor.tick()
    assert not site.is_killed()
    site.clock.advance(1)
    supervisor.tick()
    assert site.is_killed()


def test_an_attempt_that_did_not_start_is_marked_after_its_worker_is_gone(make: Make) -> None:
    site = make("_start_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.watch(supervisor, 2 * MINUTE)
    assert site.ending() == (Phase.FAILURE, "start_timeout")
    assert [worker.status for worker in site.launcher.workers] == [137]
    assert supervisor.finished


def test_a_worker_that_comes_after_the_start_timeout_has_no_effect(make: Make) -> None:
    site = make("_start_timeout: 60s\n" + SLEEP)
    site.watch(site.supervisor(), 2 * MINUTE)
    before = site.row()
    assert not site.hello(epoch=1)
    assert site.row() == before
    assert site.events("worker.stale")[0].data["epoch"] == 1


def test_a_worker_that_dies_while_starting_is_replaced_at_once(make: Make) -> None:
    site = make("_start_timeout: 1h\n" + SLEEP)
    supervisor = site.supervisor()
    site.die()
    supervisor.tick()
    assert len(site.launcher.workers) == 2
    assert (site.row().phase, site.row().epoch, site.row().losses) == (Phase.STARTING, 2, 1)


def test_limits_that_are_off_are_no_error(make: Make) -> None:
    off = ("executor.attempt_ttl=none", "executor.task_ttl=0", "supervisor.start_timeout=0")
    site = make(SLEEP, *off)
    supervisor = site.supervisor()
    site.sleep(supervisor, 10 * DAY)
    assert (site.row().phase, site.worker.status) == (Phase.STARTING, None)
    assert site.events("supervisor.error") == []


def test_a_second_cancel_is_noted_and_moves_no_deadline(make: Make) -> None:
    site = make("_cancel_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.executor.cancel(site.attempt, "user", "user")
    since = site.row().canceling_since
    site.watch(supervisor, MINUTE - SECOND)
    site.executor.cancel(site.attempt, "user", "user")
    assert site.row().canceling_since == since
    assert len(site.events("cancel.repeated")) == 1
    site.watch(supervisor, 2 * SECOND)
    assert site.row().is_done


def test_at_the_cancel_timeout_the_work_is_killed_and_the_attempt_ends(make: Make) -> None:
    site = make("_cancel_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.executor.cancel(site.attempt, "user", "user")
    site.watch(supervisor, MINUTE - 1)
    assert not site.is_killed()
    site.watch(supervisor, SECOND)
    assert site.is_killed()
    assert (site.row().phase, site.row().unclean) == (Phase.CANCELED, False)
    assert site.unproved() == []
    assert len(site.events("kill.forced")) == 1


def unclean(site: Supervised) -> None:
    """Run into the cancel timeout with a program that cannot be killed."""
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.executor.cancel(site.attempt, "user", "user")
    site.immortal = True
    site.watch(supervisor, 2 * MINUTE)


def test_an_attempt_whose_processes_cannot_be_killed_ends_unclean(make: Make) -> None:
    site = make("_cancel_timeout: 60s\n" + SLEEP)
    unclean(site)
    assert (site.row().phase, site.row().unclean) == (Phase.CANCELED, True)
    assert site.events("attempt.ended")[0].data["unclean"] is True
    assert len(site.unproved()) == 1


def test_what_an_unclean_attempt_left_is_proved_dead_later(make: Make) -> None:
    site = make("_cancel_timeout: 60s\n" + SLEEP)
    unclean(site)
    clear_up(site.control(), site.settle, site.clock)
    assert len(site.unproved()) == 1
    site.immortal = False
    clear_up(site.control(), site.settle, site.clock)
    assert site.unproved() == []
    assert site.events("cleanup.proved")[0].data == {"evidence": "P2 janitor:keeper"}


def test_the_run_timeout_stops_the_work_and_marks_afterwards(make: Make) -> None:
    site = make("_run_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.watch(supervisor, MINUTE)
    assert (site.asked(), site.row().phase) == (["run_timeout"], Phase.RUNNING)
    site.obey()
    assert site.ending() == (Phase.FAILURE, "run_timeout")
    site.worker.channel.arrived.append({"done": True})
    supervisor.tick()
    assert supervisor.finished


def test_time_spent_waiting_counts(make: Make) -> None:
    site = make("_run_timeout: 60s\n+wait: {wait>: 1h}\n")
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    assert site.states()["wait"] is TaskState.RETRY_WAITING
    site.watch(supervisor, MINUTE)
    assert site.asked() == ["run_timeout"]
    site.obey()
    assert site.ending() == (Phase.FAILURE, "run_timeout")


def test_a_task_that_takes_longer_than_a_day_stops_the_attempt(make: Make) -> None:
    site = make(TWO)
    supervisor = site.supervisor()
    site.hello()
    (first,) = site.claim()
    site.sleep(supervisor, 20 * HOUR)
    site.report(first)
    (second,) = site.claim()
    site.sleep(supervisor, 23 * HOUR)
    assert site.asked() == []
    site.sleep(supervisor, HOUR)
    assert (second.full_name, site.asked()) == ("+w+b", ["task_timeout"])
    site.obey()
    assert site.ending() == (Phase.FAILURE, "task_timeout")


def test_what_stops_an_attempt_at_its_limit_is_written_with_the_leaders_epoch(make: Make) -> None:
    site = make("_cancel_timeout: 1s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.executor.cancel(site.attempt, "user", "user")
    site.watch(supervisor, 2 * SECOND)
    assert [event.supervisor_epoch for event in site.events("kill.forced")] == [1]


def test_the_number_of_an_administrator_caps_what_an_attempt_asks_for(make: Make) -> None:
    site = make("_run_timeout: 5h\n" + SLEEP, "supervisor.max_run_timeout=1m")
    supervisor = site.supervisor()
    site.hello()
    site.watch(supervisor, MINUTE)
    assert site.asked() == ["run_timeout"]


# Losing workers


def test_a_limit_that_passed_while_the_worker_was_down_wins_over_a_resume(make: Make) -> None:
    site = make("_run_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.die()
    site.clock.advance(MINUTE)
    supervisor.tick()
    assert site.ending() == (Phase.FAILURE, "run_timeout")
    assert len(site.launcher.workers) == 1


@pytest.mark.parametrize("status", [0, 1, 75, 137])
def test_a_worker_that_exits_with_0_before_the_end_is_lost_like_any_other(
    make: Make, status: int
) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.die(status)
    supervisor.tick()
    assert (len(site.launcher.workers), site.row().epoch) == (2, 2)
    assert site.events("worker.lost")[0].data["exit"] == status


def test_a_decision_about_an_attempt_that_has_ended_meanwhile_is_void(make: Make) -> None:
    site = make("+a: {sh>: 'true'}\n")
    control = site.control()
    control.executor.next_due(site.attempt)  # it knows the attempt as it was
    site.supervisor()
    site.hello()
    (request,) = site.claim()
    site.report(request)
    before = site.row()
    end_abandoned(control, site.attempt, "run_timeout", site.settle)
    assert site.row() == before
    assert site.ending() == (Phase.SUCCESS, None)
    assert site.events("attempt.canceling") == []


def test_an_intended_launch_counts_though_it_failed(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.launcher.is_refused = True
    site.die()
    supervisor.tick()
    with site.database.reading() as tx:
        epochs = [launch.epoch for launch in launch_rows.of_attempt(tx, site.attempt)]
    assert epochs == [1, 2]
    assert site.row().losses_total == 1
    assert supervisor.worker is None


def test_a_launch_that_fails_is_tried_again_until_the_start_timeout(make: Make) -> None:
    site = make("_start_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.launcher.is_refused = True
    site.die()
    site.watch(supervisor, 2 * MINUTE)
    assert site.ending() == (Phase.FAILURE, "launch_failed")
    assert 3 < len(site.events("launch.failed")) < 10


def test_a_launch_that_succeeds_at_last_goes_on(make: Make) -> None:
    site = make("_start_timeout: 60s\n" + SLEEP)
    supervisor = site.supervisor()
    site.launcher.is_refused = True
    site.die()
    site.watch(supervisor, 10 * SECOND)
    site.launcher.is_refused = False
    site.watch(supervisor, 30 * SECOND)
    assert len(site.launcher.workers) == 2
    assert site.hello()


def test_too_many_losses_end_the_attempt_and_say_how_the_workers_died(make: Make) -> None:
    site = make(SLEEP, "executor.task_max_losses=9")
    supervisor = site.supervisor()
    for _ in range(4):
        site.hello()
        site.claim()
        site.die(137)
        site.watch(supervisor, SECOND)
    assert site.ending() == (Phase.FAILURE, "resume_exhausted")
    assert site.events("attempt.ended")[0].data["class"] == "infra"
    found = [
        (e.data["exit"], e.data["signal"], e.data["losses"]) for e in site.events("worker.lost")
    ]
    assert found == [(137, 9, 1), (137, 9, 2), (137, 9, 3), (137, 9, 4)]


def test_losses_with_progress_between_them_do_not_add_up(make: Make) -> None:
    site = make("".join(f"+t{n}: {{sh>: 'true'}}\n" for n in range(6)))
    supervisor = site.supervisor()
    for _ in range(5):
        site.hello()
        (request,) = site.claim()
        site.report(request)
        site.die()
        site.watch(supervisor, SECOND)
    assert (site.row().losses, site.row().losses_total) == (1, 5)
    assert site.row().phase is Phase.RUNNING


def test_losses_are_counted_beyond_the_life_of_a_supervisor(make: Make) -> None:
    site = make("_max_resumes: 1\n" + SLEEP)
    first = site.supervisor()
    site.die()
    first.tick()
    second = site.supervisor()
    site.die()
    site.watch(second, SECOND)
    assert site.ending() == (Phase.FAILURE, "resume_exhausted")


def test_all_losses_of_a_life_can_be_limited(make: Make) -> None:
    site = make(TWO, "supervisor.max_resumes_total=1")
    supervisor = site.supervisor()
    for _ in range(2):
        site.hello()
        (request,) = site.claim()
        site.die()
        site.left = {request.number: TaskResult()}
        site.watch(supervisor, SECOND)
    assert site.ending() == (Phase.FAILURE, "resume_exhausted")


def test_a_result_that_outlived_the_worker_counts(make: Make) -> None:
    site = make(TWO)
    supervisor = site.supervisor()
    site.hello()
    (request,) = site.claim()
    site.left = {request.number: TaskResult(store={"kept": 7})}
    site.die()
    supervisor.tick()
    site.hello()
    (after,) = site.claim()
    assert (after.full_name, after.params["kept"], after.fence) == ("+w+b", 7, 1)


def test_a_resume_repeats_nothing_that_was_done(make: Make) -> None:
    site = make(TWO)
    supervisor = site.supervisor()
    site.hello()
    (first,) = site.claim()
    site.report(first)
    (second,) = site.claim()
    site.die()
    supervisor.tick()
    site.hello()
    (again,) = site.claim()
    assert (again.full_name, again.fence, second.fence) == ("+w+b", 2, 1)


def test_nothing_is_resumed_before_what_ran_is_proved_dead(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.die()
    site.immortal = True
    with pytest.raises(StillAlive, match="process 4711"):
        supervisor.tick()
    assert (site.row().epoch, len(site.launcher.workers)) == (1, 1)
    assert site.states()["slow"] is TaskState.RUNNING
    site.immortal = False
    supervisor.tick()
    assert (site.row().epoch, site.row().losses) == (2, 1)


def test_a_report_with_an_older_fence_changes_nothing(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    (old,) = site.claim()
    site.die()
    supervisor.tick()
    site.hello()
    (new,) = site.claim()
    site.report(old)
    assert site.states()["slow"] is TaskState.RUNNING
    assert site.events("report.stale")[0].data == {"fence": old.fence, "current": new.fence}


def test_a_worker_that_dies_while_canceling_is_not_replaced(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.executor.cancel(site.attempt, "user", "user")
    site.die()
    site.watch(supervisor, SECOND)
    assert site.ending()[0] is Phase.CANCELED
    assert len(site.launcher.workers) == 1


def test_a_worker_of_an_older_launch_has_to_leave(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.die()
    supervisor.tick()
    assert not site.hello(epoch=1)
    assert site.events("worker.stale")[0].data["current"] == 2
    with pytest.raises(StaleLaunch):
        site.executor.step(site.attempt, room=9, epoch=1)


def test_a_worker_that_does_not_obey_is_killed(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    supervisor.cancel("user")
    site.watch(supervisor, ANSWER - 1)
    assert not site.is_killed()
    site.watch(supervisor, SECOND)
    assert site.is_killed()
    assert site.ending()[0] is Phase.CANCELED


def test_the_run_timeout_counts_from_the_first_start_over_all_resumes(make: Make) -> None:
    site = make("_run_timeout: 60s\n" + TWO)
    supervisor = site.supervisor()
    site.hello()
    site.watch(supervisor, 40 * SECOND)
    site.die()
    supervisor.tick()
    site.hello()
    site.watch(supervisor, 20 * SECOND)
    assert site.asked() == ["run_timeout"]
    assert len(site.events("attempt.started")) == 1
    assert len(site.events("attempt.resumed")) == 1


# One attempt and the others, one supervisor and the others


def test_what_goes_wrong_with_one_attempt_is_noted_once_and_the_others_are_watched(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make("_run_timeout: 60s\n" + SLEEP)
    other = site.new_attempt(command=site.attempt)
    supervisor = site.supervisor()
    site.hello()
    site.hello(attempt=other)
    look = type(supervisor)._enforce

    def fail(self: object, row: attempt_rows.AttemptRow) -> int:
        if row.id == site.attempt:
            raise InternalError("a bug")
        return look(supervisor, row)

    monkeypatch.setattr(type(supervisor), "_enforce", fail)
    site.watch(supervisor, MINUTE)
    assert site.asked() == ["run_timeout"]
    assert [event.data for event in site.events("supervisor.error")] == [
        {"error": "InternalError: a bug"}
    ]


def test_a_supervisor_that_was_replaced_writes_nothing_and_leaves(make: Make) -> None:
    site = make("_cancel_timeout: 60s\n" + SLEEP)
    frozen = site.supervisor()
    site.hello()
    site.claim()
    site.executor.cancel(site.attempt, "user", "user")
    lead = Leadership(f"attempt/{site.attempt}", "another", PACE.lease)
    with site.database.transaction() as tx:
        lead.seize(tx, site.clock.now())
    events = count_events(site)
    site.clock.advance(2 * MINUTE)
    frozen.tick()
    assert frozen.finished
    assert count_events(site) == events
    assert site.row().phase is Phase.CANCELING


def test_a_replaced_supervisor_does_not_even_note_a_loss(make: Make) -> None:
    site = make()
    frozen = site.supervisor()
    lead = Leadership(f"attempt/{site.attempt}", "another", PACE.lease)
    with site.database.transaction() as tx:
        lead.seize(tx, site.clock.now())
    site.die()
    frozen.tick()
    assert (frozen.finished, site.row().losses, site.row().epoch) == (True, 0, 1)


def count_events(site: Supervised) -> int:
    with site.database.reading() as tx:
        return len(event_rows.of_attempt(tx, site.attempt))


def test_a_lead_is_taken_over_when_its_time_is_over_and_not_before(make: Make) -> None:
    site = make()
    first = Leadership("installation", "first", PACE.lease)
    second = Leadership("installation", "second", PACE.lease)
    with site.database.transaction() as tx:
        assert first.take(tx, site.clock.now())
        site.clock.advance(PACE.lease)
        assert not second.take(tx, site.clock.now())
        assert second.take(tx, site.clock.now() + 1)
        found = [event.kind for event in installation_rows.events(tx)]
    assert (first.epoch, second.epoch, found) == (1, 2, ["supervisor.elected"])


def test_an_attempt_is_admitted_once(make: Make) -> None:
    site = make()
    waiting = site.new_attempt(waits_for="a slot")
    with site.database.transaction() as tx:
        assert admit(tx, waiting, site.clock.now())
        assert not admit(tx, waiting, site.clock.now())
    assert (site.row(waiting).phase, site.row(waiting).epoch) == (Phase.STARTING, 1)


def test_an_attempt_that_was_canceled_in_the_queue_is_not_admitted(make: Make) -> None:
    site = make()
    waiting = site.new_attempt(waits_for="a slot")
    site.executor.cancel(waiting, "user", "user")
    with site.database.transaction() as tx:
        assert not admit(tx, waiting, site.clock.now())
    assert site.ending(waiting)[0] is Phase.CANCELED


# Losing the runs of one task


def lose(site: Supervised, *, started: bool = True) -> None:
    """Claim the only task and lose its run."""
    (request,) = site.claim()
    report = Report(request.run, "lost", "P2 janitor:scan", request.params.get("_retry"), started)
    site.executor.step(site.attempt, reports=[report], work=False)


@pytest.mark.parametrize(
    ("written", "started", "state"),
    [
        ("always", True, TaskState.READY),
        ("never", True, TaskState.ERROR),
        ("never", False, TaskState.ERROR),
        ("if_not_started", True, TaskState.ERROR),
        ("if_not_started", False, TaskState.READY),
    ],
)
def test_rerun_on_crash_says_whether_a_lost_run_is_repeated(
    make: Make, written: str, started: bool, state: TaskState
) -> None:
    site = make(f"+t:\n  sh>: 'true'\n  rerun_on_crash: {written}\n")
    site.supervisor()
    site.hello()
    lose(site, started=started)
    assert site.states()["t"] is state
    assert site.events("task.lost")[0].data["will_rerun"] is (state is TaskState.READY)


def test_retry_applies_to_a_run_that_must_not_be_repeated_blindly(make: Make) -> None:
    site = make("+t:\n  sh>: 'true'\n  rerun_on_crash: never\n  _retry: 1\n")
    site.supervisor()
    site.hello()
    lose(site)
    assert site.states()["t"] is TaskState.RETRY_WAITING


def test_how_often_a_task_may_be_lost_is_a_setting(make: Make) -> None:
    site = make("+t: {sh>: 'true'}\n", "executor.task_max_losses=2")
    site.supervisor()
    site.hello()
    lose(site)
    assert site.states()["t"] is TaskState.READY
    lose(site)
    assert site.states()["t"] is TaskState.ERROR


# Clocks


@pytest.mark.parametrize("jump", [-2 * HOUR, 2 * HOUR, 365 * DAY])
def test_a_jump_of_the_clock_neither_fires_a_limit_nor_puts_it_off(make: Make, jump: int) -> None:
    site = make("_run_timeout: 60m\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    site.watch(supervisor, 30 * MINUTE)
    site.clock.set(site.clock.now() + jump)
    site.watch(supervisor, 30 * MINUTE - 1)
    assert site.asked() == []
    site.watch(supervisor, SECOND)
    assert site.asked() == ["run_timeout"]
    assert [event.data for event in site.events("supervisor.clock_step")] == [{"delta": jump}]


def test_a_jump_while_no_supervisor_ran_is_found_by_the_next(make: Make) -> None:
    site = make("_run_timeout: 60m\n" + SLEEP)
    first = site.supervisor()
    site.hello()
    site.watch(first, 30 * MINUTE)
    site.clock.set(site.clock.now() + 5 * HOUR)
    second = site.supervisor()
    site.hello()
    site.watch(second, 30 * MINUTE - SECOND)
    assert site.asked() == []
    site.watch(second, SECOND)
    assert site.asked() == ["run_timeout"]


def test_an_instant_that_was_written_after_the_jump_is_not_moved_by_it(make: Make) -> None:
    site = make("_run_timeout: 60m\n" + SLEEP)
    supervisor = site.supervisor()
    site.watch(supervisor, MINUTE)
    site.clock.set(site.clock.now() - 2 * HOUR)
    site.clock.advance(SECOND)
    site.hello()
    site.watch(supervisor, 60 * MINUTE)
    assert site.asked() == ["run_timeout"]


def test_a_second_jump_adds_to_the_first(make: Make) -> None:
    site = make("_run_timeout: 60m\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    for jump in (HOUR, -3 * HOUR):
        site.watch(supervisor, 10 * MINUTE)
        site.clock.set(site.clock.now() + jump)
    site.watch(supervisor, 40 * MINUTE - SECOND)
    assert site.asked() == []
    site.watch(supervisor, SECOND)
    assert site.asked() == ["run_timeout"]


def test_a_clock_that_is_set_back_and_forth_again_moves_nothing(make: Make) -> None:
    site = make("_run_timeout: 60m\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    for jump in (-HOUR, HOUR):
        site.clock.set(site.clock.now() + jump)
        supervisor.tick()
    site.watch(supervisor, 60 * MINUTE - SECOND)
    assert site.asked() == []
    site.watch(supervisor, SECOND)
    assert site.asked() == ["run_timeout"]


def test_two_supervisors_note_a_jump_once(make: Make) -> None:
    site = make()
    supervisors = [site.supervisor(), site.supervisor(Leadership("other", "o", PACE.lease))]
    site.clock.set(site.clock.now() + HOUR)
    for supervisor in supervisors:
        supervisor.tick()
    with site.database.reading() as tx:
        steps = [e for e in installation_rows.events(tx) if e.kind == "supervisor.clock_step"]
    assert len(steps) == 1


def test_a_clock_that_is_a_little_uneven_is_believed(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.clock.set(site.clock.now() + PACE.tolerance)
    supervisor.tick()
    assert site.events("supervisor.clock_step") == []


def test_who_was_asked_while_nobody_looked_gets_time_to_answer(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    supervisor.cancel("user")
    site.clock.advance(HOUR)  # everything slept, the worker too
    supervisor.tick()
    assert not site.is_killed()
    with site.database.reading() as tx:
        assert "supervisor.db_gap" in [event.kind for event in installation_rows.events(tx)]
    site.watch(supervisor, ANSWER)
    assert site.is_killed()


# A locked database


def test_a_worker_that_does_not_answer_is_killed_though_it_holds_the_database(make: Make) -> None:
    site = make()
    supervisor = site.supervisor()
    site.hello()
    site.claim()
    supervisor.cancel("user")
    with closing(sqlite3.connect(site.state / "digpy.db")) as frozen:
        frozen.execute("BEGIN IMMEDIATE")
        site.watch(supervisor, ANSWER)
        assert site.is_killed()
        assert site.row().phase is Phase.RUNNING
    site.watch(supervisor, 2 * SECOND)
    assert site.ending()[0] is Phase.CANCELED


def test_a_locked_database_is_said_once_and_costs_nothing_but_waiting(make: Make) -> None:
    site = make("_run_timeout: 10m\n" + SLEEP)
    supervisor = site.supervisor()
    site.hello()
    with closing(sqlite3.connect(site.state / "digpy.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        site.watch(supervisor, MINUTE)
    site.watch(supervisor, MINUTE)
    assert len([text for text in site.said if "is locked by" in text]) == 1
    assert (site.is_killed(), supervisor.finished, site.asked()) == (False, False, [])


def test_who_lets_go_of_the_lead_is_followed_at_once(make: Make) -> None:
    site = make()
    first = Leadership("installation", "first", PACE.lease)
    second = Leadership("installation", "second", PACE.lease)
    with site.database.transaction() as tx:
        first.take(tx, site.clock.now())
        first.release(tx)
        assert second.take(tx, site.clock.now())
