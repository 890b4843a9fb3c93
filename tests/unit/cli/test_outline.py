from __future__ import annotations

from digpy.cli.outline import Outline, OutlineLine
from digpy.cli.view import TaskView
from digpy.values import SECOND
from tests.support.clock import START
from tests.support.views import task

NOW = START + 60 * SECOND


def lines(tasks: list[TaskView], height: int = 40) -> list[tuple[int, str, str]]:
    return [(d, m, t) for d, m, t in outline(tasks, height)]


def outline(tasks: list[TaskView], height: int) -> list[OutlineLine]:
    made = Outline()
    made.update(tasks)
    return made.lines(NOW, height)


def root(state: str = "planned") -> TaskView:
    return task(1, "+w", state)


def test_tasks_are_a_tree_with_states_and_lengths() -> None:
    tasks = [
        root(),
        task(2, "+w+a", took=3),
        task(3, "+w+g", "planned"),
        task(4, "+w+g+b", "running", at=50, took=0, parent=3),
        task(5, "+w+g+c", "blocked", parent=3),
    ]

    assert lines(tasks) == [
        (0, "runs", "+w  1/2"),
        (1, "done", "+a sh>  3.0 s"),
        (1, "runs", "+g  0/2"),
        (2, "runs", "+b sh>  10 s"),
        (2, "waits", "+c"),
    ]


def test_a_finished_group_is_one_line() -> None:
    tasks = [root(), task(2, "+w+g"), task(3, "+w+g+b", took=1, parent=2)]

    assert [text for _, _, text in lines(tasks)] == ["+w  1/1", "+g  1/1"]


def test_a_failed_group_shows_what_failed() -> None:
    tasks = [
        root(),
        task(2, "+w+g", "group_error"),
        task(3, "+w+g+b", "error", took=1, parent=2),
    ]

    assert lines(tasks)[2] == (2, "failed", "+b sh>  1.0 s")


def test_marks_of_tasks_that_did_not_run_as_usual() -> None:
    tasks = [
        root(),
        task(2, "+w+a", how="resumed"),
        task(3, "+w+b", how="skipped"),
        task(4, "+w+c", "retry_waiting", retries=2),
        task(5, "+w+d", "canceled"),
    ]

    assert lines(tasks)[1:] == [
        (1, "taken", "+a  done before"),
        (1, "taken", "+b  skipped"),
        (1, "again", "+c  retry 2"),
        (1, "canceled", "+d"),
    ]


def test_of_many_children_only_the_busy_ones_are_listed_and_the_others_counted() -> None:
    done = [task(n, f"+w^sub+loop-{n}", took=1) for n in range(10, 30)]
    waiting = [task(n, f"+w^sub+loop-{n}", "ready") for n in range(31, 1231)]
    running = task(30, "+w^sub+loop-30", "running", at=59, took=0)

    assert lines([root(), *done, running, *waiting]) == [
        (0, "runs", "+w  20/1,221"),
        (1, "runs", "+loop-30 sh>  1.0 s"),
        (1, "waits", "… 20 done, 1,200 waiting"),
    ]


def test_history_of_a_group_that_was_tried_again_is_not_shown() -> None:
    tasks = [
        root(),
        task(2, "+w+a", "error", took=1, round_current=False),
        task(3, "+w+a", "running", took=0),
    ]

    assert len(lines(tasks)) == 2


def test_what_does_not_fit_folds_from_the_least_interesting() -> None:
    done = [task(n, f"+w+a{n}", took=1) for n in range(2, 8)]
    tasks = [root(), *done, task(9, "+w+r", "running", took=0), task(10, "+w+z", "blocked")]

    assert lines(tasks, height=4) == [
        (0, "runs", "+w  6/8"),
        (1, "runs", "+r sh>  1 m 00 s"),
        (1, "waits", "+z"),
        (1, "waits", "… 6 done"),
    ]


def test_it_never_takes_more_lines_than_there_are() -> None:
    running = [task(n, f"+w+a{n}", "running", took=0) for n in range(2, 12)]

    for height in range(1, 14):
        found = outline([root(), *running], height)
        assert len(found) <= height
    assert outline([root(), *running], 5)[-1] == OutlineLine(0, "runs", "… 7 more")


def test_what_changes_is_counted_anew() -> None:
    made = Outline()
    children = [task(number, f"+w+t{number}", "blocked", took=0) for number in range(2, 22)]
    made.update([root(), *children])
    made.update([task(2, "+w+t2"), task(3, "+w+t3", "running", at=50, took=0)])
    made.update([task(2, "+w+t2")])

    assert [(m, t) for _, m, t in made.lines(NOW, 40)] == [
        ("runs", "+w  1/20"),
        ("runs", "+t3 sh>  10 s"),
        ("waits", "… 1 done, 18 waiting"),
    ]


def test_a_task_that_becomes_history_is_not_shown_any_more() -> None:
    made = Outline()
    made.update([root(), task(2, "+w+a", "error"), task(3, "+w+b", "blocked")])
    made.update([task(n, f"+w+{n}")._replace(round_current=False) for n in (2, 3)])
    made.update([task(4, "+w+a", "running", at=50, took=0)])

    assert [t for _, _, t in made.lines(NOW, 40)] == ["+w  0/1", "+a sh>  10 s"]
