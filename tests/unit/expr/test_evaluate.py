"""The order of evaluation and what a template sees; every row reads like a task."""

import pytest

from digpy.errors import ExpressionError
from digpy.expr.evaluate import evaluate, evaluate_leniently, evaluate_text
from digpy.expr.javascript import JavaScript, default_engine
from digpy.values import Params, Template, as_templates

T = Template


def never() -> JavaScript:
    raise AssertionError("no JavaScript is needed here")


def test_data_is_never_evaluated() -> None:
    params: Params = {"stored": "${a}", "written": T("${a}"), "a": 1}
    assert evaluate(params, params, never, "UTC", 0)["stored"] == "${a}"


def test_result_is_plain_text_and_not_a_template() -> None:
    params: Params = {"a": T("${b}"), "b": T("$$")}
    result = evaluate(params, {"b": T("${c}")}, never, "UTC", 0)
    assert result == {"a": "${c}", "b": "$"}
    assert {type(value) for value in result.values()} == {str}


def test_keys_under_do_stay_templates() -> None:
    params: Params = {"q": {"_do": T("${nope}"), "_else_do": [T("${nope}")], "r": T("${a}")}}
    result = evaluate(params, {"a": 1}, never, "UTC", 0)
    assert result == {"q": {"_do": "${nope}", "_else_do": ["${nope}"], "r": "1"}}
    assert isinstance(result["q"], dict)
    assert type(result["q"]["_do"]) is Template


def test_nothing_is_copied_where_nothing_changes() -> None:
    params: Params = {"m": {"a": [1, {"b": "x"}]}, "n": T("${m.a[0]}")}
    result = evaluate(params, {}, never, "UTC", 0)
    assert result["m"] is params["m"]
    assert result["n"] == "1"


def test_arguments_are_not_changed() -> None:
    params: Params = {"l": [T("${a}")], "m": {"x": T("${a}")}}
    scope: Params = {"a": 1}
    evaluate(params, scope, never, "UTC", 0)
    assert params == {"l": ["${a}"], "m": {"x": "${a}"}}
    assert scope == {"a": 1}


def test_message_quotes_the_whole_template() -> None:
    params: Params = {"x": T("a ${b.c.d}")}
    message = (
        r"^Failed to evaluate a variable a \$\{b\.c\.d\} "
        r"\(TypeError: Cannot read property 'd' of undefined\)$"
    )
    with pytest.raises(ExpressionError, match=message):
        evaluate(params, {"b": {}}, never, "UTC", 0)


def test_alert_is_evaluated_as_far_as_possible() -> None:
    params: Params = {"u": T("${nope}"), "l": [T("${nope + 1}"), T("${a}")], "m": T("${u}")}
    result = evaluate_leniently(params, {"a": 1}, default_engine, "UTC", 0)
    assert result == {"u": "${nope}", "l": ["${nope + 1}", "1"], "m": "${nope}"}


def test_javascript_and_paths_mix() -> None:
    params = as_templates(
        {"a": "${1 + 1}", "b": "${a}-${a * 2}", "c": {"d": "${x}", "e": "${d + 1}"}}
    )
    assert isinstance(params, dict)
    result = evaluate(params, {"x": 1}, default_engine, "UTC", 0)
    assert result == {"a": "2", "b": "2-4", "c": {"d": "1", "e": "11"}}


def test_text_of_a_file_is_evaluated_whatever_its_type() -> None:
    assert evaluate_text("select ${a} -- ${a + 1}", {"a": 1}) == "select 1 -- 2"


def test_zone_of_a_text_is_the_variable_timezone() -> None:
    code = "${new Date(0).getHours()}"
    assert evaluate_text(code, {"timezone": "Asia/Tokyo"}, now=0) == "9"
