"""The fault matrix: every fault that digpy has to survive, and the tests that try it.

A row is tried by tests (which end with `CommandProject.assert_clean`, or look at the rows
themselves), or there is nothing here yet that it could happen to; then it says why.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command import ROOT


class Tried(NamedTuple):
    """A fault, and the tests that try it: ``file::test`` below ``tests/``."""

    fault: str
    tests: tuple[str, ...]


class Missing(NamedTuple):
    """A fault that cannot happen here, and why."""

    fault: str
    reason: str


RUN = "crash/test_run_crashes.py::"
FAULTS = "crash/test_faults.py::"
FROZEN = "crash/test_frozen_worker.py::"
DISK = "crash/test_disk_faults.py::"
TREE = "crash/test_process_tree.py::"
WATCHED = "unit/control/test_run_monitoring.py::"
PROTOCOL = "property/test_protocol.py::"
AT_A_PLACE = RUN + "test_a_run_ends_as_if_nobody_had_died"
AT_MOST_ONCE = FAULTS + "test_what_must_not_run_twice_runs_at_most_once"
ANY_SCHEDULE = PROTOCOL + "test_no_schedule_of_faults_breaks_the_protocol"

NO_AGENTS = "all agents are on the machine of their supervisor: nobody is out of its reach"
NO_SERVER = "there is no server yet"
NO_POSTGRESQL = "there is no PostgreSQL yet: the schema has a twin, and nothing uses it"
NO_CELERY = "there is no Celery executor yet"
NO_LAUNCHER = "the only launcher forks; there is no platform that could fail or lie"

MATRIX: dict[int, Tried | Missing] = {
    1: Tried("the worker dies before it claims", (AT_A_PLACE,)),
    2: Tried("the worker dies between claim and keeper", (AT_A_PLACE,)),
    3: Tried(
        "the worker dies before the child is started",
        (
            AT_A_PLACE,
            TREE
            + "test_an_agent_that_dies_with_its_start_still_in_the_socket_starts_nothing_later",
        ),
    ),
    4: Tried(
        "the worker dies above each kind of tree",
        (
            FAULTS + "test_the_tree_of_a_killed_worker_is_gone_before_its_task_runs_again",
            TREE + "test_nothing_survives_the_worker",
        ),
    ),
    5: Tried("the worker dies with a result that is not committed", (AT_A_PLACE,)),
    6: Tried("the worker dies with a result that is not acknowledged", (AT_A_PLACE,)),
    7: Tried(
        "the worker dies after an external job was noted",
        (FAULTS + "test_a_rerun_continues_the_external_job_that_was_noted",),
    ),
    8: Tried(
        "the worker dies before an external job is noted",
        (FAULTS + "test_a_rerun_shows_the_same_idempotency_key",),
    ),
    9: Tried(
        "a keeper dies while its program runs",
        (TREE + "test_nothing_survives_the_keeper", AT_A_PLACE),
    ),
    10: Tried(
        "keeper and worker die together",
        (
            TREE + "test_nothing_survives_worker_and_keeper_together",
            TREE + "test_a_fully_detached_process_survives_if_everybody_dies_at_once",
        ),
    ),
    11: Tried("a keeper dies before it writes the exit", (AT_A_PLACE, AT_MOST_ONCE)),
    12: Tried(
        "a program is killed by the system",
        (RUN + "test_a_killed_program_is_a_failure_of_the_task",),
    ),
    13: Tried(
        "a worker is frozen for a while",
        (
            FAULTS + "test_a_worker_that_is_frozen_for_a_while_loses_nothing",
            FROZEN + "test_a_worker_that_is_frozen_for_less_than_its_time_goes_on",
        ),
    ),
    14: Tried(
        "a worker is frozen for longer than its lease",
        (
            FROZEN + "test_a_worker_that_is_frozen_for_longer_is_killed_and_its_task_runs_again",
            FROZEN + "test_a_worker_that_is_frozen_while_it_writes_does_not_keep_the_database",
            FAULTS + "test_a_frozen_worker_starts_nothing_after_the_next_command_has_replaced_it",
        ),
    ),
    15: Missing("an agent is cut off", NO_AGENTS),
    16: Missing("an agent is cut off for a while", NO_AGENTS),
    17: Missing("an agent is cut off, and waited for", NO_AGENTS),
    18: Missing("the heartbeat of an agent dies", "heart and work of a worker are one thread"),
    19: Tried("a result comes after the run was given up", (ANY_SCHEDULE,)),
    20: Tried(
        "a result comes after the task was claimed again",
        (ANY_SCHEDULE, WATCHED + "test_a_report_with_an_older_fence_changes_nothing"),
    ),
    21: Tried("a result comes twice", (ANY_SCHEDULE,)),
    22: Missing("the answer to a commit is lost", NO_POSTGRESQL),
    23: Tried("the executor dies at each step", (AT_A_PLACE,)),
    24: Tried(
        "the executor dies while it generates a thousand tasks",
        (FAULTS + "test_a_thousand_generated_tasks_are_there_once_whoever_dies_generating_them",),
    ),
    25: Tried(
        "the executor dies while a group begins again",
        (AT_A_PLACE, "property/test_rounds.py::test_crashes_and_what_is_forgotten_change_nothing"),
    ),
    26: Tried(
        "the scheduler dies around a start",
        (
            "crash/test_scheduler_crashes.py::"
            "test_a_killed_scheduler_leaves_every_session_to_be_started_once",
        ),
    ),
    27: Tried("the supervisor dies before it makes a worker", (AT_A_PLACE,)),
    28: Tried(
        "the supervisor dies after it made a worker",
        (RUN + "test_a_command_that_dies_while_it_recovers_is_continued",),
    ),
    29: Tried(
        "the supervisor dies after a cancel",
        (RUN + "test_an_attempt_whose_command_died_while_it_canceled_is_superseded",),
    ),
    30: Tried(
        "the supervisor dies after it killed its worker",
        (
            FAULTS
            + "test_a_command_that_dies_between_killing_its_worker_and_marking_it_ends_it_once",
        ),
    ),
    31: Tried(
        "a frozen leader thaws",
        (RUN + "test_a_frozen_supervisor_that_was_replaced_leaves_without_a_trace", ANY_SCHEDULE),
    ),
    32: Tried(
        "two supervisors launch at once",
        (
            RUN + "test_of_two_commands_that_are_given_at_once_one_runs",
            WATCHED + "test_a_worker_of_an_older_launch_has_to_leave",
        ),
    ),
    33: Tried(
        "a worker starts too late",
        (
            RUN + "test_a_worker_that_does_not_start_in_time_fails_the_attempt",
            WATCHED + "test_a_worker_that_comes_after_the_start_timeout_has_no_effect",
        ),
    ),
    34: Tried(
        "a worker dies before its hello",
        (AT_A_PLACE, RUN + "test_workers_that_die_without_progress_end_the_attempt"),
    ),
    35: Tried("a limit passes with the last success", (ANY_SCHEDULE,)),
    36: Tried(
        "a limit passes while a worker is replaced",
        (FAULTS + "test_a_run_timeout_ends_an_attempt_whose_replacement_never_comes",),
    ),
    37: Tried(
        "a cancel comes between claim and start",
        (FAULTS + "test_a_worker_that_is_frozen_between_claim_and_start_is_canceled_all_the_same",),
    ),
    38: Tried(
        "a program ignores the request to stop",
        (RUN + "test_a_task_that_ignores_the_request_is_killed_after_the_grace",),
    ),
    39: Tried(
        "a program cannot be killed",
        (WATCHED + "test_an_attempt_whose_processes_cannot_be_killed_ends_unclean",),
    ),
    40: Tried(
        "a second cancel comes",
        (
            FAULTS + "test_a_second_cancel_moves_no_deadline",
            WATCHED + "test_a_second_cancel_is_noted_and_moves_no_deadline",
        ),
    ),
    41: Tried(
        "a cancel comes in each state of a task",
        (FAULTS + "test_a_cancel_ends_an_attempt_whatever_its_tasks_do",),
    ),
    42: Tried(
        "the clock is set",
        (
            ANY_SCHEDULE,
            WATCHED + "test_a_jump_of_the_clock_neither_fires_a_limit_nor_puts_it_off",
            "crash/test_clock_jumps.py::test_a_clock_that_is_set_fires_no_limit",
        ),
    ),
    43: Tried(
        "the machine sleeps",
        (WATCHED + "test_who_was_asked_while_nobody_looked_gets_time_to_answer",),
    ),
    44: Tried(
        "the machine restarts",
        (FAULTS + "test_a_boot_that_is_over_proves_its_runs_dead",),
    ),
    45: Missing("the machine never returns", NO_AGENTS),
    46: Tried(
        "a state directory is copied",
        (FAULTS + "test_a_copy_of_a_project_goes_on_and_leaves_the_original_alone",),
    ),
    47: Missing("PostgreSQL is killed", NO_POSTGRESQL),
    48: Tried(
        "the database is away for long",
        (RUN + "test_programs_run_on_while_somebody_locks_the_database",),
    ),
    49: Missing("the database is away, seen from another machine", NO_AGENTS),
    50: Tried(
        "somebody is frozen inside a transaction",
        (
            RUN + "test_programs_run_on_while_somebody_locks_the_database",
            "unit/store/test_database.py::test_who_holds_the_lock_is_named",
        ),
    ),
    51: Tried(
        "a sync of the database fails",
        (DISK + "test_a_disk_that_fails_once_ends_the_run_and_loses_nothing",),
    ),
    52: Tried("somebody dies in a sync", (DISK + "test_who_dies_in_a_sync_loses_nothing",)),
    53: Tried(
        "the disk of the database is full",
        (DISK + "test_what_runs_ends_and_nothing_starts_while_the_disk_of_the_database_is_full",),
    ),
    54: Tried(
        "the disk of the runs is full",
        (DISK + "test_a_program_without_room_is_lost_and_runs_when_there_is_some",),
    ),
    55: Tried(
        "the disk of the logs is full",
        (DISK + "test_a_program_whose_log_has_no_room_succeeds",),
    ),
    56: Missing("the platform is away", NO_LAUNCHER),
    57: Missing("the platform does not find a worker once", NO_LAUNCHER),
    58: Missing("the platform says that a living worker has ended", NO_LAUNCHER),
    59: Missing("the platform's answer is lost", NO_LAUNCHER),
    60: Tried(
        "a worker ends without ending its attempt",
        (WATCHED + "test_a_worker_that_exits_with_0_before_the_end_is_lost_like_any_other",),
    ),
    61: Missing("a pod is evicted or cannot start", NO_LAUNCHER),
    62: Missing("a pod is deleted by force", NO_LAUNCHER),
    63: Missing("objects of ended attempts are left", NO_LAUNCHER),
    64: Tried(
        "workers are lost again and again",
        (
            RUN + "test_workers_that_die_without_progress_end_the_attempt",
            RUN + "test_losses_with_progress_in_between_do_not_add_up",
        ),
    ),
    65: Tried(
        "a task kills its worker each time",
        (FAULTS + "test_a_task_that_kills_its_worker_each_time_fails_and_the_others_do_not",),
    ),
    66: Tried("a task that must not run twice is lost", (AT_MOST_ONCE,)),
    67: Missing("a message is lost", NO_CELERY),
    68: Missing("a message comes several times", NO_CELERY),
    69: Missing("a Celery worker dies", NO_CELERY),
    70: Missing("the broker dies", NO_CELERY),
    71: Missing("a Celery worker is asked to stop", NO_CELERY),
    72: Missing("a queue has no consumer", NO_CELERY),
    73: Tried(
        "the workflow is changed while it runs",
        (FAULTS + "test_a_restarted_worker_runs_what_was_compiled_at_the_start",),
    ),
    74: Missing("a cache of code is damaged", "workers run the project where it is: no cache"),
    75: Tried(
        "supervision of one attempt raises",
        (
            WATCHED
            + "test_what_goes_wrong_with_one_attempt_is_noted_once_and_the_others_are_watched",
        ),
    ),
    76: Missing("yesterday's backup is put back", NO_AGENTS),
    77: Missing("a thousand agents come at once", NO_SERVER),
    78: Tried(
        "a program floods its output",
        (FAULTS + "test_a_flood_of_any_bytes_is_in_the_log_as_it_was_written",),
    ),
    79: Tried(
        "somebody looks for secrets",
        (
            FAULTS + "test_nobody_else_can_read_what_a_run_gets",
            FAULTS + "test_secrets_are_in_no_row_of_the_database",
        ),
    ),
    80: Tried(
        "a keeper is told half of something",
        (
            "unit/agent/test_wire.py::test_half_a_message_is_none",
            TREE
            + "test_an_agent_that_dies_with_its_start_still_in_the_socket_starts_nothing_later",
        ),
    ),
}
"""By the number that the specification of supervision gives it."""


def strings(path: Path) -> set[str]:
    """All string constants of a Python file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


@pytest.mark.parametrize(
    ("number", "row"),
    [(number, row) for number, row in MATRIX.items() if isinstance(row, Missing)],
    ids=[f"F{number:02}" for number, row in MATRIX.items() if isinstance(row, Missing)],
)
def test_what_cannot_happen_here_yet(number: int, row: Missing) -> None:
    pytest.skip(f"F{number:02} {row.fault}: {row.reason}")


def test_every_row_is_there() -> None:
    assert list(MATRIX) == list(range(1, 81))


@pytest.mark.parametrize("number", [n for n, row in MATRIX.items() if isinstance(row, Tried)])
def test_the_tests_of_a_row_exist(number: int) -> None:
    row = MATRIX[number]
    assert isinstance(row, Tried)
    for test in row.tests:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / path).read_text()


def test_every_named_place_is_passed_by_a_test() -> None:
    named = set()
    for path in (ROOT / "digpy").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "reach":
                named |= {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
    armed = {
        text.partition(":")[0]
        for path in (ROOT / "tests").rglob("test_*.py")
        if path != Path(__file__)
        for text in strings(path)
        if re.fullmatch(r"[a-z]+\.[a-z_]+(:\d+)?", text)
    }
    assert named <= armed
