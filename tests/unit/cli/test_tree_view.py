"""The tree of ``check --tree``."""

from __future__ import annotations

import sys

import pytest

from digpy.cli.tree_view import one_line, show_trees, tree_lines
from tests.support.steps import steps


def lines(text: str) -> list[str]:
    return [line.text() for line in tree_lines(steps(text))]


def test_tasks_hang_below_their_groups() -> None:
    assert lines("+g:\n  +a: {sh>: x}\n  +b: {sh>: y}\n+c: {echo>: z}\n") == [
        "+w",
        "├─ +g",
        "│  ├─ +a  sh>: x",
        "│  └─ +b  sh>: y",
        "└─ +c  echo>: z",
    ]


def test_what_is_generated_stands_in_brackets_and_says_when() -> None:
    assert lines("+a:\n  for_each>: {v: [1, 2]}\n  _do: {echo>: x}\n  _error: {echo>: e}\n") == [
        "+w",
        '└─ +a  for_each>: {"v":[1,2]}',
        "   ├─ ⟨^sub⟩  (once for each v)",
        "   │  └─ +for-…  echo>: x",
        "   └─ ⟨^error⟩  echo>: e  (if it fails)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+g:\n  _parallel: true\n  +a: {sh>: x}\n", "(all at once)"),
        ("+g:\n  _parallel: {limit: 2}\n  +a: {sh>: x}\n", "(2 at a time)"),
        ("+a: {sh>: x, _background: true}\n", "(in background)"),
        ("_parallel: true\n+a: {sh>: x}\n+b: {sh>: y, _after: [+a]}\n", "(after +a)"),
        ("+a: {sh>: x, _disable: true}\n", "(disabled)"),
        ("+a: {if>: true, _do: {_parallel: true, +b: {sh>: x}}}\n", "(if it is true, all at once)"),
    ],
)
def test_how_tasks_stand_to_each_other_is_said(text: str, said: str) -> None:
    assert [line for line in lines(text) if line.endswith(said)]


def test_of_a_long_script_the_first_line_is_shown() -> None:
    assert one_line("make a\nmake b\n") == "make a …"


def test_a_long_line_is_cut() -> None:
    assert one_line("x" * 100) == "x" * 60 + " …"


def test_nothing_in_a_workflow_can_command_the_terminal() -> None:
    assert "\x1b" not in "".join(lines('+a: {"s\\eh>": "\\e]0;title\\a"}\n'))


def on_a_terminal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the tree of a workflow on a terminal of 30 columns."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show_trees([steps(text)])


def test_a_terminal_gets_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal("+a: {sh>: x}\n", monkeypatch)

    assert "\x1b[1m+a" in capsys.readouterr().out


def test_lines_are_cut_where_the_terminal_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(f"+a: {{sh>: {'x' * 50}}}\n", monkeypatch)

    lines = capsys.readouterr().out.splitlines()
    assert [len(lines), "…" in lines[1]] == [3, True]


def test_without_a_terminal_it_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show_trees([steps("+a: {sh>: x}\n")])

    assert capsys.readouterr().out == "+w\n└─ +a  sh>: x\n\n"
