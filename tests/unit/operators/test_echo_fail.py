from __future__ import annotations

import pytest

from digpy.errors import TaskFailed
from digpy.operators.echo import Echo
from digpy.operators.fail import Fail
from digpy.values import Json
from tests.support.requests import a_request


@pytest.mark.parametrize(
    ("written", "printed"),
    [("hello", "hello"), (12, "12"), (1.5, "1.5"), (1e21, "1.0E21"), (True, "true"), ("", "")],
)
def test_echo_prints_a_scalar_and_a_newline(written: Json, printed: str) -> None:
    assert Echo().run(a_request("echo", written)).output == printed + "\n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"a": 1}, "Expected string type for key '_command' but got {\"a\":1} (object) (config)"),
        (None, "Parameter '_command' is required but not set (config)"),
    ],
)
def test_echo_refuses_what_is_no_text(written: Json, message: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        Echo().run(a_request("echo", written))

    assert failed.value.error == {"message": message}


def test_fail_fails_with_exactly_its_message() -> None:
    with pytest.raises(TaskFailed) as failed:
        Fail().run(a_request("fail", "boom"))

    assert failed.value.error == {"message": "boom"}


def test_fail_without_a_message_has_an_empty_one() -> None:
    with pytest.raises(TaskFailed) as failed:
        Fail().run(a_request("fail"))

    assert failed.value.error == {"message": ""}
