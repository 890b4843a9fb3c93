"""What stays the same during one attempt: identity, parameters, options, built-in variables."""

from __future__ import annotations

from typing import NamedTuple

from digpy.dsl.model import Workflow
from digpy.values import Params


class AttemptContext(NamedTuple):
    """One attempt as the executor needs it; read once per process.

    Attributes:
        attempt, session, project: ids. session_uuid: the same for all attempts of the session.
        workflow: the compiled definition, from the database.
        session_time: UTC microseconds; timezone: the workflow's.
        params: start parameters (``-p``, ``-P`` and schedule times): the weakest scope.
        options: how the attempt was started; see `digpy.control.starter`.
        command: the attempt whose command runs this one (itself, or the one that required it).
        epoch: number of the launch this process is.
        cause: why the attempt is to stop, None if it is not.
        sla_at: when it has missed its ``sla:``, UTC microseconds; None: it has none any more.
        identity: see `digpy.spi.TaskRequest`.
    """

    attempt: int
    session: int
    session_uuid: str
    project: int
    workflow: Workflow
    session_time: int
    timezone: str
    retry_attempt_name: str | None
    params: Params
    options: Params
    command: int
    epoch: int
    cause: str | None = None
    sla_at: int | None = None
    identity: Params = {}  # noqa: RUF012 - never mutated
