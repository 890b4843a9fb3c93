"""Programs under keepers, with real processes: what goes in and out, stopping, the janitor."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digpy.agent import processes
from digpy.agent.janitor import BY_KEEPER, BY_REBOOT, BY_SCAN, REAPED, settle
from digpy.agent.programs import ProgramEnded, ProgramEvent, ProgramLost, ProgramRefused, Programs
from digpy.agent.rundir import RunDirectory, installation
from digpy.spi import Command, Exit, Run
from tests.support.eventually import eventually
from tests.support.process_tree import DETACHED, Marked, marked, next_events, shell

RUN = Run(7, 12, 3)
OTHER = Run(7, 13, 1)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def programs(state: Path) -> Iterator[Programs]:
    programs = Programs(state, limit=2)
    yield programs
    programs.close()


@pytest.fixture
def mark() -> Iterator[Marked]:
    with marked() as mark:
        yield mark


@pytest.fixture
def run(programs: Programs, tmp_path: Path) -> Callable[[str], ProgramEvent]:
    def run(script: str) -> ProgramEvent:
        programs.start(RUN, shell(script, tmp_path), {})
        (event,) = next_events(programs)
        return event

    return run


@pytest.fixture
def log(state: Path) -> Path:
    return RunDirectory(state, RUN).log


def started(state: Path, run: Run = RUN) -> int:
    """Wait until the keeper of `run` has started its program; returns the keeper's number."""
    keeper = eventually(lambda: RunDirectory(state, run).keeper)
    assert keeper is not None
    return keeper.pid


def forget_exit(directory: RunDirectory) -> None:
    """As if the keeper had died before it wrote how its program ended."""
    record = directory.path / "run.record"
    *others, last = record.read_text().splitlines(keepends=True)
    assert "exit" in json.loads(last)
    record.write_text("".join(others))


# What comes out


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("true", 0),
        ("exit 3", 3),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("kill -INT $$", 130),
    ],
)
def test_exit_code(run: Callable[[str], ProgramEvent], script: str, code: int) -> None:
    assert run(script) == ProgramEnded(RUN, code, "exited", REAPED)


def test_output_and_errors_are_one_stream_in_the_order_they_were_written(
    run: Callable[[str], ProgramEvent], log: Path
) -> None:
    run("for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    assert log.read_text() == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"


def test_much_output_that_is_no_text_arrives_unchanged(
    run: Callable[[str], ProgramEvent], log: Path
) -> None:
    program = (
        'import os; os.write(1, b""); [os.write(1, bytes(range(256)) * 256) for _ in range(64)]'
    )
    run(f"{sys.executable} -I -S -c '{program}'")
    assert log.read_bytes() == bytes(range(256)) * 256 * 64


def test_writing_to_dev_stderr_does_not_truncate_the_log(
    run: Callable[[str], ProgramEvent], log: Path
) -> None:
    run("echo first; echo second > /dev/stderr")
    assert log.read_text() == "first\nsecond\n"


def test_who_keeps_the_output_open_keeps_the_task_running(
    run: Callable[[str], ProgramEvent], log: Path
) -> None:
    assert run("(sleep 0.3; echo late) & exit 4") == ProgramEnded(RUN, 4, "exited", REAPED)
    assert log.read_text() == "late\n"


def test_what_stays_behind_without_the_output_is_killed(
    run: Callable[[str], ProgramEvent], mark: Marked
) -> None:
    assert run(f"setsid sleep {mark} >/dev/null 2>&1 &") == ProgramEnded(RUN, 0, "exited", REAPED)
    assert not mark.alive


def test_even_a_fully_detached_process_ends_with_its_program(
    run: Callable[[str], ProgramEvent], mark: Marked
) -> None:
    script, _ = DETACHED
    run(script.replace("; sleep {mark}; true", "").format(mark=mark))
    assert not mark.alive


def test_a_program_that_closes_its_output_runs_on(run: Callable[[str], ProgramEvent]) -> None:
    assert run("exec >&- 2>&-; sleep 0.2; exit 5") == ProgramEnded(RUN, 5, "exited", REAPED)


def test_a_program_may_delete_its_run_directory(
    run: Callable[[str], ProgramEvent], state: Path
) -> None:
    assert run(f"rm -r {state}/runs/{RUN}") == ProgramEnded(RUN, 0, "exited", REAPED)


# What goes in


def test_a_program_finds_its_identity_in_the_environment(
    programs: Programs, state: Path, tmp_path: Path, log: Path
) -> None:
    programs.start(RUN, shell("env | grep ^DIGPY_ | sort", tmp_path), {}, retries=2)
    next_events(programs)
    name = installation(state)
    assert log.read_text().splitlines() == [
        "DIGPY_FENCE=3",
        f"DIGPY_IDEMPOTENCY_KEY={name}.7.12.2",
        f"DIGPY_INSTALLATION={name}",
        "DIGPY_RUN=7.12.3",
    ]


def test_the_environment_is_the_command_s_and_nothing_else(
    programs: Programs, tmp_path: Path, log: Path
) -> None:
    programs.start(RUN, Command(["/usr/bin/env"], tmp_path, {"A": "ü\n$x"}, {}), {})
    next_events(programs)
    others = [line for line in log.read_text().splitlines() if not line.startswith("DIGPY_")]
    assert others == ["A=ü", "$x"]


def test_standard_input_is_empty(run: Callable[[str], ProgramEvent], log: Path) -> None:
    run("cat; echo end")
    assert log.read_text() == "end\n"


def test_standard_input_is_what_the_command_says(
    programs: Programs, tmp_path: Path, log: Path
) -> None:
    programs.start(RUN, shell("cat", tmp_path, stdin=b"\0given"), {})
    next_events(programs)
    assert log.read_bytes() == b"\0given"


def test_a_program_starts_in_the_command_s_directory(
    run: Callable[[str], ProgramEvent], tmp_path: Path, log: Path
) -> None:
    run("pwd")
    assert log.read_text() == f"{tmp_path}\n"


def test_files_of_a_run_are_its_owner_s_alone(
    programs: Programs, state: Path, tmp_path: Path
) -> None:
    files = {"runner.sh": b"true", "lib/a.py": b""}
    programs.start(RUN, shell("true", tmp_path, files=files), {})
    next_events(programs)
    directory = RunDirectory(state, RUN).path
    modes = {path.stat().st_mode & 0o777 for path in directory.rglob("*") if path.is_file()}
    assert (directory.stat().st_mode & 0o777, modes) == (0o700, {0o600})


def test_a_program_leads_its_own_session(run: Callable[[str], ProgramEvent], log: Path) -> None:
    run("set -- $(cat /proc/$$/stat); echo $(($5 == $$)) $(($6 == $$))")
    assert log.read_text() == "1 1\n"


def test_the_agent_has_no_copy_of_the_lock_when_the_program_starts(
    run: Callable[[str], ProgramEvent], state: Path
) -> None:
    lock = RunDirectory(state, RUN).path / "run.record"
    script = f'grep -sq "FLOCK.*WRITE.*:$(stat -c %i {lock}) " /proc/{os.getpid()}/fdinfo/*'
    assert run(script) == ProgramEnded(RUN, 1, "exited", REAPED)


# What cannot be started


def test_a_missing_program_is_refused_in_digdag_s_words(programs: Programs, tmp_path: Path) -> None:
    programs.start(RUN, Command(["no-such-python"], tmp_path, {}, {}), {})
    text = f'Cannot run program "no-such-python" (in directory "{tmp_path}"): '
    text += "error=2, No such file or directory"
    assert next_events(programs) == [ProgramRefused(RUN, text, REAPED)]


def test_a_missing_directory_is_refused(programs: Programs, tmp_path: Path) -> None:
    programs.start(RUN, shell("true", tmp_path / "gone"), {})
    (event,) = next_events(programs)
    assert isinstance(event, ProgramRefused)


def test_too_large_an_environment_names_the_largest_variable(
    programs: Programs, tmp_path: Path
) -> None:
    programs.start(RUN, shell("true", tmp_path, environment={"big": "x" * 300_000}), {})
    (event,) = next_events(programs)
    assert isinstance(event, ProgramRefused)
    assert "the largest variables are big (300000 characters)" in event.error


def test_a_value_that_no_environment_can_hold_is_refused(
    programs: Programs, tmp_path: Path
) -> None:
    programs.start(RUN, shell("true", tmp_path, environment={"a": "\0"}), {})
    (event,) = next_events(programs)
    assert isinstance(event, ProgramRefused)


def test_a_keeper_goes_on_after_a_refusal(programs: Programs, state: Path, tmp_path: Path) -> None:
    programs.start(RUN, Command(["no-such-program"], tmp_path, {}, {}), {})
    next_events(programs)
    programs.start(OTHER, shell("true", tmp_path), {})
    assert next_events(programs) == [ProgramEnded(OTHER, 0, "exited", REAPED)]
    assert RunDirectory(state, OTHER).keeper == RunDirectory(state, RUN).keeper


# Stopping


def test_stop_lets_a_program_clean_up(
    programs: Programs, state: Path, tmp_path: Path, log: Path
) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"
    programs.start(RUN, shell(script, tmp_path), {})
    eventually(lambda: log.exists() and log.read_text())
    programs.stop(RUN)
    assert next_events(programs) == [ProgramEnded(RUN, 7, "killed", REAPED)]
    assert log.read_text().endswith("bye\n")


def test_stop_reaches_the_children_of_the_program(programs: Programs, tmp_path: Path) -> None:
    with marked() as mark:
        programs.start(RUN, shell(f"trap '' INT; sleep {mark}; sleep {mark}", tmp_path), {})
        eventually(lambda: len(mark.alive) == 2)
        programs.stop(RUN)
        assert next_events(programs, within=5) == [ProgramEnded(RUN, 143, "killed", REAPED)]


def test_who_ignores_the_stop_is_killed_after_the_grace(
    programs: Programs, tmp_path: Path, mark: Marked
) -> None:
    programs.start(RUN, shell(f"trap '' TERM; sleep {mark}; sleep {mark}", tmp_path), {})
    eventually(lambda: len(mark.alive) == 2)
    begin = time.monotonic()
    programs.stop(RUN, grace=0.3)
    assert next_events(programs) == [ProgramEnded(RUN, 137, "killed", REAPED)]
    assert time.monotonic() - begin >= 0.3
    assert not mark.alive


def test_a_second_stop_may_only_shorten_the_grace(
    programs: Programs, tmp_path: Path, mark: Marked
) -> None:
    programs.start(RUN, shell(f"trap '' TERM; sleep {mark}; true", tmp_path), {})
    eventually(lambda: len(mark.alive) == 2)
    programs.stop(RUN, grace=60)
    programs.stop(RUN, grace=0)
    programs.stop(RUN, grace=60)
    assert next_events(programs, within=5) == [ProgramEnded(RUN, 137, "killed", REAPED)]


def test_a_stop_right_after_the_start_is_obeyed(programs: Programs, tmp_path: Path) -> None:
    programs.start(RUN, shell("sleep 60", tmp_path), {})
    programs.stop(RUN)
    (event,) = next_events(programs)
    assert isinstance(event, ProgramEnded)
    assert event.by == "killed"


def test_stopping_what_has_ended_does_nothing(programs: Programs, tmp_path: Path) -> None:
    programs.start(RUN, shell("true", tmp_path), {})
    next_events(programs)
    programs.stop(RUN)
    programs.start(OTHER, shell("true", tmp_path), {})
    assert next_events(programs) == [ProgramEnded(OTHER, 0, "exited", REAPED)]


def test_a_stop_that_crosses_the_end_does_not_hit_the_next_program(
    programs: Programs, state: Path, tmp_path: Path
) -> None:
    programs.start(RUN, shell("true", tmp_path), {})
    eventually(lambda: RunDirectory(state, RUN).was_proved_empty)
    programs.stop(RUN)
    next_events(programs)
    programs.start(OTHER, shell("sleep 0.1", tmp_path), {})
    assert next_events(programs) == [ProgramEnded(OTHER, 0, "exited", REAPED)]


def test_kill_all_ends_everything(programs: Programs, tmp_path: Path, mark: Marked) -> None:
    for run in (RUN, OTHER):
        programs.start(run, shell(f"trap '' TERM; sleep {mark}; true", tmp_path), {})
    eventually(lambda: len(mark.alive) == 4)
    programs.kill_all()
    eventually(lambda: programs.events() is not None and not programs.running)
    assert not mark.alive


# Keepers


def test_a_keeper_is_used_again(programs: Programs, state: Path, tmp_path: Path) -> None:
    for run in (RUN, OTHER):
        programs.start(run, shell("true", tmp_path), {})
        next_events(programs)
    assert RunDirectory(state, RUN).keeper == RunDirectory(state, OTHER).keeper


def test_programs_run_at_once_under_different_keepers(
    programs: Programs, state: Path, tmp_path: Path
) -> None:
    script = ': > "$0"; until [ -e "$1" ]; do sleep 0.01; done'
    for run, other in ((RUN, OTHER), (OTHER, RUN)):
        argv = ["/bin/sh", "-c", script, str(tmp_path / str(run)), str(tmp_path / str(other))]
        programs.start(run, Command(argv, tmp_path, dict(os.environ), {}), {})
    assert programs.room == 0
    assert started(state, RUN) != started(state, OTHER)
    eventually(lambda: programs.events() is not None and not programs.running)
    assert programs.room == 2


def test_a_keeper_that_died_idle_is_replaced(
    programs: Programs, state: Path, tmp_path: Path
) -> None:
    programs.start(RUN, shell("true", tmp_path), {})
    next_events(programs)
    keeper = started(state)
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: processes.look(keeper) is None)
    programs.start(OTHER, shell("true", tmp_path), {})
    assert next_events(programs) == [ProgramEnded(OTHER, 0, "exited", REAPED)]


def test_a_spawner_that_died_is_replaced(programs: Programs, state: Path, tmp_path: Path) -> None:
    programs.start(RUN, shell("true", tmp_path), {})
    next_events(programs)
    request = RunDirectory(state, RUN).request
    assert request is not None
    os.kill(request.spawner.pid, signal.SIGKILL)
    keeper = started(state)
    eventually(lambda: processes.look(keeper) is None)
    programs.start(OTHER, shell("true", tmp_path), {})
    assert next_events(programs) == [ProgramEnded(OTHER, 0, "exited", REAPED)]


def test_other_programs_live_on_when_a_keeper_dies(
    programs: Programs, state: Path, tmp_path: Path, mark: Marked
) -> None:
    programs.start(RUN, shell(f"sleep {mark}; true", tmp_path), {})
    programs.start(OTHER, shell("sleep 0.5; exit 9", tmp_path), {})
    os.kill(started(state, RUN), signal.SIGKILL)
    (lost,) = next_events(programs)
    assert isinstance(lost, ProgramLost)
    assert next_events(programs) == [ProgramEnded(OTHER, 9, "exited", REAPED)]


def test_keeper_and_spawner_dead_at_once_leave_a_run_that_is_proved_by_scan(
    programs: Programs, state: Path, tmp_path: Path, mark: Marked
) -> None:
    programs.start(RUN, shell(f"setsid sleep {mark} & sleep {mark}; true", tmp_path), {})
    eventually(lambda: len(mark.alive) == 3)
    request = RunDirectory(state, RUN).request
    assert request is not None
    guards = [processes.look(request.spawner.pid), processes.look(started(state))]
    processes.kill([guard for guard in guards if guard])
    (event,) = next_events(programs)
    assert (type(event), event.proof) == (ProgramLost, BY_SCAN)
    assert not mark.alive


def test_closing_kills_what_runs_and_leaves_no_process(
    state: Path, tmp_path: Path, mark: Marked
) -> None:
    programs = Programs(state, limit=1)
    programs.start(RUN, shell(f"setsid sleep {mark} & sleep {mark}; true", tmp_path), {})
    eventually(lambda: len(mark.alive) == 3)
    keeper = started(state)
    programs.close()
    assert not mark.alive
    assert processes.look(keeper) is None


def test_a_full_disk_ends_the_log_but_not_the_program(
    programs: Programs, tmp_path: Path, log: Path
) -> None:
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    programs.start(RUN, shell("echo lost; exit 6", tmp_path), {})
    assert next_events(programs) == [ProgramEnded(RUN, 6, "exited", REAPED)]


# The janitor


@pytest.fixture
def abandoned(state: Path, tmp_path: Path) -> Callable[[str], None]:
    """A run whose agent goes away as soon as its program has ended, without having heard of it."""

    def abandon(script: str) -> None:
        programs = Programs(state, limit=1)
        programs.start(RUN, shell(script, tmp_path), {"operator": "sh"})
        eventually(lambda: RunDirectory(state, RUN).was_proved_empty)
        programs.close()

    return abandon


def test_a_finished_run_is_harvested(abandoned: Callable[[str], None], state: Path) -> None:
    abandoned("exit 3")
    (found,) = settle(state, [RUN])
    assert (found.proof, found.exit) == (BY_KEEPER, Exit(3, RunDirectory(state, RUN).path))


def test_the_janitor_hands_back_what_the_agent_wrote_down(
    abandoned: Callable[[str], None], state: Path
) -> None:
    abandoned("exit 3")
    (found,) = settle(state, [RUN])
    assert found.request == {"operator": "sh"}


def test_nothing_from_before_a_reboot_is_believed(
    abandoned: Callable[[str], None], state: Path
) -> None:
    abandoned("exit 0")
    record = state / "runs" / str(RUN) / "run.record"
    _, *others = record.read_text().splitlines(keepends=True)
    request = {"boot": "another", "inode": 1, "spawner": [1, 1], "body": "{}"}
    record.write_text(json.dumps({"request": request}) + "\n" + "".join(others))
    (found,) = settle(state, [RUN])
    assert (found.proof, found.exit) == (BY_REBOOT, None)


def test_a_killed_run_is_lost(state: Path, tmp_path: Path, mark: Marked) -> None:
    programs = Programs(state, limit=1)
    programs.start(RUN, shell(f"sleep {mark}; true", tmp_path), {})
    eventually(lambda: mark.alive)
    programs.close()
    (found,) = settle(state, [RUN])
    assert (found.proof, found.exit) == (BY_KEEPER, None)


def test_a_run_that_never_got_a_directory_is_settled_as_not_started(state: Path) -> None:
    (found,) = settle(state, [RUN])
    assert (found.proof, found.exit, found.started) == (BY_SCAN, None, False)


def test_without_a_proof_in_time_the_run_is_returned_without_one(
    programs: Programs, state: Path, tmp_path: Path, mark: Marked
) -> None:
    programs.start(RUN, shell(f"sleep {mark}; true", tmp_path), {})
    eventually(lambda: mark.alive)
    (found,) = settle(state, [RUN], limit=0.05)
    assert (found.proof, bool(mark.alive)) == (None, True)


def test_a_process_of_another_installation_is_left_alone(state: Path, mark: Marked) -> None:
    environment = {"DIGPY_RUN": str(RUN), "DIGPY_INSTALLATION": "another"}
    pid = os.posix_spawn("/bin/sleep", ["sleep", str(mark)], environment)
    settle(state, [RUN])
    assert processes.look(pid) is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_who_only_reads_the_lock_file_is_left_alone(
    abandoned: Callable[[str], None], state: Path, mark: Marked
) -> None:
    abandoned("true")
    directory = RunDirectory(state, RUN)
    forget_exit(directory)
    with (directory.path / "run.record").open() as file:
        pid = os.posix_spawn(
            "/bin/sleep",
            ["sleep", str(mark)],
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 9)],
        )
    (found,) = settle(state, [RUN])
    assert found.proof == BY_SCAN
    assert processes.look(pid) is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_discarded_run_leaves_nothing_on_disk_but_its_log(
    programs: Programs, run: Callable[[str], ProgramEvent], state: Path, log: Path
) -> None:
    run("echo kept")
    directory = RunDirectory(state, RUN).path
    (directory / "deep").mkdir()
    (directory / "deep" / "file").write_text("x")

    programs.discard(RUN)

    eventually(lambda: not directory.exists())
    assert log.exists()


def test_a_run_is_discarded_without_a_spawner_too(programs: Programs, state: Path) -> None:
    directory = RunDirectory(state, RUN)
    directory.path.mkdir(parents=True)

    programs.discard(RUN)

    assert not directory.path.exists()


def test_a_program_that_prints_nothing_leaves_no_log(
    run: Callable[[str], ProgramEvent], log: Path
) -> None:
    run("true")

    assert not log.exists()
