"""Attempts, tasks and events as other programs see them: JSON in digdag's shapes.

Follows digdag 0.10.5: names and forms of its REST API, ids as text, instants in UTC in whole
seconds. What digdag does not know comes after what it knows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from digpy.control.session_times import session_text
from digpy.control.trees import workflow_of
from digpy.dsl.compiler import compile_generated
from digpy.engine.states import WAITING
from digpy.engine.tree import Task, TaskTree, load_tree
from digpy.store import attempts as attempt_rows
from digpy.store import launches as launch_rows
from digpy.store import projects as project_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.events import EventRow
from digpy.store.launches import LaunchRow
from digpy.store.notifications import NotificationRow
from digpy.store.phases import Phase
from digpy.values import SECOND, Json, Params, deep_merge


class Waiting(NamedTuple):
    """A task that waits for an instant (UTC microseconds), or for the end of an attempt."""

    full_name: str
    until: int | None
    awaits: int | None


class AttemptDetails(NamedTuple):
    """An attempt and what is kept beside it; `waiting` are its waiting tasks."""

    row: AttemptRow
    project: str
    revision: str
    launches: list[LaunchRow]
    waiting: list[Waiting]
    required_by: list[int]


def status(row: AttemptRow) -> str:
    """The word of digdag for how an attempt stands; what a limit stopped is ``killed`` as well."""
    if not row.is_done:
        return "running"
    if row.phase is Phase.SUCCESS:
        return "success"
    return "error" if row.canceling_since is None else "killed"


def load_details(tx: Transaction, attempt: int) -> AttemptDetails:
    """Raises `NotFound`."""
    row = attempt_rows.load(tx, attempt)
    revision = project_rows.load_revision(tx, project_rows.revision_of(tx, row.workflow_id))
    waiting = [
        Waiting(task.full_name, task.retry_at, task.awaits)
        for task in task_rows.load(tx, attempt)
        if task.state in WAITING
    ]
    waiters = dict.fromkeys(waiter for waiter, _ in task_rows.waiting_for(tx, attempt))
    return AttemptDetails(
        row,
        project_rows.project_name(tx, row.project),
        revision.content_hash,
        launch_rows.of_attempt(tx, attempt),
        waiting,
        list(waiters),
    )


def load_task_tree(tx: Transaction, attempt: int) -> TaskTree:
    """The tasks of an attempt with their definitions, for reading. Raises `NotFound`."""
    row = attempt_rows.load(tx, attempt)
    workflow = workflow_of(tx, row)
    rows, outputs = task_rows.load(tx, attempt), task_rows.load_outputs(tx, attempt)
    return load_tree(TaskTree(workflow.definitions), rows, outputs, compile_generated)


def attempt_as_json(row: AttemptRow, project: str) -> Params:
    """An attempt of the project called `project`."""
    return {
        "status": status(row),
        "id": str(row.id),
        "index": row.idx,
        "project": {"id": str(row.project), "name": project},
        "workflow": {"name": row.workflow, "id": str(row.workflow_id)},
        "sessionId": str(row.session),
        "sessionUuid": row.session_uuid,
        "sessionTime": session_text(row.session_time, row.timezone),
        "retryAttemptName": row.retry_attempt_name,
        "done": row.is_done,
        "success": row.phase is Phase.SUCCESS,
        "cancelRequested": row.canceling_since is not None,
        "params": row.params,
        "createdAt": instant(row.created_at),
        "finishedAt": instant(row.ended_at),
        "phase": str(row.phase),
        "cause": row.cause,
        "reason": row.reason,
        "startedAt": instant(row.started_at),
        "cancelingSince": instant(row.canceling_since),
        "supersededBy": _id(row.superseded_by),
        "command": str(row.command),
        "epoch": row.epoch,
        "losses": row.losses_total,
        "unclean": row.unclean,
        "waitingReason": row.waiting_reason,
        "limits": row.limits,
    }


def details_as_json(details: AttemptDetails) -> Params:
    """An attempt with its revision, its launches, and what it waits for."""
    return {
        **attempt_as_json(details.row, details.project),
        "revision": details.revision,
        "launches": [
            {
                "epoch": launch.epoch,
                "launcher": launch.launcher,
                "intendedAt": instant(launch.intended_at),
                "helloAt": instant(launch.hello_at),
                "endedAt": instant(launch.ended_at),
                "proof": launch.proof,
            }
            for launch in details.launches
        ],
        "waiting": [
            {
                "task": waiting.full_name,
                "until": instant(waiting.until),
                "awaits": _id(waiting.awaits),
            }
            for waiting in details.waiting
        ],
        "requiredBy": [str(attempt) for attempt in details.required_by],
    }


def task_as_json(tree: TaskTree, task: Task) -> Params:
    """A task of `tree`."""
    definition, output = task.definition, tree.newest_output(task)
    config: Params = dict(definition.local)
    if definition.export:
        config["_export"] = definition.export
    exported: Mapping[str, Json] = {} if output is None else output.export
    changes = [task.started_at, task.ended_at]
    return {
        "id": str(task.number),
        "fullName": task.full_name,
        "parentId": _id(task.parent),
        "config": config,
        "upstreams": [str(number) for number in task.upstreams],
        "isGroup": task.is_group,
        "state": str(task.state),
        "cancelRequested": task.cancel,
        "exportParams": deep_merge(definition.export, exported),
        "storeParams": {} if output is None else output.store,
        "stateParams": task.state_params,
        "updatedAt": instant(max((at for at in changes if at is not None), default=None)),
        "retryAt": instant(task.retry_at),
        "startedAt": instant(task.started_at),
        "error": {} if output is None else output.error or {},
        "endedAt": instant(task.ended_at),
        "how": task.how,
        "claims": task.fence,
        "retries": task.retries,
        "losses": task.losses,
        "awaits": _id(task.awaits),
        "round": task.born,
    }


def event_as_json(event: EventRow) -> Params:
    """An event; its instant has microseconds, because several happen in one second."""
    return {
        "seq": event.seq,
        "at": precise_instant(event.at),
        "kind": event.kind,
        "actor": event.actor,
        "task": _id(event.number),
        "fence": event.fence,
        "data": event.data,
    }


def notification_status(row: NotificationRow) -> str:
    """One word for how a notification stands."""
    if row.delivered_at is not None:
        return "delivered"
    return "waiting" if row.next_at is not None else "failed"


def notification_as_json(row: NotificationRow) -> Params:
    """A notification, and what is sent as its ``body``."""
    return {
        "id": str(row.id),
        "attempt": _id(row.attempt),
        "kind": row.kind,
        "at": instant(row.at),
        "status": notification_status(row),
        "tries": row.tries,
        "nextTryAt": instant(row.next_at),
        "deliveredAt": instant(row.delivered_at),
        "error": row.error,
        "body": row.body,
    }


def instant(at: int | None) -> str | None:
    """``2016-01-30T00:00:00Z``: an instant as digdag writes it, without its fraction."""
    if at is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // SECOND))


def precise_instant(at: int) -> str:
    """``2016-01-30T00:00:00.000000Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // SECOND)) + f".{at % SECOND:06}Z"


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)
