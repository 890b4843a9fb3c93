"""What a second attempt takes over from the first, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digpy.engine.changes import End, Output
from digpy.engine.states import TaskState
from digpy.engine.tree import Selection
from tests.support.engine import LEAF, Play, assert_same, compile_dict, fail, ok

S = TaskState
Steps = Mapping[str, Any]


def again(
    first: Play,
    steps: Steps | None = None,
    workflow: Mapping[str, Any] | None = None,
    run: frozenset[str] | None = None,
) -> Play:
    """A second attempt that takes over what the first one did; `workflow` is the new revision."""
    compiled = first.workflow if workflow is None else compile_dict(workflow)
    play = Play(compiled, steps, selection=take(first.successes(), run)).run()
    assert_same(play.tree, play.reloaded())
    return play


def take(done: Mapping[str, Output | None], run: frozenset[str] | None = None) -> Selection:
    return Selection(done, run)


def hows(play: Play) -> dict[str, str | None]:
    return {task.full_name: task.how for task in play.tree.tasks.values()}


class TestTaken:
    def test_successes_are_not_run_again(self) -> None:
        workflow = {"+a": LEAF, "+g": {"+b": LEAF, "+c": LEAF}, "+d": LEAF}
        second = again(Play(workflow, {"+w+g+c": fail()}).run())
        assert second.claims == ["+w+g+c", "+w+d"]
        assert hows(second)["+w+g+b"] == "resumed"
        assert hows(second)["+w+g"] == "ran"

    def test_their_stores_and_exports_come_along(self) -> None:
        left = ok(store={"s": 1}, export={"e": 2}, reset=("r",))
        first = Play({"+a": LEAF, "+b": LEAF}, {"+w+a": left, "+w+b": fail()}).run()
        second = again(first)
        output = second.tree.output(2, 0)
        assert output is not None
        assert (output.store, output.export, output.reset) == ({"s": 1}, {"e": 2}, ("r",))

    def test_generated_descendants_come_along_with_their_outputs(self) -> None:
        steps = {
            "+w+a": ok({"+x": LEAF}),
            "+w+a^sub+x": ok({"+y": LEAF}),
            "+w+a^sub+x^sub+y": ok(store={"s": 1}),
            "+w+b": fail(),
        }
        second = again(Play({"+a": LEAF, "+b": LEAF}, steps).run())
        assert second.claims == ["+w+b"]
        number = second.task("+w+a^sub+x^sub+y").number
        output = second.tree.output(number, 0)
        assert output is not None
        assert output.store == {"s": 1}

    def test_all_of_a_successful_attempt_can_be_taken_over(self) -> None:
        second = again(Play({"+a": LEAF}, {"+w+a": ok(LEAF)}).run())
        assert second.claims == []
        assert second.effects == [End(S.SUCCESS)]
        assert second.task("+w").ended_at == 0

    def test_of_a_task_whose_subtasks_failed_only_those_are_run_again(self) -> None:
        steps = {"+w+a": ok({"+x": LEAF, "+y": LEAF}), "+w+a^sub+y": fail()}
        second = again(Play({"+a": LEAF}, steps).run(), {"+w+a": steps["+w+a"]})
        assert second.claims == ["+w+a", "+w+a^sub+y"]

    def test_a_check_is_taken_over_with_its_owner(self) -> None:
        first = Play({"+a": {"sh>": "x", "_check": LEAF}, "+b": LEAF}, {"+w+b": fail()}).run()
        second = again(first)
        assert second.claims == ["+w+b"]
        assert hows(second)["+w+a^check"] == "resumed"

    def test_a_check_is_never_taken_over_alone(self) -> None:
        first = Play({"+a": {"sh>": "x", "_check": LEAF}}).run()
        selection = take({"+w+a^check": None})
        assert Play(first.workflow, selection=selection).run().claims == ["+w+a", "+w+a^check"]

    def test_handlers_and_the_alert_always_run(self) -> None:
        workflow = {"_error": LEAF, "+a": {"sh>": "x", "_error": {"+m": LEAF}}}
        first = Play(workflow, {"+w+a": fail()}).run()
        every = {task.full_name: None for task in first.tree.tasks.values()}
        del every["+w"], every["+w+a"]
        second = Play(workflow, {"+w+a": fail()}, selection=take(every)).run()
        assert second.claims == first.claims

    def test_what_a_handler_generates_is_not_taken_over(self) -> None:
        steps = {"+w+a": fail(), "+w+a^error": ok(LEAF)}
        first = Play({"+a": {"sh>": "x", "_error": LEAF}}, steps).run()
        selection = take({"+w+a^error^sub": None})
        second = Play(first.workflow, steps, selection=selection).run()
        assert second.claims == first.claims


class TestNotTaken:
    def test_a_group_with_a_new_task_is_not_taken_over(self) -> None:
        first = Play({"+g": {"+a": LEAF}, "+b": LEAF}, {"+w+b": fail()}).run()
        second = again(first, workflow={"+g": {"+a": LEAF, "+n": LEAF}, "+b": LEAF})
        assert second.claims == ["+w+g+n", "+w+b"]
        assert hows(second)["+w+g+a"] == "resumed"

    def test_nothing_behind_a_new_task_is_taken_over(self) -> None:
        workflow = {"+a": LEAF, "+g": {"+x": LEAF}, "+b": LEAF}
        first = Play(workflow, {"+w+b": fail()}).run()
        second = again(first, workflow={"+n": LEAF, **workflow})
        assert second.claims == ["+w+n", "+w+a", "+w+g+x", "+w+b"]

    def test_nor_what_is_generated_behind_it(self) -> None:
        steps = {"+w+g+a": ok({"+x": LEAF}), "+w+b": fail()}
        workflow = {"+g": {"+a": LEAF}, "+b": LEAF}
        first = Play(workflow, steps).run()
        second = again(first, steps, workflow={"+n": LEAF, **workflow})
        assert "+w+g+a^sub+x" in second.claims

    def test_a_task_that_depends_on_nothing_new_is_taken_over(self) -> None:
        workflow = {"_parallel": True, "+a": LEAF, "+b": LEAF}
        first = Play(workflow, {"+w+b": fail()}).run()
        second = again(first, workflow={"_parallel": True, "+n": LEAF, "+a": LEAF, "+b": LEAF})
        assert second.claims == ["+w+n", "+w+b"]

    def test_only_the_first_round_is_shortened(self) -> None:
        workflow = {"+g": {"_retry": 1, "+a": LEAF, "+b": LEAF}}
        first = Play(workflow, {"+w+g+b": fail()}).run()
        second = again(first, {"+w+g+b": fail()})
        assert second.claims == ["+w+g+b", "+w+g+a", "+w+g+b", "+w^failure-alert"]

    def test_a_second_run_of_a_generating_task_generates_everything_anew(self) -> None:
        steps = {"+w+e": ok({"+x": LEAF, "+y": LEAF}), "+w+e^sub+y": fail()}
        workflow = {"+e": {"sh>": "x", "_retry": 1}}
        second = again(Play(workflow, steps).run(), steps)
        assert second.claims.count("+w+e^sub+x") == 1
        assert second.claims.count("+w+e^sub+y") == 2

    def test_the_live_round_counts(self) -> None:
        workflow = {"+g": {"_retry": 1, "+a": LEAF, "+b": LEAF}}
        steps = {"+w+g+a": [ok(store={"n": 1}), ok(store={"n": 2})], "+w+g+b": fail()}
        second = again(Play(workflow, steps).run())
        output = second.tree.newest_output(second.task("+w+g+a"))
        assert output is not None
        assert output.store == {"n": 2}

    def test_a_task_with_a_new_check_runs_again(self) -> None:
        first = Play({"+a": LEAF, "+b": LEAF}, {"+w+b": fail()}).run()
        second = again(first, workflow={"+a": {"sh>": "x", "_check": LEAF}, "+b": LEAF})
        assert second.claims == ["+w+a", "+w+a^check", "+w+b"]

    def test_a_task_whose_check_is_gone_is_taken_over_without_it(self) -> None:
        first = Play({"+a": {"sh>": "x", "_check": LEAF}, "+b": LEAF}, {"+w+b": fail()}).run()
        second = again(first, workflow={"+a": LEAF, "+b": LEAF})
        assert second.claims == ["+w+b"]
        assert "+w+a^check" not in second.names()

    def test_what_cannot_be_compiled_today_is_run(self) -> None:
        play = Play({"+a": {"sh>": "x", "_check": {"+n": 1}}}, selection=take({"+w+a": None}))
        assert play.state("+w+a") is S.READY

    def test_names_of_tasks_that_are_gone_mean_nothing(self) -> None:
        first = Play({"+a": LEAF, "+b": LEAF}).run()
        second = again(first, workflow={"+c": LEAF})
        assert second.claims == ["+w+c"]


class TestRunSet:
    def test_a_skipped_task_behind_one_that_runs_stays_as_it_is(self) -> None:
        run = frozenset({"+w", "+w+a", "+w+c"})
        workflow = {"+a": LEAF, "+b": LEAF, "+c": LEAF}
        play = Play(workflow, selection=Selection({}, run)).run()
        assert hows(play) == {"+w": "ran", "+w+a": "ran", "+w+b": "skipped", "+w+c": "ran"}

    def test_what_is_not_to_run_is_skipped(self) -> None:
        play = Play({"+a": LEAF, "+b": LEAF}, selection=Selection({}, frozenset({"+w", "+w+a"})))
        play.run()
        assert play.claims == ["+w+a"]
        assert hows(play) == {"+w": "ran", "+w+a": "ran", "+w+b": "skipped"}
        assert play.state("+w") is S.SUCCESS
        assert_same(play.tree, play.reloaded())

    def test_below_a_skipped_task_everything_is_skipped(self) -> None:
        run = frozenset({"+w", "+w+g+a"})
        play = Play({"+g": {"+a": LEAF}}, selection=Selection({}, run)).run()
        assert hows(play)["+w+g+a"] == "skipped"

    def test_a_generated_task_follows_the_one_that_generated_it(self) -> None:
        run = frozenset({"+w", "+w+a"})
        play = Play({"+a": LEAF, "+b": LEAF}, {"+w+a": ok(LEAF)}, selection=Selection({}, run))
        assert play.run().claims == ["+w+a", "+w+a^sub"]

    def test_a_new_round_skips_the_same_tasks(self) -> None:
        run = frozenset({"+w", "+w+g", "+w+g+a"})
        steps = {"+w+g+a": [fail(), ok()]}
        workflow = {"+g": {"_retry": 1, "+a": LEAF, "+b": LEAF}}
        play = Play(workflow, steps, selection=Selection({}, run)).run()
        assert play.claims == ["+w+g+a", "+w+g+a"]
        assert [task.how for task in play.named("+w+g+b")] == ["skipped", "skipped"]

    def test_handlers_run_in_every_round(self) -> None:
        run = frozenset({"+w", "+w+a"})
        workflow = {"+a": {"sh>": "x", "_error": {"_retry": 1, "+m": LEAF}}}
        steps = {"+w+a": fail(), "+w+a^error+m": fail()}
        play = Play(workflow, steps, selection=Selection({}, run)).run()
        assert play.claims.count("+w+a^error+m") == 2

    def test_skipping_wins_over_taking_over(self) -> None:
        first = Play({"+a": LEAF, "+b": LEAF}).run()
        done = {name: out for name, out in first.successes().items() if name != "+w"}
        selection = take(done, frozenset({"+w", "+w+a"}))
        play = Play(first.workflow, selection=selection).run()
        assert hows(play) == {"+w": "ran", "+w+a": "resumed", "+w+b": "skipped"}

    def test_a_success_behind_a_skipped_task_is_taken_over(self) -> None:
        first = Play({"+a": LEAF, "+b": LEAF}).run()
        selection = take({"+w+b": None}, frozenset({"+w", "+w+b"}))
        play = Play(first.workflow, selection=selection).run()
        assert hows(play) == {"+w": "ran", "+w+a": "skipped", "+w+b": "resumed"}

    def test_a_skipped_root_ends_at_once(self) -> None:
        play = Play({"+a": LEAF}, selection=Selection({}, frozenset()))
        assert play.effects == [End(S.SUCCESS)]
