"""Faults that are not a death at a named place: freezes, reruns, cancels, races, floods.

Which of them is which row of the fault matrix stands in `tests.crash.test_fault_matrix`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from digpy.agent import processes
from tests.support.command import ROOT, CommandProject, projects
from tests.support.eventually import eventually
from tests.support.process_tree import DETACHED, TREES, Marked, marked
from tests.support.slow import SLOW, STUBBORN, has_exit, kill_command, let_go, started, texts

Make = Callable[[Mapping[str, str]], CommandProject]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


@pytest.fixture
def mark() -> Iterator[Marked]:
    with marked() as mark:
        yield mark


# Trees


@pytest.mark.parametrize("tree", [*TREES.values(), DETACHED], ids=[*TREES, "fully detached"])
def test_the_tree_of_a_killed_worker_is_gone_before_its_task_runs_again(
    project: Make, mark: Marked, tree: tuple[str, int]
) -> None:
    script, size = tree
    lasting = max(1, size - 1)  # without the shell: the mark stands in a file that it reads
    lock = "exec 9>> lock\nflock -n 9 || sh effect.sh overlap\nsh effect.sh ran\n"
    text = f"{lock}if test -e go; then exit 0; fi\n{script.format(mark=mark)}\n"
    run = project({"w.dig": "+t: {sh>: . ./tree.sh}\n", "tree.sh": text})
    command = run.start()
    eventually(lambda: len(mark.alive) >= lasting)
    run.write({"go": ""})
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == 0
    assert texts(run) == ["ran", "ran"]
    assert not mark.alive
    run.assert_clean()


# What a rerun gets

JOBS = """
from pathlib import Path

from digpy.spi import InlineOperator, RetryLater, TaskResult


class Job(InlineOperator):
    options = None

    def run(self, request):
        if request.state:
            over = Path(request.project, "go").exists()
            return TaskResult(store={"job": request.state["job"]}) if over else again(request.state)
        with Path(request.project, "jobs").open("a") as jobs:
            jobs.write("started\\n")
        return again({"job": 7})


def again(state):
    return RetryLater(200_000, state)
"""


def test_a_rerun_continues_the_external_job_that_was_noted(project: Make) -> None:
    run = project(
        {
            "w.dig": "+t: {job>: x}\n+after: {sh>: 'sh effect.sh job ${job}'}\n",
            "site/jobs.py": JOBS,
            "site/jobs-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: jobs\nVersion: 1\n",
            "site/jobs-1.dist-info/entry_points.txt": "[digpy.operators]\njob = jobs:Job\n",
        }
    )
    path = f"{ROOT}:{run.directory / 'site'}"
    command = run.start(PYTHONPATH=path)
    eventually((run.directory / ".digpy" / "locks" / "1").exists)
    eventually(lambda: run.rows("SELECT * FROM tasks WHERE state_params LIKE '%job%'"))
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: run.attempt()["epoch"] == 2)
    let_go(run)
    assert command.wait().code == 0
    assert (run.directory / "jobs").read_text() == "started\n"
    assert texts(run) == ["job 7"]
    run.assert_clean()


def test_a_rerun_shows_the_same_idempotency_key(project: Make) -> None:
    slow = 'sh effect.sh "$DIGPY_IDEMPOTENCY_KEY"\n' + SLOW["slow.sh"]
    run = project({**SLOW, "slow.sh": slow})
    command = started(run)
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 2)
    let_go(run)
    assert command.wait().code == 0
    keys = [text for text in texts(run) if text not in ("before", "slow", "after")]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    run.assert_clean()


@pytest.mark.parametrize(
    ("place", "runs", "codes"),
    [
        ("agent.after_claim", {0}, {1}),
        ("agent.after_keeper", {0, 1}, {0, 1}),  # it may end before its keeper stops it
        ("agent.running", {0, 1}, {0, 1}),
        ("agent.before_finish", {1}, {0}),
        ("keeper.before_exit", {1}, {1}),
    ],
)
def test_what_must_not_run_twice_runs_at_most_once(
    project: Make, tmp_path: Path, place: str, runs: set[int], codes: set[int]
) -> None:
    run = project({"w.dig": "+t: {sh>: sh effect.sh ran, rerun_on_crash: never}\n"})
    once = tmp_path / "once"
    ended = run.run(DIGPY_FAILPOINT=place, DIGPY_FAILPOINT_ONCE=str(once))
    assert once.exists()
    assert ended.code in codes, ended.err
    assert len(texts(run)) in (runs if ended.code else {1})
    run.assert_clean()


def test_a_program_that_deletes_locks_does_not_hide_that_it_was_started(project: Make) -> None:
    text = "+t: {sh>: . ./slow.sh, rerun_on_crash: if_not_started}\n"
    slow = "find . -name '*.lock' -delete\n" + SLOW["slow.sh"]
    run = project({"w.dig": text, "slow.sh": slow})
    command = started(run)
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == 1
    assert texts(run) == ["slow"]
    run.assert_clean()


def test_a_restarted_worker_runs_what_was_compiled_at_the_start(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    run.write({"w.dig": SLOW["w.dig"].replace("effect.sh after", "effect.sh changed")})
    os.kill(command.worker, signal.SIGKILL)
    eventually(lambda: texts(run).count("slow") == 2)
    let_go(run)
    assert command.wait().code == 0
    assert texts(run)[-1] == "after"
    run.assert_clean()


def test_a_thousand_generated_tasks_are_there_once_whoever_dies_generating_them(
    project: Make, tmp_path: Path
) -> None:
    run = project({"w.dig": "+l:\n  loop>: 990\n  _do: {echo>: '${i}'}\n"})
    once = tmp_path / "once"
    ended = run.run(DIGPY_FAILPOINT="executor.mid_commit", DIGPY_FAILPOINT_ONCE=str(once))
    assert once.exists()
    assert ended.code == 0, ended.err
    (row,) = run.rows("SELECT count(*) AS n, count(DISTINCT full_name) AS names FROM tasks")
    assert (row["n"], row["names"]) == (993, 993)
    run.assert_clean()


def test_a_task_that_kills_its_worker_each_time_fails_and_the_others_do_not(project: Make) -> None:
    # It waits for the directory of the other one to go, which so cannot be lost three times, too.
    poison = "sh effect.sh poison\nread _ _ _ parent _ < /proc/$PPID/stat\n" + (
        "until test -e other; do sleep 0.01; done\n"
        "until set -- .digpy/runs/*; test $# = 1; do sleep 0.01; done\n"
        "read _ _ _ worker _ < /proc/$parent/stat\nkill -9 $worker\nsleep 1000\n"
    )
    other = "+other: {sh>: sh effect.sh other && touch other}\n"
    text = "_parallel: true\n+poison: {sh>: . ./poison.sh}\n" + other
    run = project({"w.dig": text, "poison.sh": poison})
    ended = run.run()
    assert ended.code == 1
    assert "disappeared 3 times" in ended.err
    assert Counter(texts(run))["poison"] == 3
    states = run.rows("SELECT state FROM tasks WHERE full_name = '+w+other'")
    assert [row["state"] for row in states] == ["success"]
    run.assert_clean()


# Freezes


def test_a_worker_that_is_frozen_for_a_while_loses_nothing(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    worker = command.worker
    os.kill(worker, signal.SIGSTOP)
    let_go(run)
    eventually(lambda: has_exit(run))
    os.kill(worker, signal.SIGCONT)
    assert command.wait().code == 0
    assert texts(run) == ["before", "slow", "after"]
    assert run.attempt()["epoch"] == 1
    assert run.events("task.lost") == []
    run.assert_clean()


def test_a_frozen_worker_starts_nothing_after_the_next_command_has_replaced_it(
    project: Make, tmp_path: Path
) -> None:
    run = project({**SLOW, "w.dig": "+slow: {sh>: . ./slow.sh}\n"})
    once = tmp_path / "once"
    first = run.start(
        DIGPY_FAILPOINT="agent.after_claim",
        DIGPY_FAILPOINT_SIGNAL="SIGSTOP",
        DIGPY_FAILPOINT_ONCE=str(once),
    )
    eventually(once.exists)
    worker = first.worker
    # A process group that loses its last parent outside is sent on by the kernel: not this one.
    companion = subprocess.Popen(["sleep", "1000"], process_group=first.pid)
    try:
        first.send(signal.SIGKILL)
        eventually(lambda: not first.is_alive)
        second = run.start()
        eventually(run.did("slow"))
        assert processes.look(worker) is None
    finally:
        companion.kill()
        companion.wait()
    let_go(run)
    assert second.wait().code == 0
    assert [effect.fence for effect in run.effects] == [2]
    run.assert_clean()


def test_a_worker_that_is_frozen_between_claim_and_start_is_canceled_all_the_same(
    project: Make, tmp_path: Path
) -> None:
    run = project({**SLOW, "w.dig": "+slow: {sh>: . ./slow.sh}\n"})
    once = tmp_path / "once"
    command = run.start(
        DIGPY_FAILPOINT="agent.after_claim",
        DIGPY_FAILPOINT_SIGNAL="SIGSTOP",
        DIGPY_FAILPOINT_ONCE=str(once),
    )
    eventually(once.exists)
    command.send(signal.SIGINT)
    os.kill(command.worker, signal.SIGCONT)
    assert command.wait().code == 130
    assert (run.attempt()["phase"], run.attempt()["cause"]) == ("canceled", "user")
    assert run.rows("SELECT state FROM tasks WHERE number = 2") == [{"state": "canceled"}]
    run.assert_clean()


# Ends


def test_a_command_that_dies_between_killing_its_worker_and_marking_it_ends_it_once(
    project: Make,
) -> None:
    run = project(SLOW)
    command = started(run, DIGPY_FAILPOINT="executor.before_end")
    os.kill(command.worker, signal.SIGSTOP)
    command.send(signal.SIGINT)
    assert command.wait().code == -signal.SIGKILL
    let_go(run)
    assert run.run().code == 0
    assert [row["phase"] for row in run.attempts] == ["canceled", "success"]
    run.assert_clean()


def test_a_run_timeout_ends_an_attempt_whose_replacement_never_comes(
    project: Make, tmp_path: Path
) -> None:
    run = project(SLOW)
    once = tmp_path / "once"
    once.touch()
    command = started(
        run,
        *("--run-timeout", "3s"),
        DIGPY_FAILPOINT="worker.before_hello",
        DIGPY_FAILPOINT_SIGNAL="SIGSTOP",
        DIGPY_FAILPOINT_ONCE=str(once),
    )
    once.unlink()
    os.kill(command.worker, signal.SIGKILL)
    assert command.wait().code == 1
    assert once.exists()
    assert (run.attempt()["reason"], run.attempt()["epoch"]) == ("run_timeout", 2)
    run.assert_clean()


STATES = {
    "running": "+t: {sh>: . ./slow.sh}\n",
    "ready": "+t: {sh>: . ./slow.sh}\n+u: {sh>: . ./slow.sh}\n_parallel: true\n",
    "blocked": "+t: {sh>: . ./slow.sh}\n+u: {echo>: never}\n",
    "retry_waiting": "+t: {wait>: 1000s}\n",
    "group_retry_waiting": "+g:\n  _retry: {limit: 1, interval: 1000}\n  +t: {fail>: now}\n",
    "planned": "+l:\n  loop>: 2\n  _do: {sh>: . ./slow.sh}\n",
}


@pytest.mark.parametrize("state", STATES)
def test_a_cancel_ends_an_attempt_whatever_its_tasks_do(project: Make, state: str) -> None:
    run = project({**SLOW, "w.dig": STATES[state]})
    command = run.start("--max-task-threads", "1")
    eventually((run.directory / ".digpy" / "locks" / "1").exists)
    eventually(lambda: run.attempt()["phase"] == "running" and state in states_of(run))
    command.send(signal.SIGINT)
    assert command.wait().code == 130
    assert run.attempt()["phase"] == "canceled"
    assert states_of(run) <= {"canceled", "success", "blocked", "error", "group_error"}
    run.assert_clean()


def states_of(project: CommandProject) -> set[str]:
    return {row["state"] for row in project.rows("SELECT state FROM tasks WHERE number > 1")}


def test_a_second_cancel_moves_no_deadline(project: Make) -> None:
    run = project({**STUBBORN, "w.dig": f"_cancel_timeout: 3s\n{STUBBORN['w.dig']}"})
    command = started(run)
    assert run.begin("kill", "1").wait().code == 0
    since = eventually(lambda: run.attempt()["canceling_since"])
    run.begin("kill", "1").wait()
    assert run.attempt()["canceling_since"] == since
    command.wait()
    assert run.attempt()["phase"] == "canceled"
    run.assert_clean()


def test_a_boot_that_is_over_proves_its_runs_dead(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    processes.kill(command.alive)  # all at once, as when the power fails
    eventually(lambda: not command.is_alive)
    (record,) = (run.directory / ".digpy" / "runs").glob("*/run.record")
    lines = [json.loads(line) for line in record.read_text().splitlines() if line]
    lines[0]["request"]["boot"] = "before the power failed"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    let_go(run)
    assert run.run().code == 0
    proofs = run.rows("SELECT proof FROM task_runs WHERE number = 3 ORDER BY fence")
    assert [row["proof"] for row in proofs] == ["P3 reboot", "P1 reaped"]
    assert texts(run) == ["before", "slow", "slow", "after"]
    run.assert_clean()


# What programs say

FLOOD = """\
import os, sys
chunk = bytes(range(256)) * 4096
for n in range(40):
    os.write(1, chunk)
open("flooded", "w").close()
import time
time.sleep(1000)
"""


def test_a_flood_of_any_bytes_is_in_the_log_as_it_was_written(project: Make) -> None:
    run = project({"w.dig": "+t: {sh>: test -e go || python3 flood.py}\n", "flood.py": FLOOD})
    command = run.start()
    eventually((run.directory / "flooded").exists)
    worker = command.worker
    let_go(run)
    os.kill(worker, signal.SIGKILL)
    assert command.wait().code == 0
    log = run.directory / ".digpy" / "logs" / "1" / "2-1.log"
    assert log.read_bytes() == bytes(range(256)) * 4096 * 40
    run.assert_clean()


def test_nobody_else_can_read_what_a_run_gets(project: Make) -> None:
    run = project(SLOW)
    command = started(run)
    (directory,) = (run.directory / ".digpy" / "runs").iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    kill_command(command)


def test_secrets_are_in_no_row_of_the_database(project: Make) -> None:
    text = "+t: {sh>: . ./secret.sh, _env: {PASS: '${secret:pass}'}}\n"
    script = 'test "$(printf %s "$PASS" | wc -c)" = 11\n'
    settings = "secrets.pass = hidden-word\n"
    run = project({"w.dig": text, "secret.sh": script, "digpy.properties": settings})
    ended = run.run("-c", "digpy.properties")
    assert ended.code == 0, ended.err
    for path in (run.directory / ".digpy").rglob("*"):
        assert not path.is_file() or b"hidden-word" not in path.read_bytes(), path


def test_a_copy_of_a_project_goes_on_and_leaves_the_original_alone(
    project: Make, tmp_path: Path
) -> None:
    run = project(SLOW)
    original = started(run)
    keeper = original.keeper
    copied = tmp_path / "copy"
    shutil.copytree(run.directory, copied, ignore=shutil.ignore_patterns("*.orders"))
    (copied / "go").touch()
    command = [sys.executable, "-m", "digpy", "run", "w.dig"]
    ended = subprocess.run(
        command, cwd=copied, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr
    assert original.keeper == keeper
    let_go(run)
    assert original.wait().code == 0
    assert texts(run) == ["before", "slow", "after"]
    run.assert_clean()
