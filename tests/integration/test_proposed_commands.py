"""The commands that digpy proposes: they do what is said of them, and show no secret."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import CommandProject, projects
from tests.support.command_line import Digpy, digpy
from tests.support.eventually import eventually

__all__ = ["digpy"]

Make = Callable[[Mapping[str, str]], CommandProject]
DAY = ("--session", "2024-03-05")
FAILS = "+a: {sh>: sh effect.sh a}\n+b: {sh>: sh effect.sh b; test -f ok}\n+c: {echo>: c}\n"
STUCK_ONCE = "+a:\n  sh>: test -e begun || { touch begun; while :; do sleep 0.01; done; }\n"
"""Its first run never ends by itself."""

SECRET = "hunter2"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def proposed(err: str, purpose: str) -> list[str]:
    """The words, without ``digpy``, of the command that is proposed for `purpose`."""
    (line,) = [line for line in err.splitlines() if purpose in line]
    return shlex.split(line.partition(": digpy ")[2])


# Secrets


@pytest.mark.parametrize(
    "key",
    ["secrets.pw", "notification.mail.password", "notification.http.url"],
)
def test_a_secret_is_not_in_what_a_failed_run_proposes(project: Make, key: str) -> None:
    ended = project({"w.dig": FAILS}).run(*DAY, "-X", f"{key}={SECRET}")
    assert ended.code == 1
    assert SECRET not in ended.err
    assert f"Give these again, which are not shown: -X {key}=..." in ended.err


def test_a_secret_is_not_in_what_is_proposed_where_nothing_is_to_do(project: Make) -> None:
    there = project({"w.dig": "+a: {echo>: a}\n"})
    there.run(*DAY)
    ended = there.run(*DAY, "-X", f"secrets.pw={SECRET}")
    assert "has been done before" in ended.err
    assert SECRET not in ended.err
    assert "Give these again, which are not shown: -X secrets.pw=..." in ended.err


def test_a_setting_of_the_environment_is_proposed_once_and_a_secret_never(project: Make) -> None:
    variable = f"secrets.pw={SECRET}\nexecutor.task_max_run=7"
    ended = project({"w.dig": FAILS}).run(*DAY, DIGPY_X=variable)
    assert SECRET not in ended.err
    words = proposed(ended.err, "To continue")
    assert words == ["run", "w.dig", "-X", "executor.task_max_run=7", *DAY]


# Commands that can be copied


def test_running_again_what_is_done_means_the_same_session_and_place(project: Make) -> None:
    there = project({"p/w.dig": "+a: {echo>: 'for ${who}'}\n"})
    given = ("--project", "p", "-p", "who=ada", "--save", "kept", *DAY)
    there.run(*given)
    words = proposed(there.run(*given).err, "To run everything again")
    ended = there.digpy(*words)
    assert (ended.code, ended.out) == (0, "for ada\n")
    assert "session 2024-03-05T00:00:00" in ended.err
    assert "(attempt 2)" in ended.err


@pytest.mark.parametrize("purpose", ["To continue", "To run everything again"])
def test_what_is_proposed_after_a_goal_that_failed_can_be_run(project: Make, purpose: str) -> None:
    there = project({"w.dig": FAILS})
    words = proposed(there.run(*DAY, "--goal", "+b").err, purpose)
    there.write({"ok": ""})
    assert there.digpy(*words).code == 0


def test_a_workflow_that_looks_like_an_option_is_proposed_as_a_file(project: Make) -> None:
    there = project({"-x.dig": FAILS})
    words = proposed(there.digpy("run", *DAY, "--", "-x.dig").err, "To continue")
    there.write({"ok": ""})
    assert there.digpy(*words).code == 0


def test_what_doctor_proposes_is_for_the_project_it_was_asked_about(project: Make) -> None:
    there = project({"p/w.dig": "+a: {sh>: touch begun; while :; do sleep 0.01; done}\n"})
    _kill_in_the_middle(there, "--project", "p", *DAY, begun="p/begun")
    fix = next(
        line for line in there.digpy("doctor", "--project", "p").out.splitlines() if "run w" in line
    )
    again = "digpy run w.dig --project p --session 2024-03-05"
    assert fix.strip() == f"fix: {again} continues it, digpy kill 1 --project p ends it"


@pytest.mark.parametrize("directory", ["-x", "deeper/-x"])
def test_no_project_is_made_that_would_be_taken_for_an_option(
    digpy: Digpy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = digpy("init", "--", directory)
    assert ended.code == 2
    assert 'the workflow name "-x" begins with "-"' in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_looks_like_an_option_can_be_entered_as_proposed(
    digpy: Digpy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`cd './-a b/x'`" in digpy("init", "--", "-a b/x").out


def test_a_place_to_save_contradicts_saving_nothing(digpy: Digpy) -> None:
    ended = digpy("run", "w.dig", "--no-save", "-o", "x")
    assert ended.code == 2
    assert "--no-save and -o, --save contradict each other" in ended.err


# The same run, asked for in another way


def _kill_in_the_middle(there: CommandProject, *arguments: str, begun: str) -> None:
    running = there.start(*arguments)
    eventually((there.directory / begun).exists, within=20)
    running.send(signal.SIGKILL)
    running.wait()


def test_a_run_of_a_project_named_from_elsewhere_goes_on_with_the_same_attempt(
    project: Make,
) -> None:
    there = project({"p/w.dig": STUCK_ONCE})
    inside = CommandProject(there.directory / "p", {})
    _kill_in_the_middle(inside, *DAY, begun="begun")
    assert there.run("--project", "p", *DAY).code == 0
    assert [(row["id"], row["phase"], row["epoch"]) for row in inside.attempts] == [
        (1, "success", 2)
    ]


def test_what_is_done_is_done_from_wherever_it_is_asked_for(project: Make) -> None:
    there = project({"p/w.dig": "+a: {echo>: a}\n"})
    there.run("--project", "p", *DAY)
    ended = CommandProject(there.directory / "p", {}).run(*DAY)
    assert "has been done before: nothing was run" in ended.err


def test_a_dry_run_is_of_the_session_that_a_run_would_be_of(project: Make) -> None:
    there = project({"w.dig": "+a: {echo>: 'for ${session_date}'}\n"})
    there.run(*DAY)
    before = sorted((there.directory / ".digpy").rglob("*"))
    ended = there.run("--dry-run")
    assert "session 2024-03-05T00:00:00" in ended.err
    assert sorted((there.directory / ".digpy").rglob("*")) == before


# What happened, in words


def test_a_lost_program_is_told_without_the_names_of_proofs(project: Make) -> None:
    there = project({"w.dig": STUCK_ONCE})
    _kill_in_the_middle(there, *DAY, begun="begun")
    there.run(*DAY)
    log = there.digpy("log", "1").out
    assert "it has ended without a result: its worker has ended, and its processes with it" in log
    assert there.events("task.lost")[0]["evidence"] == "P2 janitor:keeper"


def test_a_time_out_of_a_task_is_an_event(project: Make) -> None:
    there = project({"w.dig": "+a: {sh>: 'while :; do sleep 0.01; done', _timeout: 1s}\n"})
    assert there.run(*DAY).code == 1
    (event,) = there.events("task.timed_out")
    assert event == {"state": "running", "message": "timed out after 1s"}
