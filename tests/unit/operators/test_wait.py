from __future__ import annotations

import pytest

from digpy.errors import TaskFailed
from digpy.operators.wait import Wait
from digpy.spi import RetryLater, TaskResult
from digpy.values import SECOND, Json, Params
from tests.support.requests import NOW, a_request

STARTED: Params = {"wait_start_time_millis": NOW // 1000}


def test_the_first_run_asks_for_the_whole_time() -> None:
    result = Wait().run(a_request("wait", "1m 30s"))

    assert result == RetryLater(90 * SECOND, STARTED)


def test_the_time_is_over_when_it_has_passed() -> None:
    request = a_request("wait", "2s", state=STARTED, now=NOW + 2 * SECOND)

    assert Wait().run(request) == TaskResult()


def test_an_early_run_asks_for_the_rest() -> None:
    request = a_request("wait", "10s", state=STARTED, now=NOW + 4 * SECOND)

    assert Wait().run(request) == RetryLater(6 * SECOND, STARTED)


def test_no_wait_takes_a_second() -> None:
    assert Wait().run(a_request("wait", "0s")) == RetryLater(SECOND, STARTED)


def test_no_blocking_wait_takes_no_time() -> None:
    assert Wait().run(a_request("wait", "0s", local={"blocking": True})) == TaskResult()


def test_a_blocking_wait_is_a_timer_too() -> None:
    result = Wait().run(a_request("wait", "2s", local={"blocking": "true"}))

    assert result == RetryLater(2 * SECOND, STARTED)


def test_a_poll_interval_is_not_clipped() -> None:
    request = a_request("wait", "3s", local={"poll_interval": "10s"}, state=STARTED)

    assert Wait().run(request) == RetryLater(10 * SECOND, STARTED)


def test_a_poll_interval_of_nothing_does_not_spin() -> None:
    result = Wait().run(a_request("wait", "3s", local={"poll_interval": "0s"}))

    assert result == RetryLater(SECOND, STARTED)


@pytest.mark.parametrize("written", [1, "1.5s", "1s 1m", "", None, "366001d", "9" * 30 + "d"])
def test_a_bad_duration_fails_as_in_digdag_and_says_why_beside(written: Json) -> None:
    with pytest.raises(TaskFailed) as failed:
        Wait().run(a_request("wait", written))

    assert failed.value.error["message"] == "Invalid configuration (config)"
    assert "is not a duration like" in str(failed.value.error["reason"])


def test_blocking_and_polling_exclude_each_other() -> None:
    request = a_request("wait", "2s", local={"blocking": True, "poll_interval": "1s"})

    with pytest.raises(TaskFailed) as failed:
        Wait().run(request)

    assert failed.value.error == {
        "message": "poll_interval can't be specified with blocking:true (config)"
    }
