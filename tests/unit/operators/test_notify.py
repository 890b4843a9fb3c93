"""``notify>``: silent without a way of sending, with one a program that sends once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from digpy.errors import TaskFailed
from digpy.operators import registry
from digpy.operators.notify import Notify
from digpy.spi import Exit, RetryLater, TaskResult
from digpy.values import SECOND
from tests.support.deliveries import IDENTITY, lines
from tests.support.requests import NOW, a_request, perform

SHELL = lines("shell", shell__command="cat > got")


def ended(directory: Path, command: str = "cat > got", **changes: Any) -> Exit:
    """How a task ends that was run for real."""
    settings = {**SHELL, "notification.shell.command": command}
    request = a_request(
        "notify",
        "look at this",
        settings=settings,
        project=directory,
        directory=directory / "run",
        identity=IDENTITY,
        **changes,
    )
    program = Notify().command(request)
    environment = {**program.environment, "DIGPY_IDEMPOTENCY_KEY": "key-1"}
    return perform(program._replace(environment=environment), request.directory).exit


def told(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "got").read_text())
    return found


def test_without_a_way_of_sending_nothing_happens() -> None:
    assert Notify().run(a_request("notify", "failed")) == TaskResult()


def test_a_message_that_is_no_text_fails() -> None:
    with pytest.raises(TaskFailed, match="Expected string type"):
        Notify().run(a_request("notify", {"a": 1}))


def test_it_runs_inline_unless_there_is_a_way_of_sending() -> None:
    assert registry.kind("notify", {}) == "inline"
    assert registry.kind("notify", SHELL) == "program"


def test_what_is_sent_says_which_task_says_what(tmp_path: Path) -> None:
    assert Notify().conclude(ended(tmp_path)) == TaskResult()

    assert told(tmp_path) == {
        "timestamp": "2024-03-05T01:00:00Z",
        "message": "look at this",
        **IDENTITY,
        "task_name": "+w+a",
        "kind": "notify",
        "id": "key-1",
    }


@pytest.mark.parametrize(("name", "kind"), [("^failure-alert", "failure"), ("^sla^alert", "sla")])
def test_alerts_say_that_they_are_some(name: str, kind: str, tmp_path: Path) -> None:
    ended(tmp_path, full_name=f"+w{name}")

    assert told(tmp_path)["kind"] == kind


def test_settings_reach_the_program_in_a_file_only(tmp_path: Path) -> None:
    settings = lines("http", http__url="https://hook/secret", **{"http__headers.Key": "secret"})
    program = Notify().command(a_request("notify", "x", settings=settings))

    assert "secret" not in str([*program.argv, *program.environment.values()])
    assert b"https://hook/secret" in program.files["delivery.json"]


def test_a_try_that_fails_is_followed_by_another_a_little_later(tmp_path: Path) -> None:
    later = Notify().conclude(ended(tmp_path, "exit 3"))

    assert later == RetryLater(
        1 * SECOND,
        {"tries": 1, "since": NOW},
        warning="the notification was not sent: the command ended with code 3 (retry 1 of 10)",
    )


def test_a_later_try_tells_when_it_happened_and_not_when_it_was_sent(tmp_path: Path) -> None:
    ended(tmp_path, state={"tries": 2, "since": NOW}, now=NOW + 60 * SECOND)

    assert told(tmp_path)["timestamp"] == "2024-03-05T01:00:00Z"


def test_tries_are_counted_in_the_state_of_the_task(tmp_path: Path) -> None:
    later = Notify().conclude(ended(tmp_path, "exit 3", state={"tries": 2, "since": NOW}))

    assert isinstance(later, RetryLater)
    assert (later.after, later.state["tries"]) == (9 * SECOND, 3)


def test_after_the_last_try_the_task_fails(tmp_path: Path) -> None:
    last = ended(tmp_path, "exit 3", state={"tries": 10, "since": NOW})

    error = r"^the notification was not sent in 11 tries: the command ended with code 3$"
    with pytest.raises(TaskFailed, match=error):
        Notify().conclude(last)


def test_a_program_that_was_killed_is_a_try_that_failed(tmp_path: Path) -> None:
    killed = ended(tmp_path, "kill -9 $PPID")

    later = Notify().conclude(killed)
    assert isinstance(later, RetryLater)
    assert "the program that sends it ended with code 137" in later.warning
