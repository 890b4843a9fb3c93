"""The moves of small attempts, word for word, in ``tests/golden/engine/<case>.trace.txt``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from digpy.engine.states import TaskState
from tests.support.engine import LEAF, Play, fail, lose, ok, postpone
from tests.support.golden import Golden


def a_sequence_with_a_group() -> Play:
    return Play({"+a": LEAF, "+g": {"+b": LEAF, "+c": LEAF}, "+d": LEAF}).run()


def chunks_and_a_background_task() -> Play:
    chunked = {"_parallel": {"limit": 2}, "+a": LEAF, "+b": LEAF, "+c": LEAF}
    return Play({"+g": chunked, "+k": {"_background": True, **LEAF}, "+z": LEAF}).run()


def handlers_from_the_inside_out() -> Play:
    group = {"_error": LEAF, "+a": {"sh>": "x", "_error": LEAF}, "+b": LEAF}
    return Play({"_error": LEAF, "+g": group, "+z": LEAF}, {"+w+g+a": fail()}).run()


def a_retried_group_over_a_generating_task() -> Play:
    steps = {"+w+g+e": ok({"+x": LEAF}), "+w+g+f": [fail(), ok()]}
    return Play({"+g": {"_retry": 1, "+e": LEAF, "+f": LEAF}, "+z": LEAF}, steps).run()


def a_check_that_makes_its_task_run_again() -> Play:
    steps = {"+w+a": ok(LEAF), "+w+a^check": [fail(), ok()]}
    return Play({"+a": {"sh>": "x", "_retry": 1, "_check": LEAF}}, steps).run()


def polls_losses_and_a_retry() -> Play:
    steps = {"+w+a": [postpone(), lose(), lose(), fail(retry=1), lose(), lose(), lose()]}
    return Play({"+a": {"sh>": "x", "_error": LEAF}}, steps).run()


def a_cancel_while_tasks_run_wait_and_are_blocked() -> Play:
    workflow = {"_parallel": True, "+a": LEAF, "+b": LEAF, "+g": {"+c": LEAF, "+d": LEAF}}
    play = Play(workflow)
    play.play("+w+b", postpone(60))
    play.claim("+w+g+c")
    play.cancel()
    play.end("+w+g+c")
    return play


def a_group_that_times_out_and_is_tried_again() -> Play:
    group = {"_timeout": "20m", "_retry": 1, "_error": LEAF, "+a": {"sh>": "x", "_finally": LEAF}}
    play = Play({"+g": {**group, "+b": LEAF}})
    for _ in range(2):
        play.claim("+w+g+a")
        play.time_out("+w+g")
        play.end("+w+g+a")
        play.play("+w+g+a^finally")
        if play.state("+w+g") is TaskState.GROUP_RETRY_WAITING:
            play.due("+w+g")
    return play.run()


def a_cancel_that_is_cleaned_up_from_the_inside_out() -> Play:
    task = {"sh>": "x", "_canceled": LEAF, "_finally": LEAF}
    play = Play({"_finally": LEAF, "+g": {"_canceled": LEAF, "+a": task, "+b": task}})
    play.claim("+w+g+a")
    play.cancel()
    play.end("+w+g+a")
    return play.run()


def a_missed_sla_that_fails_the_attempt() -> Play:
    sla = {"duration": "00:00:05", "fail": True, "+tell": LEAF}
    task = {"sh>": "x", "_canceled": LEAF}
    play = Play({"sla": sla, "_error": LEAF, "+a": task, "+b": LEAF}, {"+w^sla^fail": fail()})
    play.claim("+w+a")
    play.miss_sla()
    play.end("+w+a")
    return play.run()


CASES = (
    a_sequence_with_a_group,
    chunks_and_a_background_task,
    handlers_from_the_inside_out,
    a_retried_group_over_a_generating_task,
    a_check_that_makes_its_task_run_again,
    polls_losses_and_a_retry,
    a_cancel_while_tasks_run_wait_and_are_blocked,
    a_group_that_times_out_and_is_tried_again,
    a_cancel_that_is_cleaned_up_from_the_inside_out,
    a_missed_sla_that_fails_the_attempt,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_moves_are_those_of_the_file(case: Callable[[], Play], golden: Golden) -> None:
    golden.check(f"engine/{case.__name__}.trace.txt", case().trace())
