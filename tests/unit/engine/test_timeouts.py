"""``_timeout``: stop the work, then fail."""

from __future__ import annotations

import pytest

from digpy.engine.changes import Stop
from digpy.engine.events import TimedOut
from digpy.engine.params import error_sources
from digpy.engine.states import TaskState
from digpy.values import SECOND
from tests.support.engine import LEAF, Play, assert_same, fail, lose, ok, postpone

S = TaskState
LIMITED = {"_timeout": "20m", "+a": LEAF, "+b": LEAF}


def error_of(play: Play, name: str) -> object:
    output = play.tree.newest_output(play.task(name))
    return None if output is None else output.error


class TestOperator:
    def test_what_runs_is_stopped_and_fails_with_its_report(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=90)
        assert play.time_out("+w+a").effects == [Stop(2, 1)]
        assert play.state("+w+a") is S.RUNNING
        play.end("+w+a", fail("exit code 143"))
        assert play.state("+w+a") is S.ERROR
        assert error_of(play, "+w+a") == {"message": "timed out after 1m 30s"}

    @pytest.mark.parametrize("step", [ok(store={"k": 1}), lose(), postpone(5), fail()])
    def test_a_report_after_the_deadline_does_not_matter(self, step: object) -> None:
        play = Play({"+a": LEAF}, {"+w+a": step})
        play.claim("+w+a", timeout=90)
        play.time_out("+w+a")
        play.end("+w+a")
        assert play.state("+w+a") is S.ERROR
        assert error_of(play, "+w+a") == {"message": "timed out after 1m 30s"}

    def test_a_result_before_the_deadline_wins(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=90)
        deadline = play.task("+w+a").deadline_at
        assert deadline == 90 * SECOND
        play.end("+w+a")
        assert not play.feed(TimedOut(2, deadline))
        assert play.state("+w+a") is S.SUCCESS

    def test_a_deadline_that_has_not_come_changes_nothing(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=90)
        assert not play.feed(TimedOut(2, 90 * SECOND - 1))

    def test_its_retry_begins_a_try_without_a_deadline_until_it_is_claimed(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=90)
        play.time_out("+w+a")
        play.end("+w+a", fail(retry={"limit": 1, "interval": 30}))
        task = play.task("+w+a")
        assert (task.state, task.timeout, task.deadline_at) == (S.RETRY_WAITING, None, None)
        play.due("+w+a")
        play.claim("+w+a", timeout=60)
        assert play.task("+w+a").deadline_at == (90 + 30 + 60) * SECOND

    def test_polling_does_not_move_the_deadline(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=90)
        play.end("+w+a", postpone(60))
        play.due("+w+a")
        play.feed()
        assert play.task("+w+a").deadline_at == 90 * SECOND

    def test_a_loss_does_not_move_the_deadline(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=90)
        play.end("+w+a", lose())
        assert (play.state("+w+a"), play.task("+w+a").deadline_at) == (S.READY, 90 * SECOND)

    @pytest.mark.parametrize("step", [postpone(600), lose()])
    def test_between_two_runs_it_fails_at_once(self, step: object) -> None:
        play = Play({"+a": LEAF}, {"+w+a": step})
        play.claim("+w+a", timeout=90)
        play.end("+w+a")
        assert not play.time_out("+w+a").effects
        assert play.state("+w+a") is S.ERROR

    @pytest.mark.parametrize("step", [postpone(600), lose()])
    def test_between_two_runs_its_retry_forgets_what_it_waited_for(self, step: object) -> None:
        play = Play({"+a": LEAF}, {"+w+a": step})
        play.claim("+w+a", timeout=90)
        play.end("+w+a")
        play.time_out("+w+a", retry=1)
        task = play.task("+w+a")
        assert (task.state, task.state_params, task.retries) == (S.RETRY_WAITING, {}, 1)

    @pytest.mark.parametrize("step", [postpone(600), lose(), None])
    def test_its_handlers_see_why(self, step: object) -> None:
        play = Play({"+a": {"sh>": "x", "_error": LEAF, "_finally": LEAF}}, {"+w+a": step})
        play.claim("+w+a", timeout=90)
        if step is not None:
            play.end("+w+a")
        play.time_out("+w+a")
        if step is None:
            play.end("+w+a", fail())
        for name in ("+w+a^error", "+w+a^finally"):
            play.play(name)
            (source,) = error_sources(play.tree, play.task(name))
            assert source.error == {"message": "timed out after 1m 30s"}
        assert play.state("+w+a") is S.ERROR

    def test_its_subtasks_count(self) -> None:
        play = Play({"+a": {"sh>": "x", "_error": LEAF}}, {"+w+a": ok({"+x": LEAF, "+y": LEAF})})
        play.claim("+w+a", timeout=90)
        play.end("+w+a")
        play.claim("+w+a^sub+x")
        play.time_out("+w+a")
        play.end("+w+a^sub+x")
        assert play.state("+w+a^sub+x") is S.CANCELED
        assert error_of(play, "+w+a") == {"message": "timed out after 1m 30s"}
        assert_same(play.tree, play.reloaded())
        play.run()
        assert play.state("+w+a") is S.GROUP_ERROR

    def test_it_is_run_again_if_its_subtasks_took_too_long(self) -> None:
        play = Play({"+a": {"sh>": "x", "_retry": 1}}, {"+w+a": [ok({"+x": LEAF}), ok()]})
        play.claim("+w+a", timeout=90)
        play.end("+w+a")
        play.claim("+w+a^sub+x")
        play.time_out("+w+a")
        play.end("+w+a^sub+x")
        play.due("+w+a")
        assert play.task("+w+a").deadline_at is None
        play.run()
        assert play.state("+w+a") is S.SUCCESS


class TestGroup:
    def test_its_time_begins_when_it_opens(self) -> None:
        play = Play({"+before": LEAF, "+g": LIMITED})
        play.now = 60 * SECOND
        play.play("+w+before")
        assert play.task("+w+g").deadline_at == (60 + 20 * 60) * SECOND

    def test_nothing_of_it_starts_any_more(self) -> None:
        play = Play({"+g": {"_parallel": True, **LIMITED, "+k": {"+x": LEAF, "+y": LEAF}}})
        play.claim("+w+g+a")
        play.play("+w+g+b", postpone(60))
        assert play.time_out("+w+g").effects == [Stop(3, 1)]
        play.end("+w+g+a")
        assert play.claims == ["+w+g+a", "+w+g+b"]
        assert [play.state(f"+w+g{name}") for name in ("+a", "+b", "+k", "+k+x", "+k+y")] == [
            S.CANCELED,
            S.CANCELED,
            S.CANCELED,
            S.CANCELED,
            S.BLOCKED,
        ]
        assert play.state("+w+g") is S.GROUP_ERROR
        assert error_of(play, "+w+g") == {"message": "timed out after 20m"}

    def test_its_cleanup_runs_though_nothing_had_started(self) -> None:
        play = Play({"+g": {"_timeout": "20m", "_finally": LEAF, "+a": LEAF}})
        play.time_out("+w+g")
        assert play.state("+w+g^finally") is S.READY
        assert play.state("+w+g") is S.PLANNED

    def test_what_is_beside_it_goes_on(self) -> None:
        play = Play({"_parallel": True, "+g": LIMITED, "+k": LEAF})
        play.claim("+w+g+a")
        play.claim("+w+k")
        play.time_out("+w+g")
        play.end("+w+g+a")
        play.run()
        play.end("+w+k")
        assert play.state("+w+k") is S.SUCCESS
        assert not play.tree.cancel

    def test_it_waits_for_what_runs_below(self) -> None:
        play = Play({"+g": LIMITED})
        play.claim("+w+g+a")
        play.time_out("+w+g")
        assert play.state("+w+g") is S.PLANNED

    def test_another_round_has_a_deadline_of_its_own(self) -> None:
        play = Play({"+g": {**LIMITED, "_retry": {"limit": 1, "interval": 60}}})
        play.claim("+w+g+a")
        play.time_out("+w+g")
        play.end("+w+g+a")
        task = play.task("+w+g")
        assert (task.state, task.timeout, task.deadline_at) == (S.GROUP_RETRY_WAITING, None, None)
        play.due("+w+g")
        assert play.task("+w+g").deadline_at == (20 * 60 + 60 + 20 * 60) * SECOND
        play.run()
        assert play.state("+w+g") is S.SUCCESS

    def test_its_handler_is_told_of_the_time_and_not_of_earlier_failures(self) -> None:
        play = Play({"+g": {"_parallel": True, "_error": LEAF, **LIMITED}}, {"+w+g+b": fail()})
        play.claim("+w+g+a")
        play.play("+w+g+b")
        play.time_out("+w+g")
        play.end("+w+g+a")
        (source,) = error_sources(play.tree, play.task("+w+g^error"))
        assert source.error == {"message": "timed out after 20m"}

    def test_its_handlers_have_all_the_time_they_need(self) -> None:
        play = Play({"+g": {"_error": LEAF, **LIMITED}}, {"+w+g+a": fail()})
        play.play("+w+g+a")
        assert (play.task("+w+g").timeout, play.task("+w+g").deadline_at) == (None, None)

    def test_one_inside_another_is_stopped_by_the_outer_one(self) -> None:
        play = Play({"+g": {"_timeout": 60, "+k": {"_timeout": 90, "+a": LEAF}}})
        play.claim("+w+g+k+a")
        play.time_out("+w+g")
        assert play.task("+w+g+k").deadline_at is None
        play.end("+w+g+k+a")
        assert (play.state("+w+g+k"), play.state("+w+g")) == (S.CANCELED, S.GROUP_ERROR)

    def test_what_is_being_stopped_is_not_stopped_twice(self) -> None:
        play = Play({"+g": {"_timeout": 90, "+k": {"_timeout": 60, "+a": LEAF}}})
        play.claim("+w+g+k+a", timeout=30)
        assert play.time_out("+w+g+k+a").effects
        assert not play.time_out("+w+g+k").effects
        assert not play.time_out("+w+g").effects
        assert not play.cancel().effects

    def test_no_limit_is_no_deadline(self) -> None:
        assert Play({"+g": {**LIMITED, "_timeout": "none"}}).task("+w+g").deadline_at is None


class TestCancel:
    def test_a_cancel_beats_it(self) -> None:
        play = Play({"+g": {"_error": LEAF, **LIMITED}})
        play.claim("+w+g+a")
        play.time_out("+w+g")
        play.cancel()
        play.end("+w+g+a")
        assert play.state("+w+g") is S.CANCELED
        assert error_of(play, "+w+g") is None

    def test_a_cancel_beats_that_of_a_run(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a", timeout=60)
        play.time_out("+w+a")
        play.cancel()
        play.end("+w+a")
        assert play.state("+w+a") is S.CANCELED

    def test_it_comes_too_late_for_what_is_canceled(self) -> None:
        play = Play({"+g": LIMITED})
        play.claim("+w+g+a")
        deadline = play.task("+w+g").deadline_at
        play.cancel()
        assert deadline is not None
        assert not play.feed(TimedOut(2, deadline))

    def test_a_stopped_task_below_is_not_a_canceled_attempt(self) -> None:
        play = Play({"_parallel": True, "+g": LIMITED, "+k": LEAF})
        play.claim("+w+g+a")
        play.time_out("+w+g")
        assert not play.reloaded().cancel
