"""What people change about schedules. A scheduler that runs notices it at its next look.

Follows digdag 0.10.5, except that enabling with a skip that skips nothing is no error.
"""

from __future__ import annotations

from typing import NamedTuple

from digpy.control.scheduled import place_of, state_of
from digpy.control.schedules import skipped_by, skipped_to
from digpy.control.triggers import trigger_of
from digpy.store import schedules as schedule_rows
from digpy.store.database import Transaction
from digpy.store.schedules import ScheduleRow


class Move(NamedTuple):
    """Where a schedule is to go on: after `skipped` sessions, or with the first one from `instant`.

    The other is None. That session runs at `run_at`, None: when it is due. Instants are UTC
    microseconds.
    """

    skipped: int | None
    instant: int | None
    run_at: int | None


def disable(tx: Transaction, schedule: int, now: int) -> ScheduleRow:
    """Start no sessions from now on. Raises `NotFound`."""
    schedule_rows.load(tx, schedule)
    schedule_rows.disable(tx, schedule, now)
    return schedule_rows.load(tx, schedule)


def enable(tx: Transaction, schedule: int, now: int, *, skip: bool = False) -> ScheduleRow:
    """Start sessions again, also those that were due meanwhile unless `skip`. Raises `NotFound`."""
    row = schedule_rows.load(tx, schedule)
    if skip:
        following = trigger_of(row.definition, row.timezone).first_from(now)
        if following.session_time > row.next_session_time:
            place = row.place._replace(
                next_session_time=following.session_time, next_run_time=following.run_time
            )
            schedule_rows.move(tx, row, place, now)
    schedule_rows.enable(tx, schedule, now)
    return schedule_rows.load(tx, schedule)


def moved(row: ScheduleRow, move: Move, now: int) -> ScheduleRow:
    """`row` as it would be after `move`. Raises `Conflict` if that does not skip anything."""
    trigger, state = trigger_of(row.definition, row.timezone), state_of(row)
    if move.instant is not None:
        state = skipped_to(trigger, state, move.instant, move.run_at)
    else:
        state = skipped_by(trigger, state, now, move.skipped or 0, move.run_at)
    return row._replace(**place_of(state)._asdict(), error=None)


def reschedule(tx: Transaction, schedule: int, move: Move, now: int) -> ScheduleRow:
    """Skip sessions. Raises `NotFound`, and `Conflict` if there is nothing to skip."""
    row = schedule_rows.load(tx, schedule)
    schedule_rows.move(tx, row, moved(row, move, now).place, now)
    return schedule_rows.load(tx, schedule)
