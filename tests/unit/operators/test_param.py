"""``param_store>``, ``param_reset>`` and ``param_eval>``."""

from __future__ import annotations

import pytest

from digpy.errors import TaskFailed
from digpy.operators.param_eval import ParamEval
from digpy.operators.param_reset import ParamReset
from digpy.operators.param_store import ParamStore
from digpy.spi import TaskResult
from digpy.values import Json, Template
from tests.support.requests import a_request


def test_a_mapping_is_stored() -> None:
    result = ParamStore().run(a_request("param_store", {"a": {"b": "1"}, "c": [2]}))

    assert result == TaskResult(store={"a": {"b": "1"}, "c": [2]})


def test_what_is_stored_is_data() -> None:
    result = ParamStore().run(a_request("param_store", {"_do": {"echo>": Template("${x}")}}))

    assert type(result.store["_do"]["echo>"]) is str  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a", "Parameter '_command' must be an object (config)"),
        (None, "Parameter '_command' is required but not set (config)"),
    ],
)
def test_only_a_mapping_can_be_stored(written: Json, message: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        ParamStore().run(a_request("param_store", written))

    assert failed.value.error == {"message": message}


def test_a_key_is_reset() -> None:
    assert ParamReset().run(a_request("param_reset", "a.b")) == TaskResult(reset=("a.b",))


@pytest.mark.parametrize("key", ["", "a.", ".a", "a..b"])
def test_a_key_without_a_name_is_refused(key: str) -> None:
    with pytest.raises(TaskFailed, match=r"^Invalid parameter key:"):
        ParamReset().run(a_request("param_reset", key))


def evaluated(key: str, **inherited: Json) -> TaskResult:
    return ParamEval().run(a_request("param_eval", key, inherited=dict(inherited)))


def test_what_the_first_pass_left_is_evaluated_and_stored_in_its_place() -> None:
    # After the first pass of: a: X, d: "${a}", f: {g: "${d}"}
    result = evaluated("f.g", a="X", d="X", f={"g": "${a}", "h": 1})

    assert result == TaskResult(store={"f": {"g": "X"}}, reset=("f.g",))


def test_it_is_two_passes_and_no_more() -> None:
    result = evaluated("a", a="${b}", b="${c}", c="1")

    assert result.store == {"a": "${c}"}


def test_a_value_without_templates_is_frozen_as_it_is() -> None:
    assert evaluated("n", n=0.5).store == {"n": 0.5}


def test_a_mapping_is_evaluated_within() -> None:
    assert evaluated("m", m={"a": ["${v}", 2], "${v}": True}, v="x").store == {
        "m": {"a": ["x", 2], "x": True}
    }


def test_two_dollar_signs_collapse() -> None:
    assert evaluated("a", a="$$x").store == {"a": "$x"}


def test_quotation_marks_and_line_breaks_do_no_harm() -> None:
    assert evaluated("a", a='${v.split("\\n").length}', v='1\n"2"').store == {"a": "2"}


def test_data_that_looks_like_a_template_is_evaluated_here() -> None:
    data = "${1 + 2}"

    assert evaluated("a", a=data).store == {"a": "3"}


def test_the_result_is_data() -> None:
    value = evaluated("a", a=Template("cost: $5")).store["a"]

    assert type(value) is str


def test_anything_that_cannot_be_evaluated_fails_the_task() -> None:
    with pytest.raises(TaskFailed) as failed:
        evaluated("a", a="1", other="${missing}")

    message = str(failed.value.error["message"])
    assert message.startswith("Failed to evaluate a variable ${missing} (ReferenceError")
    assert message.endswith("(config)")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("x", "Parameter 'x' is required but not set (config)"),
        ("m.x", "Parameter 'x' is required but not set (config)"),
        ("m.nothing", "Parameter 'nothing' is required but null (config)"),
        ("m.n.x", "Parameter 'n' must be an object (config)"),
    ],
)
def test_a_key_must_lead_to_a_value(key: str, message: str) -> None:
    with pytest.raises(TaskFailed) as failed:
        evaluated(key, m={"n": 1, "nothing": None})

    assert failed.value.error == {"message": message}
