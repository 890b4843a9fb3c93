"""``for_each>``, ``for_range>`` and ``loop>``."""

from __future__ import annotations

import pytest

from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators.for_each import ForEach
from digpy.operators.for_range import ForRange
from digpy.operators.loop import Loop
from digpy.spi import InlineOperator, TaskResult
from digpy.values import Json, Params, Template
from tests.support.requests import a_request

OPERATORS: dict[str, InlineOperator] = {
    "for_each": ForEach(),
    "for_range": ForRange(),
    "loop": Loop(),
}
BODY: Params = {"sh>": Template("emit ${x}")}


def run(operator: str, command: Json, local: Params | None = None, **changes: object) -> TaskResult:
    request = a_request(operator, command, local={"_do": BODY, **(local or {})}, **changes)
    result = OPERATORS[operator].run(request)
    assert isinstance(result, TaskResult)
    return result


def children(operator: str, command: Json, **changes: object) -> list[tuple[str, Params]]:
    subtasks = run(operator, command, **changes).subtasks
    return [] if subtasks is None else list(subtasks.repeat or ())


def failure(operator: str, command: Json, **changes: object) -> str:
    with pytest.raises(TaskFailed) as failed:
        run(operator, command, **changes)
    return str(failed.value.error["message"])


# for_each>


def test_for_each_moves_the_last_variable_fastest() -> None:
    assert children("for_each", {"x": [1, 2], "y": ["p", "q r"]}) == [
        ("+for-0=x=0=1&1=y=0=p", {"x": 1, "y": "p"}),
        ("+for-0=x=0=1&1=y=1=q%20r", {"x": 1, "y": "q r"}),
        ("+for-0=x=1=2&1=y=0=p", {"x": 2, "y": "p"}),
        ("+for-0=x=1=2&1=y=1=q%20r", {"x": 2, "y": "q r"}),
    ]


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("abcdefghijkl", "abcdefgh"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("e+f~", "e%2Bf%7E"),
        ("a*b", "a%2Ab"),
        ({"k": 1, "n": {"m": 1}}, "%7B%22k%22%3A1%2C%22"),
        ([9, 8], "%5B9%2C8%5D"),
        (2.5, "2.5"),
        (None, "null"),
        (True, "true"),
        ("abcdefg\U0001f600x", "abcdefg%F0%9F%98%80"),
    ],
)
def test_for_each_names_a_child_by_eight_encoded_characters(value: Json, label: str) -> None:
    assert children("for_each", {"x": [value]}) == [(f"+for-0=x=0={label}", {"x": value})]


@pytest.mark.parametrize("command", ['{"x": [1, "two"]}', {"x": '[1, "two"]'}])
def test_for_each_takes_json_text(command: Json) -> None:
    assert [data["x"] for _, data in children("for_each", command)] == [1, "two"]


def test_for_each_ignores_an_empty_list_in_front() -> None:
    assert children("for_each", {"x": [], "y": [1]}) == [("+for-1=y=0=1", {"y": 1})]


@pytest.mark.parametrize("command", [{}, {"x": []}, {"x": [1], "y": []}, {"x": [], "y": []}])
def test_for_each_of_nothing_generates_nothing(command: Json) -> None:
    assert run("for_each", command) == TaskResult()


def test_for_each_variables_are_data() -> None:
    [(_, data)] = children("for_each", {"x": [{"k": Template("$5")}]})

    assert type(data["x"]["k"]) is str  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"x": 5}, "Expected array type for key 'x' but got 5 (number) (config)"),
        ({"x": None}, "Parameter 'x' is required but null (config)"),
        ([1, 2], "Parameter '_command' must be an object (config)"),
        (None, "Parameter '_command' is required but not set (config)"),
        ({"x": [1, 2, 3, 4, 5, 6, 7]}, "Too many for_each subtasks. Limit: 6 (config)"),
        ({"x": [1, 2, 3], "y": [1, 2, 3]}, "Too many for_each subtasks. Limit: 6 (config)"),
    ],
)
def test_for_each_refuses(command: Json, message: str) -> None:
    assert failure("for_each", command, task_limit=6) == message


def test_a_huge_product_is_refused_without_building_it() -> None:
    axis: Json = list(range(1000))

    message = failure("for_each", dict.fromkeys("abcdefgh", axis))
    assert message == "Too many for_each subtasks. Limit: 1000 (config)"


# for_range>


@pytest.mark.parametrize(
    ("command", "ranges"),
    [
        ({"from": 0, "to": 10, "step": 3}, [(0, 3), (3, 6), (6, 9), (9, 10)]),
        ({"from": 0, "to": 10, "slices": 3}, [(0, 4), (4, 8), (8, 10)]),
        ({"from": 0, "to": 9, "slices": 6}, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 9)]),
        ({"from": -3, "to": 3, "step": 3}, [(-3, 0), (0, 3)]),
        ({"from": "0", "to": 3.9, "step": "2"}, [(0, 2), (2, 3)]),
        ('{"from": 0, "to": 1, "step": 1}', [(0, 1)]),
        ({"from": 5, "to": 5, "step": 1}, []),
        ({"from": 5, "to": 0, "slices": 2}, []),
    ],
)
def test_for_range_cuts_the_range(command: Json, ranges: list[tuple[int, int]]) -> None:
    assert children("for_range", command) == [
        (f"+range-from={start}&to={end}", {"range": {"from": start, "to": end, "index": index}})
        for index, (start, end) in enumerate(ranges)
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            {"from": 0, "to": 2, "step": 1, "slices": 2},
            "Setting both step and slices options to for_range is invalid (config)",
        ),
        ({"from": 0, "to": 2}, "step or slices option is required for for_range (config)"),
        ({"to": 3, "step": 1}, "Parameter 'from' is required but not set (config)"),
        (
            {"from": 0, "to": 2, "step": 0},
            "step option must be same or greater than 1 but got 0 (config)",
        ),
        (
            {"from": 0, "to": 7, "step": 1},
            "Too many for_range subtasks (7). Limit: 6 (config)",
        ),
        (
            {"from": -(2**63), "to": 2**63 - 1, "step": 1},
            f"Too many for_range subtasks ({2**64 - 1}). Limit: 6 (config)",
        ),
    ],
)
def test_for_range_refuses(command: Json, message: str) -> None:
    assert failure("for_range", command, task_limit=6) == message


# loop>


@pytest.mark.parametrize("count", [2, "2", 2.9])
def test_loop_counts_from_zero(count: Json) -> None:
    assert children("loop", count) == [("+loop-0", {"i": 0}), ("+loop-1", {"i": 1})]


@pytest.mark.parametrize("count", [0, -1])
def test_loop_of_nothing_generates_nothing(count: Json) -> None:
    assert run("loop", count) == TaskResult()


def test_an_inherited_count_replaces_the_number_of_loop() -> None:
    assert len(children("loop", 5, inherited={"count": 2})) == 2


def test_a_null_count_is_none() -> None:
    assert len(children("loop", 5, inherited={"count": None})) == 5


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (
            "many",
            "Expected integer (int) type for key '_command' but got \"many\" (string) (config)",
        ),
        (True, "Expected integer (int) type for key '_command' but got true (boolean) (config)"),
        (7, "Too many loop subtasks. Limit: 6 (config)"),
    ],
)
def test_loop_refuses(count: Json, message: str) -> None:
    assert failure("loop", count, task_limit=6) == message


# all three

COMMANDS: dict[str, Json] = {
    "for_each": {"x": [1]},
    "for_range": {"from": 0, "to": 1, "step": 1},
    "loop": 1,
}


@pytest.mark.parametrize("operator", COMMANDS)
def test_the_body_is_passed_on_with_its_templates(operator: str) -> None:
    subtasks = run(operator, COMMANDS[operator]).subtasks

    assert subtasks is not None
    assert subtasks.config == BODY
    assert type(subtasks.config["sh>"]) is Template


@pytest.mark.parametrize("operator", COMMANDS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"_do": None}, "Parameter '_do' must be an object (config)"),
        ({"_do": "x"}, "Parameter '_do' must be an object (config)"),
    ],
)
def test_a_body_must_be_a_mapping(operator: str, body: Params, message: str) -> None:
    assert failure(operator, COMMANDS[operator], local=body) == message


@pytest.mark.parametrize("operator", COMMANDS)
def test_a_body_is_required(operator: str) -> None:
    with pytest.raises(TaskFailed, match=r"^Parameter '_do' is required but not set$"):
        OPERATORS[operator].run(a_request(operator, COMMANDS[operator]))


@pytest.mark.parametrize("parallel", [True, "true", {"limit": 2}, {"limit": "2"}])
def test_parallel_is_passed_on(parallel: Json) -> None:
    subtasks = run("loop", 1, {"_parallel": parallel}).subtasks

    assert subtasks == Subtasks(BODY, (("+loop-0", {"i": 0}),), parallel)


@pytest.mark.parametrize("parallel", [False, "false", ""])
def test_parallel_that_is_off_is_not_passed_on(parallel: Json) -> None:
    subtasks = run("loop", 1, {"_parallel": parallel}).subtasks

    assert subtasks is not None
    assert subtasks.parallel is None


def test_an_exported_parallel_counts() -> None:
    subtasks = run("loop", 1, inherited={"_parallel": True}).subtasks

    assert subtasks is not None
    assert subtasks.parallel is True


def test_nothing_in_parallel_is_an_empty_group() -> None:
    assert run("loop", 0, {"_parallel": True}).subtasks == Subtasks(BODY, (), True)


@pytest.mark.parametrize(
    ("parallel", "message"),
    [
        (2, "Invalid _parallel format: 2 (config)"),
        (None, "Invalid _parallel format: null (config)"),
        ({}, "Parameter 'limit' is required but not set (config)"),
        (
            "yes",
            "Expected 'true' or 'false' for key '_parallel' but got \"yes\" (string) (config)",
        ),
    ],
)
def test_a_strange_parallel_is_refused(parallel: Json, message: str) -> None:
    assert failure("loop", 1, local={"_parallel": parallel}) == message
