from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Literal

import pytest

from digpy.cli.plain import PlainView
from digpy.cli.view import LogLine
from digpy.log import Level, Log
from digpy.values import SECOND
from tests.support.clock import START
from tests.support.views import attempt, task

Kind = Literal["out", "info", "warn", "error"]


def line(kind: Kind, text: str, *, at: float = 0, name: str = "+w+a") -> LogLine:
    return LogLine(7, name, kind, text, START + int(at * SECOND))


class Streams:
    """Standard output and error as one text, to show their order; error lines begin with E."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.both = io.StringIO()
        self._monkeypatch = monkeypatch

    def plain(self, level: Level = "info") -> PlainView:
        """A view that writes here. (Called by the test: pytest replaces streams after fixtures.)"""
        self._monkeypatch.setattr(sys, "stdout", self.both)
        self._monkeypatch.setattr(sys, "stderr", _Marked(self.both))
        return PlainView(Log(level))

    @property
    def text(self) -> str:
        return re.sub(r"E\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} ", "E ", self.both.getvalue())


class _Marked(io.StringIO):
    def __init__(self, target: io.StringIO) -> None:
        super().__init__()
        self._target = target

    def write(self, text: str) -> int:
        return self._target.write("E" + text)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    return Streams(monkeypatch)


def test_what_a_task_prints_is_written_as_it_is(streams: Streams) -> None:
    streams.plain().show([], [line("out", "one\n"), line("out", "  two\n")], START)

    assert streams.text == "one\n  two\n"


def test_output_and_sentences_come_in_the_order_of_time(streams: Streams) -> None:
    lines = [line("out", "hello\n", at=2), line("info", "sh>: echo hello", at=1)]

    streams.plain().show([attempt([task(2, "+w+a", at=1, took=2)])], lines, START)

    assert streams.text == ("E [INFO] +w+a: sh>: echo hello\nhello\nE [INFO] +w+a: done in 2.0 s\n")


def test_a_task_prints_nothing_before_it_starts_whatever_the_file_says(streams: Streams) -> None:
    lines = [line("out", "hello\n", at=0.998), line("info", "sh>: x", at=1)]

    streams.plain().show([attempt([task(2, "+w+a", "running", at=1, took=0)])], lines[::-1], START)

    assert streams.text == "E [INFO] +w+a: sh>: x\nhello\n"


def test_an_unfinished_line_of_output_is_ended_before_a_sentence(streams: Streams) -> None:
    view = streams.plain()
    view.show([], [line("out", "no newline"), line("warn", "careful", at=1)], START)
    view.show([], [line("out", "end")], START)
    view.close()

    assert streams.text == "no newline\nE [WARN] +w+a: careful\nend\n"


def test_an_inline_task_has_no_line_for_its_end(streams: Streams) -> None:
    streams.plain().show([attempt([task(2, "+w+a", took=0, operator="echo")])], [], START)

    assert streams.text == ""


def test_a_group_is_silent(streams: Streams) -> None:
    tasks = [task(1, "+w", took=5, operator=None), task(2, "+w+a", "blocked")]

    streams.plain().show([attempt(tasks)], [], START)

    assert streams.text == ""


@pytest.mark.parametrize(
    ("how", "text"),
    [("resumed", "skipped: an earlier run finished it"), ("skipped", "skipped: not asked for")],
)
def test_a_task_that_was_not_run_says_why(streams: Streams, how: str, text: str) -> None:
    streams.plain().show([attempt([task(2, "+w+a", how=how)])], [], START)

    assert streams.text == f"E [INFO] +w+a: {text}\n"


def test_a_state_is_told_once(streams: Streams) -> None:
    view = streams.plain()
    for _ in range(3):
        view.show([attempt([task(2, "+w+a", took=1)])], [], START)

    assert streams.text.count("done in") == 1


def test_a_failure_is_told_by_the_log(streams: Streams) -> None:
    view = streams.plain()
    failed = task(2, "+w+a", "error", took=1, error_message="boom")
    view.show([attempt([failed])], [], START)
    view.show([], [line("error", "boom (retry 1 of 3)")], START)
    view.close()

    assert streams.text == "E [ERROR] +w+a: boom (retry 1 of 3)\n"


def test_a_failure_that_the_log_does_not_tell_is_told_all_the_same(streams: Streams) -> None:
    view = streams.plain()
    view.show([attempt([task(2, "+w+a", "error", took=1, error_message="lost")])], [], START)
    view.close()

    assert streams.text == "E [ERROR] +w+a: lost\n"


def test_only_a_running_task_is_told_to_be_canceled(streams: Streams) -> None:
    tasks = [task(2, "+w+a", "canceled", took=1), task(3, "+w+b", "canceled")]

    streams.plain().show([attempt(tasks)], [], START)

    assert streams.text == "E [WARN] +w+a: canceled\n"


def test_a_quiet_level_leaves_the_output_alone(streams: Streams) -> None:
    lines = [line("info", "sh>: x"), line("out", "part"), line("warn", "w"), line("out", "ial\n")]

    streams.plain("error").show([], lines, START)

    assert streams.text == "partial\n"


def test_what_the_terminal_cannot_say_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii", newline="\n"))

    PlainView(Log()).show([], [line("out", "é\n")], START)

    assert raw.getvalue() == b"?\n"


def test_with_a_log_file_only_output_is_on_the_terminal(streams: Streams, tmp_path: Path) -> None:
    streams.plain()
    log = Log("info", tmp_path / "log")
    PlainView(log).show([], [line("info", "sh>: x"), line("out", "hello\n")], START)
    log.close()

    assert streams.text == "hello\n"
    assert "[INFO] +w+a: sh>: x  (task.log attempt=7 task=+w+a)" in (tmp_path / "log").read_text()
