"""Groups and generating tasks that try again."""

from __future__ import annotations

from digpy.engine.states import TaskState
from digpy.values import SECOND
from tests.support.engine import LEAF, Play, assert_same, fail, ok

S = TaskState


def test_a_new_round_is_planted_from_the_definition() -> None:
    play = Play({"+g": {"_retry": 1, "+a": LEAF, "+h": {"+b": LEAF}}}, {"+w+g+h+b": [fail(), ok()]})
    play.run()
    group = play.task("+w+g")
    assert (group.round, group.retries, group.state) == (1, 1, S.SUCCESS)
    assert (group.past, group.children) == ((3, 4), (6, 7))
    assert [task.born for task in play.named("+w+g+a")] == [0, 1]
    assert play.claims == ["+w+g+a", "+w+g+h+b", "+w+g+a", "+w+g+h+b"]


def test_upstreams_of_a_new_round_are_its_own() -> None:
    play = Play({"+g": {"_retry": 1, "+a": LEAF, "+b": LEAF}}, {"+w+g+b": [fail(), ok()]}).run()
    assert [task.upstreams for task in play.named("+w+g+b")] == [(3,), (5,)]


def test_older_rounds_stay_as_they_were() -> None:
    play = Play({"+g": {"_retry": 1, "+a": LEAF, "+b": LEAF}}, {"+w+g+a": [fail(), ok()]}).run()
    assert [task.state for task in play.named("+w+g+a")] == [S.ERROR, S.SUCCESS]
    assert [task.state for task in play.named("+w+g+b")] == [S.BLOCKED, S.SUCCESS]


def test_a_round_waits_for_its_interval() -> None:
    play = Play({"+g": {"_retry": {"limit": 1, "interval": 7}, "+a": LEAF}}, {"+w+g+a": fail()})
    play.play("+w+g+a")
    group = play.task("+w+g")
    assert (group.state, group.retry_at) == (S.GROUP_RETRY_WAITING, 7 * SECOND)
    assert group.children == ()
    play.due("+w+g")
    assert play.task("+w+g").retry_at is None
    assert play.state("+w+g+a") is S.READY


def test_waits_of_rounds_may_double_up_to_a_maximum() -> None:
    retry = {"limit": 4, "interval": 10, "interval_type": "Exponential", "max_interval": 25}
    play = Play({"+g": {"_retry": retry, "+a": LEAF}}, {"+w+g+a": fail()}).run()
    assert play.waits() == 80


def test_the_last_round_decides() -> None:
    play = Play({"+g": {"_retry": 3, "+a": LEAF, "+b": LEAF}}, {"+w+g+b": fail()}).run()
    assert play.claims.count("+w+g+a") == 4
    assert play.state("+w+g") is S.GROUP_ERROR


def test_a_retry_within_a_retry_has_its_full_number_every_time() -> None:
    workflow = {"+o": {"_retry": 2, "+i": {"_retry": 1, "+a": LEAF, "+b": LEAF}}}
    play = Play(workflow, {"+w+o+i+b": fail()}).run()
    assert play.claims.count("+w+o+i+a") == (2 + 1) * (1 + 1)


def test_a_task_in_a_new_round_has_its_own_retries_again() -> None:
    script = {"+w+g+a": fail(retry=1)}
    play = Play({"+g": {"_retry": 1, "+a": LEAF}}, script).run()
    assert play.claims.count("+w+g+a") == 4


def test_a_root_may_try_again() -> None:
    play = Play({"_retry": 1, "+a": LEAF}, {"+w+a": [fail(), ok()]}).run()
    assert play.state("+w") is S.SUCCESS
    assert "+w^failure-alert" not in play.names()


def test_a_group_in_a_handler_or_check_tries_again_like_any() -> None:
    retried = {"_retry": 1, "+m": LEAF}
    workflow = {"+a": {"sh>": "x", "_check": retried, "_error": retried}}
    play = Play(workflow, {"+w+a^check+m": fail(), "+w+a^error+m": fail()}).run()
    assert play.claims.count("+w+a^check+m") == 2
    assert play.claims.count("+w+a^error+m") == 2


def test_what_was_generated_comes_back_only_from_a_new_run() -> None:
    script = {"+w+g+e": ok({"+x": LEAF}), "+w+g+f": [fail(), ok()]}
    play = Play({"+g": {"_retry": 1, "+e": LEAF, "+f": LEAF}}, script).run()
    assert play.claims.count("+w+g+e^sub+x") == 2
    assert [task.parent for task in play.named("+w+g+e^sub")] == [3, 7]


def test_a_generating_task_runs_again_when_its_subtasks_fail() -> None:
    script = {"+w+e": ok({"+x": LEAF, "+y": LEAF}), "+w+e^sub+y": [fail(), ok()]}
    play = Play({"+e": {"sh>": "x", "_retry": 1}}, script).run()
    assert play.claims == ["+w+e", "+w+e^sub+x", "+w+e^sub+y"] * 2
    assert play.task("+w+e").round == 1
    assert [task.born for task in play.named("+w+e^sub")] == [0, 1]
    assert set(play.tree.outputs) == {(2, 0), (2, 1), (5, 0)}


def test_a_new_run_that_generates_nothing_leaves_the_old_failure_behind() -> None:
    script = {"+w+e": [ok({"+x": LEAF}), ok()], "+w+e^sub+x": fail()}
    play = Play({"+e": {"sh>": "x", "_retry": 1}}, script).run()
    task = play.task("+w+e")
    assert (task.state, task.round, task.children) == (S.SUCCESS, 1, ())
    assert play.tree.newest_output(task) is None


def test_retries_of_the_operator_and_of_its_check_are_one_number() -> None:
    script = {"+w+a": [fail(retry=2), ok()], "+w+a^check": fail()}
    play = Play({"+a": {"sh>": "x", "_retry": 2, "_check": LEAF}}, script).run()
    assert play.claims == ["+w+a", "+w+a", "+w+a^check", "+w+a", "+w+a^check", "+w^failure-alert"]
    assert play.task("+w+a").retries == 2


def test_a_retry_that_cannot_be_read_is_none() -> None:
    for unreadable in ("${n}", True, [1], {"interval": 2}):
        play = Play({"+g": {"_retry": unreadable, "+a": LEAF}}, {"+w+g+a": fail()}).run()
        assert play.claims.count("+w+g+a") == 1


def test_chunks_and_background_tasks_come_back_as_they_were() -> None:
    workflow = {
        "+g": {
            "_retry": 1,
            "_parallel": {"limit": 2},
            "+a": LEAF,
            "+b": LEAF,
            "+c": {"+x": LEAF, "+y": {"_background": True, **LEAF}, "+z": LEAF},
        }
    }
    play = Play(workflow, {"+w+g+c+z": [fail(), ok()]}).run()
    old, new = play.named("+w+g+c")
    assert len(old.upstreams) == len(new.upstreams) == 2
    assert set(old.upstreams).isdisjoint(new.upstreams)
    assert [len(task.upstreams) for task in play.named("+w+g+c+z")] == [2, 2]
    assert_same(play.tree, play.reloaded())
