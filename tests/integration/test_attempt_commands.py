"""Commands that show what was run: what they print, for people, for scripts and as JSON."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digpy.cli.main import COMMANDS
from tests.support.command import CommandProject
from tests.support.command_line import Digpy, digpy
from tests.support.eventually import eventually
from tests.support.golden import Golden

__all__ = ["digpy"]

FILES = {
    "good.dig": """\
timezone: Asia/Tokyo
_run_timeout: 2h
+first:
  echo>: hello ${who}
+each:
  for_each>: {v: [1, 2]}
  _do:
    sh>: sh effect.sh ${v}; echo printed ${v}
""",
    "bad.dig": """\
timezone: UTC
+boom:
  sh>: echo before; exit 3
  _retry: 1
+never:
  echo>: never
""",
    "needs.dig": "timezone: UTC\n+good:\n  require>: bad\n",
}
LOOKING = ("attempts", "attempt", "tasks", "log", "events")
SESSION = ("--session", "2026-01-15")

_VARYING = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? [+-]\d{4}", "<time>"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "<uuid>"),
    (r"\b\d+(\.\d)? s\b", "<length>"),
    (r"(revision: )[0-9a-f]{12}", r"\1<hash>"),
    (r"pid=\d+", "pid=<pid>"),
)


def steady(text: str) -> str:
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    return text


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Attempt 1 succeeded, attempt 2 failed, attempt 3 failed because of attempt 4."""
    project = CommandProject(tmp_path_factory.mktemp("ran"), FILES)
    environment = {"TZ": "UTC"}
    project.run(*SESSION, "-p", "who=ada", workflow="good.dig", **environment)
    project.run(*SESSION, workflow="bad.dig", **environment)
    project.run("--session", "2026-01-16", workflow="needs.dig", **environment)
    project.close()
    return project.directory


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, ran: Path) -> None:
    monkeypatch.chdir(ran)


# For people


@pytest.mark.parametrize(
    "words",
    ["attempts", "attempts bad", "attempt 1", "attempt 4", "tasks 2", "events 2", "log 2"],
)
def test_it_is_shown(digpy: Digpy, golden: Golden, words: str) -> None:
    ended = digpy(*words.split())
    assert (ended.code, ended.err) == (0, "")
    golden.check(f"cli/show-{words.replace(' ', '-')}.txt", steady(ended.out))


def test_on_a_terminal_attempts_are_a_table(
    digpy: Digpy, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    text = re.sub(" +", " ", steady(digpy("attempts").out))  # how wide it is, depends on lengths
    golden.check("cli/show-attempts-table.txt", text.replace(" \n", "\n"))


def test_a_session_time_is_shown_in_the_zone_of_the_workflow(digpy: Digpy) -> None:
    assert "  session time: 2026-01-15 00:00:00 +0900\n" in digpy("attempt", "1").out


def test_limits_say_where_they_come_from(digpy: Digpy, golden: Golden) -> None:
    golden.check("cli/show-attempt-1-limits.txt", digpy("attempt", "1", "--limits").out)


def test_the_last_attempt_needs_no_number(digpy: Digpy) -> None:
    assert digpy("attempt", "--last").out == digpy("attempt", "4").out


def test_the_log_of_one_task_is_its_own(digpy: Digpy) -> None:
    ended = digpy("log", "1", "+first")
    lines = [line for line in ended.out.splitlines() if " [INFO] " not in line]
    assert lines == ["hello ada"]


def test_a_task_of_the_log_can_be_written_in_full(digpy: Digpy) -> None:
    assert digpy("log", "1", "+good+first").out == digpy("log", "1", "+first").out


def test_following_what_has_ended_shows_it_and_ends(digpy: Digpy) -> None:
    assert digpy("log", "1", "--follow").out == digpy("log", "1").out


# Pages


def ids(out: str) -> list[str]:
    return re.findall(r"^  attempt id: (\d+)$", out, re.MULTILINE)


def test_attempts_come_oldest_first(digpy: Digpy) -> None:
    assert ids(digpy("attempts").out) == ["1", "2", "3", "4"]


def test_a_page_has_the_newest(digpy: Digpy) -> None:
    assert ids(digpy("attempts", "-s", "2").out) == ["3", "4"]


def test_the_next_page_is_older(digpy: Digpy) -> None:
    assert ids(digpy("attempts", "-s", "2", "-i", "3").out) == ["1", "2"]


def test_attempts_of_a_session_are_listed_by_its_number(digpy: Digpy) -> None:
    assert ids(digpy("attempts", "2").out) == ["2"]


def test_a_session_has_pages_too(digpy: Digpy) -> None:
    assert ids(digpy("attempts", "2", "-i", "2").out) == []


@pytest.mark.parametrize("name", ["bad", "bad.dig"])
def test_attempts_of_a_workflow_are_listed_by_its_name(digpy: Digpy, name: str) -> None:
    assert ids(digpy("attempts", name).out) == ["2", "4"]


# For scripts


def test_an_attempt_as_json_has_what_digdag_has(digpy: Digpy) -> None:
    found = json.loads(digpy("attempt", "1", "--json").out)
    wanted = {
        "status": "success",
        "id": "1",
        "index": 1,
        "project": {"id": "1", "name": "default"},
        "sessionId": "1",
        "sessionTime": "2026-01-15T00:00:00+09:00",
        "retryAttemptName": None,
        "done": True,
        "success": True,
        "cancelRequested": False,
        "params": {"who": "ada"},
    }
    assert {key: found[key] for key in wanted} == wanted


def test_a_listing_has_the_same_attempts_as_json(digpy: Digpy) -> None:
    listed = json.loads(digpy("attempts", "--json").out)["attempts"]
    alone = json.loads(digpy("attempt", "4", "--json").out)
    assert listed[-1] == {key: alone[key] for key in listed[-1]}


def test_limits_as_json_are_in_seconds(digpy: Digpy) -> None:
    found = json.loads(digpy("attempt", "1", "--limits", "--json").out)["limits"]
    assert found["run_timeout"] == {
        "value": 7200,
        "origin": "workflow",
        "passesAt": None,
        "left": None,
    }


def tasks_of(digpy: Digpy, attempt: int) -> dict[str, dict[str, Any]]:
    tasks = json.loads(digpy("tasks", str(attempt), "--json").out)["tasks"]
    return {task["fullName"]: task for task in tasks}


def test_a_task_as_json_has_what_digdag_has(digpy: Digpy) -> None:
    task = tasks_of(digpy, 1)["+good+first"]
    assert {key: task[key] for key in list(task)[:8]} == {
        "id": "2",
        "fullName": "+good+first",
        "parentId": "1",
        "config": {"echo>": "hello ${who}"},
        "upstreams": [],
        "isGroup": False,
        "state": "success",
        "cancelRequested": False,
    }


def test_tasks_that_were_generated_are_there(digpy: Digpy) -> None:
    names = tasks_of(digpy, 1)
    assert "+good+each^sub+for-0=v=0=1" in names or len(names) == 6


def test_why_a_task_failed_is_there(digpy: Digpy) -> None:
    task = tasks_of(digpy, 2)["+bad+boom"]
    assert "Command failed with code 3" in task["error"]["message"]
    assert (task["claims"], task["retries"]) == (2, 1)


@pytest.mark.parametrize("command", ["events", "log"])
def test_each_line_is_an_object(digpy: Digpy, command: str) -> None:
    lines = digpy(command, "2", "--json").out.splitlines()
    assert len([json.loads(line)["at"] for line in lines]) > 2


def test_events_count_from_one(digpy: Digpy) -> None:
    lines = digpy("events", "1", "--json").out.splitlines()
    numbers = [json.loads(line)["seq"] for line in lines]
    assert numbers == list(range(1, len(numbers) + 1))


# What cannot be shown


@pytest.mark.parametrize("command", ["attempt", "tasks", "log", "events", "kill", "notifications"])
def test_an_attempt_must_exist(digpy: Digpy, command: str) -> None:
    ended = digpy(command, "99")
    assert (ended.code, ended.err) == (1, "error: attempt 99 does not exist\n")


@pytest.mark.parametrize("words", [("log",), ("attempts",), ("attempts", "-i")])
def test_no_number_is_too_large_to_be_looked_for(digpy: Digpy, words: tuple[str, ...]) -> None:
    ended = digpy(*words, "9" * 30)
    assert ended.code in (1, 2)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("command", "what"), [("log", "attempt"), ("attempts", "session")])
def test_a_number_that_does_not_exist_is_named_as_it_was_written(
    digpy: Digpy, command: str, what: str
) -> None:
    number = "9" * 5000  # more digits than Python reads
    assert digpy(command, number).err == f"error: {what} {number} does not exist\n"


def test_a_workflow_must_exist(digpy: Digpy) -> None:
    ended = digpy("attempts", "goood")
    message = 'error: there is no workflow "goood"\n    help: did you mean "good"?\n'
    assert (ended.code, ended.out, ended.err) == (1, "", message)


def test_a_page_behind_the_last_one_of_a_workflow_is_empty(digpy: Digpy) -> None:
    ended = digpy("attempts", "bad", "-i", "1")
    assert (ended.code, ended.out) == (0, "Session attempts:\n")


def test_a_session_must_exist(digpy: Digpy) -> None:
    ended = digpy("attempts", "99")
    assert (ended.code, ended.err) == (1, "error: session 99 does not exist\n")


@pytest.mark.parametrize("command", ["attempt", "tasks", "log", "events", "kill"])
def test_an_attempt_must_be_named(digpy: Digpy, command: str) -> None:
    ended = digpy(command)
    assert ended.code == 2
    assert "ATTEMPT-ID is missing" in ended.err


def test_a_number_and_last_are_two_answers(digpy: Digpy) -> None:
    ended = digpy("attempt", "1", "--last")
    assert (ended.code, ended.err) == (2, "error: ATTEMPT-ID and --last contradict each other\n")


def test_a_task_of_the_log_must_exist(digpy: Digpy) -> None:
    ended = digpy("log", "1", "+nothing")
    assert (ended.code, ended.err) == (1, "error: no task of attempt 1 begins with +nothing\n")


def test_a_word_that_is_no_task_is_refused(digpy: Digpy) -> None:
    ended = digpy("log", "1", "first")
    assert ended.code == 2
    assert '"first" is neither the id of an attempt nor a task' in ended.err


def test_a_limit_to_change_must_be_given(digpy: Digpy) -> None:
    ended = digpy("limit", "1")
    assert ended.code == 2
    assert "there is no limit to change" in ended.err


def test_limits_of_what_has_ended_stay(digpy: Digpy) -> None:
    ended = digpy("limit", "1", "--run-timeout", "4h")
    assert (ended.code, ended.err) == (1, "error: attempt 1 has ended already: success\n")


@pytest.mark.parametrize("command", LOOKING)
def test_where_nothing_was_run_there_is_nothing_to_show(
    digpy: Digpy,
    tmp_path: Path,
    command: str,
) -> None:
    words = () if command == "attempts" else ("1",)
    ended = digpy(command, *words, "--project", str(tmp_path))
    assert ended.code == 1
    assert ended.err.startswith("error: nothing was run here: there is no database")
    assert list(tmp_path.iterdir()) == []


def test_a_project_must_exist(digpy: Digpy) -> None:
    ended = digpy("attempts", "--project", "nowhere")
    assert (ended.code, ended.err) == (2, 'error: there is no directory "nowhere" (--project)\n')


def test_a_newer_database_is_left_alone(digpy: Digpy, ran: Path, tmp_path: Path) -> None:
    shutil.copytree(ran / ".digpy", tmp_path / ".digpy")
    with closing(sqlite3.connect(tmp_path / ".digpy" / "digpy.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    ended = digpy("attempts", "--project", str(tmp_path))
    assert ended.code == 3
    assert "was written by a newer digpy" in ended.err


# While it runs


def test_following_the_log_ends_with_the_attempt(tmp_path: Path) -> None:
    program = "sh effect.sh begin\nwhile [ ! -e go ]; do sleep 0.05; done\necho late\n"
    text = "timezone: UTC\n+a:\n  sh>: . ./wait.sh\n"
    project = CommandProject(tmp_path, {"w.dig": text, "wait.sh": program})
    try:
        command = project.start()
        eventually(project.did("begin"))
        follower = project.begin("log", "1", "--follow")
        eventually(lambda: "sh>" in follower.out)
        (tmp_path / "go").touch()
        assert follower.wait().out.endswith("late\n")
        assert command.wait().code == 0
    finally:
        project.close()


def test_a_limit_of_a_running_attempt_holds_at_once(tmp_path: Path) -> None:
    text = "timezone: UTC\n+a:\n  sh>: sh effect.sh begin; sleep 600\n"
    project = CommandProject(tmp_path, {"w.dig": text})
    try:
        command = project.start("-X", "agent.stop_grace=1s")
        eventually(project.did("begin"))
        assert project.digpy("limit", "1", "--run-timeout", "1s").code == 0
        assert command.wait().code == 1
        assert project.attempt()["reason"] == "run_timeout"
    finally:
        project.close()


def test_it_is_said_who_runs_an_attempt(tmp_path: Path) -> None:
    text = "timezone: UTC\n+a:\n  sh>: sh effect.sh begin; sleep 600\n"
    project = CommandProject(tmp_path, {"w.dig": text})
    try:
        command = project.start()
        eventually(project.did("begin"))
        assert f"run by: process {command.pid}\n" in project.digpy("attempt", "1").out
        command.send(signal.SIGKILL)
        command.wait()
        assert "run by: nobody: its command is gone" in project.digpy("attempt", "1").out
    finally:
        project.close()


# Help


@pytest.mark.parametrize("name", [*LOOKING, "kill", "limit", "doctor"])
def test_the_help_is_kept(digpy: Digpy, golden: Golden, name: str) -> None:
    assert name in COMMANDS
    golden.check(f"cli/{name}-help.txt", digpy(name, "--help").out)
