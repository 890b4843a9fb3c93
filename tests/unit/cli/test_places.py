from __future__ import annotations

from pathlib import Path

import pytest

from digpy.cli.places import place_of

FAILED = "Failed to evaluate a variable"


def place(directory: Path, text: str, full_name: str, message: str) -> str | None:
    (directory / "w.dig").write_text(text)
    return place_of(directory, "w", full_name, message)


def first_line(drawn: str | None) -> str:
    assert drawn is not None
    return drawn.splitlines()[0]


def test_an_undefined_variable_is_underlined_where_the_failed_task_uses_it(tmp_path: Path) -> None:
    text = "+a:\n  echo>: ${x}\n+b:\n  echo>: ${x}\n"

    drawn = place(tmp_path, text, "+w+b", f"{FAILED} ${{x}} (ReferenceError: x is not defined)")

    assert drawn == (
        'w.dig:4:12: error: "x" is not defined here\n'
        "    4 |   echo>: ${x}\n"
        "      |            ^\n"
        "    help: set it with _export, store it in a task before this one, or give -p x=VALUE"
    )


def test_an_inherited_template_is_found_above_the_task(tmp_path: Path) -> None:
    text = "+g:\n  _export: {k: '${x.y}'}\n  +a: {echo>: fine}\n"
    message = f"{FAILED} ${{x.y}} (TypeError: x is null) (config)"

    assert first_line(place(tmp_path, text, "+w+g+a", message)).startswith("w.dig:2:17: ")


def test_a_generated_task_is_looked_for_in_the_one_that_generated_it(tmp_path: Path) -> None:
    text = "+l:\n  loop>: 2\n  _do:\n    echo>: a ${x.y} b\n"
    message = f"{FAILED} a ${{x.y}} b (TypeError: x is null) (config)"

    drawn = place(tmp_path, text, "+w+l^sub+loop-1", message)

    assert first_line(drawn) == "w.dig:4:14: error: this cannot be evaluated"
    assert drawn is not None
    assert "^^^^^^\n    x is null" in drawn


def test_bad_javascript_is_explained_as_check_does(tmp_path: Path) -> None:
    message = f"{FAILED} ${{1 +}} (SyntaxError: whatever) (config)"

    drawn = place(tmp_path, "+a: {echo>: '${1 +}'}\n", "+w+a", message)

    assert first_line(drawn) == 'w.dig:1:18: error: "1 +" is not a JavaScript expression'


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Unknown task type: ecko (config)", "w.dig:1:6: error: there is no operator of this name"),
        ("Command failed with code 127 (runtime)", "w.dig:1:13: error: the shell found no such"),
        ("File not found: /x/y.dig (config)", "w.dig:1:13: error: there is no such file"),
        ("anything else (config)", "w.dig:1:13: error: this cannot be done"),
    ],
)
def test_other_mistakes_point_at_the_operator(tmp_path: Path, message: str, said: str) -> None:
    assert first_line(place(tmp_path, "+a: {ecko>: x}\n", "+w+a", message)).startswith(said)


def test_the_failure_of_a_program_is_no_mistake_in_the_file(tmp_path: Path) -> None:
    message = "Command failed with code 3 (runtime)"

    assert place(tmp_path, "+a: {sh>: exit 3}\n", "+w+a", message) is None


@pytest.mark.parametrize("text", ["+a: [\n", "+b: {echo>: other}\n", "- 1\n"])
def test_a_file_that_was_changed_meanwhile_gives_no_answer(tmp_path: Path, text: str) -> None:
    message = f"{FAILED} ${{x}} (ReferenceError: x is not defined) (config)"

    assert place(tmp_path, text, "+w+a", message) is None


def test_a_file_that_is_gone_gives_no_answer(tmp_path: Path) -> None:
    assert place_of(tmp_path, "w", "+w+a", "x (config)") is None


def test_a_wrong_workdir_is_shown_where_it_is_written(tmp_path: Path) -> None:
    text = "_export: {_workdir: ../..}\n+a: {sh>: x}\n"
    message = "_workdir must not be outside of project path: ../.. (config)"

    assert first_line(place(tmp_path, text, "+w+a", message)).startswith("w.dig:1:21: ")


def test_a_workdir_that_does_not_exist_is_shown_where_it_is_written(tmp_path: Path) -> None:
    text = "+a:\n  sh>: x\n  _workdir: nope\n"
    message = f'Cannot run program "/bin/sh" (in directory "{tmp_path}/nope"): error=2, No such'

    assert first_line(place(tmp_path, text, "+w+a", message)).startswith("w.dig:3:13: ")


def test_what_is_no_duration_is_called_so(tmp_path: Path) -> None:
    drawn = place(tmp_path, "+a: {wait>: abc}\n", "+w+a", "Invalid configuration (config)")

    assert first_line(drawn) == "w.dig:1:13: error: this is no duration"
