"""What digdag would not understand."""

from __future__ import annotations

import pytest

from digpy.dsl.directives import DIRECTIVES
from digpy.dsl.portability import portability_problems
from digpy.dsl.reader import read_text
from digpy.source import Source


def found(text: str) -> list[str]:
    problems = portability_problems(read_text(Source("w.dig", text)))
    return [problem.render().splitlines()[0] for problem in problems]


def test_a_workflow_of_digdag_is_portable() -> None:
    assert not found(
        "timezone: UTC\nschedule: {daily>: '07:00:00'}\n_export: {x: 1}\n"
        "+g:\n  _retry: {limit: 3, interval: 10}\n  +a: {sh>: x, _error: {echo>: e}}\n"
    )


@pytest.mark.parametrize(
    "directive", [item.name for item in DIRECTIVES if item.is_extension and "root" in item.places]
)
def test_a_directive_of_digpy_at_top_level_is_refused(directive: str) -> None:
    assert found(f"{directive}: 1\n+a: {{sh>: x}}\n") == [
        f"w.dig:1:1: error: not portable to digdag: {directive} is a directive of digpy"
    ]


@pytest.mark.parametrize(
    "directive",
    [item.name for item in DIRECTIVES if item.is_extension and "operator" in item.places],
)
def test_a_directive_of_digpy_on_a_task_is_named(directive: str) -> None:
    assert found(f"+a: {{sh>: x, {directive}: 1}}\n") == [
        f"w.dig:1:14: error: not portable to digdag: {directive} is a directive of digpy"
    ]


def test_tasks_that_are_yet_to_be_generated_are_looked_at() -> None:
    assert len(found("+a: {if>: true, _do: {+b: {sh>: x, _timeout: 3m}}}\n")) == 1


def test_an_operator_at_top_level_is_named() -> None:
    assert found("sh>: x\n") == [
        "w.dig:1:1: error: not portable to digdag: an operator at top level"
    ]


@pytest.mark.parametrize("key", ["interval", "max_interval"])
def test_a_time_with_a_unit_is_named(key: str) -> None:
    (line,) = found(f"+a: {{sh>: x, _retry: {{limit: 3, {key}: 30s}}}}\n")

    assert line.endswith(f"not portable to digdag: {key} is written with a unit")


@pytest.mark.parametrize("value", ["30", "'30'", "'${x}'"])
def test_a_time_in_seconds_is_portable(value: str) -> None:
    assert not found(f"+a: {{sh>: x, _retry: {{limit: 3, interval: {value}}}}}\n")


def test_an_operator_that_digdag_does_not_have_is_named() -> None:
    assert found("+a: {frob>: x}\n") == [
        "w.dig:1:6: error: not portable to digdag: digdag has no operator frob>"
    ]


def test_an_operator_of_a_plugin_is_named() -> None:
    assert found("+a: {param_store>: {x: 1}}\n") == [
        "w.dig:1:6: error: not portable to digdag: param_store> is an operator of a plugin"
    ]


def test_an_operator_whose_plugin_is_loaded_is_portable() -> None:
    plugin = "_export: {plugin: {dependencies: ['pro.civitaspo:digdag-operator-param:0.1.0']}}\n"

    assert not found(plugin + "+a: {param_store>: {x: 1}}\n")


def test_an_operator_that_only_the_run_knows_is_left_alone() -> None:
    assert not found("+a: {_type: '${kind}'}\n")


@pytest.mark.parametrize("option", ["catchup", "catchup_limit", "delay"])
def test_an_option_of_a_schedule_that_digdag_refuses_is_named(option: str) -> None:
    assert len(found(f"schedule: {{cron>: '* * * * *', {option}: 1}}\n+a: {{sh>: x}}\n")) == 1


def test_a_schedule_in_the_words_of_digpy_is_named() -> None:
    assert len(found("schedule: {every: 45m}\n+a: {sh>: x}\n")) == 1
