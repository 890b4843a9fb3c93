"""``require>: WORKFLOW`` makes sure that another workflow has run, and starts it if need be.

The task polls: its first run only settles *which* attempt it wants (so that no later evaluation,
and no crash, can start a second one), the next one starts or finds it, the others look how it
stands.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from digpy.errors import LimitExceeded, NotFound, TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, RetryLater, StartedAttempt, TaskRequest, TaskResult
from digpy.values import SECOND, Params

_PROJECT_ID = 1
_PROJECT_NAME = "default"
"""What digdag calls the one project of a local run; there are no others to require from."""

_LONGEST_POLL = 10 * SECOND

_FIRST_DAY, _LAST_DAY = -62_135_510_400 * SECOND, 253_402_214_400 * SECOND
"""0001-01-02 and 9999-12-31: in every zone, all between are in a year that can be written."""


class _State(NamedTuple):
    """What is kept between the runs of a task.

    Attributes:
        workflow, session_time, name: which attempt is wanted, as evaluated by the first run.
        asked_at: when that was (UTC microseconds): an attempt made since is as good as one that
            this task has started, and may well be, if a crash came between.
        started: the attempt was started by this task, so its outcome stands.
        polls: how often the task has looked at an unfinished attempt.
    """

    workflow: str
    session_time: int
    name: str | None
    asked_at: int
    started: bool = False
    polls: int = 0

    def to_params(self) -> Params:
        return dict(self._asdict())

    @classmethod
    def from_params(cls, params: Params) -> _State | None:
        if "workflow" not in params:
            return None
        kept: dict[str, Any] = {key: params[key] for key in cls._fields}
        return cls(**kept)


class Require(InlineOperator):
    """Waits for an attempt of another workflow of the same project.

    Follows digdag 0.10.5, except that the wanted attempt is settled once and not evaluated anew by
    each poll, that a task fails if it requires its own attempt or one that waits for it, that a
    ``_retry`` starts afresh, and that a *stored* parameter ``retry_attempt_name`` names the attempt
    where none is written on the task.
    """

    retries = True
    options = frozenset(
        {
            "session_time",
            "project_id",
            "project_name",
            "retry_attempt_name",
            "rerun_on",
            "ignore_failure",
            "params",
        }
    )
    keeps_state_on_retry = False

    def run(self, request: TaskRequest) -> TaskResult | RetryLater:
        """Raises `TaskFailed` if the attempt cannot be started or has failed."""
        rerun_on = _rerun_on(request)
        ignore_failure = conversions.optional_boolean(
            request.params, "ignore_failure", default=False
        )
        params = conversions.optional_mapping(request.params, "params")
        state = _State.from_params(request.state)
        if state is None:
            return RetryLater(0, _wanted(request).to_params())

        attempt = _start(request, state, params)
        if attempt.created or attempt.made_at >= state.asked_at:
            state = state._replace(started=True)
        if not attempt.done:
            if request.attempts.waits_for(attempt.attempt, request.attempt):
                raise _requires_one_another(request, state, attempt.attempt)
            after = min(SECOND << min(state.polls, 4), _LONGEST_POLL)
            polled = state._replace(polls=state.polls + 1)
            return RetryLater(after, polled.to_params(), attempt.attempt)
        if not state.started and (
            rerun_on == "all" or (rerun_on == "failed" and not attempt.success)
        ):
            # The name is known to nobody else, so its attempt is this task's, whoever saw it made.
            fresh = state._replace(name=_fresh_name(), started=True)
            return RetryLater(0, fresh.to_params())
        if attempt.success or ignore_failure:
            return TaskResult()
        raise TaskFailed(
            f"Dependent workflow failed. "
            f"Session id: {attempt.session}, attempt id: {attempt.attempt}"
        )


def _rerun_on(request: TaskRequest) -> Literal["none", "failed", "all"]:
    option = conversions.optional_string(request.params, "rerun_on")
    match option:
        case None:
            return "none"
        case "none" | "failed" | "all":
            return option
        case _:
            raise TaskFailed(f"invalid rerun_on option:{option}", "config")


def _wanted(request: TaskRequest) -> _State:
    workflow = conversions.string(command_of(request), conversions.COMMAND)
    _refuse_other_projects(request, workflow)
    session_time = request.session_time
    if request.params.get("session_time") is not None:
        session_time = conversions.instant(request.params, "session_time") // SECOND * SECOND
    if not _FIRST_DAY <= session_time <= _LAST_DAY:
        raise TaskFailed("session_time is too near to the year 0 or 10000", "config")
    wanted = _State(workflow, session_time, _name(request), request.now)
    _refuse_half_characters(workflow)
    _refuse_half_characters(wanted.name or "")
    if wanted[:3] == (request.workflow, request.session_time, request.retry_attempt_name):
        raise _requires_itself(request)
    return wanted


def _refuse_half_characters(name: str) -> None:
    """JavaScript can cut an emoji in two; no database stores a name with one half."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise TaskFailed(f"{name!a} has half of a character in it", "config") from None


def _name(request: TaskRequest) -> str | None:
    name = conversions.optional_string(request.local, "retry_attempt_name")
    if name is None:
        name = conversions.optional_string(request.stored, "retry_attempt_name")
    return name


def _refuse_other_projects(request: TaskRequest, workflow: str) -> None:
    project = conversions.optional_long(request.local, "project_id")
    name = conversions.optional_string(request.local, "project_name")
    if project is not None and name is not None:
        raise TaskFailed("Both project_id and project_name can't be set", "config")
    if project is not None and project != _PROJECT_ID:
        raise _does_not_exist(f"projectId: {project}", workflow)
    if name is not None and name != _PROJECT_NAME:
        raise _does_not_exist(f"projectName: {name}", workflow)


def _start(request: TaskRequest, state: _State, params: Params) -> StartedAttempt:
    given = {key: conversions.as_data(value) for key, value in params.items()}
    try:
        attempt = request.attempts.start(state.workflow, state.session_time, state.name, given)
    except NotFound as error:
        raise _does_not_exist(f"projectId: {_PROJECT_ID}", state.workflow) from error
    except LimitExceeded as error:
        raise TaskFailed(str(error), "attempt limit exceeded") from error
    if attempt.attempt == request.attempt:
        raise _requires_itself(request)
    return attempt


def _does_not_exist(project: str, workflow: str) -> TaskFailed:
    return TaskFailed(f"Dependent workflow does not exist. {project}, workflowName:{workflow}")


def _requires_itself(request: TaskRequest) -> TaskFailed:
    return TaskFailed(
        f"{request.full_name} requires its own attempt {request.attempt} of {request.workflow}, "
        "which would wait for itself forever"
    )


def _requires_one_another(request: TaskRequest, state: _State, attempt: int) -> TaskFailed:
    return TaskFailed(
        f"{request.full_name} requires attempt {attempt} of {state.workflow}, which waits for "
        f"attempt {request.attempt} of {request.workflow}: they would wait for one another forever"
    )


def _fresh_name() -> str:
    from uuid import uuid4

    return str(uuid4())
