"""The limits of an attempt, one row each: which number holds, where it came from, when it passes.

Precedence: given for the attempt > directive of the workflow > ``_export: {digpy: ...}`` > setting;
then the administrator's cap. Decided once, when the attempt is made, and stored; later edits of
the project do not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from digpy.config import Settings, duration
from digpy.dsl.model import Workflow
from digpy.errors import ConfigError
from digpy.store.attempts import AttemptRow
from digpy.store.phases import TERMINAL, Phase
from digpy.values import SECOND, Json, Params, Template


class Limit(NamedTuple):
    """One limit.

    Attributes:
        name: as it is stored; the directive is this with an underscore.
        setting: the key of its default.
        origin: the column of `AttemptRow` from which time counts; None: no time of the attempt.
        phases: where it applies.
        cap: the key of the administrator's cap.
        type: a length of time in microseconds, or a number.
        is_written: whether workflows and attempts may set it.
        least: the smallest value that can be asked for; above 0 it cannot be switched off.
        cause: why an attempt stops when it passes, if that is not the name.
    """

    name: str
    setting: str
    origin: str | None = None
    phases: frozenset[Phase] = frozenset()
    cap: str | None = None
    type: Literal["duration", "number"] = "duration"
    is_written: bool = True
    least: int = 0
    cause: str | None = None


_LIVE = frozenset(Phase) - TERMINAL - {Phase.CREATED, Phase.CANCELING}

TASK_TTL = Limit("task_ttl", "executor.task_ttl", is_written=False, cause="task_timeout")
"""The time of any single task, after which the whole attempt stops."""

LIMITS: tuple[Limit, ...] = (
    Limit(
        "queue_timeout",
        "supervisor.queue_timeout",
        "queued_since",
        frozenset({Phase.CREATED, Phase.QUEUED}),
    ),
    Limit(
        "start_timeout",
        "supervisor.start_timeout",
        "starting_since",
        frozenset({Phase.STARTING, Phase.RUNNING}),
    ),
    Limit(
        "run_timeout",
        "supervisor.run_timeout",
        "started_at",
        frozenset({Phase.RUNNING}),
        "supervisor.max_run_timeout",
    ),
    Limit("attempt_ttl", "executor.attempt_ttl", "created_at", _LIVE, is_written=False),
    TASK_TTL,
    Limit(
        "cancel_timeout",
        "supervisor.cancel_timeout",
        "canceling_since",
        frozenset({Phase.CANCELING}),
        "supervisor.max_cancel_timeout",
        least=SECOND,
    ),
    Limit("max_resumes", "supervisor.max_resumes", type="number"),
    Limit("max_resumes_total", "supervisor.max_resumes_total", type="number", is_written=False),
)
"""Every limit."""


ERROR_TIMEOUT = Limit("error_timeout", "")
"""The time of handlers that are told of a run timeout; see `digpy.control.error_time`."""

_OF_THE_QUEUE = (
    Limit("max_active", "", type="number", least=1),
    Limit("priority", "", type="number", least=-(2**31)),
)
"""What only workflows say, and only `digpy.control.admission` reads; kept where it is written."""


class Deadline(NamedTuple):
    """When a limit passes (UTC microseconds, by the clock as it is set now)."""

    at: int
    limit: Limit

    @property
    def cause(self) -> str:
        """Why the attempt stops then."""
        return self.limit.cause or self.limit.name


def deadlines(row: AttemptRow, *, greeted: bool = True) -> list[Deadline]:
    """When each limit that applies to the attempt now will pass, or has passed; soonest first.

    `greeted` says that the worker of the newest launch has said hello. The time of single tasks
    (``task_ttl``) is not in the row: see `digpy.store.tasks.oldest_dispatch`.
    """
    found = []
    for limit in LIMITS:
        if limit.origin is None or row.phase not in limit.phases:
            continue
        if limit.name == "start_timeout" and greeted:
            continue
        origin = limit.origin
        if origin == "created_at" and row.queued_since is not None:
            origin = "queued_since"  # before that it rested, for its turn in a backfill
        since, length = since_when(row, origin), value(row, limit.name)
        if since is not None and length:
            found.append(Deadline(since + length, limit))
    return sorted(found, key=lambda deadline: deadline.at)


def passed(row: AttemptRow, now: int) -> str | None:
    """The cause for which an attempt without a worker has to stop instead of being resumed."""
    first = next(iter(deadlines(row)), None)
    if first is None or first.at > now:
        return None
    return row.cause if row.phase is Phase.CANCELING else first.cause


def since_when(row: AttemptRow, column: str) -> int | None:
    """The instant in `column` by the clock as it is set now; see `digpy.control.clock_steps`."""
    instant: int | None = getattr(row, column)
    noted = row.clock_shifts.get(column)
    if instant is not None and noted is not None and noted[0] == instant:
        return instant + noted[1]
    return instant


def value(row: AttemptRow, name: str) -> int | None:
    """The limit stored with the attempt, microseconds or a number; None: off.

    An attempt of an older release has not all of them.
    """
    return stored(row.limits, name)


def stored(limits: Params, name: str) -> int | None:
    """`value`, of limits as they are stored."""
    limit = limits.get(name)
    found = limit.get("value") if isinstance(limit, dict) else None
    return found if isinstance(found, int) else None


def effective_limits(
    given: Mapping[str, int | None],
    directives: Params,
    settings: Settings,
    evaluate: Callable[[Template], str],
    exported: Params | None = None,
) -> Params:
    """The limits by name, each ``{"value", "origin"}``.

    Values are microseconds, or counts; None is off. `given` are the attempt's own, `directives` the
    workflow's by their written names, `exported` what its ``_export`` has under ``digpy``; their
    templates are evaluated by `evaluate`, once. Raises `ConfigError`.
    """
    found: Params = {}
    for limit in LIMITS:
        directive = f"_{limit.name}"
        number: int | None
        if limit.name in given:
            number, origin = given[limit.name], "attempt"
        elif limit.is_written and directive in directives:
            number, origin = _written(limit, directive, directives[directive], evaluate), "workflow"
        elif limit.is_written and exported and limit.name in exported:
            name = f"_export: digpy: {limit.name}"
            number, origin = _written(limit, name, exported[limit.name], evaluate), "export"
        else:
            number, origin = _configured(limit, settings), settings.origin(limit.setting)
        cap = None if limit.cap is None else settings.duration(limit.cap)
        if limit.cap is not None and cap is not None and (number is None or number > cap):
            number, origin = cap, f"{limit.cap} ({settings.origin(limit.cap)})"
        found[limit.name] = {"value": number, "origin": origin}
    return found


def limits_of(
    workflow: Workflow,
    settings: Settings,
    evaluate: Callable[[Template], str],
    given: Mapping[str, int | None] | None = None,
) -> Params:
    """The limits of a new attempt of `workflow`; see `effective_limits`."""
    exported = workflow.definitions[0].export.get("digpy")
    written = exported if isinstance(exported, dict) else None
    found = effective_limits(given or {}, workflow.limits, settings, evaluate, written)
    for limit in _OF_THE_QUEUE:
        if (directive := f"_{limit.name}") in workflow.limits:
            number = _written(limit, directive, workflow.limits[directive], evaluate)
            found[limit.name] = {"value": number, "origin": "workflow"}
    run_timeout = workflow.limits.get("_run_timeout", (written or {}).get("run_timeout"))
    if isinstance(run_timeout, dict):
        from digpy.control.error_time import error_time  # on use: few workflows ask for it

        cap = settings.duration("supervisor.max_cancel_timeout")
        length = error_time(run_timeout, evaluate, found, cap)
        if length is not None:
            found[ERROR_TIMEOUT.name] = {"value": length, "origin": "workflow"}
    if "_attempt_retry" in workflow.limits or settings.integer("supervisor.retry.max"):
        from digpy.control.attempt_retry import attempt_retry_rule

        found["attempt_retry"] = attempt_retry_rule(workflow.limits, settings)
    return found


def required_limits(settings: Settings, workflow: Workflow, params: Params | None = None) -> Params:
    """The limits of a workflow that another one requires, or a schedule starts with `params`.

    Its own directives, then the settings.
    """
    from digpy.expr.evaluate import evaluate_text

    def evaluate(template: Template) -> str:
        return evaluate_text(template, params or {}, timezone=workflow.timezone)

    return limits_of(workflow, settings, evaluate)


def _configured(limit: Limit, settings: Settings) -> int | None:
    if limit.type == "duration":
        return settings.duration(limit.setting)
    return None if settings.text(limit.setting) is None else settings.integer(limit.setting)


def _written(
    limit: Limit, name: str, written: Json, evaluate: Callable[[Template], str]
) -> int | None:
    if limit.name == "run_timeout" and isinstance(written, dict):
        written = written.get("after")
    if type(written) is Template:
        written = evaluate(written)
    if limit.type == "number":
        try:
            count = int(str(written))
        except ValueError:
            count = limit.least - 1
        if count < limit.least:
            raise ConfigError(f'{name}: "{written}" is not a whole number from {limit.least} up')
        return count
    length = duration("none" if written is None else str(written), name, "workflow")
    if (length or 0) < limit.least:
        least = limit.least // SECOND
        raise ConfigError(f"{name}: at least {least} s, because every attempt has to end")
    return length
