"""What check shows of a workflow before it runs."""

from __future__ import annotations

import pytest

from tests.support.steps import step, steps


def names(text: str, *path: str) -> list[str]:
    return [child.name for child in step(text, *path).children]


def test_a_task_knows_its_operator_and_its_command() -> None:
    found = step("+a: {sh>: make}\n", "+a")

    assert (found.operator, found.command, found.full_name) == ("sh", "make", "+w+a")


def test_a_task_in_the_form_with_a_type_is_the_same() -> None:
    found = step("+a: {_type: sh, _command: make}\n", "+a")

    assert (found.operator, found.command) == ("sh", "make")


def test_a_group_has_no_operator() -> None:
    assert step("+g:\n  +a: {sh>: x}\n", "+g").operator is None


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("+g",), (1, 1)),
        (("+g", "+a"), (2, 3)),
        (("+g", "^error"), (3, 12)),
        (("+each", "^sub", "+for-…", "+x"), (7, 5)),
        (("+each", "^check"), (8, 12)),
    ],
)
def test_a_task_knows_where_it_is_written(path: tuple[str, ...], place: tuple[int, int]) -> None:
    text = (
        "+g:\n  +a: {sh>: x}\n  _error: {sh>: y}\n"
        "+each:\n  for_each>: {v: [1]}\n  _do:\n    +x: {sh>: z}\n  _check: {sh>: c}\n"
    )
    span = step(text, *path).span

    assert span is not None
    assert (span.line, span.column) == place


def test_tasks_of_a_sequence_wait_for_the_one_before() -> None:
    assert step("+a: {sh>: x}\n+b: {sh>: y}\n", "+b").after == ("+a",)


def test_a_background_task_waits_for_nothing_and_says_so() -> None:
    found = step("+a: {sh>: x}\n+b: {sh>: y, _background: true}\n", "+b")

    assert (found.after, found.relation) == ((), "in background")


def test_after_is_told_in_the_words_of_the_file() -> None:
    found = step("_parallel: true\n+a: {sh>: x}\n+b: {sh>: y, _after: [+a]}\n", "+b")

    assert (found.after, found.relation) == (("+a",), "after +a")


@pytest.mark.parametrize(
    ("written", "parallel"), [("true", 0), ("{limit: 3}", 3), ("false", None), ("'${x}'", 0)]
)
def test_how_copies_of_a_body_run_is_known(written: str, parallel: int | None) -> None:
    text = f"+a:\n  loop>: 2\n  _parallel: {written}\n  _do: {{echo>: x}}\n"

    assert step(text, "+a", "^sub").parallel == parallel


def test_a_disabled_task_says_so() -> None:
    assert step("+a: {sh>: x, _disable: true}\n", "+a").disabled


def test_the_items_of_a_task_that_is_a_list_are_one_task() -> None:
    found = step("+a:\n- sh>: x\n- _background: true\n", "+a")

    assert (found.operator, found.relation) == ("sh", "in background")


@pytest.mark.parametrize(
    ("task", "made"),
    [
        ("{loop>: 3, _do: {echo>: x}}", "3 times"),
        ("{loop>: '${n}', _do: {echo>: x}}", "${n} times"),
        ("{for_each>: {a: [1], b: [2]}, _do: {echo>: x}}", "once for each a, b"),
        ("{for_each>: '${lists}', _do: {echo>: x}}", "once for each value"),
        ("{for_range>: {from: 0, to: 9, step: 3}, _do: {echo>: x}}", "once for each range"),
        ("{call>: parts/x.dig}", "the tasks of parts/x.dig"),
        ("{if>: true, _do: {echo>: x}}", "if it is true"),
        ("{if>: true, _else_do: {echo>: x}}", "if it is false"),
    ],
)
def test_what_is_generated_says_when(task: str, made: str) -> None:
    assert step(f"+a: {task}\n", "+a", "^sub").made == made


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("{loop>: 3, _do: {echo>: x}}", "+loop-…"),
        ("{for_each>: {a: [1]}, _do: {echo>: x}}", "+for-…"),
        ("{for_range>: {from: 0, to: 9, step: 3}, _do: {echo>: x}}", "+range-…"),
    ],
)
def test_a_copy_of_a_body_stands_for_all(task: str, name: str) -> None:
    copy = step(f"+a: {task}\n", "+a", "^sub", name)

    assert (copy.operator, copy.full_name, copy.made) == ("echo", f"+w+a^sub{name}", "")


def test_both_branches_of_a_choice_are_shown() -> None:
    text = "+a: {if>: true, _do: {echo>: x}, _else_do: {fail>: y}}\n"

    assert [child.operator for child in step(text, "+a").children] == ["echo", "fail"]


def test_a_check_runs_after_what_its_task_generates() -> None:
    text = "+a: {loop>: 2, _do: {echo>: x}, _check: {sh>: y}}\n"

    assert step(text, "+a", "^check").after == ("^sub",)


def test_a_check_on_a_group_never_runs_and_is_not_shown() -> None:
    assert names("+g:\n  _check: {sh>: x}\n  +a: {sh>: y}\n", "+g") == ["+a"]


@pytest.mark.parametrize("handler", ["error", "canceled", "finally"])
def test_handlers_are_shown_behind_the_tasks(handler: str) -> None:
    assert names(f"_{handler}: {{sh>: x}}\n+a: {{sh>: y}}\n") == ["+a", f"^{handler}"]


def test_a_handler_in_the_own_export_is_one_too() -> None:
    text = "+a:\n  sh>: x\n  _export: {_error: {echo>: e}}\n"

    assert step(text, "+a", "^error").operator == "echo"


def test_bodies_have_bodies() -> None:
    text = "+a: {if>: true, _do: {loop>: 2, _do: {echo>: x}}}\n"

    assert step(text, "+a", "^sub", "^sub", "+loop-…").operator == "echo"


def test_every_step_is_counted() -> None:
    assert steps("+g:\n  +a: {sh>: x}\n+b: {sh>: y, _error: {echo>: e}}\n").size() == 5
