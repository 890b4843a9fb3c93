"""Which limit holds, and where it came from."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.config import load
from digpy.control.limits import effective_limits
from digpy.errors import ConfigError
from digpy.values import SECOND, Template


def limits(
    *settings: str,
    given: dict[str, int | None] | None = None,
    **directives: Any,
) -> dict[str, Any]:
    return effective_limits(
        given or {}, directives, load({}, None, settings), lambda text: text.replace("${n}", "7")
    )


def test_nothing_said_is_the_default() -> None:
    found = {name: limit["value"] for name, limit in limits().items()}
    assert found == {
        "start_timeout": 180 * SECOND,
        "run_timeout": None,
        "cancel_timeout": 180 * SECOND,
        "max_resumes": 3,
    }


def test_a_setting_counts_where_nothing_else_is_said() -> None:
    assert limits("supervisor.run_timeout=2h")["run_timeout"]["value"] == 7200 * SECOND


def test_a_directive_wins_over_a_setting() -> None:
    found = limits("supervisor.run_timeout=2h", _run_timeout="5m")
    assert found["run_timeout"] == {"value": 300 * SECOND, "origin": "workflow"}


def test_what_is_given_for_the_attempt_wins_over_a_directive() -> None:
    found = limits(given={"run_timeout": SECOND}, _run_timeout="5m")
    assert found["run_timeout"] == {"value": SECOND, "origin": "attempt"}


def test_off_for_the_attempt_wins_over_a_number_below() -> None:
    found = limits(given={"run_timeout": None}, _run_timeout="5m")
    assert found["run_timeout"]["value"] is None


@pytest.mark.parametrize("written", [None, "none", "0", 0])
def test_a_directive_can_be_off(written: object) -> None:
    found = limits("supervisor.run_timeout=2h", _run_timeout=written)
    assert found["run_timeout"] == {"value": None, "origin": "workflow"}


def test_a_bare_number_is_seconds() -> None:
    assert limits(_run_timeout=90)["run_timeout"]["value"] == 90 * SECOND


def test_a_template_is_evaluated() -> None:
    assert limits(_run_timeout=Template("${n}m"))["run_timeout"]["value"] == 420 * SECOND


def test_the_number_of_resumes_may_be_zero() -> None:
    assert limits(_max_resumes=0)["max_resumes"] == {"value": 0, "origin": "workflow"}


@pytest.mark.parametrize("written", [-1, "many", 1.5, None])
def test_the_number_of_resumes_is_a_whole_number(written: object) -> None:
    with pytest.raises(ConfigError, match="_max_resumes"):
        limits(_max_resumes=written)


@pytest.mark.parametrize("written", ["soon", "-1s", "1 fortnight"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="_run_timeout"):
        limits(_run_timeout=written)


@pytest.mark.parametrize("written", ["0", "none", None])
def test_the_time_to_cancel_cannot_be_off(written: object) -> None:
    with pytest.raises(ConfigError, match="at least 1 s"):
        limits(_cancel_timeout=written)
