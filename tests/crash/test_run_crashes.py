"""``digpy run`` with a kill -9 of each of its processes at each named place, and by hand.

Whatever dies, the run ends as it would have: same tree, same values, and nothing that had finished
runs twice.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from digpy.agent import processes
from tests.support.command import Command, CommandProject, projects
from tests.support.eventually import eventually
from tests.support.slow import SLOW, STUBBORN, has_exit, kill_command, let_go, started, texts

Make = Callable[[Mapping[str, str]], CommandProject]

WORKFLOW = {
    "w.dig": """\
timezone: UTC
+kept:
  py>: tasks.keep
+needed:
  require>: other
+again:
  _retry: 1
  +each:
    for_each>: {v: [1, 2]}
    _do:
      sh>: sh effect.sh each ${v}
  +flaky:
    sh>: . ./flaky.sh
+read:
  sh>: sh effect.sh read ${kept}
""",
    "other.dig": """\
timezone: UTC
+work:
  sh>: sh effect.sh other
""",
    "flaky.sh": """\
sh effect.sh flaky
number=${DIGPY_RUN#*.}
touch "tried.${number%.*}"
test "$(ls tried.* | wc -l)" -ge 2
""",
    "tasks.py": """\
import os
import digdag

def keep(task_name):
    with open("effects", "a") as file:
        file.write(f"{os.environ['DIGPY_RUN']} {task_name} keep\\n")
    digdag.env.store({"kept": 7})
""",
}
"""Stores a value and reads it later, requires another workflow, repeats a group over a loop."""

PLACES = {
    "agent.after_claim": (3,),
    "agent.after_keeper": (5,),
    "agent.running": (4,),
    "agent.before_finish": (1, 5),
    "agent.after_finish": (4,),
    "executor.before_commit": (11,),
    "executor.mid_commit": (1, 6, 10, 11, 15),
    "executor.after_commit": (6, 11),
    "executor.before_end": (1, 2),
    "starter.after_required": (1,),
    "keeper.before_child": (3,),
    "keeper.running": (1,),
    "keeper.before_exit": (2,),
    "worker.before_hello": (1,),
    "worker.after_hello": (1,),
    "supervisor.after_intent": (1,),
}
"""Every named place that an undisturbed run passes, and at which passes it is killed there.

The commits of a step: 1 the first claim, 6 the required attempt ends, 10 the group fails, 11 it is
made anew, 15 the last task.
"""

RERUN = ("agent.after_keeper", "agent.running", "keeper.running", "keeper.before_exit")
"""Places at which a program may be running: it is killed, and run again."""

IN_RECOVERY = ("supervisor.after_intent:2", "supervisor.after_loss")
"""Places that only the recovery from another death passes."""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> CommandProject:
    """The same workflow with nobody dying."""
    for make in projects(tmp_path_factory.mktemp("undisturbed")):
        project = make(WORKFLOW)
        assert project.run().code == 0
        project.assert_clean()
    return project


def effects_by_task(project: CommandProject) -> Counter[tuple[str, str, int]]:
    return Counter((effect.task, effect.text, effect.number) for effect in project.effects)


def assert_as_undisturbed(
    project: CommandProject, undisturbed: CommandProject, *, reruns: int
) -> None:
    """Same tree and values; each task ran once, but for at most so many that were in flight."""
    assert project.outcome == undisturbed.outcome
    expected, found = effects_by_task(undisturbed), effects_by_task(project)
    assert set(found) == set(expected)
    assert sum(found.values()) <= sum(expected.values()) + reruns
    project.assert_clean()


@pytest.mark.parametrize(
    "place", [f"{name}:{count}" for name, counts in PLACES.items() for count in counts]
)
def test_a_run_ends_as_if_nobody_had_died(
    project: Make, undisturbed: CommandProject, place: str, tmp_path: Path
) -> None:
    run = project(WORKFLOW)
    once = tmp_path / "once"
    environment = {"DIGPY_FAILPOINT": place, "DIGPY_FAILPOINT_ONCE": str(once)}
    ended = run.run(**environment)
    if ended.code == -9:  # it was the command that died: a person gives the same command again
        ended = run.run(**environment)
    assert ended.code == 0, ended.err
    assert once.exists(), "the place was not passed"
    assert_as_undisturbed(run, undisturbed, reruns=place.startswith(RERUN))


# By hand


@pytest.mark.parametrize("victim", ["worker", "spawner", "keeper"])
def test_a_process_that_is_killed_is_replaced_within_two_seconds(
    project: Make, victim: str
) -> None:
    run = project(SLOW)
    command = started(run)
    os.kill(getattr(command, victim), signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 2, within=2)
    let_go(run)
    assert command.wait().code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    assert run.attempt()["epoch"] == (2 if victim == "worker" else 1)
    run.assert_clean()


def test_a_worker_is_replaced_though_the_command_has_evaluated_an_expression(project: Make) -> None:
    limit = '_run_timeout: "${60 * 60}s"\n'
    run = project({**SLOW, "w.dig": limit + SLOW["w.dig"]})
    command = started(run)
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 2)
    let_go(run)
    assert command.wait().code == 0


def test_all_tasks_that_ran_at_once_run_again_after_the_worker_s_death(project: Make) -> None:
    tasks = "".join(f"+t{n}: {{sh>: . ./slow.sh}}\n" for n in range(3))
    run = project({**SLOW, "w.dig": f"_parallel: true\n{tasks}"})
    command = run.start()
    eventually(lambda: texts(run).count("slow") == 3)
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 6, within=2)
    let_go(run)
    assert command.wait().code == 0
    assert {effect.fence for effect in run.effects} == {1, 2}
    run.assert_clean()


def test_a_program_that_survived_everybody_is_dead_before_it_runs_again(project: Make) -> None:
    run = project({**SLOW, "slow.sh": STUBBORN["slow.sh"] + "sh effect.sh survived\n"})
    command = started(run)
    above = [command.pid, command.worker, command.spawner, command.keeper]
    program = command.program
    processes.kill([process for pid in above if (process := processes.look(pid))])
    eventually(lambda: not command.is_alive)
    assert processes.look(program) is not None
    second = run.start()
    eventually(lambda: texts(run).count("slow") == 2)
    assert processes.look(program) is None
    let_go(run)
    assert second.wait().code == 0
    assert texts(run) == ["before", "slow", "slow", "survived", "after"]
    run.assert_clean()


def test_a_killed_program_is_a_failure_of_the_task(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    os.kill(command.program, signal.SIGKILL)
    ended = command.wait()
    assert ended.code == 1
    assert "Command failed with code 137" in ended.err
    run.assert_clean()


def test_nothing_survives_the_command_and_its_attempt_stays_running(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    kill_command(command)
    assert run.attempt()["phase"] == "running"


def test_the_next_command_continues_the_attempt_of_a_killed_one(project: Make) -> None:
    run = project(SLOW)
    kill_command(started(run))
    let_go(run)
    assert run.run().code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    assert [(row["id"], row["phase"], row["epoch"]) for row in run.attempts] == [(1, "success", 2)]
    run.assert_clean()


def test_a_command_with_other_parameters_supersedes_the_attempt_of_a_killed_one(
    project: Make,
) -> None:
    run = project(SLOW)
    kill_command(started(run))
    let_go(run)
    assert run.run("-p", "x=1").code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    first, second = run.attempts
    assert (first["phase"], first["cause"], first["superseded_by"]) == ("canceled", "superseded", 2)
    assert second["phase"] == "success"
    run.assert_clean()


REQUIRING = {
    **SLOW,
    "w.dig": "timezone: UTC\n+needed: {require>: other}\n",
    "other.dig": SLOW["w.dig"],
}


def test_what_was_taken_over_is_not_repeated_after_a_crash(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    command.send(signal.SIGINT)
    command.wait()
    command = run.start()
    eventually(lambda: texts(run).count("slow") == 2)
    kill_command(command)
    let_go(run)
    assert run.run().code == 0
    assert texts(run) == ["before", "slow", "slow", "slow", "after"]
    assert [(row["phase"], row["epoch"]) for row in run.attempts] == [
        ("canceled", 1),
        ("success", 2),
    ]


def test_a_retry_that_waits_is_neither_lost_nor_hurried_by_a_crash(project: Make) -> None:
    run = project(
        {"w.dig": "+t: {sh>: sh effect.sh try; exit 1, _retry: {limit: 1, interval: 1}}\n"}
    )
    command = run.start()
    eventually(run.did("try"))
    waiting = eventually(lambda: run.rows("SELECT * FROM tasks WHERE state = 'retry_waiting'"))
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == 1
    assert texts(run) == ["try", "try"]
    (second,) = run.rows("SELECT claimed_at FROM task_runs WHERE fence = 2")
    assert second["claimed_at"] >= waiting[0]["retry_at"]
    run.assert_clean()


def test_a_required_attempt_of_a_killed_command_is_continued_too(project: Make) -> None:
    run = project(REQUIRING)
    kill_command(started(run))
    let_go(run)
    assert run.run().code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    assert [(row["phase"], row["epoch"]) for row in run.attempts] == [("success", 2)] * 2
    run.assert_clean()


def test_a_required_attempt_of_a_killed_command_is_adopted_by_another_that_requires_it(
    project: Make,
) -> None:
    run = project({**REQUIRING, "v.dig": REQUIRING["w.dig"]})
    kill_command(started(run))
    let_go(run)
    assert run.run(workflow="v.dig").code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    found = [(row["phase"], row["epoch"], row["command"]) for row in run.attempts]
    assert found == [("running", 1, 1), ("success", 2, 3), ("success", 1, 3)]
    run.assert_clean()


def test_a_command_ends_as_its_own_workflow_does_not_as_one_it_adopted(project: Make) -> None:
    failing = REQUIRING["w.dig"] + "+bad:\n  fail>: no\n"
    run = project({**REQUIRING, "v.dig": failing})
    kill_command(started(run))
    let_go(run)
    ended = run.run(workflow="v.dig")
    assert ended.code == 1
    assert "failed: v, session" in ended.err
    run.assert_clean()


def test_a_command_with_other_parameters_supersedes_what_was_required_as_well(
    project: Make,
) -> None:
    run = project(REQUIRING)
    kill_command(started(run))
    let_go(run)
    assert run.run("-p", "x=1").code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    found = [(row["phase"], row["superseded_by"]) for row in run.attempts]
    assert found == [("canceled", 3), ("canceled", 4), ("success", None), ("success", None)]
    run.assert_clean()


def test_an_attempt_whose_command_died_while_it_canceled_is_superseded(project: Make) -> None:
    run = project(STUBBORN)
    command = started(run)
    command.send(signal.SIGINT)
    eventually(lambda: run.attempt()["phase"] == "canceling")
    kill_command(command)
    let_go(run)
    ended = run.run()
    assert ended.code == 0, ended.err
    assert [row["phase"] for row in run.attempts] == ["canceled", "success"]
    run.assert_clean()


def test_a_second_command_is_refused_while_the_first_lives(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    refused = run.run()
    assert refused.code == 1
    assert f"process {command.pid}" in refused.err
    let_go(run)
    assert command.wait().code == 0
    assert texts(run) == ["before", "slow", "after"]


def test_what_another_command_runs_as_required_is_refused_and_names_that_command(
    project: Make,
) -> None:
    run = project(REQUIRING)
    command = started(run)
    refused = run.run(workflow="other.dig")
    assert refused.code == 1
    assert f"process {command.pid}" in refused.err
    let_go(run)
    assert command.wait().code == 0


def test_of_two_commands_that_are_given_at_once_one_runs(project: Make) -> None:
    run = project(SLOW)
    commands = [run.start(), run.start()]
    refused = eventually(lambda: [command for command in commands if not command.is_alive])
    let_go(run)
    assert [command.wait().code for command in refused] == [1]
    assert {command.wait().code for command in commands} == {0, 1}
    assert texts(run) == ["before", "slow", "after"]


def test_two_commands_that_require_the_same_attempt_run_it_once(project: Make) -> None:
    run = project({**REQUIRING, "v.dig": REQUIRING["w.dig"]})
    first = started(run)
    second = run.start(workflow="v.dig")
    eventually(lambda: run.rows("SELECT * FROM tasks WHERE attempt = 3 AND awaits = 2"))
    let_go(run)
    assert (first.wait().code, second.wait().code) == (0, 0)
    assert texts(run) == ["before", "slow", "after"]
    run.assert_clean()


def test_a_required_attempt_is_started_once_though_its_start_was_not_noted(
    project: Make, tmp_path: Path
) -> None:
    run = project({**REQUIRING, "w.dig": "+needed: {require>: other, rerun_on: all}\n"})
    let_go(run)
    once = str(tmp_path / "once")
    run.run(DIGPY_FAILPOINT="starter.after_required", DIGPY_FAILPOINT_ONCE=once)
    assert [row["phase"] for row in run.attempts] == ["success"] * 2
    assert texts(run) == ["before", "slow", "after"]


def test_a_required_attempt_whose_command_died_while_it_canceled_is_superseded(
    project: Make,
) -> None:
    run = project(
        {**STUBBORN, "w.dig": REQUIRING["w.dig"], "v.dig": REQUIRING["w.dig"]}
        | {"other.dig": STUBBORN["w.dig"]}
    )
    command = started(run)
    command.send(signal.SIGINT)
    eventually(lambda: run.attempt(2)["phase"] == "canceling")
    kill_command(command)
    let_go(run)
    ended = run.run(workflow="v.dig")
    assert ended.code == 0, ended.err
    assert (run.attempt(2)["phase"], run.attempt(2)["superseded_by"]) == ("canceled", 4)
    assert texts(run) == ["before", "slow", "slow", "after"]
    run.assert_clean()


# Too many losses


def test_workers_that_die_without_progress_end_the_attempt(project: Make) -> None:
    run = project(SLOW)
    ended = run.run(DIGPY_FAILPOINT="worker.before_hello")
    assert ended.code == 1
    assert "giving up" in ended.err
    assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "resume_exhausted")
    assert len(run.rows("SELECT * FROM launches")) == 4
    run.assert_clean()


def test_max_resumes_says_how_many_losses_are_too_many(project: Make) -> None:
    run = project(SLOW)
    command = started(run, "--max-resumes", "1")
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 2)
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == 1
    assert run.attempt()["reason"] == "resume_exhausted"
    run.assert_clean()


def test_losses_with_progress_in_between_do_not_add_up(project: Make) -> None:
    tasks = "".join(f"+t{n}: {{sh>: sh effect.sh t{n}}}\n" for n in range(6))
    run = project({"w.dig": f"timezone: UTC\n{tasks}"})
    ended = run.run(DIGPY_FAILPOINT="agent.before_finish")
    assert ended.code == 0, ended.err
    assert texts(run) == [f"t{n}" for n in range(6)]
    assert run.attempt()["epoch"] == 7
    run.assert_clean()


def test_a_task_that_is_lost_three_times_fails(project: Make) -> None:
    run = project(SLOW)
    ended = run.run(DIGPY_FAILPOINT="agent.running")
    assert ended.code == 1
    assert "disappeared 3 times" in ended.err
    assert run.attempt()["reason"] == "task_error"
    run.assert_clean()


# Stopping

POLITE = {
    **SLOW,
    "slow.sh": """\
trap 'sh effect.sh stopped; exit 9' TERM
sh effect.sh slow
until test -e go; do sleep 0.02; done
""",
}
"""Says that it was asked to stop."""


@pytest.mark.parametrize(
    "stop",
    [
        lambda command: command.send_group(signal.SIGINT),
        lambda command: command.send(signal.SIGINT),
        lambda command: command.send(signal.SIGTERM),
        lambda command: command.send_group(signal.SIGHUP),
    ],
    ids=["Ctrl-C in a terminal", "SIGINT", "SIGTERM", "the terminal is closed"],
)
def test_an_interrupted_command_cancels_its_tasks(
    project: Make, stop: Callable[[Command], None]
) -> None:
    run = project(POLITE)
    command = started(run)
    stop(command)
    assert command.wait().code == 130
    assert texts(run) == ["before", "slow", "stopped"]
    assert (run.attempt()["phase"], run.attempt()["cause"]) == ("canceled", "user")
    run.assert_clean()


def test_the_next_command_after_a_cancel_takes_over_what_had_succeeded(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    command.send(signal.SIGINT)
    command.wait()
    let_go(run)
    assert run.run().code == 0
    assert texts(run) == ["before", "slow", "slow", "after"]
    assert [row["phase"] for row in run.attempts] == ["canceled", "success"]


def test_a_task_that_ignores_the_request_is_killed_after_the_grace(project: Make) -> None:
    run = project(STUBBORN)
    command = started(run, "-X", "agent.stop_grace=1s")
    asked = time.monotonic()
    command.send(signal.SIGINT)
    assert command.wait().code == 130
    assert 1 <= time.monotonic() - asked < 2.5
    run.assert_clean()


def test_a_second_interrupt_kills_at_once(project: Make) -> None:
    run = project(STUBBORN)
    command = started(run)
    command.send(signal.SIGINT)
    eventually(lambda: run.attempt()["phase"] == "canceling")
    command.send(signal.SIGINT)
    assert command.wait(within=2).code == 130
    assert run.attempt()["phase"] == "canceled"
    run.assert_clean()


def test_a_worker_that_does_not_answer_is_killed_when_the_command_is_interrupted(
    project: Make,
) -> None:
    run = project(SLOW)
    command = started(run)
    os.kill(command.worker, signal.SIGSTOP)
    command.send(signal.SIGINT)
    assert command.wait(within=5).code == 130
    assert (run.attempt()["phase"], run.attempt()["cause"]) == ("canceled", "user")
    run.assert_clean()


# Limits


def lateness(project: CommandProject, limit: float) -> float:
    """Seconds between the limit and the instant at which the attempt was told to stop."""
    attempt = project.attempt()
    return float((attempt["canceling_since"] - attempt["started_at"]) / 1e6 - limit)


@pytest.mark.parametrize(
    ("written", "arguments"),
    [("_run_timeout: 1s\n", []), ("_run_timeout: 1h\n", ["--run-timeout", "1s"])],
    ids=["_run_timeout", "--run-timeout"],
)
def test_a_run_that_lasts_too_long_is_stopped_then_marked(
    project: Make, written: str, arguments: list[str]
) -> None:
    run = project({**POLITE, "w.dig": written + POLITE["w.dig"]})
    ended = run.run(*arguments)
    assert ended.code == 1
    assert texts(run) == ["before", "slow", "stopped"]
    assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "run_timeout")
    assert 0 <= lateness(run, 1) < 1
    run.assert_clean()


def test_a_run_that_only_waits_is_limited_too(project: Make) -> None:
    run = project({"w.dig": "_run_timeout: 1s\n+wait: {wait>: 1h}\n"})
    assert run.run().code == 1
    assert run.attempt()["reason"] == "run_timeout"
    assert 0 <= lateness(run, 1) < 1


def test_the_time_limit_counts_across_workers(project: Make) -> None:
    run = project(SLOW)
    command = started(run, "--run-timeout", "2s")
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == 1
    assert run.attempt()["reason"] == "run_timeout"
    assert 0 <= lateness(run, 2) < 1


def test_a_worker_that_does_not_answer_does_not_get_around_the_limit(project: Make) -> None:
    run = project(SLOW)
    command = started(run, "--run-timeout", "1s")
    os.kill(command.worker, signal.SIGSTOP)
    assert command.wait(within=6).code == 1
    assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "run_timeout")
    run.assert_clean()


def test_what_does_not_stop_is_killed_after_the_cancel_timeout(project: Make) -> None:
    run = project({**STUBBORN, "w.dig": f"_cancel_timeout: 1s\n{STUBBORN['w.dig']}"})
    command = started(run)
    asked = time.monotonic()
    command.send(signal.SIGINT)
    assert command.wait().code == 130
    assert 1 <= time.monotonic() - asked < 3
    assert run.attempt()["phase"] == "canceled"
    run.assert_clean()


def test_a_worker_that_does_not_start_in_time_fails_the_attempt(project: Make) -> None:
    run = project({**SLOW, "w.dig": f"_start_timeout: 1s\n{SLOW['w.dig']}"})
    ended = run.run(DIGPY_FAILPOINT="worker.before_hello", DIGPY_FAILPOINT_SIGNAL="SIGSTOP")
    assert ended.code == 1
    assert (run.attempt()["phase"], run.attempt()["reason"]) == ("failure", "start_timeout")
    assert run.attempt()["epoch"] == 1
    run.assert_clean()


def test_what_a_run_requires_stops_with_it(project: Make) -> None:
    run = project(REQUIRING)
    ended = run.run("--run-timeout", "1s")
    assert ended.code == 1
    found = [(row["phase"], row["reason"]) for row in run.attempts]
    assert found == [("failure", "run_timeout"), ("canceled", "parent")]
    run.assert_clean()


def test_a_required_attempt_that_has_to_be_killed_does_not_stop_who_requires_it(
    project: Make,
) -> None:
    run = project(
        {
            **STUBBORN,
            "w.dig": "+needed: {require>: other, ignore_failure: true}\n"
            "+after: {sh>: sh effect.sh afterwards}\n",
            "other.dig": f"_run_timeout: 1s\n_cancel_timeout: 1s\n{STUBBORN['w.dig']}",
        }
    )
    ended = run.run()
    assert ended.code == 0, ended.err
    assert texts(run) == ["before", "slow", "afterwards"]
    found = [(row["phase"], row["reason"]) for row in run.attempts]
    assert found == [("success", None), ("failure", "run_timeout")]
    run.assert_clean()


# Deaths during recovery


@pytest.mark.parametrize("place", IN_RECOVERY)
def test_a_command_that_dies_while_it_recovers_is_continued(project: Make, place: str) -> None:
    run = project(SLOW)
    command = started(run, DIGPY_FAILPOINT=place)
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == -signal.SIGKILL
    let_go(run)
    assert run.run().code == 0
    assert [row["id"] for row in run.attempts] == [1]
    assert texts(run) == ["before", "slow", "slow", "after"]
    run.assert_clean()


def test_a_limit_that_passed_while_no_command_lived_ends_the_attempt_and_a_new_one_goes_on(
    project: Make,
) -> None:
    run = project({**SLOW, "w.dig": "_run_timeout: 2s\n" + SLOW["w.dig"]})
    kill_command(started(run))
    eventually(lambda: time.time() > run.attempt()["started_at"] / 1e6 + 2)
    let_go(run)
    assert run.run().code == 0
    assert [(row["phase"], row["reason"]) for row in run.attempts] == [
        ("failure", "run_timeout"),
        ("success", None),
    ]
    assert texts(run) == ["before", "slow", "slow", "after"]
    run.assert_clean()


# Crashes that a task or a workflow says something about


def test_a_task_that_must_not_run_twice_fails_when_its_worker_dies(project: Make) -> None:
    never = SLOW["w.dig"].replace("slow.sh\n", "slow.sh\n  rerun_on_crash: never\n")
    run = project({**SLOW, "w.dig": never})
    command = started(run)
    os.kill(command.worker, signal.SIGKILL)
    ended = command.wait()
    assert ended.code == 1
    assert "disappeared once (worker_lost)" in ended.err
    assert texts(run) == ["before", "slow"]
    run.assert_clean()


def test_a_run_that_was_claimed_and_never_started_may_be_repeated(
    project: Make, tmp_path: Path
) -> None:
    run = project({"w.dig": "+t:\n  sh>: sh effect.sh ran\n  rerun_on_crash: if_not_started\n"})
    once = str(tmp_path / "once")
    ended = run.run(DIGPY_FAILPOINT="agent.after_claim", DIGPY_FAILPOINT_ONCE=once)
    assert (ended.code, texts(run)) == (0, ["ran"])
    run.assert_clean()


def test_an_attempt_that_lost_too_many_workers_is_tried_again_as_a_whole(
    project: Make, tmp_path: Path
) -> None:
    retry = "_attempt_retry: 1\n_max_resumes: 0\n"
    run = project({**SLOW, "w.dig": retry + SLOW["w.dig"]})
    command = started(run)
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 2)
    let_go(run)
    ended = command.wait()
    assert ended.code == 0, ended.err
    assert texts(run) == ["before", "slow", "slow", "after"]
    assert [(row["phase"], row["reason"], row["superseded_by"]) for row in run.attempts] == [
        ("failure", "resume_exhausted", 2),
        ("success", None, None),
    ]
    run.assert_clean()


def test_a_frozen_supervisor_that_was_replaced_leaves_without_a_trace(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    command.send(signal.SIGSTOP)
    with closing(sqlite3.connect(run.directory / ".digpy" / "digpy.db")) as connection, connection:
        connection.execute("UPDATE leases SET epoch = epoch + 1, holder = 'another'")
    before = run.attempt()
    command.send(signal.SIGCONT)
    ended = command.wait()
    assert (ended.code, run.attempt()) == (1, before)
    assert "another process leads attempt/1 now" in ended.err


def test_programs_run_on_while_somebody_locks_the_database(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    with closing(sqlite3.connect(run.directory / ".digpy" / "digpy.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        let_go(run)
        eventually(lambda: has_exit(run))
        assert command.is_alive
        other.rollback()
    assert command.wait().code == 0
    assert texts(run) == ["before", "slow", "after"]
    run.assert_clean()
