"""What operator and launcher authors see, and the conversation between agent and control.

An operator is *inline* (a function of the request: no process, no thread, no waiting) or a
*program* (it says which command to run, and later what the finished command means). Nothing in an
operator waits in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from digpy.dsl.model import Subtasks
from digpy.values import Json, Params


class StartedAttempt(NamedTuple):
    """An attempt that `Attempts.start` made or found.

    `created` is False when the session already had an attempt of that name: then nothing was
    started, and `done` and `success` tell how that one stands. `made_at` is the instant (UTC
    microseconds) at which it was made.
    """

    attempt: int
    session: int
    created: bool
    done: bool
    success: bool
    made_at: int = 0


class Attempts(Protocol):
    """Starting other workflows from a task (``require>``)."""

    def start(
        self, workflow: str, session_time: int, name: str | None, params: Params
    ) -> StartedAttempt:
        """Start `workflow` for `session_time` (UTC microseconds), or find the attempt of that name.

        Idempotent by (workflow, session time, name). Raises `NotFound` for an unknown workflow and
        `LimitExceeded` when too many attempts are active; nothing is left behind in either case.
        """
        ...

    def waits_for(self, attempt: int, other: int) -> bool:
        """Whether a task of `attempt` waits for `other` to end, or for one that does, and so on."""
        ...


class TaskRequest(NamedTuple):
    """One run of a task: everything an operator may know.

    Attributes:
        attempt, number, fence: the identity of this run; `fence` rises with every run of the task.
        full_name: for example ``+w+group+leaf``.
        operator: the type, without ``>``.
        command: the evaluated value written after the operator, None if there is none (``echo>:``).
        params: all parameters, merged and evaluated, ``_type`` and ``_command`` included ("M" in
            the docs).
        local: only what is written on the task itself, evaluated ("L").
        stored: parameters as left by the stores of earlier tasks (raw; ``require>`` reads one,
            D49).
        state: what the operator asked to keep when it last ended with `RetryLater`; private to the
            task.
        now: the present, UTC microseconds.
        session_time: UTC microseconds.
        timezone: zone of the workflow.
        project: root directory of the project; workspace: where relative paths start
            (`project`/_workdir).
        directory: the run directory, for programs; created with mode 0700, empty.
        task_limit: how many tasks the attempt may have (cap for loops).
        secret: looks a secret up by its dotted key, None if there is none.
        attempts: starting other workflows.
        settings: configuration lines the operator may read (``notification.type`` ...).
        retries: how often ``_retry`` has run this task again.
        identity: what a notification says of the attempt; empty where none is sent.
    """

    attempt: int
    number: int
    fence: int
    full_name: str
    operator: str
    command: Json
    params: Params
    local: Params
    stored: Mapping[str, Json]
    state: Params
    now: int
    session_time: int
    timezone: str
    workflow: str
    retry_attempt_name: str | None
    project: Path
    workspace: Path
    directory: Path
    task_limit: int
    secret: Callable[[str], str | None]
    attempts: Attempts
    settings: Mapping[str, str]
    retries: int = 0
    identity: Params = {}  # noqa: RUF012 - never mutated

    @property
    def run(self) -> Run:
        """The name of this run."""
        return Run(self.attempt, self.number, self.fence)


class TaskResult(NamedTuple):
    """A task succeeded.

    `export` is visible to the generated subtasks, `store` to every later task; `reset` are dotted
    paths removed before `store` is merged. `output` is text for the task's log and the terminal;
    `warnings` are lines digpy adds itself.
    """

    subtasks: Subtasks | None = None
    export: Params = {}  # noqa: RUF012 - never mutated; NamedTuple defaults are shared on purpose
    store: Params = {}  # noqa: RUF012
    reset: tuple[str, ...] = ()
    output: str = ""
    warnings: tuple[str, ...] = ()


class RetryLater(NamedTuple):
    """Not finished: run this task again after `after` microseconds, with `state`.

    Neither a failure nor a retry. `awaits` names an attempt whose end should wake the task earlier.
    `after` 0 persists `state` first and runs the operator again at once. `warning` is a line for
    the log.
    """

    after: int
    state: Params
    awaits: int | None = None
    warning: str = ""


class Operator(Protocol):
    """What all operators declare.

    `retries` says whether a ``_retry`` on the task applies to the operator's own failure (digdag's
    base operators: ``sh py call require param_*``; not ``echo fail if loop ...``).
    `options` are the keys that may stand on the task; others draw a warning. None switches that
    off.
    `prefixes` name mappings of defaults, weakest last (``sh`` reads from a parameter ``sh``).
    `keeps_state_on_retry` says whether a ``_retry`` of the task goes on with the `state` it had;
    False starts with an empty one (``require``, whose state names an attempt that has failed).
    """

    retries: bool = False
    options: frozenset[str] | None = None
    prefixes: tuple[str, ...] = ()
    keeps_state_on_retry: bool = True


class InlineOperator(Operator, Protocol):
    """Runs inside the executor: a function of the request without effects outside it.

    It is to be quick: everything else waits, and a worker that says nothing for the time of
    ``agent.lock-retention-time`` is killed.
    """

    def run(self, request: TaskRequest) -> TaskResult | RetryLater:
        """Do the work. Raises `TaskFailed`."""
        ...


class Command(NamedTuple):
    """A program for a keeper to run.

    `files` are written into the run directory first (mode 0600); `environment` is complete, nothing
    is added but the ``DIGPY_*`` names; standard input is `stdin` or empty. stdout and stderr are
    one stream, the task's log.
    """

    argv: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    files: Mapping[str, bytes]
    stdin: bytes = b""


class Exit(NamedTuple):
    """How a program ended: its code, or 128 + the signal's number.

    `directory` holds what it left.
    """

    code: int
    directory: Path


class ProgramOperator(Operator, Protocol):
    """Runs a program under a keeper."""

    def command(self, request: TaskRequest) -> Command:
        """Say what to run. Raises `TaskFailed`."""
        ...

    def conclude(self, exit_: Exit) -> TaskResult | RetryLater:
        """Say what the finished program means. Raises `TaskFailed`.

        Called by the agent, or after a crash by whoever harvests the run directory: it may use
        nothing else.
        """
        ...


class Run(NamedTuple):
    """The name of one run of one task; ``7.12.3`` in directories and logs."""

    attempt: int
    number: int
    fence: int

    def __str__(self) -> str:
        return f"{self.attempt}.{self.number}.{self.fence}"


class Report(NamedTuple):
    """What became of a claimed run.

    `outcome` is a result, a wish to be run again later, a failure's ``error`` object
    (`TaskFailed.error`), or ``"lost"``: the program's process tree is gone and left no result. One
    that was stopped because its worker had to leave is ``"handed back"``: lost without blame.
    `proof` says how we know that nothing of it is alive; None: we do not, and the attempt has to
    end without. `retry` is the task's ``_retry`` as evaluated when the run was claimed (None where
    the operator has none). `started` is False where it is certain that nothing of a lost run ever
    was alive.
    """

    run: Run
    outcome: TaskResult | RetryLater | dict[str, Json] | Literal["lost", "handed back"]
    proof: str | None
    retry: Json = None
    started: bool = True


class Exchange(NamedTuple):
    """The control plane's half of the conversation.

    `requests` are claimed: their rows are committed, run them. `cancels` are runs to stop.
    `next_due` is the instant (UTC microseconds) at which the agent should call again even if
    nothing happened, None: no such instant. `open` counts the attempts of this agent that have not
    ended.
    """

    requests: list[TaskRequest]
    cancels: list[Run]
    next_due: int | None
    open: int


class TaskApi(Protocol):
    """The conversation between an agent and the control plane; in process today, HTTP tomorrow."""

    def exchange(self, reports: Sequence[Report], room: int) -> Exchange:
        """Deliver `reports` and claim at most `room` programs, after waking what is due.

        When it returns, everything reported is committed. A report whose fence is no longer current
        is dropped.
        """
        ...
