"""From a command line to the attempt it runs: the session, and what was there before."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

from digpy.clock import Clock
from digpy.control.continuation import Before, Decision, decide
from digpy.control.limits import passed
from digpy.control.recovery import Control, Settle, end_abandoned, relaunch
from digpy.control.starter import Start, Starter, admit, queue
from digpy.dsl.model import Workflow
from digpy.engine.tree import SKIPPED
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.phases import RESTING, Phase
from digpy.values import Json, Params

PROJECT = "default"
_HOW_IT_CAME = ("resumed_from", "rerun", "attempt_retry")
SELECTIVE = ("start", "goal", "end", "task")


class Wanted(NamedTuple):
    """What a command asks for; `workflow` is one of those in `revision`."""

    revision: int
    workflow_id: int
    workflow: Workflow
    session_time: int
    params: Params
    options: Params
    limits: Params


class Found(NamedTuple):
    """What there is to do: `attempt` is the one to run, or whose command stands in the way."""

    decision: Decision
    attempt: int


def keep_project(
    tx: Transaction, content_hash: str, workflows: list[Workflow], at: int
) -> tuple[int, dict[str, int]]:
    """Keep the project's definitions as they are now; ids of the revision and its workflows."""
    project = project_rows.ensure_project(tx, PROJECT)
    revision = project_rows.ensure_revision(tx, project, content_hash, at)
    return revision, project_rows.ensure_workflows(tx, revision, workflows)


def last_session_time(tx: Transaction, workflow: str) -> int | None:
    """The newest session of `workflow`, None if it never ran."""
    project = project_rows.find_project(tx, PROJECT)
    newest = None if project is None else attempt_rows.newest_session(tx, project, workflow)
    return None if newest is None else newest.session_time


def find_or_start(
    control: Control,
    starter: Starter,
    clock: Clock,
    wanted: Wanted,
    is_alive: Callable[[int], bool],
    settle: Settle,
) -> Found:
    """Decide by what the session's newest unnamed attempt is, and do it; see `continuation`.

    The caller holds the lock of the session, so that two commands do not decide at once.
    """
    with control.database.transaction() as tx:
        project = project_rows.load_revision(tx, wanted.revision).project
        session = attempt_rows.ensure_session(
            tx, project, wanted.workflow.name, wanted.session_time, str(uuid.uuid4())
        )
        newest = attempt_rows.newest_unnamed(tx, session)
        before = None if newest is None else _before(tx, newest, wanted, is_alive, clock.now())
        decision = decide(
            before,
            rerun=bool(wanted.options.get("rerun")),
            selective=any(wanted.options.get(name) for name in SELECTIVE),
        )
        if newest is None:
            return Found(decision, starter.start(tx, _start(wanted, session, None)))
    if decision is Decision.REFUSE:
        return Found(decision, newest.command)
    if decision is Decision.NOTHING:
        return Found(decision, newest.id)
    if decision is Decision.CONTINUE:
        if newest.command != newest.id:  # it was required by another command, which is gone
            with control.database.transaction() as tx:
                attempt_rows.adopt(tx, newest.id, newest.id)
        with control.database.reading() as tx:
            # Itself, and what it requires: their worker is gone as well.
            unfinished = attempt_rows.unfinished(tx, newest.id)
        for row in unfinished:
            cause = passed(row, clock.now())  # of what it required
            if cause is not None:
                end_abandoned(control, row.id, cause, settle)
            elif row.phase in RESTING:
                _take_from_queue(control, row, clock.now())
            else:
                relaunch(control, row, settle, clock)
        return Found(decision, newest.id)
    if decision is Decision.SUPERSEDE_UNFINISHED:
        with control.database.reading() as tx:
            unfinished = attempt_rows.unfinished(tx, newest.command)
        for row in unfinished:  # what it requires belongs to the same dead command
            end_abandoned(control, row.id, passed(row, clock.now()) or "superseded", settle)
    with control.database.transaction() as tx:
        start = _start(wanted, session, newest.id)
        return Found(decision, starter.start(tx, start, supersedes=newest.id))


def _take_from_queue(control: Control, row: AttemptRow, at: int) -> None:
    """Launch an attempt that a schedule has queued, without waiting for its turn."""
    with control.database.transaction() as tx:
        if row.phase is Phase.CREATED:
            queue(tx, row.id, at)
        admit(tx, row.id, at)


def _start(wanted: Wanted, session: int, source: int | None) -> Start:
    options = dict(wanted.options)
    if source is not None and not options.get("rerun"):
        options["resumed_from"] = source
    return Start(
        wanted.workflow_id,
        wanted.workflow,
        session,
        None,
        wanted.params,
        options,
        wanted.limits,
        None,
    )


def _before(
    tx: Transaction,
    newest: AttemptRow,
    wanted: Wanted,
    is_alive: Callable[[int], bool],
    now: int,
) -> Before:
    same = (
        newest.phase is not Phase.CANCELING  # what was told to stop can only be ended
        and newest.workflow_id == wanted.workflow_id
        and _comparable_params(newest.params) == _comparable_params(wanted.params)
        and _comparable(newest.options) == _comparable(wanted.options)
    )
    complete = newest.phase is Phase.SUCCESS and not any(
        task.how == SKIPPED for task in task_rows.summary(tx, newest.id)
    )
    alive = not newest.is_done and is_alive(newest.command)
    return Before(newest.is_done, alive, same, complete, passed(newest, now) is not None)


def _comparable_params(params: Params) -> Params:
    """Parameters that make a different run; from where a project was named does not."""
    return {key: value for key, value in params.items() if key != "_project_path"}


def _comparable(options: Params) -> dict[str, Json]:
    """Options that make a different run; how an attempt came to take over from another does not."""
    return {k: v for k, v in options.items() if v and k not in _HOW_IT_CAME}
