"""What events do to a tree."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from digpy.dsl.compiler import compile_generated
from digpy.dsl.model import Subtasks
from digpy.engine.advance import Draft, advance, begin
from digpy.engine.changes import Changes, End, Stop
from digpy.engine.events import CancelRequested, Claimed, Due, Outcome, Succeeded
from digpy.engine.states import TaskState
from digpy.engine.tree import TaskTree
from digpy.errors import InternalError
from digpy.values import SECOND
from tests.support.engine import LEAF, Play, compile_dict, fail, image, lose, ok, postpone

S = TaskState


class TestBegin:
    def test_numbers_ascend_depth_first_in_the_order_of_the_file(self) -> None:
        play = Play({"+b": {"+y": LEAF, "+x": {"+k": LEAF}}, "+a": LEAF})
        assert play.names() == ["+w", "+w+b", "+w+b+y", "+w+b+x", "+w+b+x+k", "+w+a"]
        assert list(play.tree.tasks) == [1, 2, 3, 4, 5, 6]

    def test_an_empty_workflow_succeeds_at_once(self) -> None:
        play = Play({})
        assert play.states() == {"+w": "success"}
        assert play.effects == [End(S.SUCCESS)]

    def test_a_group_without_children_succeeds_at_once(self) -> None:
        play = Play({"+g": {}, "+a": LEAF})
        assert play.states() == {"+w": "planned", "+w+g": "success", "+w+a": "ready"}

    def test_a_disabled_task_succeeds_in_its_turn(self) -> None:
        play = Play({"+a": LEAF, "+b": {"_disable": True, "fail>": "x"}, "+c": LEAF})
        assert play.state("+w+b") is S.BLOCKED
        play.play("+w+a")
        assert play.state("+w+b") is S.SUCCESS
        assert play.state("+w+c") is S.READY

    def test_a_root_may_be_an_operator(self) -> None:
        play = Play({"sh>": "true"}).run()
        assert play.claims == ["+w"]
        assert play.effects == [End(S.SUCCESS)]

    def test_the_tree_is_empty_until_the_changes_are_applied(self) -> None:
        tree, changes = begin(compile_dict({"+a": LEAF}), 5)
        assert len(tree) == 0
        tree.apply(changes)
        assert len(tree) == 2
        assert tree.root.full_name == "+w"


class TestOrder:
    def test_siblings_run_one_after_the_other(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF})
        assert play.states() == {"+w": "planned", "+w+a": "ready", "+w+b": "blocked"}
        play.play("+w+a")
        assert play.state("+w+b") is S.READY

    def test_a_chunk_waits_for_the_whole_chunk_before(self) -> None:
        play = Play({"_parallel": {"limit": 2}, "+a": LEAF, "+b": LEAF, "+c": LEAF, "+d": LEAF})
        play.play("+w+a")
        assert play.state("+w+c") is S.BLOCKED
        play.play("+w+b")
        assert play.numbers(S.READY) == [4, 5]

    def test_a_failure_in_a_chunk_leaves_the_next_chunk_blocked(self) -> None:
        workflow = {"_parallel": {"limit": 2}, "+a": LEAF, "+b": LEAF, "+c": LEAF}
        play = Play(workflow, {"+w+a": fail()}).run()
        assert play.state("+w+b") is S.SUCCESS
        assert play.state("+w+c") is S.BLOCKED
        assert play.state("+w") is S.GROUP_ERROR

    def test_a_background_task_starts_with_its_parent(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF, "+c": {"_background": True, **LEAF}, "+d": LEAF})
        assert play.numbers(S.READY) == [2, 4]
        play.play("+w+a")
        play.play("+w+b")
        assert play.state("+w+d") is S.BLOCKED
        play.play("+w+c")
        assert play.state("+w+d") is S.READY

    def test_an_upstream_named_twice_counts_once(self) -> None:
        play = Play({"_parallel": True, "+a": LEAF, "+b": {"_after": ["+a", "+a"], **LEAF}})
        assert play.task("+w+b").waiting == 1
        play.play("+w+a")
        assert play.state("+w+b") is S.READY

    def test_a_parent_waits_for_running_siblings_of_a_failure(self) -> None:
        play = Play({"_parallel": True, "+a": LEAF, "+b": LEAF}, {"+w+a": fail()})
        play.claim("+w+b")
        play.play("+w+a")
        assert play.state("+w") is S.PLANNED
        assert "+w^failure-alert" not in play.names()
        play.end("+w+b")
        assert "+w^failure-alert" in play.names()

    def test_what_became_ready_is_listed_in_order(self) -> None:
        play = Play({"_parallel": True, "+g": {"+x": LEAF}, "+a": LEAF, "+b": {"+y": LEAF}})
        draft = Draft(play.tree)
        assert draft.ready == []
        play = Play({"+a": LEAF, "+b": {"_parallel": True, "+x": LEAF, "+y": LEAF}})
        play.claim("+w+a")
        draft = Draft(play.tree)
        draft.advance(Succeeded(2, 1, 0, Outcome()))
        assert draft.ready == [4, 5]


class TestRunning:
    def test_a_claim_raises_the_fence_and_starts_the_task_once(self) -> None:
        play = Play({"+a": LEAF}, {"+w+a": [postpone(3), ok()]})
        task = play.claim("+w+a")
        assert (task.state, task.fence, task.started_at) == (S.RUNNING, 1, 0)
        play.end("+w+a")
        play.due("+w+a")
        task = play.claim("+w+a")
        assert (task.fence, task.started_at) == (2, 0)

    def test_what_is_not_ready_cannot_be_claimed(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF})
        with pytest.raises(InternalError, match=r"no move for \+w\+b: blocked, claimed"):
            advance(play.tree, Claimed(3, 0))

    def test_a_result_is_kept_with_the_round_it_opens(self) -> None:
        play = Play({"+a": LEAF})
        play.play("+w+a", ok({"sh>": "x"}, store={"s": 1}, export={"e": 2}, reset=("r",)))
        output = play.tree.output(2, 0)
        assert output is not None
        assert (output.store, output.export, output.reset) == ({"s": 1}, {"e": 2}, ("r",))
        assert output.subtasks == Subtasks({"sh>": "x"})
        assert play.tree.newest_output(play.task("+w+a")) is output

    def test_a_result_without_content_leaves_no_output(self) -> None:
        assert Play({"+a": LEAF}).run().tree.outputs == {}

    def test_generated_tasks_stand_below_their_task(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF}, {"+w+a": ok({"+x": LEAF, "+y": LEAF})})
        play.play("+w+a")
        assert play.state("+w+a") is S.PLANNED
        assert play.names()[3:] == ["+w+a^sub", "+w+a^sub+x", "+w+a^sub+y"]
        assert play.task("+w+a^sub+y").origin == 2
        assert play.run().state("+w+b") is S.SUCCESS

    def test_a_check_runs_after_the_subtasks(self) -> None:
        play = Play({"+a": {"sh>": "x", "_check": LEAF}}, {"+w+a": ok(LEAF)}).run()
        assert play.claims == ["+w+a", "+w+a^sub", "+w+a^check"]

    def test_a_check_behind_a_failing_subtask_stays_blocked(self) -> None:
        script = {"+w+a": ok(LEAF), "+w+a^sub": fail()}
        play = Play({"+a": {"sh>": "x", "_check": LEAF}}, script).run()
        assert play.state("+w+a^check") is S.BLOCKED
        assert play.state("+w+a") is S.GROUP_ERROR

    def test_a_failing_check_fails_its_owner(self) -> None:
        play = Play({"+a": {"sh>": "x", "_check": LEAF}, "+b": LEAF}, {"+w+a^check": fail()}).run()
        assert play.state("+w+a") is S.GROUP_ERROR
        assert play.state("+w+b") is S.BLOCKED

    def test_a_failure_is_kept_as_output(self) -> None:
        play = Play({"+a": LEAF}, {"+w+a": fail("no")}).run()
        output = play.tree.output(2, 0)
        assert output is not None
        assert output.error == {"message": "no"}
        assert play.state("+w+a") is S.ERROR

    def test_times_come_with_the_events(self) -> None:
        play = Play({"+a": LEAF}, at=7)
        play.now = 9
        play.claim("+w+a")
        play.now = 11
        play.end("+w+a")
        assert (play.task("+w+a").started_at, play.task("+w+a").ended_at) == (9, 11)
        assert play.task("+w").ended_at == 11


class TestRetries:
    def test_a_failure_with_retries_left_waits_and_runs_again(self) -> None:
        play = Play({"+a": LEAF}, {"+w+a": [fail(retry={"limit": 1, "interval": 10}), ok()]})
        play.play("+w+a")
        task = play.task("+w+a")
        assert (task.state, task.retry_at, task.retries) == (S.RETRY_WAITING, 10 * SECOND, 1)
        assert play.tree.outputs == {}
        play.due("+w+a")
        assert play.task("+w+a").retry_at is None
        assert play.run().state("+w") is S.SUCCESS
        assert play.claims == ["+w+a", "+w+a"]

    def test_waits_may_double(self) -> None:
        rule = {"limit": 4, "interval": 10, "interval_type": "exponential", "max_interval": 25}
        play = Play({"+a": LEAF}, {"+w+a": fail(retry=rule)}).run()
        assert play.waits() == 10 + 20 + 25 + 25
        assert play.claims.count("+w+a") == 5

    def test_a_failure_says_what_the_next_try_starts_with(self) -> None:
        play = Play({"+a": LEAF})
        play.play("+w+a", postpone())
        play.due("+w+a")
        play.play("+w+a", fail(retry=1))
        assert play.task("+w+a").state_params == {"polled by": 1}

    def test_a_poll_is_not_a_retry(self) -> None:
        play = Play(
            {"+a": LEAF}, {"+w+a": [postpone(2), postpone(2, awaits=7), fail(retry=1), ok()]}
        )
        play.play("+w+a")
        play.due("+w+a")
        play.play("+w+a")
        task = play.task("+w+a")
        assert (task.retry_at, task.awaits, task.retries) == (4 * SECOND, 7, 0)
        assert play.run().state("+w") is S.SUCCESS
        assert play.task("+w+a").awaits is None

    def test_being_due_means_nothing_to_what_does_not_wait(self) -> None:
        play = Play({"+a": LEAF})
        assert not play.feed(Due(2, 0))


class TestLosses:
    def test_a_lost_run_is_ready_again_with_its_state(self) -> None:
        play = Play({"+a": LEAF})
        play.play("+w+a", postpone())
        play.due("+w+a")
        play.play("+w+a", lose(retry=1))
        task = play.task("+w+a")
        assert (task.state, task.losses, task.retries) == (S.READY, 1, 0)
        assert task.state_params == {"polled by": 1}

    def test_three_losses_in_a_row_are_an_error(self) -> None:
        play = Play({"+a": LEAF}, {"+w+a": lose()}).run()
        assert play.claims.count("+w+a") == 3
        output = play.tree.output(2, 0)
        assert output is not None
        assert output.error == {
            "message": "the agent running this task disappeared 3 times (worker_lost)"
        }

    @pytest.mark.parametrize("between", [postpone(), fail(retry=9)])
    def test_a_report_in_between_starts_the_count_anew(self, between: Any) -> None:
        script = {"+w+a": [lose(), lose(), between, lose(), lose(), ok()]}
        assert Play({"+a": LEAF}, script).run().state("+w") is S.SUCCESS

    def test_a_success_after_losses_clears_the_count(self) -> None:
        play = Play({"+a": LEAF}, {"+w+a": [lose(), ok()]}).run()
        assert play.task("+w+a").losses == 0

    def test_too_many_losses_are_retried_like_a_failure(self) -> None:
        play = Play({"+a": LEAF}, {"+w+a": lose(retry=1)}).run()
        assert play.claims.count("+w+a") == 6
        assert play.task("+w+a").retries == 1

    def test_too_many_losses_are_told_to_the_handler(self) -> None:
        play = Play({"+a": {"sh>": "x", "_error": LEAF}}, {"+w+a": lose()}).run()
        assert play.claims[-2:] == ["+w+a^error", "+w^failure-alert"]


class TestStaleReports:
    def test_the_same_report_twice_counts_once(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a")
        report = Succeeded(2, 1, 0, Outcome())
        assert play.feed(report)
        assert not play.feed(report)

    def test_a_report_of_an_older_run_is_dropped(self) -> None:
        play = Play({"+a": LEAF})
        play.play("+w+a", lose())
        play.claim("+w+a")
        before = image(play.tree)
        assert not play.feed(Succeeded(2, 1, 0, Outcome()))
        assert image(play.tree) == before

    def test_a_poll_is_not_counted_twice(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a")
        report = play.report(play.task("+w+a"), postpone())
        play.feed(report)
        play.due("+w+a")
        assert not play.feed(report)
        assert play.task("+w+a").reported_fence == 1


class TestDrafts:
    def test_several_events_make_one_piece_of_changes(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF})
        changes = advance(play.tree, Claimed(2, 0), Succeeded(2, 1, 0, Outcome()), Claimed(3, 0))
        assert [(u.task.number, u.was, u.task.state) for u in changes.updated] == [
            (2, S.READY, S.SUCCESS),
            (3, S.BLOCKED, S.RUNNING),
        ]
        assert [task.number for task in changes.counted] == [1]

    def test_a_draft_reads_like_the_tree_with_its_changes(self) -> None:
        play = Play({"+a": LEAF})
        draft = Draft(play.tree)
        draft.advance(Claimed(2, 0))
        subtasks = Subtasks({"+x": LEAF})
        definitions = compile_generated(draft[2].definition, "+w+a", subtasks)
        draft.advance(Succeeded(2, 1, 0, Outcome(definitions, subtasks, store={"s": 1})))
        assert (len(draft), len(play.tree)) == (4, 2)
        assert draft.root is draft[1]
        assert draft[4].full_name == "+w+a^sub+x"
        output = draft.newest_output(draft[2])
        assert output is not None
        assert output.store == {"s": 1}
        assert draft.output(1, 0) is None
        assert draft.limit == 1000

    def test_an_inserted_task_is_not_among_the_updated(self) -> None:
        play = Play({"+a": LEAF})
        draft = Draft(play.tree)
        draft.advance(Claimed(2, 0))
        subtasks = Subtasks(LEAF)
        definitions = compile_generated(draft[2].definition, "+w+a", subtasks)
        draft.advance(Succeeded(2, 1, 0, Outcome(definitions, subtasks)))
        draft.advance(Claimed(3, 0))
        changes = draft.changes()
        assert [task.number for task in changes.inserted] == [3]
        assert [update.task.number for update in changes.updated] == [2]

    def test_a_dropped_draft_leaves_no_trace(self) -> None:
        play = Play({"_retry": 1, "+a": LEAF, "+b": LEAF})
        before = image(play.tree)
        advance(play.tree, Claimed(2, 0), CancelRequested(0, "user"))
        assert image(play.tree) == before
        assert not play.tree.cancel

    def test_no_events_are_no_changes(self) -> None:
        changes = advance(Play({"+a": LEAF}).tree)
        assert not changes
        assert changes == Changes([], [], [], [], [], [], False)

    def test_an_unknown_event_is_refused(self) -> None:
        class Strange(NamedTuple):
            at: int = 0

        with pytest.raises(AssertionError):
            advance(Play({"+a": LEAF}).tree, Strange())  # type: ignore[arg-type]


class TestCancel:
    def test_what_is_ready_or_waits_ends_at_once(self) -> None:
        workflow = {
            "_parallel": True,
            "+ready": LEAF,
            "+waits": LEAF,
            "+g": {"_retry": {"limit": 1, "interval": 9}, "+x": LEAF},
        }
        play = Play(workflow)
        play.play("+w+waits", postpone(99, awaits=3))
        play.play("+w+g+x", fail())
        assert play.state("+w+g") is S.GROUP_RETRY_WAITING
        play.cancel()
        assert set(play.states().values()) == {"canceled", "error"}
        assert play.effects == [End(S.CANCELED)]
        assert play.task("+w+waits").retry_at is None
        assert play.task("+w+waits").awaits is None

    def test_what_runs_is_asked_to_stop_and_ends_with_its_report(self) -> None:
        play = Play({"+g": {"+a": LEAF, "+b": LEAF}})
        play.claim("+w+g+a")
        changes = play.cancel()
        assert changes.effects == [Stop(3, 1)]
        assert changes.cancel
        assert play.state("+w+g+a") is S.RUNNING
        play.end("+w+g+a")
        assert play.states() == {
            "+w": "canceled",
            "+w+g": "canceled",
            "+w+g+a": "canceled",
            "+w+g+b": "blocked",
        }

    @pytest.mark.parametrize(
        "step", [ok(LEAF, store={"s": 1}), fail(retry=5), lose(retry=5), postpone()]
    )
    def test_whatever_is_reported_after_it_counts_for_nothing(self, step: Any) -> None:
        play = Play({"_error": LEAF, "+a": {"sh>": "x", "_error": LEAF, "_check": LEAF}})
        play.claim("+w+a")
        play.cancel()
        changes = play.end("+w+a", step)
        assert play.state("+w+a") is S.CANCELED
        assert play.state("+w") is S.CANCELED
        assert not changes.inserted
        assert not changes.outputs

    def test_what_is_done_stays_done(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF})
        play.play("+w+a")
        play.cancel()
        assert play.states() == {"+w": "canceled", "+w+a": "success", "+w+b": "canceled"}
        assert not play.task("+w+a").cancel
        assert play.task("+w+b").cancel

    def test_running_handlers_end_as_canceled_and_so_does_their_owner(self) -> None:
        play = Play({"+a": {"sh>": "x", "_error": {"+m": LEAF, "+n": LEAF}}}, {"+w+a": fail()})
        play.play("+w+a")
        play.claim("+w+a^error+m")
        play.cancel()
        play.end("+w+a^error+m")
        assert play.states() == {
            "+w": "canceled",
            "+w+a": "canceled",
            "+w+a^error": "canceled",
            "+w+a^error+m": "canceled",
            "+w+a^error+n": "blocked",
        }

    def test_the_second_request_changes_nothing(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a")
        assert play.cancel()
        assert not play.cancel()

    def test_a_finished_attempt_cannot_be_cancelled(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF}, {"+w+a": fail()}).run()
        assert not play.cancel()
        assert not play.tree.cancel
        assert not play.task("+w+b").cancel

    def test_the_wish_survives_a_restart(self) -> None:
        play = Play({"+a": LEAF})
        play.claim("+w+a")
        play.cancel()
        assert play.reloaded().cancel

    def test_it_is_possible_in_the_draft_that_planted_the_tasks(self) -> None:
        tree = TaskTree(compile_dict({"+a": LEAF}).definitions)
        draft = Draft(tree)
        draft.plant_root(0)
        draft.advance(CancelRequested(1, "user"))
        tree.apply(draft.changes())
        assert tree.root.state is S.CANCELED
