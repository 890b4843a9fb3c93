"""Files that the user may not use: every command says which, why, and what mends it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually

WORKFLOW = {"w.dig": "timezone: UTC\n+a:\n  echo>: hello\n"}
PARTS = ["", "digpy.db", "locks", "locks/starting", "runs", "logs"]
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def ordinary() -> tuple[str, ...]:
    """What starts a command that may not do more than files' owners and modes allow."""
    if os.geteuid() != 0:
        return ()
    found = shutil.which("setpriv")
    assert found is not None, "setpriv (util-linux) takes its powers from root"
    return (found, "--bounding-set=-all")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[CommandProject]:
    """A project in which something was run, and commands of an ordinary user."""
    for make in projects(tmp_path):
        made = make(WORKFLOW)
        made.through = ordinary()
        assert made.run().code == 0
        state = made.directory / ".digpy"
        (state / "runs").mkdir()  # made with the first program
        yield made
        if state.is_dir():
            subprocess.run(["chmod", "-R", "u+rwX", state], check=True)


def doctor(project: CommandProject) -> dict[str, Any]:
    ended = project.digpy("doctor", "--json")
    assert ended.err == ""
    answer: dict[str, Any] = json.loads(ended.out)
    return {**answer, "code": ended.code}


@pytest.mark.parametrize("part", PARTS)
def test_a_run_names_what_it_may_not_use(project: CommandProject, part: str) -> None:
    path = project.directory / ".digpy" / part
    path.chmod(0)
    ended = project.run("--rerun")
    assert ended == (
        74,
        "",
        f"error: {path} cannot be used: its mode is 0000\n"
        f"    help: chmod -R u+rwX {project.directory / '.digpy'}\n",
    )


@pytest.mark.parametrize("part", PARTS)
def test_what_the_doctor_proposes_mends_it(project: CommandProject, part: str) -> None:
    path = project.directory / ".digpy" / part
    path.chmod(0)
    found = doctor(project)
    (problem,) = found["problems"]
    assert (found["code"], problem["what"]) == (1, f"{path} cannot be used")
    assert problem["why"] == "its mode is 0000"
    subprocess.run(problem["fix"], shell=True, check=True)
    assert doctor(project)["problems"] == []
    assert project.run("--rerun").code == 0


def test_where_something_is_in_the_way_nobody_says_that_nothing_runs(
    project: CommandProject,
) -> None:
    (project.directory / ".digpy" / "locks").chmod(0)
    assert doctor(project)["running"] is None
    assert "\nWhat is running cannot be seen.\n" in project.digpy("doctor").out


@pytest.mark.parametrize("words", [("attempts",), ("log", "1"), ("doctor", "--fix")])
def test_commands_that_look_name_it_too(project: CommandProject, words: tuple[str, ...]) -> None:
    state = project.directory / ".digpy"
    state.chmod(0)
    ended = project.digpy(*words)
    assert (ended.code, ended.out) == (74, "")
    assert ended.err.startswith(f"error: {state} cannot be used: its mode is 0000\n")


def test_a_database_that_is_only_unreadable_is_not_called_damaged(project: CommandProject) -> None:
    path = project.directory / ".digpy" / "digpy.db"
    path.chmod(0)
    ended = project.digpy("attempts")
    assert ended.code == 74
    assert f"{path}: its mode is 0000\n    help: chmod -R u+rwX " in ended.err
    assert "try again" not in ended.err


@as_root
@pytest.mark.parametrize("part", ["", "locks/starting"])
def test_what_belongs_to_another_user_is_named_with_its_owner(
    project: CommandProject, part: str
) -> None:
    state = project.directory / ".digpy"
    os.chown(state / part, NOBODY, NOBODY)
    mode = f"{stat.S_IMODE((state / part).stat().st_mode):04o}"
    why = f"it belongs to user {NOBODY}, its mode is {mode}, and this is user 0"
    ended = project.run("--rerun")
    assert f"{state / part} cannot be used: {why}\n" in ended.err
    (problem,) = doctor(project)["problems"]
    assert problem["why"] == why
    assert problem["fix"].startswith(f"sudo chown -R 0 {state}, ")


def test_a_file_where_the_state_directory_should_be_is_named(project: CommandProject) -> None:
    state = project.directory / ".digpy"
    shutil.rmtree(state)
    state.write_text("")
    assert [problem["why"] for problem in doctor(project)["problems"]] == [
        "it is a file, and should be a directory"
    ]


def test_a_project_that_cannot_be_made_is_named_in_one_line(project: CommandProject) -> None:
    project.directory.chmod(0o755)
    closed = project.directory / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    ended = project.digpy("init", "closed")
    assert ended == (1, "", "error: closed/closed.dig cannot be made: Permission denied\n")


def test_what_is_kept_is_its_users_own(project: CommandProject) -> None:
    state = project.directory / ".digpy"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for file in state.glob("digpy.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_state_directory_that_is_removed_under_a_run_is_an_error_of_one_line(
    project: CommandProject,
) -> None:
    # The disk is looked at once a second, which is when it is noticed.
    program = "sh effect.sh begin; read x < gate; sleep 1"
    project.write({"w.dig": f"timezone: UTC\n+a:\n  sh>: {program}\n+b:\n  echo>: hello\n"})
    os.mkfifo(project.directory / "gate")
    command = project.start("--rerun")
    eventually(project.did("begin"))
    shutil.rmtree(project.directory / ".digpy")
    with (project.directory / "gate").open("w") as gate:
        gate.write("go\n")
    ended = command.wait()
    assert ended.code == 74
    assert "Traceback" not in ended.err
    assert ended.err.count("error: ") == 1
    assert "there is no database" in ended.err.splitlines()[-1]
