"""Running tasks on a draft: inline operators at once, programs up to the moment they are claimed.

Nothing here touches the database; a draft may be dropped and the same tasks run again, which
nobody can tell.
"""

from __future__ import annotations

from typing import cast

from digpy.control.logs import LogEntry
from digpy.control.requests import Requests
from digpy.dsl.compiler import compile_generated
from digpy.dsl.retry import RetryRule, parse_retry
from digpy.engine.advance import Draft, timeout_error
from digpy.engine.events import (
    Claimed,
    Due,
    Failed,
    Limited,
    Outcome,
    Postponed,
    Succeeded,
    TimedOut,
)
from digpy.engine.states import TaskState
from digpy.engine.takeover import generated_roots
from digpy.engine.tree import Task
from digpy.errors import CompileError, DigpyError, TaskFailed, unexpected
from digpy.operators import registry
from digpy.operators.unused import unused
from digpy.spi import InlineOperator, Operator, RetryLater, TaskRequest, TaskResult
from digpy.values import SECOND, Json, Params, to_json


class Work:
    """What is done on one draft, and what it says in the log."""

    def __init__(
        self, draft: Draft, requests: Requests, now: int, *, dry_run: bool, show_params: Json
    ) -> None:
        self.draft = draft
        self.log: list[LogEntry] = []
        self.claimed: list[TaskRequest] = []
        """Programs to hand out after the commit."""
        self._requests = requests
        self._now = now
        self._dry_run = dry_run
        self._show_params = show_params

    def run(self, number: int) -> None:
        """Claim task `number`; run it if its operator is inline, else put it into `claimed`."""
        self.draft.advance(Claimed(number, self._now))
        task = self.draft[number]
        try:
            request = self._requests.build(self.draft, task, self._now)
            operator = self._find(request)
            if task.definition.timeout is not None and task.timeout is None:
                length = self._requests.timeout(task, request)
                self.draft.advance(Limited(number, self._now, length))
        except TaskFailed as error:
            self.fail(task, error.error, None, task.state_params)
            return
        except RecursionError:
            deep = TaskFailed("its parameters are nested too deeply to be evaluated", "config")
            self.fail(task, deep.error, None, task.state_params)
            return
        if self._show_params and not task.state_params:
            from digpy.control.shown_params import shown_params

            layers = self._requests.layers(self.draft, task)
            for text in shown_params(self._show_params, request, layers):
                self._say(task, "warn", text)
        if operator is None or self._dry_run:
            self._say(task, "info", _describe(request, dry_run=self._dry_run))
            self.succeed(task, TaskResult())
            return
        try:
            retry = _own_retry(operator, request.params)
        except ValueError as error:
            self.fail(task, TaskFailed(str(error), "config").error, None, task.state_params)
            return
        if not task.state_params:
            self._say(task, "info", _describe(request))
        if registry.kind(request.operator, request.settings) == "program":
            self.claimed.append(request)
            return
        self._run_inline(task, operator, request, retry)

    def wake(self, number: int) -> bool:
        """Wake a task that has waited long enough, or end a try that has taken too long.

        Whether a try has taken too long.
        """
        task = self.draft[number]
        if task.deadline_at is not None and task.deadline_at <= self._now:
            self._time_out(task)
            return True
        if task.retry_at is not None and task.retry_at <= self._now:
            self.draft.advance(Due(number, self._now))
        return False

    def _time_out(self, task: Task) -> None:
        message = timeout_error(task)["message"]
        retry = None
        if task.state in (TaskState.RUNNING, TaskState.PLANNED):
            self._say(task, "warn", f"{message}: stopping it")
        else:  # between two runs: there is nothing to stop
            retry = self._retry_of(task)
            self._say(task, "error", f"{message}{_again(retry, task)}")
        self.draft.advance(TimedOut(task.number, self._now, retry))

    def _retry_of(self, task: Task) -> RetryRule | None:
        try:
            request = self._requests.build(self.draft, task, self._now)
            operator = registry.find(request.operator)
            return None if operator is None else _own_retry(operator, request.params)
        except (TaskFailed, ValueError, RecursionError):
            return None  # what cannot be evaluated would not run again either

    def _find(self, request: TaskRequest) -> Operator | None:
        if not request.operator:
            return None
        operator = registry.find(request.operator)
        if operator is None:
            raise TaskFailed(f"Unknown task type: {request.operator}", "config")
        for line in unused(request, operator):
            self.log.append(LogEntry(self._now, request.full_name, "warn", line))
        return operator

    def _run_inline(
        self, task: Task, operator: Operator, request: TaskRequest, retry: RetryRule | None
    ) -> None:
        try:
            result = _perform(operator, request)
        except TaskFailed as error:
            state = task.state_params if operator.keeps_state_on_retry else {}
            self.fail(task, error.error, retry, state)
            return
        if isinstance(result, RetryLater):
            self.postpone(task, result)
            return
        self.succeed(task, result)

    def postpone(self, task: Task, later: RetryLater) -> None:
        """Let the run end unfinished."""
        if later.warning:
            self._say(task, "warn", later.warning)
        due = self._now + later.after
        self.draft.advance(
            Postponed(task.number, task.fence, self._now, due, later.state, later.awaits)
        )

    def succeed(self, task: Task, result: TaskResult) -> None:
        """Let `result` happen, once what it generates is compiled and fits the task limit."""
        if result.output:
            ending = "" if result.output.endswith("\n") else "\n"
            self._say(task, "out", result.output + ending)
        for line in result.warnings:
            self._say(task, "warn", line)
        try:
            outcome = self._prepare(task, result)
        except TaskFailed as error:
            self.fail(task, error.error, None, task.state_params)
            return
        self.draft.advance(Succeeded(task.number, task.fence, self._now, outcome))

    def fail(self, task: Task, error: Params, retry: RetryRule | None, state: Params) -> None:
        """Let the run fail with `error`."""
        self._say(task, "error", f"{error.get('message')}{_again(retry, task)}")
        self.draft.advance(Failed(task.number, task.fence, self._now, error, retry, state))

    def _prepare(self, task: Task, result: TaskResult) -> Outcome:
        try:
            definitions = compile_generated(task.definition, task.full_name, result.subtasks)
        except CompileError as error:
            raise TaskFailed(str(error), "config") from error
        if definitions is not None:
            roots = generated_roots(definitions)
            adding = sum(definitions.static_count(root.index) for root in roots)
            if len(self.draft) + adding > self.draft.limit:
                raise TaskFailed(
                    f"Too many tasks. Limit: {self.draft.limit}, Current: {len(self.draft)},"
                    f" Adding: {adding}",
                    "task limit exceeded",
                )
        return Outcome(definitions, result.subtasks, result.export, result.store, result.reset)

    def _say(self, task: Task, kind: str, text: str) -> None:
        self.log.append(LogEntry(self._now, task.full_name, kind, text))


def _perform(operator: Operator, request: TaskRequest) -> TaskResult | RetryLater:
    try:
        return cast("InlineOperator", operator).run(request)
    except DigpyError as error:
        if isinstance(error, TaskFailed):
            raise
        raise TaskFailed(str(error), "runtime") from error
    except Exception as error:
        # A defect of one operator must fail its task, not the worker and every other attempt in it.
        raise unexpected(error) from error


def _own_retry(operator: Operator, params: Params) -> RetryRule | None:
    if not operator.retries or "_retry" not in params:
        return None
    return parse_retry(params["_retry"])


def _again(rule: RetryRule | None, task: Task) -> str:
    if rule is None or task.retries >= rule.limit:
        return ""
    seconds = rule.wait(task.retries) // SECOND
    again = f"retry {task.retries + 1} of {rule.limit}"
    return f" ({again} in {seconds} s)" if seconds else f" ({again})"


def _describe(request: TaskRequest, *, dry_run: bool = False) -> str:
    command = request.command
    text = command if isinstance(command, str) else "" if command is None else to_json(command)
    first = text.strip().splitlines()[0][:80] if text.strip() else ""
    return f"{request.operator}>: {first}".rstrip() + (" (dry run)" if dry_run else "")
