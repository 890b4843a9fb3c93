"""Which limit holds, and where it came from."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.config import load
from digpy.control.limits import effective_limits, limits_of
from digpy.dsl.compiler import compile_workflow
from digpy.dsl.reader import read_text
from digpy.errors import ConfigError
from digpy.source import Source
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
        "queue_timeout": None,
        "start_timeout": 180 * SECOND,
        "run_timeout": None,
        "attempt_ttl": 7 * 86_400 * SECOND,
        "task_ttl": 86_400 * SECOND,
        "cancel_timeout": 180 * SECOND,
        "max_resumes": 3,
        "max_resumes_total": None,
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


# Below _export, for files that digdag reads too


def of_workflow(text: str, *settings: str) -> dict[str, Any]:
    source = Source("w.dig", f"timezone: UTC\n{text}+t: {{echo>: hello}}\n")
    workflow = compile_workflow(read_text(source), "w", path="w.dig")
    return limits_of(workflow, load({}, None, settings), str)


def test_a_limit_below_export_counts_before_a_setting() -> None:
    found = of_workflow("_export: {digpy: {run_timeout: 2h}}\n", "supervisor.run_timeout=1h")
    assert found["run_timeout"] == {"value": 7200 * SECOND, "origin": "export"}


def test_a_directive_counts_before_one_below_export() -> None:
    found = of_workflow("_run_timeout: 5m\n_export: {digpy: {run_timeout: 2h}}\n")
    assert found["run_timeout"] == {"value": 300 * SECOND, "origin": "workflow"}


def test_what_else_stands_below_export_is_the_workflow_s_own_business() -> None:
    assert of_workflow("_export: {digpy: {colour: red}}\n") == of_workflow("")
    assert of_workflow("_export: {digpy: red}\n") == of_workflow("")


def test_a_bad_limit_below_export_is_refused() -> None:
    with pytest.raises(ConfigError, match="_export: digpy: run_timeout"):
        of_workflow("_export: {digpy: {run_timeout: soon}}\n")


@pytest.mark.parametrize("name", ["attempt_ttl", "task_ttl", "max_resumes_total"])
def test_what_only_settings_say_no_workflow_can(name: str) -> None:
    assert of_workflow(f"_export: {{digpy: {{{name}: 1}}}}\n") == of_workflow("")


# The administrator's caps


CAP = "supervisor.max_run_timeout=1h"


@pytest.mark.parametrize("written", ["2h", "none"])
def test_nothing_goes_beyond_a_cap(written: str) -> None:
    found = limits(CAP, given={"run_timeout": 7200 * SECOND}, _run_timeout=written)
    assert found["run_timeout"]["value"] == 3600 * SECOND
    assert found["run_timeout"]["origin"] == f"{CAP.partition('=')[0]} (-X {CAP.partition('=')[0]})"


def test_off_is_not_beyond_a_cap_either() -> None:
    assert limits(CAP, given={"run_timeout": None})["run_timeout"]["value"] == 3600 * SECOND


def test_less_than_a_cap_is_left_as_it_is() -> None:
    found = limits(CAP, _run_timeout="5m")
    assert found["run_timeout"] == {"value": 300 * SECOND, "origin": "workflow"}
