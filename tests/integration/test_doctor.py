"""``digpy doctor``: what runs, what was left behind, what is wrong; and putting it in order."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digpy.agent.rundir import installation
from digpy.app import Installation
from digpy.cli.diagnosis import MEGABYTE, Diagnosis, Problem, diagnose
from digpy.cli.doctor import report
from digpy.cli.running import LivingCommand, Running
from digpy.config import load
from digpy.control.disk import Room
from digpy.store.database import REVISION
from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually
from tests.support.golden import Golden

Make = Callable[[Mapping[str, str]], CommandProject]

ASLEEP = {"w.dig": "timezone: UTC\n+a:\n  sh>: sh effect.sh begin; sleep 600\n"}
SCHEDULED = ASLEEP["w.dig"].replace("+a", "schedule:\n  daily>: 00:00:00\n+a")
SHORT = {"w.dig": "timezone: UTC\n+a:\n  echo>: hello\n"}


@pytest.fixture
def make_project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def ask(project: CommandProject, *words: str) -> dict[str, Any]:
    """What the doctor answers, with its exit code."""
    ended = project.digpy("doctor", "--json", *words)
    assert ended.err == ""
    answer: dict[str, Any] = json.loads(ended.out)
    return {**answer, "code": ended.code}


def problems(project: CommandProject, *words: str) -> list[str]:
    return [problem["what"] for problem in ask(project, *words)["problems"]]


def abandoned(make_project: Make) -> CommandProject:
    """A project whose command was killed while a program ran."""
    project = make_project(ASLEEP)
    command = project.start()
    eventually(project.did("begin"))
    command.send(signal.SIGKILL)
    command.wait()
    return project


# How it is said


def test_the_report_names_facts_what_runs_and_what_needs_doing(golden: Golden) -> None:
    tree = [
        Running(10, "command", "digpy", 3723.0, 0),
        Running(11, "worker", "digpy", 3722.5, 1),
        Running(12, "spawner", "python3", 61.0, 2),
        Running(13, "keeper", "python3", 61.0, 3),
        Running(14, "program", "sh", 0.25, 4),
    ]
    found = Diagnosis(
        {"digpy": "0.1.0", "time zones": "2025b"},
        [LivingCommand("command", [7], 10, tree), LivingCommand("command", [9], 99, [])],
        [Problem("the disk is full", "too much was written", "make room")],
    )
    golden.check("cli/doctor-report.txt", "\n".join(report(found)) + "\n")


def test_a_report_of_nothing_is_short(golden: Golden) -> None:
    found = Diagnosis({"digpy": "0.1.0"}, [], [])
    golden.check("cli/doctor-report-of-nothing.txt", "\n".join(report(found)) + "\n")


# What is well


def test_where_nothing_was_run_all_is_well_and_stays_as_it_is(make_project: Make) -> None:
    project = make_project(SHORT)
    assert ask(project)["code"] == 0
    assert not (project.directory / ".digpy").exists()


def test_after_a_run_all_is_well(make_project: Make) -> None:
    project = make_project(SHORT)
    project.run()
    answer = ask(project)
    assert (answer["code"], answer["problems"], answer["running"]) == (0, [], [])


def test_what_runs_is_named_with_all_its_processes(make_project: Make) -> None:
    project = make_project(ASLEEP)
    command = project.start()
    eventually(project.did("begin"))
    answer = ask(project)
    (running,) = answer["running"]
    roles = [process["role"] for process in running["processes"]]
    assert roles[:5] == ["command", "worker", "spawner", "keeper", "program"]
    assert running["processes"][0]["pid"] == command.pid
    assert (answer["code"], answer["problems"]) == (0, [])


def test_a_run_whose_command_ignores_it_is_not_disturbed(make_project: Make) -> None:
    project = make_project(ASLEEP)
    command = project.start()
    eventually(project.did("begin"))
    assert ask(project, "--fix")["mended"] == []
    assert command.is_alive
    assert len(ask(project)["running"]) == 1


def test_secrets_are_not_shown(make_project: Make) -> None:
    project = make_project(ASLEEP)
    project.start("-X", "secrets.token=very-secret", "-p", "password=very-secret")
    eventually(project.did("begin"))
    assert "very-secret" not in project.digpy("doctor").out


# What was left behind


def test_an_attempt_that_nobody_runs_is_found(make_project: Make) -> None:
    project = abandoned(make_project)
    answer = ask(project)
    assert answer["code"] == 1
    problem = answer["problems"][0]
    assert problem["what"].startswith("attempt 1 (w, ")
    assert problem["what"].endswith(" is running, and nobody runs it")
    assert "digpy kill 1 ends it" in problem["fix"]


def test_what_is_advised_continues_the_attempt(make_project: Make) -> None:
    project = abandoned(make_project)
    project.write({"effect.sh": "true\n", "w.dig": ASLEEP["w.dig"]})
    advice = ask(project)["problems"][0]["fix"]
    words = advice.partition(" continues it")[0].split()
    assert words[:3] == ["digpy", "run", "w.dig"]
    command = project.begin(*words[1:])
    eventually(lambda: project.attempt()["epoch"] == 2)
    assert command.is_alive


def test_a_run_directory_that_was_left_is_found_and_removed(make_project: Make) -> None:
    project = abandoned(make_project)
    assert any("1 run directory is left: 1.2.1" in what for what in problems(project))
    assert not any("run directory" in what for what in problems(project, "--fix"))
    assert list((project.directory / ".digpy" / "runs").iterdir()) == []


def test_mending_ends_no_attempt(make_project: Make) -> None:
    project = abandoned(make_project)
    answer = ask(project, "--fix")
    assert answer["mended"] == ["attempt 1: 1 run settled"]
    assert project.attempt()["phase"] == "running"
    assert answer["code"] == 1


def test_what_was_mended_can_be_continued(make_project: Make) -> None:
    project = abandoned(make_project)
    ask(project, "--fix")
    project.write({"effect.sh": "sleep() { :; }\n"})
    project.write({"w.dig": ASLEEP["w.dig"].replace("600", "0")})
    assert project.run().code == 0
    project.assert_clean()


def test_a_program_that_nobody_watches_is_found_and_killed(make_project: Make) -> None:
    project = make_project(SHORT)
    project.run()
    name = installation(project.directory / ".digpy")
    environment = {"DIGPY_RUN": "1.2.1", "DIGPY_INSTALLATION": name}
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, **environment}
    ) as stray:
        wanted = f"process {stray.pid} ("
        eventually(lambda: any(what.startswith(wanted) for what in problems(project)))
        assert problems(project, "--fix") == []
        assert stray.wait() == -signal.SIGKILL


def test_locks_of_ended_attempts_are_no_problem_and_are_removed(make_project: Make) -> None:
    project = make_project(SHORT)
    project.run()
    locks = project.directory / ".digpy" / "locks"
    os.mkfifo(locks / "1.orders")
    assert problems(project) == []
    ask(project, "--fix")
    assert not (locks / "1").exists()
    assert not (locks / "1.orders").exists()


# The database


def test_a_newer_database_is_named_and_left_alone(make_project: Make) -> None:
    project = make_project(SHORT)
    project.run()
    path = project.directory / ".digpy" / "digpy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    assert problems(project) == [f"the database has schema 9999, this digpy knows {REVISION}"]
    assert project.digpy("doctor", "--fix").code == 3


def test_a_damaged_database_is_named(make_project: Make) -> None:
    project = make_project(SHORT)
    project.run()
    (project.directory / ".digpy" / "digpy.db").write_bytes(b"no database" * 1000)
    assert problems(project) == ["the database is damaged: file is not a database"]


@pytest.mark.parametrize(("free", "is_named"), [(100, True), (600, False)])
def test_a_disk_with_hardly_any_room_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_named: bool
) -> None:
    found = Room(free * MEGABYTE, 1_000_000 * MEGABYTE)
    monkeypatch.setattr("digpy.cli.diagnosis.room", lambda _: found)
    wanted = [f"only {free:.1f} MiB are free on the disk of {tmp_path}"]
    assert diagnosed(tmp_path) == (wanted if is_named else [])


# The machine


def diagnosed(directory: Path) -> list[str]:
    """What is wrong in `directory`, found in this process."""
    place = Installation(directory, directory / ".digpy", load({}))
    return [problem.what for problem in diagnose(place).problems]


def test_an_engine_that_does_not_work_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("cannot load\nthe library")

    monkeypatch.setattr("digpy.cli.diagnosis.evaluate_text", broken)
    assert diagnosed(tmp_path) == ["expressions cannot be evaluated"]


def test_a_missing_time_zone_database_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(key: str) -> None:
        raise zoneinfo.ZoneInfoNotFoundError(key)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", missing)
    assert "there is no time zone database" in diagnosed(tmp_path)


def test_a_database_that_everybody_can_read_is_named_until_it_is_not(make_project: Make) -> None:
    project = make_project(SHORT)
    project.run()
    state = project.directory / ".digpy"
    state.chmod(0o755)
    (state / "digpy.db").chmod(0o644)
    (problem,) = ask(project)["problems"]
    assert problem["what"] == f"every user of this machine can read {state / 'digpy.db'}"
    subprocess.run(problem["fix"], shell=True, check=True)
    assert problems(project) == []


# Schedulers


def schedulers(project: CommandProject) -> list[tuple[str, int]]:
    """What runs, and how many processes it has."""
    return [(found["role"], len(found["processes"])) for found in ask(project)["running"]]


def test_a_scheduler_that_has_nothing_to_do_runs(make_project: Make) -> None:
    project = make_project(SHORT)
    scheduler = project.begin("scheduler")
    eventually(lambda: "leading" in scheduler.err)
    (running,) = ask(project)["running"]
    assert running["role"] == running["processes"][0]["role"] == "scheduler"
    assert running["processes"][0]["pid"] == scheduler.pid
    assert "Nothing is running" not in project.digpy("doctor").out


def test_a_scheduler_that_waits_for_another_one_runs_too(make_project: Make) -> None:
    project = make_project(SHORT)
    leader = project.begin("scheduler")
    eventually(lambda: "leading" in leader.err)
    standby = project.begin("scheduler")
    eventually(lambda: "leads this project" in standby.err)
    assert [role for role, _ in schedulers(project)] == ["scheduler", "standby"]


def test_a_scheduler_is_listed_once_with_all_its_attempts(make_project: Make) -> None:
    project = make_project({"v.dig": SCHEDULED, "w.dig": SCHEDULED})
    scheduler = project.begin("scheduler")
    eventually(lambda: scheduler.err.count("next session") == 2)
    for workflow in ("v", "w"):
        assert project.digpy("backfill", workflow, "--from", "2024-01-01", "--count", "1").code == 0
    eventually(lambda: len(project.effects) == 2)
    (running,) = ask(project)["running"]
    assert (running["role"], running["attempts"]) == ("scheduler", [1, 2])
    pids = [process["pid"] for process in running["processes"]]
    assert len(pids) == len(set(pids))
    assert [process["role"] for process in running["processes"]].count("worker") == 2


def test_what_waits_for_a_scheduler_says_so(make_project: Make) -> None:
    project = make_project({"w.dig": SCHEDULED})
    scheduler = project.begin("scheduler")
    eventually(lambda: "next session" in scheduler.err)
    scheduler.send(signal.SIGTERM)
    scheduler.wait()
    project.digpy("backfill", "w", "--from", "2024-01-01", "--count", "1")
    wanted = "run by: nobody yet: digpy scheduler starts it, digpy kill ends it"
    assert wanted in project.digpy("attempt", "1").out


def test_an_attempt_of_a_dead_scheduler_is_continued_by_the_next_one(make_project: Make) -> None:
    project = make_project({"w.dig": SCHEDULED})
    scheduler = project.begin("scheduler")
    eventually(lambda: "next session" in scheduler.err)
    project.digpy("backfill", "w", "--from", "2024-01-01", "--count", "1")
    eventually(project.did("begin"))
    scheduler.send(signal.SIGKILL)
    scheduler.wait()
    fix = ask(project)["problems"][0]["fix"]
    assert fix == "digpy scheduler continues it, digpy kill 1 ends it"
    assert "digpy scheduler continues it" in project.digpy("attempt", "1").out


def test_rows_that_contradict_each_other_are_a_problem(make_project: Make) -> None:
    project = make_project(SHORT)
    assert project.run().code == 0
    path = project.directory / ".digpy" / "digpy.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM events WHERE kind = 'attempt.ended'")
    (problem,) = problems(project)
    assert problem.startswith("the database contradicts itself: not true of 1: an attempt is said")
