"""Schedules as they are stored, and how a session of one is started.

For the scheduler and for backfills. What is decided about a schedule is in
`digpy.control.schedules`, which knows no database.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple

from digpy.control.schedules import ScheduleState
from digpy.control.session_times import attempt_parameters
from digpy.control.starter import Start, Starter
from digpy.control.triggers import ScheduledTime
from digpy.dsl.model import Workflow
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store.database import Transaction
from digpy.store.schedules import Place, ScheduleRow
from digpy.values import Params


class DueSession(NamedTuple):
    """A session to be started.

    Attributes:
        session_time: UTC microseconds.
        last_executed: what tasks see as ``last_executed_session_time``; None: nothing.
        waits_for: why its attempt does not begin at once, for people.
        run_time: when its schedule wanted it to run; without one it has no ``sla:``.
        name: the retry attempt name.
        at_once: its attempt rests until fewer of that name are active.
    """

    session_time: int
    last_executed: int | None
    waits_for: str
    run_time: int | None = None
    name: str | None = None
    at_once: int | None = None


class SessionStarter:
    """Starts sessions of schedules; `limits` are those of a workflow's attempt with parameters."""

    def __init__(self, starter: Starter, limits: Callable[[Workflow, Params], Params]) -> None:
        self._starter = starter
        self._limits = limits

    def start(self, tx: Transaction, row: ScheduleRow, due: DueSession) -> int | None:
        """Queue an attempt and return its id; None if the session has one of that name.

        Raises `LimitExceeded`.
        """
        session = attempt_rows.ensure_session(
            tx, row.project, row.workflow, due.session_time, str(uuid.uuid4())
        )
        if attempt_rows.find(tx, session, due.name) is not None:
            return None
        workflow = project_rows.load_workflow(tx, row.workflow_id)
        params = attempt_parameters(row.params, workflow, due.session_time, due.last_executed)
        start = Start(
            row.workflow_id,
            workflow,
            session,
            due.name,
            params,
            {},
            self._limits(workflow, params),
            None,
            due.run_time,
            has_sla=due.run_time is not None,
        )
        return self._starter.start(tx, start, waits_for=due.waits_for, at_once=due.at_once)


def state_of(row: ScheduleRow) -> ScheduleState:
    """What decisions about a schedule are made from."""
    return ScheduleState(
        ScheduledTime(row.next_session_time, row.next_run_time), row.last_session_time
    )


def place_of(state: ScheduleState) -> Place:
    """The inverse of `state_of`: what is stored."""
    return Place(*state.next, state.last_session_time)
