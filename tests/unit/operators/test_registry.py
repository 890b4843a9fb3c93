from __future__ import annotations

from importlib import metadata

import pytest

from digpy.operators import registry
from digpy.operators.echo import Echo
from digpy.operators.registry import find, kind, known, plugin_problems
from digpy.values import Json

BUILT_IN = (
    *("call", "echo", "fail", "for_each", "for_range", "if", "loop", "notify", "param_eval"),
    *("param_reset", "param_store", "py", "require", "sh", "wait"),
)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_operator_is_found_and_declares_what_all_declare(name: str) -> None:
    operator = find(name)

    assert operator is not None
    assert kind(name, {}) == ("inline" if hasattr(operator, "run") else "program")
    assert isinstance(operator.retries, bool)
    assert operator.options is None or isinstance(operator.options, frozenset)
    assert isinstance(operator.prefixes, tuple)
    assert isinstance(operator.keeps_state_on_retry, bool)


@pytest.mark.parametrize("name", BUILT_IN)
def test_digdag_s_base_operators_honour_retry(name: str) -> None:
    operator = find(name)

    base = {"call", "param_eval", "param_reset", "param_store", "py", "require", "sh"}
    assert operator is not None
    assert operator.retries is (name in base)


def test_all_built_in_operators_are_known() -> None:
    assert known() >= set(BUILT_IN)


def test_an_unknown_operator_is_none() -> None:
    assert find("nop") is None
    assert kind("nop", {}) is None


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = metadata.EntryPoint("shout", "digpy.operators.echo:Echo", registry.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda **_: [entry])
    for cached in (registry.find, registry._plugin, registry._entry_points):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def fresh() -> object:
    yield
    for cached in (registry.find, registry._plugin, registry._entry_points):
        cached.cache_clear()


@pytest.mark.usefixtures("plugin")
def test_a_package_can_bring_an_operator() -> None:
    assert isinstance(find("shout"), Echo)
    assert kind("shout", {}) == "inline"
    assert "shout" in known()


def test_finding_a_built_in_operator_does_not_ask_for_plugins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(group: str) -> list[metadata.EntryPoint]:
        raise AssertionError(group)

    monkeypatch.setattr(metadata, "entry_points", forbidden)

    assert find("echo") is not None
    assert kind("sh", {}) == "program"


@pytest.mark.parametrize("dependencies", [["pro.civitaspo:digdag-operator-param:0.0.3"], [], None])
def test_a_java_plugin_whose_operators_are_built_in_is_no_problem(dependencies: Json) -> None:
    assert plugin_problems({"plugin": {"dependencies": dependencies}}) == []


def test_any_other_java_plugin_is_a_problem() -> None:
    [problem] = plugin_problems({"plugin": {"dependencies": ["com.example:digdag-slack:1.0"]}})

    assert problem.startswith('plugin "com.example:digdag-slack:1.0" is a Java library')
