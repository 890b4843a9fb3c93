"""Running tasks on a draft: inline operators at once, programs up to the moment they are claimed.

Nothing here touches the database; a draft may be dropped and the same tasks run again, which
nobody can tell.
"""

from __future__ import annotations

from typing import cast

from digpy.control.logs import LogEntry
from digpy.control.requests import Requests
from digpy.dsl.compiler import compile_generated
from digpy.engine.advance import Draft
from digpy.engine.events import Claimed, Failed, Outcome, Postponed, Succeeded
from digpy.engine.retry import RetryRule, parse_retry
from digpy.engine.tree import Task
from digpy.errors import CompileError, DigpyError, TaskFailed, unexpected
from digpy.operators import registry
from digpy.operators.unused import unused
from digpy.spi import InlineOperator, Operator, RetryLater, TaskRequest, TaskResult
from digpy.values import SECOND, Params, to_json


class Work:
    """What is done on one draft, and what it says in the log."""

    def __init__(
        self, draft: Draft, requests: Requests, now: int, *, dry_run: bool, show_params: bool
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
        except TaskFailed as error:
            self.fail(task, error.error, None, task.state_params)
            return
        except RecursionError:
            deep = TaskFailed("its parameters are nested too deeply to be evaluated", "config")
            self.fail(task, deep.error, None, task.state_params)
            return
        if self._show_params and not task.state_params:
            from digpy.control.yaml_text import yaml_lines

            lines = "".join(f"\n  {line}" for line in yaml_lines(request.params))
            self._say(task, "warn", f"parameters:{lines}")
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
        if registry.kind(request.operator) == "program":
            self.claimed.append(request)
            return
        self._run_inline(task, operator, request, retry)

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
            due = self._now + result.after
            self.draft.advance(
                Postponed(task.number, task.fence, self._now, due, result.state, result.awaits)
            )
            return
        self.succeed(task, result)

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
            roots = [d.index for d in definitions.tasks if d.parent is None and d.name != "^error"]
            adding = sum(definitions.static_count(index) for index in roots)
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
