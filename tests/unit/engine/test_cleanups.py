"""``_finally`` and ``_canceled``."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.engine.params import error_sources, left_below
from digpy.engine.states import TaskState
from tests.support.engine import LEAF, Play, Script, fail, lose, ok, postpone, reload, scripted

S = TaskState
FINALLY = {"sh>": "x", "_finally": LEAF}
BOTH = {"sh>": "x", "_canceled": LEAF, "_finally": LEAF}


class TestFinally:
    @pytest.mark.parametrize(
        ("steps", "state"),
        [({}, S.SUCCESS), ({"+w+a": fail()}, S.ERROR), ({"+w+a": lose()}, S.ERROR)],
    )
    def test_it_runs_however_a_task_ends(self, steps: Any, state: TaskState) -> None:
        play = Play({"+a": FINALLY}, steps).run()
        assert play.claims.count("+w+a^finally") == 1
        assert play.state("+w+a") is state

    def test_it_runs_after_the_subtasks_and_the_check(self) -> None:
        task = {**FINALLY, "_check": LEAF}
        play = Play({"+a": task}, {"+w+a": ok({"+x": LEAF})}).run()
        assert play.claims[1:] == ["+w+a^sub+x", "+w+a^check", "+w+a^finally"]

    def test_it_runs_after_the_error_handler(self) -> None:
        play = Play({"+a": {**FINALLY, "_error": LEAF}}, {"+w+a": fail()}).run()
        assert play.claims[:3] == ["+w+a", "+w+a^error", "+w+a^finally"]

    def test_it_runs_once_after_all_tries_and_rounds(self) -> None:
        steps = {"+w+g+a": fail(retry=2)}
        play = Play({"+g": {"_retry": 1, "_finally": LEAF, "+a": LEAF}}, steps).run()
        assert play.claims.count("+w+g+a") == 6
        assert play.claims.count("+w+g^finally") == 1
        assert play.task("+w+g^finally").born == 1

    def test_that_of_the_root_is_the_last_of_all(self) -> None:
        play = Play({"_error": LEAF, "_finally": LEAF, "+a": LEAF}, {"+w+a": fail()}).run()
        assert play.claims[1:] == ["+w^failure-alert", "+w^error", "+w^finally"]

    def test_whoever_comes_after_its_owner_waits_for_it(self) -> None:
        play = Play({"+g": {"_finally": LEAF, "+a": LEAF}, "+z": LEAF}).run()
        assert play.claims == ["+w+g+a", "+w+g^finally", "+w+z"]

    def test_a_success_is_lost_if_it_fails(self) -> None:
        play = Play({"+g": {"_finally": LEAF, "+a": LEAF}, "+z": LEAF}, {"+w+g^finally": fail()})
        play.run()
        assert (play.state("+w+g"), play.state("+w+z")) == (S.GROUP_ERROR, S.BLOCKED)

    def test_the_handler_is_told_if_it_fails_after_a_success(self) -> None:
        group = {"_finally": LEAF, "_error": LEAF, "+a": LEAF}
        play = Play({"+g": group}, {"+w+g^finally": fail("left behind")}).run()
        assert play.claims[:3] == ["+w+g+a", "+w+g^finally", "+w+g^error"]
        (source,) = error_sources(play.tree, play.task("+w+g^error"))
        assert source.error == {"message": "left behind"}

    def test_no_round_is_opened_if_it_fails(self) -> None:
        play = Play({"+g": {"_retry": 3, "_finally": LEAF, "+a": LEAF}}, {"+w+g^finally": fail()})
        assert play.run().claims.count("+w+g+a") == 1

    def test_an_error_stays_what_it_was_if_it_fails(self) -> None:
        play = Play({"+a": FINALLY}, {"+w+a": fail(), "+w+a^finally": fail("more")}).run()
        assert play.state("+w+a") is S.ERROR
        handler = play.task("+w+a^finally")
        (source,) = error_sources(play.tree, handler)
        assert source.error == {"message": "boom"}
        assert left_below(play.tree, handler) == []

    def test_what_its_error_handler_fails_with_is_not_its_error(self) -> None:
        group = {"_finally": LEAF, "_error": LEAF, "+a": LEAF}
        play = Play({"+g": group}, {"+w+g+a": fail("first"), "+w+g^error": fail("second")}).run()
        (source,) = error_sources(play.tree, play.task("+w+g^finally"))
        assert source.error == {"message": "first"}

    def test_it_sees_what_was_stored_below_and_no_error_after_a_success(self) -> None:
        group = {"_finally": LEAF, "+a": LEAF}
        play = Play({"+g": group}, {"+w+g+a": ok(store={"cluster": 7})}).run()
        handler = play.task("+w+g^finally")
        assert [output.store for output in left_below(play.tree, handler)] == [{"cluster": 7}]
        assert error_sources(play.tree, handler) == []

    def test_a_task_that_never_started_does_not_run_it(self) -> None:
        play = Play({"+a": LEAF, "+b": FINALLY}, {"+w+a": fail()}).run()
        assert "+w+b^finally" not in play.names()

    def test_a_task_that_was_taken_over_does_not_run_it_again(self) -> None:
        first = Play({"+a": FINALLY, "+b": LEAF}, {"+w+b": fail()}).run()
        second = Play(first.workflow, selection=first.selection()).run()
        assert second.claims == ["+w+b"]

    def test_it_is_not_taken_over_itself(self) -> None:
        group = {"_finally": {"+x": LEAF}, "+a": LEAF, "+b": LEAF}
        first = Play({"+g": group}, {"+w+g+b": fail()}).run()
        second = Play(first.workflow, selection=first.selection()).run()
        assert second.claims == ["+w+g+b", "+w+g^finally+x"]

    def test_one_beyond_the_task_limit_is_left_out(self) -> None:
        play = Play({"+a": {"sh>": "x", "_finally": {"+m": LEAF, "+n": LEAF}}}, limit=4).run()
        assert play.claims == ["+w+a"]
        assert play.state("+w") is S.SUCCESS

    def test_it_may_have_handlers_of_its_own(self) -> None:
        inner = {"sh>": "x", "_error": LEAF, "_finally": LEAF}
        play = Play({"+a": {"sh>": "x", "_finally": inner}}, {"+w+a^finally": fail()}).run()
        assert play.claims[2:4] == ["+w+a^finally^error", "+w+a^finally^finally"]


class TestCanceled:
    def test_what_ran_cleans_up_from_the_inside_out(self) -> None:
        play = Play({"_canceled": LEAF, "_finally": LEAF, "+g": {"_finally": LEAF, "+a": BOTH}})
        play.claim("+w+g+a")
        play.cancel()
        assert play.names()[-1] == "+w+g+a"
        play.end("+w+g+a")
        play.run()
        assert play.claims[1:] == [
            "+w+g+a^canceled",
            "+w+g+a^finally",
            "+w+g^finally",
            "+w^canceled",
            "+w^finally",
        ]
        assert {play.state(name) for name in ("+w+g+a", "+w+g", "+w")} == {S.CANCELED}

    @pytest.mark.parametrize(
        "step", [postpone(60), fail(retry={"limit": 1, "interval": 60}), lose()]
    )
    def test_what_was_between_two_runs_cleans_up(self, step: Any) -> None:
        play = Play({"+a": BOTH})
        play.play("+w+a", step)
        play.cancel()
        assert play.run().claims[1:] == ["+w+a^canceled", "+w+a^finally"]
        assert play.state("+w") is S.CANCELED

    def test_a_group_between_two_rounds_cleans_up(self) -> None:
        group = {"_retry": {"limit": 1, "interval": 60}, "_canceled": LEAF, "+a": LEAF}
        play = Play({"+g": group}, {"+w+g+a": fail()})
        play.play("+w+g+a")
        play.cancel()
        assert play.run().claims == ["+w+g+a", "+w+g^canceled"]
        assert play.state("+w+g") is S.CANCELED

    @pytest.mark.parametrize(
        "workflow", [{"+a": LEAF, "+b": BOTH}, {"_parallel": True, "+b": BOTH}]
    )
    def test_what_never_started_has_nothing_to_clean_up(self, workflow: Any) -> None:
        play = Play(workflow)
        play.cancel()
        assert play.names() == ["+w", *(f"+w{name}" for name in workflow if name[0] == "+")]
        assert play.state("+w") is S.CANCELED

    def test_what_is_done_does_not_clean_up_again(self) -> None:
        play = Play({"+a": BOTH, "+b": LEAF})
        play.play("+w+a")
        play.play("+w+a^finally")
        play.claim("+w+b")
        play.cancel()
        play.end("+w+b")
        assert play.run().claims.count("+w+a^finally") == 1

    def test_an_error_handler_is_stopped_and_then_it_is_cleaned_up(self) -> None:
        play = Play({"+a": {**BOTH, "_error": LEAF}})
        play.play("+w+a", fail())
        play.claim("+w+a^error")
        play.cancel()
        play.end("+w+a^error")
        assert play.run().claims[2:] == ["+w+a^canceled", "+w+a^finally"]
        assert play.state("+w+a") is S.CANCELED

    def test_a_finally_that_has_begun_goes_on_and_nothing_comes_before_it(self) -> None:
        play = Play({"+a": {"sh>": "x", "_canceled": LEAF, "_finally": {"+x": LEAF, "+y": LEAF}}})
        play.play("+w+a")
        play.claim("+w+a^finally+x")
        assert not play.cancel().effects
        play.end("+w+a^finally+x")
        assert play.run().claims[2:] == ["+w+a^finally+y"]
        assert play.state("+w+a^finally") is S.SUCCESS
        assert play.state("+w+a") is S.CANCELED

    def test_a_cleanup_may_be_tried_again(self) -> None:
        play = Play({"+a": FINALLY}, {"+w+a^finally": [fail(retry=1), ok()]})
        play.claim("+w+a")
        play.cancel()
        play.end("+w+a")
        assert play.run().claims[1:] == ["+w+a^finally"] * 2
        assert play.state("+w+a^finally") is S.SUCCESS

    @pytest.mark.parametrize("handler", ["^canceled", "^finally"])
    def test_a_failing_cleanup_changes_nothing(self, handler: str) -> None:
        play = Play({"+a": BOTH}, {f"+w+a{handler}": fail()})
        play.claim("+w+a")
        play.cancel()
        play.end("+w+a")
        play.run()
        assert play.state(f"+w+a{handler}") is S.ERROR
        assert (play.state("+w+a"), play.state("+w")) == (S.CANCELED, S.CANCELED)

    def test_it_does_not_run_without_a_cancel(self) -> None:
        play = Play({"+a": BOTH, "+b": BOTH}, {"+w+b": fail()}).run()
        assert not [name for name in play.names() if "^canceled" in name]

    def test_a_task_below_one_that_timed_out_cleans_up_before_that_fails(self) -> None:
        play = Play({"+g": {"_timeout": "20m", "_canceled": LEAF, "+a": BOTH}})
        play.claim("+w+g+a")
        play.time_out("+w+g")
        play.end("+w+g+a")
        play.play("+w+g+a^canceled")
        assert play.state("+w+g") is S.PLANNED
        play.play("+w+g+a^finally")
        assert play.state("+w+g") is S.GROUP_ERROR

    def test_a_cleanup_that_fits_the_task_limit_runs_without_one_that_does_not(self) -> None:
        canceled = {"+m": LEAF, "+n": LEAF}
        play = Play({"+a": {"sh>": "x", "_canceled": canceled, "_finally": LEAF}}, limit=3)
        play.claim("+w+a")
        play.cancel()
        play.end("+w+a")
        assert play.run().claims == ["+w+a", "+w+a^finally"]


def error_of(play: Play, name: str) -> object:
    output = play.tree.newest_output(play.task(name))
    return None if output is None else output.error


TOLD = {"_error": LEAF, "_canceled": LEAF, "_finally": LEAF}


class TestLimit:
    """The time of the attempt is over, and the handlers of the root are to be told."""

    def test_they_run_when_everything_has_stopped(self) -> None:
        play = Play({**TOLD, "+a": BOTH, "+b": LEAF})
        play.claim("+w+a")
        play.pass_limit()
        assert "+w^error" not in play.names()
        play.end("+w+a")
        play.run()
        below = ["+w+a", "+w+a^canceled", "+w+a^finally"]
        assert play.claims == [*below, "+w^failure-alert", "+w^error", "+w^finally"]

    def test_the_attempt_has_failed(self) -> None:
        play = Play({**TOLD, "+a": LEAF})
        play.claim("+w+a")
        play.pass_limit()
        play.end("+w+a")
        play.run()
        assert (play.state("+w"), play.state("+w+a")) == (S.GROUP_ERROR, S.CANCELED)
        assert error_of(play, "+w") == {"message": "timed out after 2h"}

    def test_no_round_is_opened(self) -> None:
        play = Play({**TOLD, "_retry": 3, "+a": LEAF})
        play.claim("+w+a")
        play.pass_limit()
        play.end("+w+a")
        assert play.run().task("+w").round == 0

    @pytest.mark.parametrize("step", [ok(), fail(retry=3), lose(), postpone()])
    def test_an_operator_at_the_top_is_stopped_whatever_it_reports(self, step: Any) -> None:
        play = Play({**TOLD, "loop>": 3, "_do": LEAF})
        play.claim("+w")
        play.pass_limit()
        play.end("+w", step)
        assert play.run().claims == ["+w", "+w^failure-alert", "+w^error", "+w^finally"]

    @pytest.mark.parametrize("step", [postpone(60), fail(retry=1), lose()])
    def test_an_operator_at_the_top_that_waits_ends_at_once(self, step: Any) -> None:
        play = Play({**TOLD, "loop>": 3, "_do": LEAF})
        play.play("+w", step)
        play.pass_limit()
        assert play.state("+w^error") is S.READY

    def test_a_group_that_waits_for_its_next_round_ends_at_once(self) -> None:
        play = Play({**TOLD, "_retry": 1, "+a": LEAF}, {"+w+a": fail()})
        play.play("+w+a")
        play.pass_limit()
        assert play.run().claims == ["+w+a", "+w^failure-alert", "+w^error", "+w^finally"]

    def test_a_handler_that_is_being_told_of_a_failure_goes_on(self) -> None:
        play = Play({**TOLD, "+a": LEAF}, {"+w+a": fail("earlier")})
        play.play("+w+a")
        play.claim("+w^error")
        play.pass_limit()
        play.end("+w^error")
        play.run()
        assert play.state("+w^error") is S.SUCCESS
        assert play.claims.count("+w^error") == 1
        assert play.claims[-1] == "+w^finally"
        assert play.state("+w") is S.GROUP_ERROR

    def test_a_handler_is_told_though_the_work_had_succeeded(self) -> None:
        play = Play({**TOLD, "+a": LEAF})
        play.play("+w+a")
        play.claim("+w^finally")
        play.pass_limit()
        play.end("+w^finally")
        assert play.run().claims == ["+w+a", "+w^finally", "+w^failure-alert", "+w^error"]
        assert play.state("+w") is S.GROUP_ERROR

    def test_a_cancel_while_they_run_changes_nothing(self) -> None:
        play = Play({**TOLD, "+a": LEAF})
        play.claim("+w+a")
        play.pass_limit()
        play.end("+w+a")
        play.claim("+w^error")
        assert not play.cancel()

    def test_a_crash_while_they_run_changes_nothing(self) -> None:
        play = Play({**TOLD, "+a": LEAF})
        play.claim("+w+a")
        play.pass_limit()
        play.tree = reload(play.tree)
        play.end("+w+a")
        play.tree = reload(play.tree)
        play.run()
        assert (play.claims[-1], play.state("+w")) == ("+w^finally", S.GROUP_ERROR)

    def test_a_kill_ends_them(self) -> None:
        play = Play({**TOLD, "+a": LEAF})
        play.claim("+w+a")
        play.pass_limit()
        play.end("+w+a")
        play.claim("+w^error")
        play.kill()
        assert (play.state("+w^error"), play.state("+w")) == (S.CANCELED, S.CANCELED)


class TestKilled:
    def test_everything_ends_at_once_and_nothing_cleans_up(self) -> None:
        group = {"_parallel": True, "+a": BOTH, "+b": LEAF, "+c": {"+x": LEAF, "+y": LEAF}}
        play = Play({"_finally": LEAF, "+g": group})
        play.claim("+w+g+a")
        play.play("+w+g+b", postpone(60))
        play.kill()
        assert "^finally" not in str(play.names())
        assert set(play.states().values()) == {"canceled", "blocked"}
        assert play.tree.cancel

    def test_a_cleanup_that_runs_ends_too(self) -> None:
        play = Play({"+a": FINALLY})
        play.claim("+w+a")
        play.cancel()
        play.end("+w+a")
        play.claim("+w+a^finally")
        play.kill()
        assert play.state("+w+a^finally") is S.CANCELED
        assert len(play.effects) == 2  # the first stop, and the end

    def test_an_attempt_that_is_over_cannot_be_killed(self) -> None:
        assert not Play({}).kill()

    def test_a_retry_of_a_group_is_not_waited_for(self) -> None:
        steps: Script = scripted({"+w+g+a": fail()})
        play = Play({"+g": {"_retry": {"limit": 1, "interval": 60}, "+a": LEAF}}, steps)
        play.play("+w+g+a")
        play.kill()
        assert play.state("+w+g") is S.CANCELED
