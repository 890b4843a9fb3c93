"""How attempts come to be: one for each (workflow, session time, name), in one transaction."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import NamedTuple

from digpy.clock import Clock
from digpy.control.session_times import attempt_parameters
from digpy.control.trees import selection_of
from digpy.dsl.model import Workflow
from digpy.engine.advance import begin
from digpy.errors import Conflict, LimitExceeded, NotFound
from digpy.failpoints import reach
from digpy.spi import StartedAttempt
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import launches as launch_rows
from digpy.store import projects as project_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow, NewAttempt
from digpy.store.database import Database, Transaction
from digpy.store.events import NewEvent
from digpy.store.phases import Phase
from digpy.values import Params

LONGEST_NAME = 255
"""Characters that a retry attempt name may have, as in digdag 0.10.5."""


class Start(NamedTuple):
    """Everything a new attempt is made of.

    `options` say how it was asked for (``rerun``, ``start``, ``goal``, ``end``, ``task``,
    ``dry_run``, ``resumed_from``). `limits` are the effective numbers in microseconds and where
    each came from. `command` is the attempt whose command runs this one; None: its own.
    `run_time` is when its schedule wanted it to run (UTC microseconds; None: now); the ``sla:``
    counts from then, unless it `has_sla` none.
    """

    workflow_id: int
    workflow: Workflow
    session: int
    name: str | None
    params: Params
    options: Params
    limits: Params
    command: int | None
    run_time: int | None = None
    has_sla: bool = True


class Starter:
    """Starts attempts; see the module's text."""

    def __init__(self, clock: Clock, *, task_limit: int, attempt_limit: int) -> None:
        self._clock = clock
        self._task_limit = task_limit
        self._attempt_limit = attempt_limit

    def start(
        self,
        tx: Transaction,
        start: Start,
        *,
        supersedes: int | None = None,
        waits_for: str | None = None,
        at_once: int | None = None,
    ) -> int:
        """Insert the attempt with its tree, its first launch and its events; return its id.

        With `supersedes` it takes the place of that attempt. With `waits_for`, the reason for
        people, it is queued: `admit` launches it. With `at_once` besides, it rests until fewer
        attempts of its name and workflow are active: `queue` queues it.

        Raises `LimitExceeded` before anything is written.
        """
        rests = at_once is not None
        self._check_limits(tx, start, rests=rests)
        now = self._clock.now()
        selection = selection_of(tx, start.workflow, start.options)
        _, changes = begin(start.workflow, now, self._task_limit, selection)
        attempt = attempt_rows.insert(
            tx,
            NewAttempt(
                session=start.session,
                workflow_id=start.workflow_id,
                retry_attempt_name=start.name,
                params=start.params,
                timezone=start.workflow.timezone,
                options=start.options,
                limits=start.limits,
                phase=_first_phase(waits=waits_for is not None, rests=rests),
                command=start.command,
                created_at=now,
                waiting_reason=waits_for,
                at_once=at_once,
                sla_at=_sla_at(start, now),
            ),
            supersedes=supersedes,
        )
        task_rows.save(tx, attempt, changes)
        created = NewEvent(
            now, "attempt.created", "starter", data={"limits": start.limits}, dedupe="created"
        )
        event_rows.append(tx, attempt, created)
        if waits_for is None:
            intend_launch(tx, attempt, 0, now)
        elif not rests:
            data: Params = {"reason": waits_for}
            event_rows.append(tx, attempt, NewEvent(now, "attempt.queued", "starter", data=data))
        return attempt

    def _check_limits(self, tx: Transaction, start: Start, *, rests: bool) -> None:
        if start.name is not None and not 1 <= len(start.name) <= LONGEST_NAME:
            raise LimitExceeded(
                f"retry_attempt_name has {len(start.name)} characters; it must have 1 to"
                f" {LONGEST_NAME}"
            )
        active = attempt_rows.count_active(tx)
        if active + 1 > self._attempt_limit and not rests:
            raise LimitExceeded(
                f"Too many attempts running. Limit: {self._attempt_limit}, Current: {active}"
            )
        static = start.workflow.definitions.static_count(0)
        if static + 1 > self._task_limit:
            raise LimitExceeded(
                f"Too many tasks. Limit: {self._task_limit}, Current: 1, Adding: {static}"
            )


def _sla_at(start: Start, now: int) -> int | None:
    """When the attempt has missed its ``sla:``; a dry run, which does nothing, misses none."""
    workflow = start.workflow
    if workflow.sla is None or not start.has_sla or start.options.get("dry_run"):
        return None
    if not workflow.definitions.sla_roots():
        return None
    from digpy.control.sla import sla_instant  # on use: few workflows have one
    from digpy.dsl.sla import read_sla

    run_time = now if start.run_time is None else start.run_time
    return sla_instant(read_sla(workflow.sla), workflow.timezone, run_time)


class RequiredAttempts:
    """`digpy.spi.Attempts` for the tasks of one command: required attempts run in the same worker.

    An attempt of an earlier command satisfies a ``require>`` only if it succeeded; a failed one is
    superseded by a new attempt that takes over its successes, and an unfinished one whose command
    is gone is adopted. `started` is told every attempt that this worker has to run from now on.
    """

    def __init__(  # noqa: PLR0913 - its collaborators, once
        self,
        database: Database,
        starter: Starter,
        clock: Clock,
        *,
        command: int,
        revision: int,
        rerun: bool,
        limits: Callable[[Workflow], Params],
        is_alive: Callable[[int], bool],
        adopt: Callable[[int], None],
        started: Callable[[int, int], None],
    ) -> None:
        self._database = database
        self._starter = starter
        self._clock = clock
        self._command = command
        self._revision = revision
        self._rerun = rerun
        self._limits = limits
        self._is_alive = is_alive
        self._adopt = adopt
        self._started = started

    def start(
        self, workflow: str, session_time: int, name: str | None, params: Params
    ) -> StartedAttempt:
        """Start or find the attempt; see `digpy.spi.Attempts`."""
        abandoned: AttemptRow | None = None
        with self._database.transaction() as tx:
            workflow_id = project_rows.find_workflow(tx, self._revision, workflow)
            if workflow_id is None:
                raise NotFound(f"workflow {workflow} does not exist")
            project = project_rows.load_revision(tx, self._revision).project
            session = attempt_rows.ensure_session(
                tx, project, workflow, session_time, str(uuid.uuid4())
            )
            existing = attempt_rows.find(tx, session, name)
            if existing is None or self._outdated(existing):
                definition = project_rows.load_workflow(tx, workflow_id)
                given = attempt_parameters(params, definition, session_time)
                attempt = self._start(tx, workflow_id, definition, session, name, given, existing)
            elif self._abandoned(existing):
                abandoned = existing
            else:
                return _found(tx, existing, name)
        reach("starter.after_required")
        if abandoned is not None:
            self._adopt(abandoned.id)
            if abandoned.phase is Phase.CANCELING:  # it has ended instead, and is superseded
                return self.start(workflow, session_time, name, params)
            self._started(abandoned.id, abandoned.epoch + 1)
            return StartedAttempt(abandoned.id, session, False, False, False)
        self._started(attempt, 1)
        return StartedAttempt(attempt, session, True, False, False)

    def waits_for(self, attempt: int, other: int) -> bool:
        """See `digpy.spi.Attempts`: follows the waiting tasks back from `other`."""
        with self._database.reading() as tx:
            found, pending = {other}, [other]
            while pending:
                waiting = {waiter for waiter, _ in task_rows.waiting_for(tx, pending.pop())}
                pending += waiting - found
                found |= waiting
        return attempt in found

    def _start(
        self,
        tx: Transaction,
        workflow_id: int,
        workflow: Workflow,
        session: int,
        name: str | None,
        params: Params,
        existing: AttemptRow | None,
    ) -> int:
        options: Params = {}
        if self._rerun:
            options["rerun"] = True
        elif existing is not None:
            options["resumed_from"] = existing.id
        start = Start(
            workflow_id,
            workflow,
            session,
            name,
            params,
            options,
            self._limits(workflow),
            self._command,
        )
        superseded = None if existing is None else existing.id
        attempt = self._starter.start(tx, start, supersedes=superseded)
        greet(tx, attempt, 1, self._clock.now())  # by this worker, which is there already
        return attempt

    def _outdated(self, existing: AttemptRow) -> bool:
        """It belongs to an earlier command and does not count any more."""
        if existing.command == self._command or not existing.is_done:
            return False
        return self._rerun or existing.phase is not Phase.SUCCESS

    def _abandoned(self, existing: AttemptRow) -> bool:
        """It is unfinished and the command that ran it is gone."""
        return (
            not existing.is_done
            and existing.command != self._command
            and not self._is_alive(existing.command)
        )


def _first_phase(*, waits: bool, rests: bool) -> Phase:
    if rests:
        return Phase.CREATED
    return Phase.QUEUED if waits else Phase.STARTING


def queue(tx: Transaction, attempt: int, at: int) -> bool:
    """Queue an attempt that rested; False if it does not rest any more, whatever became of it."""
    if not attempt_rows.set_phase(tx, attempt, Phase.CREATED, Phase.QUEUED, at):
        return False
    event_rows.append(tx, attempt, NewEvent(at, "attempt.queued", "scheduler"))
    return True


def admit(tx: Transaction, attempt: int, at: int) -> bool:
    """Let a queued attempt start; False if it is not queued any more, whatever became of it."""
    if not attempt_rows.set_phase(tx, attempt, Phase.QUEUED, Phase.STARTING, at):
        return False
    intend_launch(tx, attempt, 0, at)
    return True


def intend_launch(tx: Transaction, attempt: int, epoch: int, at: int) -> int:
    """Write down that a worker will be launched after launch `epoch`; return the new epoch."""
    if not attempt_rows.next_epoch(tx, attempt, epoch, at):
        raise Conflict(f"attempt {attempt} was launched by somebody else, or has ended")
    launch_rows.intend(tx, attempt, epoch + 1, "local", f"{attempt}/{epoch + 1}", at)
    launched: Params = {"epoch": epoch + 1}
    event_rows.append(tx, attempt, NewEvent(at, "launch.intended", "supervisor", data=launched))
    return epoch + 1


def greet(tx: Transaction, attempt: int, epoch: int, at: int) -> bool:
    """The worker of launch `epoch` is there. False if the epoch is not current: it has to leave."""
    data: Params = {"epoch": epoch, "pid": os.getpid()}
    if not attempt_rows.say_hello(tx, attempt, epoch, at):
        data["current"] = attempt_rows.load(tx, attempt).epoch
        event_rows.append(tx, attempt, NewEvent(at, "worker.stale", "worker", data=data))
        return False
    launch_rows.hello(tx, attempt, epoch, at)
    started = NewEvent(at, "attempt.started", "worker", data=data, dedupe="started")
    if not event_rows.append(tx, attempt, started):
        event_rows.append(tx, attempt, NewEvent(at, "attempt.resumed", "worker", data=data))
    return True


def _found(tx: Transaction, existing: AttemptRow, name: str | None) -> StartedAttempt:
    # Without a name the session's newest attempt counts, whatever its name (digdag 0.10.5).
    newest = existing if name is not None else attempt_rows.last_of_session(tx, existing.session)
    assert newest is not None  # noqa: S101 - the session has one at least
    success = newest.phase is Phase.SUCCESS
    return StartedAttempt(
        newest.id, newest.session, False, newest.is_done, success, newest.created_at
    )
