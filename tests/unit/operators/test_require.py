from __future__ import annotations

import re

import pytest

from digpy.errors import LimitExceeded, NotFound, TaskFailed
from digpy.operators.require import Require
from digpy.spi import RetryLater, StartedAttempt, TaskResult
from digpy.values import SECOND, Json, Params
from tests.support.requests import SESSION_TIME, ScriptedAttempts, a_request

RUNNING = StartedAttempt(attempt=8, session=3, created=False, done=False, success=False)
STARTED = RUNNING._replace(created=True)
SUCCEEDED = RUNNING._replace(done=True, success=True)
FAILED = RUNNING._replace(done=True)


def poll(state: RetryLater, *answers: StartedAttempt | Exception, **changes: object) -> object:
    """The next run of a task that last said `state`."""
    attempts = ScriptedAttempts(*answers)
    return Require().run(a_request("require", "t", state=state.state, attempts=attempts, **changes))


def settled(**changes: object) -> RetryLater:
    """The first run, which only settles what is wanted."""
    result = Require().run(a_request("require", "t", **changes))
    assert isinstance(result, RetryLater)
    return result


def failure(**changes: object) -> Json:
    with pytest.raises(TaskFailed) as failed:
        Require().run(a_request("require", changes.pop("command", "t"), **changes))  # type: ignore[arg-type]
    return failed.value.error["message"]


def start_of(state: RetryLater, **changes: object) -> tuple[str, int, str | None, Params]:
    attempts = ScriptedAttempts(SUCCEEDED)
    Require().run(a_request("require", "t", state=state.state, attempts=attempts, **changes))
    [start] = attempts.starts
    return start


def test_the_first_run_starts_nothing() -> None:
    assert settled().after == 0


def test_the_target_is_settled_by_the_first_run() -> None:
    first = settled(local={"retry_attempt_name": "one", "session_time": "2020-01-01T00:00:00Z"})

    changed: Params = {"retry_attempt_name": "two", "session_time": "2021-01-01T00:00:00Z"}
    _, session_time, name, _ = start_of(first, local=changed)
    assert (session_time, name) == (1_577_836_800 * SECOND, "one")


def test_a_started_attempt_is_awaited() -> None:
    result = poll(settled(), STARTED)

    assert isinstance(result, RetryLater)
    assert (result.after, result.awaits) == (SECOND, 8)


def test_polls_grow_to_ten_seconds() -> None:
    state = settled()
    waits = []
    for _ in range(6):
        state = poll(state, RUNNING)  # type: ignore[assignment]
        waits.append(state.after // SECOND)

    assert waits == [1, 2, 4, 8, 10, 10]


def test_a_target_that_has_succeeded_is_enough() -> None:
    assert poll(settled(), SUCCEEDED) == TaskResult()


def test_a_failed_target_fails_the_task() -> None:
    with pytest.raises(TaskFailed) as failed:
        poll(settled(), FAILED)

    assert failed.value.error == {
        "message": "Dependent workflow failed. Session id: 3, attempt id: 8"
    }


def test_a_failure_can_be_ignored() -> None:
    assert poll(settled(), FAILED, local={"ignore_failure": "true"}) == TaskResult()


@pytest.mark.parametrize(
    ("rerun_on", "found", "again"),
    [
        ("none", SUCCEEDED, False),
        ("failed", SUCCEEDED, False),
        ("failed", FAILED, True),
        ("all", SUCCEEDED, True),
        ("all", FAILED, True),
    ],
)
def test_rerun_on_decides_whether_a_finished_attempt_counts(
    rerun_on: str, found: StartedAttempt, again: bool
) -> None:
    result = poll(settled(), found, local={"rerun_on": rerun_on})

    assert isinstance(result, RetryLater) is again


def test_a_rerun_has_a_fresh_name_that_is_kept_before_it_is_used() -> None:
    first = poll(settled(), FAILED, local={"rerun_on": "failed"})
    other = poll(settled(), FAILED, local={"rerun_on": "failed"})
    assert isinstance(first, RetryLater)
    assert isinstance(other, RetryLater)

    assert first.after == 0
    assert re.fullmatch(r"[0-9a-f-]{36}", str(first.state["name"]))
    assert first.state["name"] != other.state["name"]


@pytest.mark.parametrize(("age", "again"), [(-1, True), (0, False), (1, False)])
def test_an_attempt_made_since_the_task_asked_is_its_own(age: int, again: bool) -> None:
    asked_at = a_request("require", "t").now
    found = SUCCEEDED._replace(made_at=asked_at + age)
    result = poll(settled(), found, local={"rerun_on": "all"})
    assert isinstance(result, RetryLater) is again


@pytest.mark.parametrize("rerun_on", ["failed", "all"])
def test_the_outcome_of_an_own_start_stands(rerun_on: str) -> None:
    local: Params = {"rerun_on": rerun_on}
    state = poll(settled(), STARTED, local=local)
    assert isinstance(state, RetryLater)

    with pytest.raises(TaskFailed, match=r"Dependent workflow failed"):
        poll(state, FAILED, local=local)


def test_a_rerun_is_not_rerun_even_if_its_start_was_not_seen() -> None:
    local: Params = {"rerun_on": "all"}
    state = poll(settled(), FAILED, local=local)
    assert isinstance(state, RetryLater)

    assert poll(state, SUCCEEDED, local=local) == TaskResult()


def test_a_retry_starts_afresh() -> None:
    assert Require.keeps_state_on_retry is False


def test_params_are_handed_over() -> None:
    params: Params = {"q": "1", "n": 5}

    assert start_of(settled(), local={"params": params}) == ("t", SESSION_TIME, None, params)


def test_the_session_time_is_cut_to_seconds() -> None:
    state = settled(local={"session_time": "2020-02-29T00:00:00.750Z"})

    assert start_of(state)[1] == 1_582_934_400 * SECOND


def test_an_inherited_name_is_not_read() -> None:
    state = settled(inherited={"retry_attempt_name": "exported"}, retry_attempt_name="own")

    assert start_of(state)[2] is None


def test_a_stored_name_is_used_where_none_is_written() -> None:
    assert start_of(settled(stored={"retry_attempt_name": "frozen"}))[2] == "frozen"


def test_a_written_name_beats_a_stored_one() -> None:
    state = settled(
        local={"retry_attempt_name": "written"}, stored={"retry_attempt_name": "frozen"}
    )

    assert start_of(state)[2] == "written"


@pytest.mark.parametrize("name", [None, "again"])
def test_requiring_its_own_attempt_fails_at_once(name: str | None) -> None:
    message = failure(command="w", local={"retry_attempt_name": name}, retry_attempt_name=name)

    assert message == "+w+a requires its own attempt 7 of w, which would wait for itself forever"


def test_requiring_its_own_workflow_for_another_session_is_allowed() -> None:
    state = Require().run(a_request("require", "w", local={"session_time": "2020-01-01T00:00:00Z"}))

    assert isinstance(state, RetryLater)


def test_finding_itself_under_another_name_fails() -> None:
    with pytest.raises(TaskFailed, match=r"requires its own attempt"):
        poll(settled(), RUNNING._replace(attempt=7))


def test_an_unknown_workflow_fails_even_if_failures_are_ignored() -> None:
    with pytest.raises(TaskFailed) as failed:
        poll(settled(), NotFound("no workflow t"), local={"ignore_failure": True})

    assert failed.value.error == {
        "message": "Dependent workflow does not exist. projectId: 1, workflowName:t"
    }


def test_the_attempt_limit_fails_the_task() -> None:
    limit = LimitExceeded("Too many attempts running. Limit: 2, Current: 2")

    with pytest.raises(TaskFailed) as failed:
        poll(settled(), limit)

    assert failed.value.error["message"] == f"{limit} (attempt limit exceeded)"


@pytest.mark.parametrize("local", [{"project_id": 1}, {"project_name": "default"}])
def test_the_own_project_may_be_named(local: Params) -> None:
    assert settled(local=local).after == 0


@pytest.mark.parametrize(
    ("command", "local", "message"),
    [
        (None, {}, "Parameter '_command' is required but not set (config)"),
        ("t", {"rerun_on": "sometimes"}, "invalid rerun_on option:sometimes (config)"),
        (
            "t",
            {"project_id": 1, "project_name": "p"},
            "Both project_id and project_name can't be set (config)",
        ),
        (
            "t",
            {"project_name": "p"},
            "Dependent workflow does not exist. projectName: p, workflowName:t",
        ),
        (
            "t",
            {"project_id": 9},
            "Dependent workflow does not exist. projectId: 9, workflowName:t",
        ),
        (
            "t",
            {"session_time": "2020-02-29"},
            "Expected class java.time.Instant for key 'session_time' "
            'but got "2020-02-29" (string) (config)',
        ),
    ],
)
def test_refusals(command: Json, local: Params, message: str) -> None:
    assert failure(command=command, local=local) == message


def test_an_attempt_that_waits_for_the_own_one_is_not_waited_for() -> None:
    attempts = ScriptedAttempts(RUNNING)
    request = a_request("require", "t", state=settled().state, attempts=attempts)
    attempts.waiting.add((RUNNING.attempt, request.attempt))

    with pytest.raises(TaskFailed, match="they would wait for one another forever"):
        Require().run(request)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00Z", "9999-12-31T00:00:01Z"])
def test_a_session_that_some_zone_cannot_write_is_refused(written: str) -> None:
    assert failure(local={"session_time": written}) == (
        "session_time is too near to the year 0 or 10000 (config)"
    )


@pytest.mark.parametrize(("command", "name"), [("\ud83d", None), ("t", "n\udcff")])
def test_half_a_character_is_refused_in_names(command: str, name: str | None) -> None:
    message = failure(command=command, local={"retry_attempt_name": name})

    assert str(message).endswith("has half of a character in it (config)")


def test_whole_characters_are_fine_in_names() -> None:
    assert settled(local={"retry_attempt_name": "日本😀\n"}).state["name"] == "日本😀\n"
