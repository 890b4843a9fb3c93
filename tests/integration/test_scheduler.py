"""``digpy scheduler`` as a person and an init system see it: real processes, real time."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digpy.agent import processes
from tests.support.command import Command, CommandProject, projects
from tests.support.eventually import eventually

Make = Callable[[Mapping[str, str]], CommandProject]

EVERY_SECOND = "timezone: UTC\nschedule: {seconds_interval>: 1}\n"
ATTEMPTS = "SELECT * FROM attempts"

ONCE = "timezone: UTC\nschedule: {seconds_interval>: 2, skip_on_overtime: true}\n"
"""Starts a session and no other while it runs."""

SLOW = {
    "w.dig": f"{ONCE}+slow:\n  sh>: . ./slow.sh\n+after:\n  sh>: sh effect.sh after\n",
    "slow.sh": "sh effect.sh slow\nwhile test ! -e go; do sleep 0.01; done\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def texts(project: CommandProject) -> list[str]:
    return [effect.text for effect in project.effects]


def started(project: CommandProject, **environment: str) -> Command:
    """A scheduler whose only session is running its slow task."""
    command = project.begin("scheduler", **environment)
    eventually(project.did("slow"), within=20)
    return command


def let_go(project: CommandProject) -> None:
    project.write({"go": ""})


def stop(command: Command) -> None:
    """Stop a scheduler in order; whatever runs is finished or handed back."""
    command.send(signal.SIGTERM)
    ended = command.wait()
    assert ended.code == 0, ended.err


def says(command: Command, text: str) -> Callable[[], bool]:
    return lambda: text in command.err


def worker(command: Command) -> int:
    """The process that runs an attempt: the one that has children itself."""

    def find() -> list[int]:
        everyone = list(processes.everyone())
        parents = {process.parent for process in everyone}
        return [p.pid for p in everyone if p.parent == command.pid and p.pid in parents]

    (found,) = eventually(find)
    return found


def succeeded(project: CommandProject, count: int = 1) -> Callable[[], bool]:
    return lambda: Counter(row["phase"] for row in tables(project, ATTEMPTS))["success"] >= count


def assert_started_once(project: CommandProject) -> None:
    """No session has two attempts, and none was left out."""
    query = "SELECT session_time FROM sessions s JOIN attempts a ON a.session = s.id ORDER BY a.id"
    times = [row["session_time"] for row in project.rows(query)]
    assert times == list(range(times[0], times[-1] + 1, 1_000_000))


# Sessions


def test_sessions_run_when_they_are_due(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh ${{session_time}}\n"})
    command = site.begin("scheduler")
    eventually(lambda: len(site.effects) >= 3, within=20)
    stop(command)
    times = texts(site)
    assert len(set(times)) == len(times)
    assert sorted(times) == times
    site.assert_clean()


def test_what_is_loaded_and_what_happens_is_said(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: 'true'\n", "other.dig": "+a: {echo>: a}"})
    command = site.begin("scheduler")
    eventually(says(command, "succeeded after"), within=20)
    assert "2 workflows, 1 with a schedule" in command.err
    assert "w: next session 2" in command.err
    assert " starts (attempt 1)" in command.err
    stop(command)


def test_parameters_of_the_command_line_reach_every_session(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh ${{name}}\n"})
    command = site.begin("scheduler", "-p", "name=given")
    eventually(site.did("given"), within=20)
    stop(command)


def test_a_required_workflow_runs_in_the_same_worker(project: Make) -> None:
    site = project(
        {
            "w.dig": f"{ONCE}+need:\n  require>: other\n+after:\n  sh>: . ./slow.sh\n",
            "other.dig": "timezone: UTC\n+a:\n  sh>: sh effect.sh other $PPID\n",
            "slow.sh": SLOW["slow.sh"],
        }
    )
    command = started(site)
    first, second = site.attempts[:2]
    assert (first["command"], second["command"]) == (first["id"], first["id"])
    let_go(site)
    eventually(succeeded(site, 2))
    stop(command)


def test_no_more_attempts_run_at_once_than_there_is_room_for(project: Make) -> None:
    slow = SLOW["slow.sh"]
    text = "timezone: UTC\nschedule: {seconds_interval>: 1}\n+slow:\n  sh>: . ./slow.sh\n"
    site = project({"a.dig": text, "b.dig": text, "slow.sh": slow})
    command = site.begin("scheduler", "-X", "queue.max_active_attempts=1")
    eventually(lambda: len(tables(site, ATTEMPTS)) >= 4, within=20)
    assert Counter(row["phase"] for row in site.attempts)["running"] == 1
    waiting = site.rows("SELECT DISTINCT waiting_reason FROM attempts WHERE phase = 'queued'")
    assert {"waiting_reason": "1 of 1 attempts run (queue.max_active_attempts)"} in waiting
    let_go(site)
    eventually(succeeded(site, 4), within=20)
    stop(command)


def test_a_failed_attempt_is_tried_again_under_a_name_of_its_own(project: Make) -> None:
    retry = "_attempt_retry: {limit: 1, on: [user], interval: 0s}\n"
    site = project(
        {
            "w.dig": f"{EVERY_SECOND}{retry}+a:\n  sh>: . ./fails_once.sh\n",
            "fails_once.sh": "sh effect.sh tried\ntest $(wc -l < effects) -ge 2\n",
        }
    )
    command = site.begin("scheduler")
    first = "SELECT retry_attempt_name, phase FROM attempts WHERE session = 1 ORDER BY id"
    expected = [(None, "failure"), ("auto-1", "success")]
    eventually(lambda: [tuple(row.values()) for row in tables(site, first)] == expected, within=20)
    eventually(says(command, "[INFO] w (auto-1): attempt"))
    stop(command)


def tables(site: CommandProject, query: str) -> list[dict[str, object]]:
    """Rows, none as long as there is no database."""
    try:
        return site.rows(query)
    except sqlite3.OperationalError:
        return []


def test_an_attempt_that_waits_too_long_for_its_turn_fails(project: Make) -> None:
    text = SLOW["w.dig"].replace(", skip_on_overtime: true", "")
    site = project({**SLOW, "w.dig": f"_queue_timeout: 1s\n{text}"})
    settings = ["queue.max_active_attempts=1", "supervisor.poll_interval=1s"]
    command = site.begin("scheduler", *(word for pair in settings for word in ("-X", pair)))
    late = "SELECT * FROM attempts WHERE reason = 'queue_timeout' AND phase = 'failure'"
    eventually(lambda: tables(site, late), within=30)
    assert site.attempt()["phase"] == "running"
    let_go(site)
    stop(command)


def test_people_are_told_of_a_lost_worker(project: Make) -> None:
    site = project(SLOW)
    told = {
        "DIGPY_NOTIFICATION_TYPE": "shell",
        "DIGPY_NOTIFICATION_ON": "crash",
        "DIGPY_NOTIFICATION_SHELL_COMMAND": "cat >> told",
    }
    command = started(site, **told)
    os.kill(worker(command), signal.SIGKILL)
    eventually((site.directory / "told").exists, within=20)
    let_go(site)
    stop(command)
    assert not command.alive


# Edits


def test_an_edit_is_taken_over(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh before\n"})
    command = site.begin("scheduler")
    eventually(site.did("before"), within=20)
    site.write({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh edited\n"})
    eventually(site.did("edited"), within=20)
    assert "the project was edited: taking it over" in command.err
    stop(command)


def test_a_broken_edit_is_refused_and_what_was_loaded_goes_on(project: Make) -> None:
    good = f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh good\n"
    site = project({"w.dig": good})
    command = site.begin("scheduler")
    eventually(site.did("good"), within=20)
    site.write({"w.dig": good + "  bad: [\n"})
    eventually(says(command, 'w.dig:5:8: error: this "[" is never closed'))
    assert "[ERROR] the edit is refused" in command.err
    before = len(site.effects)
    eventually(lambda: len(site.effects) > before + 1)
    site.write({"w.dig": good})
    eventually(says(command, "the project is again as it was loaded"))
    stop(command)


def test_a_new_workflow_is_found(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  echo>: a\n"})
    command = site.begin("scheduler")
    eventually(says(command, "1 workflow, 1 with a schedule"), within=20)
    site.write({"new.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh new\n"})
    eventually(site.did("new"), within=20)
    stop(command)


def test_an_edit_of_an_included_file_is_taken_over(project: Make) -> None:
    site = project(
        {
            "w.dig": f"{EVERY_SECOND}!include : 'parts/a.dig'\n",
            "parts/a.dig": "+a:\n  sh>: sh effect.sh before\n",
        }
    )
    command = site.begin("scheduler")
    eventually(site.did("before"), within=20)
    site.write({"parts/a.dig": "+a:\n  sh>: sh effect.sh edited\n"})
    eventually(site.did("edited"), within=20)
    stop(command)


def test_a_hang_up_reads_the_project_again(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh before\n"})
    command = site.begin("scheduler")
    eventually(site.did("before"), within=20)
    site.write({"w.dig": f"{EVERY_SECOND}+a: [\n"})
    command.send(signal.SIGHUP)
    eventually(says(command, "the edit is refused"))
    assert command.is_alive
    stop(command)


def test_a_hang_up_is_answered_where_nothing_has_changed(project: Make) -> None:
    command = project({"w.dig": "+a: {echo>: a}\n"}).begin("scheduler")
    eventually(says(command, "1 workflow, 0 with a schedule"), within=20)
    command.send(signal.SIGHUP)
    eventually(says(command, "the project was read again: nothing has changed"))
    stop(command)


def test_a_failed_attempt_is_an_error_that_names_task_message_and_command(project: Make) -> None:
    site = project({"w.dig": f"{ONCE}+a:\n  sh>: exit 3\n"})
    command = site.begin("scheduler", "--project", str(site.directory))
    eventually(says(command, f"help: digpy log 1 --project {site.directory}"), within=20)
    (line,) = (each for each in command.err.splitlines() if "attempt 1 of session" in each)
    assert "[ERROR] w: attempt 1 of session" in line
    assert "    +w+a: Command failed with code 3 (runtime)\n" in command.err
    stop(command)


def test_an_attempt_that_waited_for_its_turn_took_as_long_as_it_ran(project: Make) -> None:
    site = project(
        {"w.dig": f"{EVERY_SECOND}+slow:\n  sh>: . ./slow.sh\n", "slow.sh": SLOW["slow.sh"]}
    )
    command = site.begin("scheduler", "-X", "queue.max_active_attempts=1")
    eventually(lambda: len(tables(site, ATTEMPTS)) >= 4, within=20)
    let_go(site)
    eventually(says(command, "attempt 2 of session"), within=20)
    (line,) = (each for each in command.err.splitlines() if "attempt 2 of session" in each)
    took = float(line.rpartition(" after ")[2].removesuffix(" s"))
    row = site.attempt(2)
    assert took == pytest.approx((row["ended_at"] - row["started_at"]) / 1e6, abs=0.06)
    stop(command)


def test_a_broken_project_is_not_loaded_at_the_start(project: Make) -> None:
    site = project({"w.dig": "+a: [\n"})
    ended = site.digpy("scheduler")
    assert ended.code == 3
    assert "w.dig:1:5: error" in ended.err


def test_whoever_watches_the_files_is_replaced(project: Make) -> None:
    site = project({"w.dig": "timezone: UTC\n+a:\n  echo>: a\n"})
    command = site.begin("scheduler")
    eventually(says(command, "1 workflow,"), within=20)
    (watcher,) = eventually(
        lambda: [p.pid for p in processes.everyone() if p.parent == command.pid], within=20
    )
    os.kill(watcher, signal.SIGKILL)
    eventually(says(command, "the process that watches for edits has ended"))
    site.write({"w.dig": "timezone: UTC\n+b:\n  echo>: a\n"})
    eventually(says(command, "the project was edited"), within=20)
    stop(command)


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_programs_finish_and_starts_nothing_more(
    project: Make, number: signal.Signals
) -> None:
    site = project(SLOW)
    command = started(site)
    command.send_group(number)
    eventually(says(command, "programs get 60 s to finish"))
    let_go(site)
    ended = command.wait()
    assert ended.code == 0, ended.err
    assert texts(site) == ["slow"]
    assert site.attempt()["phase"] == "running"
    site.assert_clean()


def test_the_next_scheduler_goes_on_where_one_was_stopped(project: Make) -> None:
    site = project(SLOW)
    command = started(site)
    command.send(signal.SIGTERM)
    eventually(says(command, "to finish"))
    let_go(site)
    command.wait()
    second = site.begin("scheduler")
    eventually(lambda: site.attempt()["phase"] == "success", within=20)
    assert texts(site)[:2] == ["slow", "after"]
    assert site.attempt()["epoch"] == 2
    stop(second)


def test_a_program_that_does_not_finish_in_time_is_handed_back(project: Make) -> None:
    site = project(SLOW)
    command = started(site, DIGPY_AGENT_DRAIN_TIMEOUT="0s")
    stop(command)
    assert site.rows("SELECT state, losses FROM tasks WHERE full_name = '+w+slow'") == [
        {"state": "retry_waiting", "losses": 0}
    ]
    site.assert_clean()
    let_go(site)
    second = site.begin("scheduler")
    eventually(lambda: site.attempt()["phase"] == "success", within=20)
    assert texts(site)[:3] == ["slow", "slow", "after"]
    stop(second)


def test_a_second_signal_stops_at_once_and_leaves_nothing_alive(project: Make) -> None:
    site = project(SLOW)
    command = started(site)
    command.send(signal.SIGTERM)
    eventually(says(command, "to finish"))
    command.send(signal.SIGTERM)
    assert command.wait().code == 0
    assert not command.alive
    let_go(site)
    second = site.begin("scheduler")
    eventually(lambda: site.attempt()["phase"] == "success", within=20)
    assert texts(site)[:3] == ["slow", "slow", "after"]
    stop(second)


# Death


def test_a_killed_scheduler_takes_its_programs_along_and_the_next_runs_them_again(
    project: Make,
) -> None:
    site = project(SLOW)
    command = started(site)
    command.send(signal.SIGKILL)
    command.wait()
    eventually(lambda: not command.alive, within=5)
    let_go(site)
    second = site.begin("scheduler")
    eventually(lambda: site.attempt()["phase"] == "success", within=20)
    assert texts(site)[:3] == ["slow", "slow", "after"]
    assert "was left behind: it goes on" in second.err
    stop(second)
    site.assert_clean()


def test_a_killed_worker_is_replaced(project: Make) -> None:
    site = project(SLOW)
    command = started(site)
    os.kill(worker(command), signal.SIGKILL)
    eventually(lambda: texts(site).count("slow") == 2)
    let_go(site)
    eventually(lambda: site.attempt()["phase"] == "success")
    stop(command)
    site.assert_clean()


# More than one command


def test_a_second_scheduler_waits_and_takes_over_at_once(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh ${{session_time}}\n"})
    first = site.begin("scheduler")
    eventually(lambda: len(site.effects) >= 1, within=20)
    second = site.begin("scheduler")
    eventually(says(second, "leads this project: waiting"), within=20)
    first.send(signal.SIGKILL)
    first.wait()
    eventually(says(second, "leading "), within=5)
    seen = len(site.effects)
    eventually(lambda: len(site.effects) > seen + 1, within=20)
    stop(second)
    assert_started_once(site)


def test_a_scheduler_that_waits_can_be_stopped(project: Make) -> None:
    site = project({"w.dig": "timezone: UTC\n+a: {echo>: a}\n"})
    first = site.begin("scheduler")
    eventually(says(first, "leading"), within=20)
    second = site.begin("scheduler")
    eventually(says(second, "waiting"), within=20)
    stop(second)
    stop(first)


def test_a_frozen_scheduler_is_replaced_and_steps_down_when_it_thaws(project: Make) -> None:
    site = project({"w.dig": f"{EVERY_SECOND}+a:\n  sh>: sh effect.sh ${{session_time}}\n"})
    short = {"DIGPY_SUPERVISOR_LEASE": "2s", "DIGPY_SUPERVISOR_POLL_INTERVAL": "1s"}
    first = site.begin("scheduler", **short)
    eventually(lambda: len(site.effects) >= 1, within=20)
    first.send(signal.SIGSTOP)
    second = site.begin("scheduler", **short)
    eventually(says(second, "leading"), within=20)
    first.send(signal.SIGCONT)
    eventually(says(first, "handing over, and waiting"), within=20)
    seen = len(site.effects)
    eventually(lambda: len(site.effects) > seen + 1, within=20)
    stop(first)
    stop(second)
    assert_started_once(site)


def test_a_session_of_the_scheduler_is_not_run_by_hand_meanwhile(project: Make) -> None:
    site = project(SLOW)
    command = started(site)
    session = site.rows("SELECT session_time FROM sessions")[0]["session_time"] // 1_000_000
    time = datetime.fromtimestamp(session, UTC)
    ended = site.run("--session", f"{time:%Y-%m-%d %H:%M:%S}")
    assert ended.code == 1
    assert "this session is being run by process" in ended.err
    let_go(site)
    stop(command)


def test_a_run_by_hand_goes_on_beside_the_scheduler(project: Make) -> None:
    site = project({**SLOW, "other.dig": "timezone: UTC\n+a:\n  sh>: sh effect.sh other\n"})
    command = started(site)
    assert site.run(workflow="other.dig").code == 0
    assert "other" in texts(site)
    let_go(site)
    stop(command)


def test_an_attempt_of_the_scheduler_can_be_killed(project: Make) -> None:
    site = project(SLOW)
    command = started(site)
    assert site.digpy("kill", "1").code == 0
    eventually(lambda: site.attempt()["phase"] == "canceled")
    assert command.is_alive
    eventually(says(command, "was canceled"))
    stop(command)


def test_a_queued_attempt_can_be_killed(project: Make) -> None:
    site = project({**SLOW, "w.dig": SLOW["w.dig"].replace(", skip_on_overtime: true", "")})
    command = site.begin("scheduler", "-X", "queue.max_active_attempts=1")
    eventually(lambda: len(tables(site, ATTEMPTS)) >= 2, within=20)
    assert site.digpy("kill", "2").code == 0
    assert site.attempt(2)["phase"] == "canceled"
    let_go(site)
    stop(command)


@pytest.mark.parametrize("number", [1, 2], ids=["running", "queued"])
def test_a_session_that_a_dead_scheduler_left_can_be_run_by_hand(
    project: Make, number: int
) -> None:
    site = project({**SLOW, "w.dig": SLOW["w.dig"].replace(", skip_on_overtime: true", "")})
    command = site.begin("scheduler", "-X", "queue.max_active_attempts=1")
    eventually(lambda: len(tables(site, ATTEMPTS)) >= 2, within=20)
    eventually(site.did("slow"))
    command.send(signal.SIGKILL)
    command.wait()
    let_go(site)
    query = "SELECT session_time FROM sessions WHERE id = ?"
    time = datetime.fromtimestamp(site.rows(query, number)[0]["session_time"] / 1_000_000, UTC)
    ended = site.run("--session", f"{time:%Y-%m-%d %H:%M:%S}")
    assert ended.code == 0, ended.err
    query = "SELECT phase FROM attempts WHERE session = ? ORDER BY id DESC LIMIT 1"
    assert site.rows(query, number) == [{"phase": "success"}]
    assert (
        len(site.rows("SELECT * FROM attempts WHERE session = ? AND phase = 'success'", number))
        == 1
    )
