"""What `tests/compat/test_recorded_types.py` does not say about conversions."""

from __future__ import annotations

import pytest

from digpy.dsl.coercion import json_text
from digpy.operators import conversions
from digpy.values import Json, Template


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e7, "1.0E7"),
        (9999999.5, "9999999.5"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-1.25e-9, "-1.25E-9"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (-0.0, "-0.0"),
        (1.5e22, "1.5E22"),
    ],
)
def test_numbers_look_as_in_java(number: float, text: str) -> None:
    assert json_text(number) == text


def test_numbers_within_structures_look_as_in_java() -> None:
    assert json_text({"é": [1e21, None, "\n"]}) == '{"é":[1.0E21,null,"\\n"]}'


def test_data_has_no_templates_at_any_depth() -> None:
    value: Json = {"a": [{"b": Template("${x}")}]}

    text = conversions.as_data(value)["a"][0]["b"]  # type: ignore[index,call-overload]
    assert type(text) is str
    assert text == "${x}"


def test_optional_values_treat_null_as_not_set() -> None:
    params: dict[str, Json] = {"k": None}

    assert conversions.optional_string(params, "k") is None
    assert conversions.optional_long(params, "k") is None
    assert conversions.optional_boolean(params, "k", default=True) is True
    assert conversions.optional_mapping(params, "k") == {}
