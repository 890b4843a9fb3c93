"""``sla:``: what is added below the root when it is missed, and what stops then."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.engine.changes import End, Stop
from digpy.engine.params import Kind, Layer, Layers
from digpy.engine.states import TaskState
from digpy.engine.tree import Selection, fails_by_sla
from tests.support.engine import LEAF, Play, assert_same, compile_dict, fail, ok, postpone

S = TaskState
ALERT, FAIL, OWN = "+w^sla^alert", "+w^sla^fail", "+w^sla"
VIOLATED = {FAIL: fail("SLA violation")}


def work(sla: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Two tasks, one after the other, and what is to happen when they take too long."""
    return {"sla": {"duration": "00:00:05", **sla}, "+a": LEAF, "+b": LEAF, **more}


def layers(play: Play, name: str) -> list[Kind]:
    """The kinds of what the task `name` gets its parameters from, the nearest first."""
    found = []
    layer: Layer | None = Layers().of(play.tree, play.task(name))
    while layer is not None:
        found.append(layer.kind)
        layer = layer.previous
    return found


class TestMissed:
    def test_what_was_asked_for_is_added_in_order_and_starts_at_once(self) -> None:
        play = Play(work({"fail": True, "+n": LEAF}))
        changes = play.miss_sla()
        assert [task.full_name for task in changes.inserted] == [ALERT, FAIL, OWN, OWN + "+n"]
        assert [play.state(name) for name in (ALERT, FAIL, OWN + "+n")] == [S.READY] * 3

    def test_an_alert_is_all_there_is_unless_more_is_asked_for(self) -> None:
        play = Play(work({}))
        assert [task.full_name for task in play.miss_sla().inserted] == [ALERT]

    def test_nothing_of_the_work_is_interrupted(self) -> None:
        play = Play(work({"+n": LEAF}))
        play.claim("+w+a")
        assert play.miss_sla().effects == []
        play.end("+w+a")
        play.run()
        assert set(play.states().values()) == {"success"}

    def test_the_root_waits_for_what_was_added(self) -> None:
        play = Play(work({"+n": LEAF}))
        play.miss_sla()
        for name in ("+w+a", "+w+b", ALERT):
            play.play(name)
        assert play.state("+w") is S.PLANNED
        play.play(OWN + "+n")
        assert play.state("+w") is S.SUCCESS

    def test_what_was_added_may_fail_the_attempt(self) -> None:
        play = Play(work({"sh>": "x"}), {OWN: fail()})
        play.miss_sla()
        play.run()
        assert play.state("+w+b") is S.SUCCESS
        assert play.state("+w") is S.GROUP_ERROR

    def test_an_attempt_that_has_ended_misses_nothing(self) -> None:
        play = Play(work({})).run()
        assert not play.miss_sla()

    def test_an_attempt_that_is_to_stop_misses_nothing(self) -> None:
        play = Play(work({}))
        play.claim("+w+a")
        play.cancel()
        assert not play.miss_sla()

    def test_a_workflow_that_was_compiled_without_them_adds_nothing(self) -> None:
        assert not Play({"+a": LEAF}).miss_sla()

    def test_the_task_limit_does_not_count(self) -> None:
        play = Play(work({"+n": LEAF}), limit=3)
        assert len(play.miss_sla().inserted) == 3

    def test_it_runs_although_an_attempt_before_did_the_same(self) -> None:
        first = Play(work({"+n": LEAF}))
        first.miss_sla()
        second = Play(work({"+n": LEAF}), selection=Selection({ALERT: None, OWN: None}))
        second.miss_sla()
        assert second.state(ALERT) is S.READY
        assert second.state(OWN + "+n") is S.READY

    def test_it_runs_although_only_other_tasks_were_asked_for(self) -> None:
        play = Play(work({}), selection=Selection({}, frozenset({"+w", "+w+a"})))
        play.miss_sla()
        assert play.state(ALERT) is S.READY

    def test_a_cancel_stops_it_as_well(self) -> None:
        play = Play(work({"+n": LEAF}))
        play.miss_sla()
        play.claim(OWN + "+n")
        assert Stop(play.task(OWN + "+n").number, 1) in play.cancel().effects
        play.end(OWN + "+n")
        assert play.state("+w") is S.CANCELED

    def test_it_belongs_to_the_round_in_which_it_came(self) -> None:
        play = Play(work({}, _retry=1), {"+w+a": [fail(), ok()]})
        play.miss_sla()
        play.run()
        assert len(play.named("+w+a")) == 2
        assert len(play.named(ALERT)) == 1
        assert play.state("+w") is S.SUCCESS

    def test_it_does_not_wait_for_the_next_round(self) -> None:
        play = Play(work({}, _retry={"limit": 1, "interval": 60}), {"+w+a": [fail(), ok()]})
        play.play("+w+a")
        assert play.state("+w") is S.GROUP_RETRY_WAITING
        play.miss_sla()
        play.play(ALERT)
        assert play.state(ALERT) is S.SUCCESS
        play.due("+w")
        assert play.run().state("+w") is S.SUCCESS

    def test_handlers_are_not_added_twice_because_of_it(self) -> None:
        play = Play(work({}, _error=LEAF), {"+w+a": fail()})
        play.play("+w+a")
        play.miss_sla()
        play.run()
        assert len(play.named("+w^error")) == len(play.named("+w^failure-alert")) == 1

    def test_the_tree_is_read_back_as_it_was(self) -> None:
        play = Play(work({"fail": True, "+n": LEAF}))
        play.claim("+w+a")
        play.miss_sla()
        assert_same(play.tree, play.reloaded())


class TestFail:
    def test_what_runs_is_stopped_and_nothing_starts_any_more(self) -> None:
        play = Play(work({"fail": True}), VIOLATED)
        play.claim("+w+a")
        assert play.miss_sla().effects == [Stop(play.task("+w+a").number, 1)]
        play.end("+w+a")
        play.run()
        assert play.state("+w+a") is S.CANCELED
        assert play.state("+w+b") is S.BLOCKED

    def test_what_was_added_is_not_stopped(self) -> None:
        play = Play(work({"fail": True, "+n": LEAF}), VIOLATED)
        play.miss_sla()
        play.run()
        assert play.state(ALERT) is S.SUCCESS
        assert play.state(OWN + "+n") is S.SUCCESS

    def test_the_root_fails_and_its_handlers_run(self) -> None:
        play = Play(work({"fail": True}, _error=LEAF, _finally=LEAF, _canceled=LEAF), VIOLATED)
        play.miss_sla()
        play.run()
        assert play.claims[-3:] == ["+w^failure-alert", "+w^error", "+w^finally"]
        assert play.effects[-1] == End(S.GROUP_ERROR)
        assert fails_by_sla(play.tree)

    def test_what_is_stopped_cleans_up_first(self) -> None:
        cleaning = {**LEAF, "_canceled": LEAF, "_finally": LEAF}
        play = Play(work({"fail": True}, **{"+a": cleaning}), VIOLATED)
        play.claim("+w+a")
        play.miss_sla()
        play.end("+w+a")
        play.run()
        assert play.claims[-3:] == ["+w+a^canceled", "+w+a^finally", "+w^failure-alert"]

    def test_no_round_is_left(self) -> None:
        play = Play(work({"fail": True}, _retry=3), VIOLATED)
        play.miss_sla()
        assert play.run().state("+w") is S.GROUP_ERROR

    def test_a_root_that_waits_for_its_next_round_waits_no_more(self) -> None:
        retry = {"limit": 1, "interval": 60}
        play = Play(work({"fail": True}, _retry=retry), {**VIOLATED, "+w+a": fail()})
        play.play("+w+a")
        play.miss_sla()
        play.run()
        assert play.waits() == 0
        assert play.state("+w") is S.GROUP_ERROR

    def test_work_that_has_failed_fails_for_its_own_reason(self) -> None:
        play = Play(work({"fail": True}, _error=LEAF), {"+w+a": fail()})
        play.play("+w+a")
        play.miss_sla()
        play.run()
        assert play.named(FAIL) == []
        assert play.state(ALERT) is S.SUCCESS

    def test_work_that_has_succeeded_fails_while_its_finally_runs(self) -> None:
        play = Play(work({"fail": True}, _finally=LEAF, _error=LEAF), VIOLATED)
        play.play("+w+a")
        play.play("+w+b")
        play.claim("+w^finally")
        assert play.miss_sla().effects == []
        play.end("+w^finally")
        play.run()
        assert play.state("+w^finally") is S.SUCCESS
        assert play.state("+w^error") is S.SUCCESS
        assert play.state("+w") is S.GROUP_ERROR


class TestOperatorAsRoot:
    def root(self, sla: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"sla": {"duration": "00:00:05", **sla}, "sh>": "x", **more}

    def test_what_is_added_does_not_wait_for_it(self) -> None:
        play = Play(self.root({"+n": LEAF}))
        play.claim("+w")
        play.miss_sla()
        play.play(OWN + "+n")
        assert play.state(OWN + "+n") is S.SUCCESS
        assert play.state("+w") is S.RUNNING

    def test_it_ends_after_what_was_added(self) -> None:
        play = Play(self.root({}))
        play.claim("+w")
        play.miss_sla()
        play.end("+w")
        assert play.state("+w") is S.PLANNED
        play.play(ALERT)
        assert play.state("+w") is S.SUCCESS

    def test_it_generates_beside_what_was_added(self) -> None:
        play = Play(self.root({}), {"+w": ok({"+x": LEAF})})
        play.claim("+w")
        play.miss_sla()
        play.end("+w")
        assert play.run().state("+w^sub+x") is S.SUCCESS

    def test_its_result_reaches_what_it_generates_and_not_what_was_added_before(self) -> None:
        play = Play(self.root({}), {"+w": ok({"+x": LEAF}, store={"k": 1})})
        play.claim("+w")
        play.miss_sla()
        asked = Layers()
        before = asked.of(play.tree, play.task(ALERT))
        play.end("+w")
        after = asked.of(play.tree, play.task("+w^sub+x"))
        assert before is None
        assert after is not None
        assert after.kind is Kind.STORE

    def test_it_fails_by_itself_beside_what_was_added(self) -> None:
        play = Play(self.root({}), {"+w": fail()})
        play.claim("+w")
        play.miss_sla()
        play.end("+w")
        assert play.run().state("+w") is S.ERROR

    @pytest.mark.parametrize("step", [ok(), fail(), fail(retry=3), postpone()])
    def test_with_fail_it_is_stopped_and_fails_whatever_it_reports(self, step: Any) -> None:
        play = Play(self.root({"fail": True}), VIOLATED)
        play.claim("+w")
        assert play.miss_sla().effects == [Stop(1, 1)]
        play.end("+w", step)
        assert play.run().state("+w") is S.GROUP_ERROR

    def test_with_fail_it_does_not_start(self) -> None:
        play = Play(self.root({"fail": True}), VIOLATED)
        play.miss_sla()
        play.run()
        assert "+w" not in play.claims
        assert play.state("+w") is S.GROUP_ERROR

    def test_with_fail_it_waits_no_longer(self) -> None:
        play = Play(self.root({"fail": True}), {**VIOLATED, "+w": postpone(60)})
        play.play("+w")
        play.miss_sla()
        play.run()
        assert play.waits() == 0
        assert play.state("+w") is S.GROUP_ERROR

    @pytest.mark.parametrize("claimed", [False, True])
    def test_a_cancel_waits_for_what_was_added(self, claimed: bool) -> None:
        play = Play(self.root({"+n": LEAF}))
        if claimed:
            play.claim("+w")
        play.miss_sla()
        play.claim(OWN + "+n")
        play.cancel()
        if claimed:
            play.end("+w")
        assert play.state("+w") is S.PLANNED
        play.end(OWN + "+n")
        assert play.state("+w") is S.CANCELED

    @pytest.mark.parametrize("kind", ["postponed", "round"])
    def test_a_cancel_while_it_waits_waits_for_what_was_added(self, kind: str) -> None:
        retry = {"limit": 1, "interval": 60}
        steps = {"+w": postpone(60) if kind == "postponed" else ok(LEAF), "+w^sub": fail()}
        play = Play(self.root({"+n": LEAF}, _retry=retry), steps)
        play.play("+w")
        if kind == "round":
            play.play("+w^sub")
        play.miss_sla()
        play.claim(OWN + "+n")
        play.cancel()
        play.end(OWN + "+n")
        assert play.state("+w") is S.CANCELED


def test_what_is_added_stands_behind_what_is_written() -> None:
    definitions = compile_dict(work({"fail": True, "+n": LEAF}, _error=LEAF)).definitions
    names = [task.name for task in definitions.tasks]
    assert names[:3] == ["+w", "+a", "+b"]
    assert names[3:7] == ["^sla^alert", "^sla^fail", "^sla", "+n"]
    assert names[-1] == "^failure-alert"


def test_what_is_added_sees_what_the_root_exports() -> None:
    play = Play(work({}, _export={"k": 1}))
    play.play("+w+a", ok(store={"k": 2}))
    play.miss_sla()
    assert layers(play, ALERT) == [Kind.EXPORT]
