"""From a READY task to the `TaskRequest` its operator gets: merge, evaluate, find the operator.

Follows digdag 0.10.5: everything inherited and written is merged and evaluated, once per run,
before the operator starts; one value that cannot be evaluated fails the task. Different on
purpose: only keys written on the task choose its operator, and what tasks produced is never
evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from digpy.control.context import AttemptContext
from digpy.control.parameters import (
    BUILT_IN,
    WRITTEN,
    Inherited,
    own_operator,
    restrict,
    to_evaluate,
)
from digpy.dsl.coercion import sample
from digpy.dsl.model import OWN_NAMES, TaskDefinition
from digpy.dsl.options import timeout
from digpy.engine.tree import Task, Tasks
from digpy.errors import ExpressionError, TaskFailed
from digpy.expr.builtin import AttemptVariables
from digpy.expr.javascript import JavaScript
from digpy.expr.scope import Scope
from digpy.spi import Attempts, Run, TaskRequest
from digpy.values import Json, Params, Template, deep_merge


class Surroundings(NamedTuple):
    """What requests need beyond the attempt: the same for every task of a process.

    `state` is digpy's directory of the project (``.digpy``); `javascript` hands out the engine.
    """

    project: Path
    state: Path
    settings: Mapping[str, str]
    secret: Callable[[str], str | None]
    task_limit: int
    javascript: Callable[[], JavaScript]


class Requests:
    """Builds requests for the tasks of one attempt."""

    def __init__(
        self, context: AttemptContext, surroundings: Surroundings, attempts: Attempts
    ) -> None:
        self._context = context
        self._surroundings = surroundings
        self._attempts = attempts
        self._inherited = Inherited(context.params, context.cause)
        self._variables = AttemptVariables(
            timezone=context.timezone,
            session_uuid=context.session_uuid,
            session_id=context.session,
            session_time=context.session_time,
            project_id=context.project,
            attempt_id=context.attempt,
            retry_attempt_name=context.retry_attempt_name,
        )

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings that operators may read."""
        return self._surroundings.settings

    def build(self, tasks: Tasks, task: Task, now: int) -> TaskRequest:
        """The request for the next run of `task` (its present fence).

        Raises `TaskFailed` (kind ``config``) when a template cannot be evaluated.
        """
        context = self._context
        local = task.definition.local
        layers = self._inherited.of(tasks, task)
        inherited = _without_handlers(layers.params)
        scope = deep_merge(inherited, self._variables.of_task(task.full_name, inherited))
        evaluated = deep_merge(scope, local)
        raw = to_evaluate(evaluated, scope, local, layers.templates)
        evaluated.update(self._evaluate(raw, scope, now, task))
        operator, command = _operator(local, evaluated)
        evaluated["_type"] = operator
        if command is not None:
            evaluated["_command"] = command
        else:
            evaluated.pop("_command", None)
        own = restrict(evaluated, {**local, "_type": None, "_command": None})
        workdir = evaluated.get("_workdir")
        run = Run(context.attempt, task.number, task.fence)
        return TaskRequest(
            attempt=context.attempt,
            number=task.number,
            fence=task.fence,
            full_name=task.full_name,
            operator=operator,
            command=command,
            params=evaluated,
            local=own if isinstance(own, dict) else {},
            stored=self._inherited.stored(tasks, task) if operator == "require" else {},
            state=task.state_params,
            now=now,
            session_time=context.session_time,
            timezone=context.timezone,
            workflow=context.workflow.name,
            retry_attempt_name=context.retry_attempt_name,
            project=self._surroundings.project,
            workspace=_workspace(self._surroundings.project, workdir),
            directory=self._surroundings.state / "runs" / str(run),
            task_limit=self._surroundings.task_limit,
            secret=self._surroundings.secret,
            attempts=self._attempts,
            settings=self._surroundings.settings,
            retries=task.retries,
            identity=context.identity,
        )

    def timeout(self, task: Task, request: TaskRequest) -> int:
        """How long the try of `task` that begins with `request` may take; 0: as long as it likes.

        Raises `TaskFailed` (kind ``config``).
        """
        written = {"_timeout": task.definition.timeout}
        value = self._evaluate(written, request.params, request.now, task)["_timeout"]
        length = timeout(value)
        if length is None:
            raise TaskFailed(f"_timeout must be a duration but got {sample(value)}", "config")
        return length

    def layers(self, tasks: Tasks, task: Task) -> Scope:
        """All layers that `build` merges, raw, each with its origin."""
        inherited = self._inherited.of(tasks, task)
        built_in = self._variables.of_task(task.full_name, inherited.params)
        return inherited.export(built_in, BUILT_IN).export(task.definition.local, WRITTEN)

    def _evaluate(self, params: Params, scope: Params, now: int, task: Task) -> Params:
        from digpy.expr.evaluate import evaluate, evaluate_leniently

        engine = self._surroundings.javascript
        if task.definition.name in OWN_NAMES:
            return evaluate_leniently(params, scope, engine, self._context.timezone, now)
        try:
            return evaluate(params, scope, engine, self._context.timezone, now)
        except ExpressionError as error:
            raise TaskFailed(str(error), "config") from error


def _without_handlers(params: Params) -> Params:
    if "_check" in params or "_error" in params:
        return {key: value for key, value in params.items() if key not in ("_check", "_error")}
    return params


def _operator(local: Params, evaluated: Params) -> tuple[str, Json]:
    own = own_operator(local)
    if own is None:
        return "", None
    if own.key == "_type":
        return str(evaluated["_type"]), evaluated.get("_command")
    return str(own.type), evaluated.get(own.key)


def raw_operator(task: TaskDefinition) -> str | None:
    """The operator's type without evaluating anything; None if only evaluation can tell."""
    own = own_operator(task.local)
    if own is None:
        return ""
    return None if type(own.type) is Template else str(own.type)


def _workspace(project: Path, workdir: Json) -> Path:
    if not isinstance(workdir, str) or not workdir:
        return project
    if "\0" in workdir:
        raise TaskFailed(f"_workdir is no path: {workdir!r}", "config")
    workspace = (project / workdir).resolve()
    if not workspace.is_relative_to(project.resolve()):
        raise TaskFailed(f"_workdir must not be outside of project path: {workdir}", "config")
    return workspace
