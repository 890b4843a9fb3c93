"""Commands about schedules, on the database of a project that a scheduler has loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digpy.clock import SystemClock
from digpy.store.phases import Phase
from tests.support.command_line import Digpy, Ended, digpy
from tests.support.golden import Golden
from tests.support.instants import shown
from tests.support.scheduling import Scheduled

__all__ = ["digpy"]

FILES = {
    "report": "timezone: Asia/Tokyo\nschedule: {daily>: '07:00:00'}\n+a: {echo>: a}\n",
    "sync": "schedule: {hourly>: '00:30'}\n+a: {echo>: a}\n",
    "plain": "+a: {echo>: a}\n",
}
NOW = "2016-01-31T12:00:00"

Words = Callable[..., Ended]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Scheduled]:
    found = Scheduled(tmp_path, FILES, now=NOW)
    yield found
    found.close()


@pytest.fixture
def run(digpy: Digpy, site: Scheduled) -> Words:
    """A command, for the project of `site`."""

    def run(*words: str) -> Ended:
        return digpy(*words, "--project", str(site.project), "--save", str(site.state))

    return run


def listed(run: Words) -> dict[str, dict[str, Any]]:
    """What ``schedules --json`` says, by the workflow."""
    found = json.loads(run("schedules", "--json").out)["schedules"]
    return {schedule["workflow"]["name"]: schedule for schedule in found}


@pytest.mark.parametrize("name", ["schedules", "enable", "disable", "reschedule", "backfill"])
def test_a_command_explains_itself(digpy: Digpy, golden: Golden, name: str) -> None:
    golden.check(f"cli/{name}-help.txt", digpy(name, "--help").out)


# Listing


def test_schedules_are_listed_as_digdag_lists_them(run: Words) -> None:
    ended = run("schedules")
    out = re.sub(r"(run at: ).*", r"\1<here>", ended.out)
    assert (ended.code, out) == (
        0,
        """\
Schedules:
  id: 1
  project: default
  workflow: report
  disabled at:
  next session time: 2016-02-01 00:00:00 +0900
  next scheduled to run at: <here>

  id: 2
  project: default
  workflow: sync
  disabled at:
  next session time: 2016-01-31 12:00:00 +0000
  next scheduled to run at: <here>

2 entries.
""",
    )


def test_other_programs_read_them_as_json(run: Words) -> None:
    found = listed(run)["report"]
    assert found.pop("workflow")["name"] == "report"
    assert found == {
        "id": "1",
        "project": {"id": "1", "name": "default"},
        "nextRunTime": "2016-01-31T22:00:00Z",
        "nextScheduleTime": "2016-02-01T00:00:00+09:00",
        "disabledAt": None,
        "createdAt": "2016-01-31T12:00:00Z",
        "updatedAt": "2016-01-31T12:00:00Z",
        "lastSessionTime": None,
        "error": None,
    }


def test_what_ran_last_and_what_failed_is_shown(run: Words, site: Scheduled) -> None:
    site.attempt_limit = 1
    site.scheduler = site.new_scheduler()
    site.look_at("2016-01-31T13:30")
    out = run("schedules").out
    assert "  last session time: 2016-01-31 12:00:00 +0000\n" in out
    assert "  error: Too many attempts running. Limit: 1, Current: 1\n" in out


def test_on_a_terminal_schedules_are_a_table(
    run: Words, site: Scheduled, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.edit({"over": "schedule: {daily>: '00:00:00', end: 2016-01-01}\n+a: {echo>: a}\n"})
    run("disable", "report")
    site.look_at("2016-01-31T13:00")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "150")
    text = re.sub(r"(00) {2,}\d\S+ \S+ [+-]\d{4}", r"\1 <here>", run("schedules").out)
    golden.check("cli/show-schedules-table.txt", re.sub(" +", " ", text).replace(" \n", "\n"))


def test_one_page_is_listed(run: Words) -> None:
    out = run("schedules", "-s", "1", "-i", "1").out
    assert "workflow: sync" in out
    assert out.endswith("\n1 entries.\n")


def test_without_a_database_there_is_nothing_to_list(digpy: Digpy, tmp_path: Path) -> None:
    ended = digpy("schedules", "--project", str(tmp_path))
    assert ended.code == 1
    assert "nothing was run here" in ended.err


# Which


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["2"], "Disabled schedule id: 2\n"),
        (["sync"], "Disabled schedule id: 2\n"),
        (["sync.dig"], "Disabled schedule id: 2\n"),
        (["default", "sync"], "Disabled schedule id: 2\n"),
        (["default"], "Disabled schedule id: 1\nDisabled schedule id: 2\n"),
    ],
)
def test_a_schedule_has_several_names(run: Words, words: list[str], lines: str) -> None:
    assert run("disable", *words).out == lines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plain"], 'error: there is no schedule of "plain"\n    help: digpy schedules lists them'),
        (["other", "sync"], 'error: there is no schedule of "other sync"'),
        (["9"], "error: schedule 9 does not exist"),
        (["9" * 30], f"error: schedule {'9' * 30} does not exist"),
        (["a", "b", "c"], "error: 3 words are too many"),
    ],
)
def test_what_is_no_schedule_is_refused(run: Words, words: list[str], message: str) -> None:
    ended = run("disable", *words)
    assert ended.code in (1, 2)
    assert message in ended.err


def test_nothing_changes_if_one_is_meant_and_there_are_several(run: Words) -> None:
    ended = run("reschedule", "default", "--skip", "1")
    assert (ended.code, ended.err.splitlines()[0]) == (2, 'error: "default" has 2 schedules')


# Changing


def test_a_schedule_is_disabled_and_enabled(run: Words) -> None:
    run("disable", "sync")
    disabled = listed(run)["sync"]["disabledAt"]
    ended = run("enable", "sync")
    assert disabled is not None
    assert (ended.code, ended.out) == (0, "Enabled schedule id: 2\n")
    assert listed(run)["sync"]["disabledAt"] is None


def test_enabling_can_leave_out_what_was_due(run: Words) -> None:
    run("disable", "sync")
    run("enable", "sync", "--skip")
    now = shown(SystemClock().now())
    assert listed(run)["sync"]["nextRunTime"][:16] >= now[:13]


def test_sessions_are_skipped_up_to_a_time(run: Words) -> None:
    ended = run("reschedule", "sync", "-t", "2016-02-03 00:00:00 +0000", "-a", "1454500000")
    assert (ended.code, ended.err) == (0, "")
    assert re.sub(r"(run at: ).*", r"\1<here>", ended.out) == (
        "  id: 2\n  workflow: sync\n  disabled at:\n"
        "  next session time: 2016-02-03 00:00:00 +0000\n  next scheduled to run at: <here>\n\n"
    )
    assert listed(run)["sync"]["nextRunTime"] == "2016-02-03T11:46:40Z"


def test_a_zone_of_the_time_counts(run: Words) -> None:
    run("reschedule", "sync", "-t", "2016-02-03 00:00:00 +0900")
    assert listed(run)["sync"]["nextScheduleTime"] == "2016-02-02T15:00:00+00:00"


def test_skipping_can_be_tried(run: Words) -> None:
    before = listed(run)
    ended = run("reschedule", "sync", "-t", "now", "-d")
    assert ended.code == 0
    assert ended.err == "--dry-run: nothing was changed\n"
    assert listed(run) == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "give either --skip N or --skip-to TIME"),
        (["-s", "1", "-t", "now"], 2, "give either --skip N or --skip-to TIME"),
        (["-t", "tomorrow"], 2, '--skip-to "tomorrow" is not understood'),
        (["-t", "2016-13-01 00:00:00 +0000"], 2, "is no time: month must be in 1..12"),
        (["-s", "1", "-a", "0x"], 2, '--run-at "0x" is not understood'),
        (["-t", "0"], 1, "Specified time to skip schedules is already past"),
    ],
)
def test_a_wrong_move_changes_nothing(
    run: Words, words: list[str], code: int, message: str
) -> None:
    before = listed(run)
    ended = run("reschedule", "sync", *words)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert listed(run) == before


# Backfills


def test_a_backfill_shows_the_attempts_it_made(run: Words, site: Scheduled) -> None:
    ended = run("backfill", "report", "-f", "2016-01-01", "--count", "2", "--name", "again")
    assert (ended.code, ended.err) == (0, "2 sessions are queued\n")
    assert ended.out.startswith("Session attempts:\n  session id: 1\n  id: 1\n")
    assert ended.out.count("  retry attempt name: again\n") == 2
    assert "  session time: 2016-01-02 00:00:00 +0900\n" in ended.out
    assert len(site.attempts("report")) == 2


def test_the_beginning_is_a_time_in_the_zone_of_the_workflow(run: Words, site: Scheduled) -> None:
    run("backfill", "report", "-f", "2016-01-05 07:00:01", "--count", "1")
    assert site.sessions("report") == ["2016-01-05T15:00"]  # the 6th in Tokyo


def test_a_backfill_has_a_name_of_its_own_if_nobody_gives_it_one(
    run: Words, site: Scheduled
) -> None:
    for _ in range(2):
        assert run("backfill", "report", "-f", "2016-01-01", "--count", "1").code == 0
    assert len({row.retry_attempt_name for row in site.attempts("report")}) == 2


def test_a_backfill_can_be_tried(run: Words, site: Scheduled) -> None:
    ended = run("backfill", "report", "-f", "2016-01-30", "-d", "--name", "again")
    assert (ended.code, ended.err) == (0, "--dry-run: nothing was started\n")
    assert re.findall("session time: (.*)", ended.out) == [
        "2016-01-30 00:00:00 +0900",
        "2016-01-31 00:00:00 +0900",
    ]
    assert site.attempts("report") == []


def test_there_may_be_nothing_to_do(run: Words) -> None:
    ended = run("backfill", "report", "-f", "2016-02-10")
    assert (ended.code, ended.out, ended.err) == (
        0,
        "Session attempts:\n",
        "there is no session to start\n",
    )


def test_a_backfill_is_stopped_by_its_name(run: Words, site: Scheduled) -> None:
    run("backfill", "sync", "-f", "2016-01-31", "--count", "3", "--name", "again")
    (first,) = site.admit()
    site.run(first)
    ended = run("backfill", "--cancel", "again")
    assert (ended.code, ended.out) == (
        0,
        "Kill requested: attempt 3 (sync) is canceled\n"
        "Kill requested: attempt 2 (sync) is canceled\n",
    )
    assert [row.phase for row in site.attempts("sync")] == [
        Phase.SUCCESS,
        Phase.CANCELED,
        Phase.CANCELED,
    ]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["report"], 2, "--from TIME is missing"),
        (["-f", "2016-01-01"], 2, "WORKFLOW is missing"),
        (["report", "-f", "2016-02-30"], 2, '--from "2016-02-30" is no date'),
        (["report", "-f", "soon"], 2, '--from "soon" is not understood'),
        (["plain", "-f", "2016-01-01"], 1, 'there is no schedule of "plain"'),
        (["report", "-f", "2016-01-30", "--count", "9"], 2, "there are only 2 attempts"),
        (["report", "-f", "1999-01-01"], 1, "--count 1000, and the others later"),
        (["report", "-f", "2016-01-01", "--name", "x" * 256], 1, "has 256 characters"),
        (["report", "-f", "2016-01-01", "--name", ""], 1, "has 0 characters"),
        (["--cancel", "again"], 1, 'nothing called "again" is queued or runs'),
        (["report", "--cancel", "again"], 2, "--cancel stands alone"),
    ],
)
def test_a_wrong_backfill_starts_nothing(
    run: Words, site: Scheduled, words: list[str], code: int, message: str
) -> None:
    ended = run("backfill", *words)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert site.attempts("report") == []
