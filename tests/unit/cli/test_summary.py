from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digpy.cli.summary import Summary
from digpy.cli.view import AttemptView
from tests.support.golden import Golden
from tests.support.views import attempt, task

STATE = Path("/project/.digpy")


def summary(*attempts: AttemptView, words: Sequence[str] = (), **more: Any) -> Summary:
    command = ["digpy", "run", "w.dig", *words, "--session", "2024-01-30 00:00:00"]
    given: dict[str, Any] = {"state": STATE, "to_continue": command, **more}
    return Summary(attempts, to_repeat=[*command, "--rerun"], **given)


def test_a_success_counts_what_happened(golden: Golden) -> None:
    tasks = [
        task(1, "+w"),
        task(2, "+w+a", how="resumed"),
        task(3, "+w+b", took=1),
        task(4, "+w+c", took=1),
        task(5, "+w+d", how="skipped"),
    ]

    golden.check("cli/summary-success.txt", summary(attempt(tasks, "success")).text())


def test_a_failure_says_why_what_never_ran_and_what_to_do(golden: Golden) -> None:
    tasks = [
        task(1, "+w", "group_error"),
        task(2, "+w+a", took=1),
        task(3, "+w+b", "error", took=1, error_message="Command failed with code 3 (runtime)"),
        *(task(number, f"+w+c{number}", "blocked") for number in range(4, 12)),
        task(12, "+w^failure-alert", took=0, operator="notify"),
    ]
    text = summary(
        attempt(tasks, "failure", reason="task_error"),
        words=["--project", "my project"],
        log_of=lambda attempt, number: STATE / f"logs/{attempt}/{number}-1.log",
    ).text()

    golden.check("cli/summary-failure.txt", text)


def test_a_canceled_run_says_what_was_stopped(golden: Golden) -> None:
    tasks = [
        task(1, "+w", "canceled"),
        task(2, "+w+a", "canceled", took=1),
        task(3, "+w+b", "canceled"),
    ]

    golden.check(
        "cli/summary-canceled.txt", summary(attempt(tasks, "canceled", reason="user")).text()
    )


def test_a_limit_is_named() -> None:
    text = summary(attempt([task(1, "+w", "canceled")], "failure", reason="run_timeout")).text()

    assert "ran longer than its limit" in text.splitlines()[0]


def test_an_sla_that_was_missed_is_named_and_what_it_added_is_no_work() -> None:
    tasks = [
        task(1, "+w", "group_error"),
        task(2, "+w+a", "canceled", took=1),
        task(3, "+w^sla^alert", took=0, operator="notify"),
        task(4, "+w^sla^fail", "error", took=0, operator="fail", error_message="SLA violation"),
    ]
    text = summary(attempt(tasks, "failure", reason="sla")).text()

    assert "it missed its sla" in text.splitlines()[0]
    assert "  0 tasks ran, 1 canceled while running\n" in text


def test_what_was_required_says_why_it_was_stopped_with_what_required_it() -> None:
    text = summary(attempt([task(1, "+w", "canceled")], "canceled", reason="parent")).text()

    assert "what required it was stopped by its limit" in text


def test_the_outcome_decides_not_the_tasks() -> None:
    tasks = [task(1, "+w"), task(2, "+w+a", "error", took=1, error_message="boom")]

    assert "boom" not in summary(attempt(tasks, "success")).text()


def test_a_failure_of_an_earlier_round_is_history() -> None:
    tasks = [
        task(1, "+w", "group_error"),
        task(2, "+w+a", "error", took=1, error_message="old", round_current=False),
        task(3, "+w+a", "error", took=1, error_message="new"),
    ]
    text = summary(attempt(tasks, "failure")).text()

    assert "new" in text
    assert "old" not in text


def test_a_message_of_several_lines_is_indented() -> None:
    failed = task(2, "+w+a", "error", took=1, error_message="one\ntwo")

    assert "    one\n    two\n" in summary(attempt([failed], "failure")).text()


def test_nothing_saved_can_be_continued() -> None:
    text = summary(attempt([task(2, "+w+a", took=1)], "success"), state=None).text()

    assert "Task state" not in text
    assert "--rerun" not in text


def test_a_dry_run_says_that_nothing_was_done() -> None:
    text = summary(attempt([task(1, "+w")], "success"), dry_run=True, state=None).text()

    assert text.startswith("Success. w, session")
    assert "a dry run" in text
    assert "--session" not in text


def test_attempts_that_were_required_are_counted_by_name() -> None:
    main = attempt([task(2, "+w+a", took=1)], "success")
    other = attempt([task(2, "+v+a", took=1)], "success", attempt=8, workflow="v")

    assert "  w: 1 task ran\n  v: 1 task ran\n" in summary(main, other).text()
