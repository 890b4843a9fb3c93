"""Running sessions of the past: a backfill is a row of attempts with one name.

All of them are made at once, and rest. They are queued in the order of their sessions, never more
than `parallel` of them at a time (`digpy.control.admission`). Follows digdag 0.10.5, where it is
always one at a time, and where those that rest count as running.
"""

from __future__ import annotations

from typing import NamedTuple

from digpy.control.scheduled import DueSession, SessionStarter
from digpy.control.schedules import backfill
from digpy.control.session_times import session_text
from digpy.control.triggers import trigger_of
from digpy.errors import Conflict, LimitExceeded
from digpy.store import attempts as attempt_rows
from digpy.store.database import Transaction
from digpy.store.schedules import ScheduleRow

MOST = 1000
"""How many sessions a backfill may have."""


class Backfill(NamedTuple):
    """What is asked for: `length` sessions that run at `since` or later, `parallel` at once.

    With `length` None all up to the next one of the schedule. `name` is that of their attempts.
    """

    since: int
    length: int | None
    name: str
    parallel: int


def sessions_of(tx: Transaction, row: ScheduleRow, wanted: Backfill) -> list[int]:
    """The session times that a backfill would run, oldest first.

    Raises `UsageError` if there are fewer than were asked for, `LimitExceeded` for more than
    `MOST`, `Conflict` if one of them has an attempt of that name.
    """
    trigger = trigger_of(row.definition, row.timezone)
    before = row.next_session_time
    try:
        times = backfill(trigger, wanted.since, before, wanted.length, most=MOST)
    except LimitExceeded as error:
        raise LimitExceeded(f"{error}\n    help: --count {MOST}, and the others later") from None
    for time in times:
        session = attempt_rows.find_session(tx, row.project, row.workflow, time)
        if session is not None and attempt_rows.find(tx, session, wanted.name) is not None:
            shown = session_text(time, row.timezone)
            raise Conflict(
                f'session {shown} of {row.workflow} has an attempt called "{wanted.name}" already;'
                " nothing was started"
            )
    return times


def begin_backfill(
    tx: Transaction, starter: SessionStarter, row: ScheduleRow, wanted: Backfill
) -> list[int]:
    """Make the attempts of a backfill, and return their ids, the oldest session first.

    Raises what `sessions_of` does, and `LimitExceeded` for too many tasks.
    """
    times = sessions_of(tx, row, wanted)
    if not times:
        return []
    last = attempt_rows.session_time_before(tx, row.project, row.workflow, times[0])
    attempts: list[int] = []
    for time in times:
        due = DueSession(
            time,
            last,
            f'its turn in backfill "{wanted.name}"',
            name=wanted.name,
            at_once=wanted.parallel,
        )
        attempt = starter.start(tx, row, due)
        assert attempt is not None, "the name is free"  # noqa: S101 - `sessions_of` has looked
        attempts.append(attempt)
        last = time
    return attempts
