"""``_error`` and the failure alert."""

from __future__ import annotations

from digpy.engine.states import TaskState
from tests.support.engine import LEAF, Play, fail, ok

S = TaskState


def test_handlers_run_from_the_inside_out() -> None:
    workflow = {
        "_error": LEAF,
        "+g": {"_error": LEAF, "+a": {"sh>": "x", "_error": LEAF}},
    }
    play = Play(workflow, {"+w+g+a": fail()}).run()
    assert play.claims == [
        "+w+g+a",
        "+w+g+a^error",
        "+w+g^error",
        "+w^failure-alert",
        "+w^error",
    ]


def test_the_alert_stands_before_the_handler_of_the_root() -> None:
    play = Play({"_error": LEAF, "+a": LEAF}, {"+w+a": fail()}).run()
    assert play.names()[-2:] == ["+w^failure-alert", "+w^error"]


def test_a_handler_does_not_repair() -> None:
    play = Play({"+g": {"_error": LEAF, "+a": LEAF}, "+z": LEAF}, {"+w+g+a": fail()}).run()
    assert play.state("+w+g^error") is S.SUCCESS
    assert play.state("+w+g") is S.GROUP_ERROR
    assert play.state("+w+z") is S.BLOCKED


def test_a_failing_handler_does_not_change_the_outcome() -> None:
    script = {"+w+a": fail(), "+w+a^error": fail()}
    play = Play({"+a": {"sh>": "x", "_error": LEAF}}, script).run()
    assert play.state("+w+a") is S.ERROR
    output = play.tree.output(2, 0)
    assert output is not None
    assert output.error == {"message": "boom"}


def test_a_handler_may_have_a_handler() -> None:
    script = {"+w+a": fail(), "+w+a^error": fail()}
    play = Play({"+a": {"sh>": "x", "_error": {"sh>": "y", "_error": LEAF}}}, script).run()
    assert play.state("+w+a^error^error") is S.SUCCESS


def test_the_verdict_is_held_while_handlers_run() -> None:
    play = Play({"+a": {"sh>": "x", "_error": LEAF}}, {"+w+a": fail()})
    play.play("+w+a")
    assert play.task("+w+a").state is S.PLANNED
    assert play.task("+w+a").verdict is S.ERROR
    play.run()
    assert play.task("+w").verdict is S.GROUP_ERROR


def test_the_handler_of_a_group_runs_once_after_its_last_round() -> None:
    workflow = {"+g": {"_retry": 1, "_error": LEAF, "+a": {"sh>": "x", "_error": LEAF}}}
    play = Play(workflow, {"+w+g+a": fail()}).run()
    assert play.claims.count("+w+g^error") == 1
    assert play.claims.count("+w+g+a^error") == 2
    assert play.task("+w+g^error").born == 1


def test_only_a_failing_root_is_announced() -> None:
    assert "+w^failure-alert" not in Play({"+a": LEAF}).run().names()
    play = Play({"+g": {"+a": LEAF}}, {"+w+g+a": fail()}).run()
    assert [name for name in play.names() if "alert" in name] == ["+w^failure-alert"]


def test_a_failing_alert_does_not_change_the_outcome() -> None:
    play = Play({"+a": LEAF}, {"+w+a": fail(), "+w^failure-alert": fail()}).run()
    assert play.state("+w") is S.GROUP_ERROR


def test_a_failing_root_operator_is_announced() -> None:
    play = Play({"sh>": "x"}, {"+w": fail()}).run()
    assert play.states() == {"+w": "error", "+w^failure-alert": "success"}


def test_a_handler_beyond_the_task_limit_is_left_out() -> None:
    workflow = {"+a": {"sh>": "x", "_error": {"+m": LEAF, "+n": LEAF}}}
    assert "+w+a^error" in Play(workflow, {"+w+a": fail()}, limit=5).run().names()
    play = Play(workflow, {"+w+a": fail()}, limit=4).run()
    assert play.names() == ["+w", "+w+a", "+w^failure-alert"]
    assert play.state("+w+a") is S.ERROR


def test_the_alert_does_not_count_against_the_task_limit() -> None:
    play = Play({"_error": LEAF, "+a": LEAF}, {"+w+a": fail()}, limit=2).run()
    assert play.names() == ["+w", "+w+a", "+w^failure-alert"]


def test_a_handler_of_a_generated_group_comes_from_what_was_generated() -> None:
    script = {"+w+a": ok({"_error": {"+m": LEAF}, "+x": LEAF}), "+w+a^sub+x": fail()}
    play = Play({"+a": LEAF}, script).run()
    handler = play.task("+w+a^sub^error")
    assert (handler.origin, handler.parent) == (2, 3)
    assert play.state("+w+a^sub^error+m") is S.SUCCESS


def test_a_handler_may_generate() -> None:
    script = {"+w+a": fail(), "+w+a^error": ok({"+x": LEAF})}
    play = Play({"+a": {"sh>": "x", "_error": LEAF}}, script).run()
    assert play.state("+w+a^error^sub+x") is S.SUCCESS


def test_a_handler_waits_for_running_background_tasks() -> None:
    workflow = {"+g": {"_error": LEAF, "+a": LEAF, "+b": {"_background": True, **LEAF}}}
    play = Play(workflow, {"+w+g+a": fail()})
    play.claim("+w+g+b")
    play.play("+w+g+a")
    assert "+w+g^error" not in play.names()
    play.end("+w+g+b")
    assert play.state("+w+g^error") is S.READY
