"""The moves of small attempts, word for word, in ``tests/golden/engine/<case>.trace.txt``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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


CASES = (
    a_sequence_with_a_group,
    chunks_and_a_background_task,
    handlers_from_the_inside_out,
    a_retried_group_over_a_generating_task,
    a_check_that_makes_its_task_run_again,
    polls_losses_and_a_retry,
    a_cancel_while_tasks_run_wait_and_are_blocked,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_moves_are_those_of_the_file(case: Callable[[], Play], golden: Golden) -> None:
    golden.check(f"engine/{case.__name__}.trace.txt", case().trace())
