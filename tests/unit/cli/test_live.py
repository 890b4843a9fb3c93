from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from digpy.cli.live import FRAME, LiveView
from digpy.cli.plain import PlainView
from digpy.cli.view import LogLine, open_view
from digpy.log import Log
from digpy.values import SECOND
from tests.support.clock import START
from tests.support.views import attempt, task


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Screen:
    """A live view on a terminal of 60 × 12."""

    def __init__(self) -> None:
        self.file = Terminal()
        self.view = LiveView(
            Console(file=self.file, force_terminal=True, width=60, height=12, color_system=None)
        )

    def taken(self) -> str:
        """What was written since the last time."""
        text = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        return text


@pytest.fixture
def screen() -> Screen:
    return Screen()


RUNNING = [task(1, "+w", "planned"), task(2, "+w+a", "running", took=0)]


def test_the_tree_is_drawn_with_its_headline(screen: Screen) -> None:
    screen.view.show([attempt(RUNNING)], [], START + SECOND)

    drawn = screen.taken()

    assert "w  2024-01-30T00:00:00+00:00  running  0.0 s" in drawn
    assert "▶ +a sh>  1.0 s" in drawn


def test_output_stands_above_the_tree(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    lines = [LogLine(7, "+w+a", "out", "hello\n"), LogLine(7, "+w+a", "info", "sh>: x")]
    screen.view.show([attempt(RUNNING)], lines, START)

    drawn = screen.taken()

    assert drawn.index("hello") < drawn.index("▶ +a")
    assert "sh>: x" not in drawn


def test_bytes_that_are_no_text_are_shown_as_such(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    screen.view.show([attempt(RUNNING)], [LogLine(7, "+w+a", "out", "a\udcffb\n")], START)

    assert "a\ufffdb" in screen.taken()


def test_warnings_and_errors_stand_above_the_tree_with_their_task(screen: Screen) -> None:
    screen.view.show([attempt(RUNNING)], [LogLine(7, "+w+a", "error", "boom [x]")], START)

    assert "+w+a: boom [x]" in screen.taken()


def test_output_goes_to_standard_output_when_that_is_no_terminal(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stdout)
    screen.view.show([attempt(RUNNING)], [LogLine(7, "+w+a", "out", "hello\n")], START)

    assert stdout.getvalue() == "hello\n"
    assert "hello" not in screen.taken()


def test_it_is_not_drawn_more_often_than_can_be_seen(screen: Screen) -> None:
    screen.view.show([attempt(RUNNING)], [], START)
    screen.taken()
    screen.view.show([attempt([task(2, "+w+a", took=1)])], [], START + FRAME // 2)
    assert screen.taken() == ""
    screen.view.show([], [], START + FRAME)
    assert "✔ +a" in screen.taken()


def test_nothing_new_is_drawn_once_a_second(screen: Screen) -> None:
    screen.view.show([attempt(RUNNING)], [], START)
    screen.taken()
    screen.view.show([attempt(RUNNING)], [], START + SECOND // 2)
    assert screen.taken() == ""
    screen.view.show([attempt(RUNNING)], [], START + SECOND)
    assert "1.0 s" in screen.taken()


def test_a_long_name_does_not_break_the_screen(screen: Screen) -> None:
    screen.view.show([attempt([task(1, "+" + "w" * 200, "planned")])], [], START)

    assert "w" * 61 not in screen.taken()


def test_the_tree_is_gone_at_the_end(screen: Screen) -> None:
    screen.view.show([attempt(RUNNING)], [], START)
    screen.taken()
    screen.view.close()

    assert screen.taken().endswith("\x1b[1A\x1b[2K")  # up, erase the line


def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(open_view(Log()), PlainView)


@pytest.mark.parametrize(("term", "level"), [("dumb", "info"), ("xterm", "warn")])
def test_a_poor_terminal_or_a_quiet_level_gets_plain_lines(
    monkeypatch: pytest.MonkeyPatch, term: str, level: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stderr", Terminal())

    assert isinstance(open_view(Log(level)), PlainView)  # type: ignore[arg-type] # a Level


def test_a_terminal_gets_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())

    view = open_view(Log())
    view.close()

    assert isinstance(view, LiveView)
