from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from digpy.cli.screen import Screen, Standings
from digpy.cli.view import AttemptView
from digpy.control.supervisor import AttemptStanding
from digpy.engine.states import TaskState
from digpy.log import Log
from digpy.store.attempts import AttemptRow
from digpy.store.phases import Phase
from digpy.store.tasks import Seen, TaskSummary
from digpy.values import SECOND
from tests.support.clock import START, ManualClock

BEGAN = START + 100 * SECOND
"""When the command under test began."""


def attempt(created_at: int) -> AttemptRow:
    values: dict[str, Any] = dict.fromkeys(AttemptRow._fields)
    values |= {"id": 7, "phase": Phase.RUNNING, "workflow": "w", "timezone": "UTC"}
    return AttemptRow(**{**values, "session_time": START, "created_at": created_at})


def task(number: int, name: str, state: str = "success", **more: Any) -> TaskSummary:
    values: dict[str, Any] = dict.fromkeys(TaskSummary._fields)
    values |= {"number": number, "parent": 1, "born": 0, "round": 0, "retries": 0, "how": "ran"}
    values |= {"full_name": name, "state": TaskState(state), **more}
    return TaskSummary(**values)


def write_log(state: Path, *entries: tuple[int, str, str, str]) -> None:
    directory = state / "logs" / "7"
    directory.mkdir(parents=True)
    names = ("at", "task", "kind", "text")
    lines = [json.dumps(dict(zip(names, entry, strict=True))) for entry in entries]
    (directory / "attempt.log").write_text("".join(line + "\n" for line in lines))


ROOT = task(1, "+w", "planned", parent=None)


def show(state: Path, created_at: int, *tasks: TaskSummary) -> Screen:
    screen = Screen(state, Log(), ManualClock(BEGAN + SECOND), BEGAN)
    screen.refresh(lambda _: [AttemptStanding(attempt(created_at), [ROOT, *tasks])])
    return screen


def test_everything_of_a_new_attempt_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, (BEGAN, "+w+a", "info", "echo>: x"), (BEGAN, "+w+a", "out", "x\n"))

    show(tmp_path, BEGAN)

    shown = capsys.readouterr()
    assert shown.out == "x\n"
    assert shown.err.endswith("[INFO] +w+a: echo>: x\n")


def test_what_an_earlier_command_has_shown_is_known_and_not_shown_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, (START, "+w+a", "info", "sh>: x"), (START, "+w+a", "out", "x\n"))
    done = task(2, "+w+a", started_at=START, ended_at=START + SECOND)

    screen = show(tmp_path, START, done)

    assert capsys.readouterr() == ("", "")
    (view,) = screen.end([AttemptStanding(attempt(START), [ROOT, done])])
    assert [(task.full_name, task.operator) for task in view.tasks[1:]] == [("+w+a", "sh")]


def test_what_happens_to_a_continued_attempt_from_now_on_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, (BEGAN, "+w+a", "info", "sh>: x"))

    show(tmp_path, START, task(2, "+w+a", started_at=BEGAN, ended_at=BEGAN + SECOND))

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in lines] == ["+w+a: sh>: x", "+w+a: done in 1.0 s"]


def test_a_failure_is_said_once_and_without_the_stack_of_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "it broke\nTraceback (most recent call last):\n  File ..."
    write_log(tmp_path, (BEGAN, "+w+a", "error", message))
    failed = task(2, "+w+a", "error", started_at=BEGAN, ended_at=BEGAN, error={"message": message})

    screen = show(tmp_path, BEGAN, failed)
    screen.end([AttemptStanding(attempt(BEGAN), [ROOT, failed])])

    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("] ")[2] for line in lines] == ["+w+a: it broke"]


def test_a_sentence_about_no_task_stands_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(tmp_path, BEGAN).say("canceling")

    assert capsys.readouterr().err.endswith("[WARN] canceling\n")


def test_looking_too_often_costs_nothing(tmp_path: Path) -> None:
    screen = show(tmp_path, BEGAN)

    def fail(_: object) -> list[AttemptStanding]:
        raise AssertionError("looked again")

    screen.refresh(fail)


class Shown:
    """A view that keeps what it is given."""

    def __init__(self) -> None:
        self.tasks: list[list[tuple[int, bool]]] = []

    def show(self, attempts: Sequence[AttemptView], _lines: object, _now: int) -> None:
        self.tasks.append([(t.number, t.round_current) for view in attempts for t in view.tasks])

    def close(self) -> None:
        pass


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    view = Shown()
    monkeypatch.setattr("digpy.cli.screen.open_view", lambda _log: view)
    return view


def test_it_asks_for_what_has_changed_since_it_last_looked(tmp_path: Path, shown: Shown) -> None:
    clock = ManualClock(BEGAN + SECOND)
    screen = Screen(tmp_path, Log(), clock, BEGAN)
    asked: list[Mapping[int, Seen]] = []

    def stand(*tasks: TaskSummary) -> Standings:
        def standings(seen: Mapping[int, Seen]) -> list[AttemptStanding]:
            asked.append(seen)
            return [AttemptStanding(attempt(BEGAN), list(tasks))]

        return standings

    screen.refresh(stand(ROOT, task(2, "+w+a", ended_at=BEGAN), task(3, "+w+b", "blocked")))
    clock.advance(SECOND)
    screen.refresh(stand(ROOT, task(3, "+w+b", ended_at=BEGAN + SECOND)))
    clock.advance(SECOND)
    screen.refresh(stand())

    assert asked == [{}, {7: Seen(3, BEGAN)}, {7: Seen(3, BEGAN + SECOND)}]
    assert shown.tasks == [[(1, True), (2, True), (3, True)], [(3, True)], []]


def test_what_a_new_round_makes_history_is_shown_as_such(tmp_path: Path, shown: Shown) -> None:
    clock = ManualClock(BEGAN + SECOND)
    screen = Screen(tmp_path, Log(), clock, BEGAN)
    group = task(2, "+w+g", "planned")
    leaf = task(4, "+w+g+h+a", "error", parent=3)

    def standings(_: object) -> list[AttemptStanding]:
        return [AttemptStanding(attempt(BEGAN), rows)]

    rows = [ROOT, group, task(3, "+w+g+h", "group_error", parent=2), leaf]
    screen.refresh(standings)
    clock.advance(SECOND)
    rows = [group._replace(round=1), task(5, "+w+g+h", "blocked", parent=2, born=1)]
    screen.refresh(standings)

    assert shown.tasks[1] == [(3, False), (4, False), (2, True), (5, True)]
