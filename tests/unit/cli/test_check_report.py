"""The report of ``check``, at a time that stands still."""

from __future__ import annotations

from datetime import UTC, datetime

from digpy.cli.check_report import Checked, as_json, report_lines
from digpy.dsl.compiler import compile_workflow
from digpy.dsl.reader import read_text
from digpy.source import Source
from digpy.values import SECOND

NOW = int(datetime(2016, 2, 10, 19, 43, 27, 500_000, tzinfo=UTC).timestamp() * SECOND)


def checked(text: str) -> list[Checked]:
    node = read_text(Source("w.dig", text))
    workflow = compile_workflow(node, "w", path="w.dig")
    return [Checked(workflow, node)]


def schedule_lines(text: str) -> list[str]:
    lines = list(report_lines(checked(text), {}, NOW))
    return [line.strip() for line in lines[lines.index("    w:") + 1 : -1]]


DAILY = "timezone: America/Los_Angeles\nschedule:\n  daily>: 07:00:00\n"


def test_the_first_session_and_its_run_are_told_as_digdag_does() -> None:
    assert schedule_lines(DAILY)[1:3] == [
        "first session time: 2016-02-11 00:00:00 -0800",
        "first scheduled to run at: 2016-02-11 07:00:00 -0800 (in 19h 16m 32s)",
    ]


def test_nine_more_sessions_follow() -> None:
    lines = schedule_lines(DAILY)

    assert lines[3] == "next session times:"
    assert lines[4::8] == ["2016-02-12 00:00:00 -0800", "2016-02-20 00:00:00 -0800"]
    assert len(lines) == 13


def test_a_session_soon_is_told_without_units_that_are_zero() -> None:
    lines = schedule_lines("schedule:\n  cron>: '45 * * * *'\n")

    assert lines[2].endswith("(in 1m 32s)")


def test_the_last_session_is_the_only_one() -> None:
    lines = schedule_lines(DAILY + "  end: 2016-02-11\n")

    assert lines[-1].startswith("first scheduled to run at: ")


def test_json_has_ten_sessions_with_the_time_they_run() -> None:
    answer = as_json(checked(DAILY), {}, [], NOW)["workflows"]
    assert isinstance(answer, list)
    assert isinstance(answer[0], dict)
    sessions = answer[0]["next_sessions"]

    assert isinstance(sessions, list)
    assert len(sessions) == 10
    assert sessions[0] == {
        "session_time": "2016-02-11T00:00:00-08:00",
        "run_time": "2016-02-11T07:00:00-08:00",
    }
