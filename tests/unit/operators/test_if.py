from __future__ import annotations

import pytest

from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators.if_ import If
from digpy.spi import TaskResult
from digpy.values import Json, Template
from tests.support.requests import a_request

DO: Json = {"echo>": Template("${x}")}
ELSE: Json = {"echo>": "no"}


@pytest.mark.parametrize("condition", [True, "true", " True ", 1, 2])
def test_a_true_condition_chooses_do(condition: Json) -> None:
    result = If().run(a_request("if", condition, local={"_do": DO, "_else_do": ELSE}))

    assert result == TaskResult(subtasks=Subtasks({"echo>": "${x}"}))


@pytest.mark.parametrize("condition", [False, "false", "", "null", 0])
def test_a_false_condition_chooses_else_do(condition: Json) -> None:
    result = If().run(a_request("if", condition, local={"_do": DO, "_else_do": ELSE}))

    assert result == TaskResult(subtasks=Subtasks({"echo>": "no"}))


def test_templates_of_the_branch_stay_templates() -> None:
    result = If().run(a_request("if", True, local={"_do": DO}))

    assert result.subtasks is not None
    assert type(result.subtasks.config["echo>"]) is Template


@pytest.mark.parametrize("local", [{"_do": DO}, {"_do": DO, "_else_do": None}])
def test_an_empty_chosen_branch_is_a_success(local: dict[str, Json]) -> None:
    assert If().run(a_request("if", False, local=local)) == TaskResult()


@pytest.mark.parametrize(
    ("condition", "local", "message"),
    [
        (True, {}, "Both _do and _else_do are not specified. (config)"),
        (True, {"_do": None}, "Both _do and _else_do are not specified. (config)"),
        (True, {"_do": "hello"}, "Parameter '_do' must be an object (config)"),
        (None, {"_do": DO}, "Parameter '_command' is required but not set (config)"),
        (
            "1",
            {},
            "Expected 'true' or 'false' for key '_command' but got \"1\" (string) (config)",
        ),
        (
            1.5,
            {},
            "Expected 'true' or 'false' for key '_command' but got 1.5 (number) (config)",
        ),
    ],
)
def test_messages_are_those_of_digdag(
    condition: Json, local: dict[str, Json], message: str
) -> None:
    with pytest.raises(TaskFailed) as failed:
        If().run(a_request("if", condition, local=local))

    assert failed.value.error == {"message": message}
