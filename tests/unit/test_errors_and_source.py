from __future__ import annotations

import pytest

from digpy import errors
from digpy.errors import DigpyError, SourceError, TaskFailed
from digpy.source import Problem, Source, Span, sort_problems


def span(text: str, part: str) -> Span:
    start = text.index(part)
    return Span(Source("w.dig", text), start, start + len(part))


def drawn(text: str, part: str) -> list[str]:
    return Problem("wrong", span(text, part)).render().splitlines()


def test_the_caret_stands_under_the_fault_and_is_as_long() -> None:
    assert drawn("+a:\n  py>: x\n", "py>:") == [
        "w.dig:2:3: error: wrong",
        "    2 |   py>: x",
        "      |   ^^^^",
    ]


def test_a_tab_before_the_fault_is_a_tab_before_the_caret() -> None:
    assert drawn("a:\tb: c", "b:")[2] == "      |   \t^^"


def test_a_wide_character_takes_two_columns_before_and_under_the_caret() -> None:
    assert drawn("日本: x", "x")[2] == "      |       ^"
    assert drawn("a: 日本", "日本")[2] == "      |    ^^^^"


def test_an_accent_of_its_own_takes_no_column() -> None:
    assert drawn("e\u0301: x", "x")[2] == "      |    ^"


def test_a_character_that_joins_others_takes_no_column() -> None:
    assert drawn("a\u200db\ufe0f: x", "x")[2] == "      |     ^"


def test_a_carriage_return_ends_a_line() -> None:
    assert drawn("a: 1\rb: x\rc", "x")[:2] == ["w.dig:2:4: error: wrong", "    2 | b: x"]


def test_of_a_long_line_the_part_around_the_fault_is_shown() -> None:
    lines = drawn("a: " + "x" * 1_000 + " here " + "y" * 1_000_000, "here")
    begin = lines[1].index("here")

    assert lines[0] == "w.dig:1:1005: error: wrong"
    assert len(lines[1]) < 200
    assert lines[2][begin - 1 :] == " ^^^^"


def test_a_text_of_megabytes_is_not_quoted_as_a_whole() -> None:
    assert len(Problem("x" * 1_000_000, None, "y" * 1_000_000, "z" * 1_000_000).render()) < 3_000


def test_what_would_command_a_terminal_is_shown_as_a_picture() -> None:
    text = Problem('"\x1b[31m" is wrong', span("a: \x1b[31m\x9b", "\x1b")).render()

    assert text.splitlines() == [
        'w.dig:1:4: error: "␛[31m" is wrong',
        "    1 | a: ␛[31m\ufffd",
        "      |    ^",
    ]


def test_a_problem_of_an_included_file_names_whoever_includes_it() -> None:
    outer = span("a: 1\n!include : b.dig\n", "b.dig")
    middle = Span(Source("b.dig", "!include : c.dig", outer), 11, 16)
    inner = Span(Source("c.dig", "x", middle), 0, 1)

    assert Problem("wrong", inner, "because", "do this").render().splitlines()[3:] == [
        "    because",
        "    included by b.dig:1:12",
        "    included by w.dig:2:12",
        "    help: do this",
    ]


def test_the_end_of_a_windows_line_is_not_shown() -> None:
    lines = drawn("+a:\r\n  x: 1\r\n", "x: 1")

    assert lines[0].startswith("w.dig:2:3:")
    assert lines[1] == "    2 |   x: 1"


def test_a_fault_at_the_end_of_the_file_has_one_caret() -> None:
    text = "+a: [\n"
    lines = Problem("wrong", Span(Source("w.dig", text), len(text), len(text))).render()

    assert lines.splitlines() == ["w.dig:2:1: error: wrong", "    2 | ", "      | ^"]


def test_a_fault_over_several_lines_is_underlined_in_the_first() -> None:
    text = "+a:\n  b: 1\n"

    assert Problem("x", Span(Source("w", text), 0, len(text))).render().splitlines()[2] == (
        "      | ^^^"
    )


def test_a_line_number_of_several_digits_moves_the_caret() -> None:
    text = "\n" * 99 + "a: b"

    assert drawn(text, "b")[1:] == ["    100 | a: b", "        |    ^"]


def test_reason_and_help_follow_the_caret() -> None:
    problem = Problem("wrong", span("a: b", "b"), "because", "do this", "warning")

    assert problem.render().splitlines()[0] == "w.dig:1:4: warning: wrong"
    assert problem.render().splitlines()[3:] == ["    because", "    help: do this"]


def test_a_problem_without_a_position_is_one_line() -> None:
    assert Problem("no file").render() == "error: no file"


def test_positions_of_two_files_do_not_mix() -> None:
    first, second = span("\n\nx", "x"), span("x", "x")

    assert [(s.line, s.column) for s in (first, second, first)] == [(3, 1), (1, 1), (3, 1)]


def test_problems_are_sorted_by_file_and_position_those_without_come_first() -> None:
    text = "a b"
    late, early, nowhere = (
        Problem("1", span(text, "b")),
        Problem("2", span(text, "a")),
        Problem("3"),
    )

    assert sort_problems([late, early, nowhere]) == [nowhere, early, late]


def test_a_source_error_keeps_its_problems() -> None:
    error = SourceError([Problem("one"), Problem("two")])

    assert str(error) == "one\ntwo"
    assert [problem.message for problem in error.problems] == ["one", "two"]


def families() -> list[type[DigpyError]]:
    return [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, DigpyError)]


@pytest.mark.parametrize("family", families(), ids=lambda family: family.__name__)
def test_every_family_has_a_code_that_is_not_success(family: type[DigpyError]) -> None:
    assert family.exit_code in {1, 2, 3, 70, 74}
    assert 400 <= family.http_status < 600
    assert family.__doc__


def test_a_task_failure_carries_its_kind_and_details() -> None:
    error = TaskFailed("no", "config", stacktrace="at x", detail={"code": 3})

    assert error.error == {"message": "no (config)", "stacktrace": "at x", "code": 3}
    assert TaskFailed("no").error == {"message": "no"}
