"""Jumps of the wall clock: found beside a clock that never jumps, and taken out of elapsed time.

Each sweep reads both clocks and compares them with how they were read last (the *anchor*, kept in
the database, so that a jump while no supervisor ran is found in the same boot). A jump is noted on
every unfinished attempt, at the instants that were written before it; limits count from the shifted
instants. So a jump never makes a limit pass, and never puts one off. Across a reboot the wall clock
is believed.
"""

from __future__ import annotations

from digpy.clock import SteadyClock
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import installation as installation_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.events import NewEvent
from digpy.store.installation import Anchor
from digpy.values import SECOND, Params

_ORIGINS = ("created_at", "queued_since", "starting_since", "started_at", "canceling_since")

_RECENT = 15 * SECOND
"""Instants this near may have been written after the clock was set back."""


def read(clock: SteadyClock) -> Anchor:
    """Both clocks, read together."""
    return Anchor(clock.since_boot(), clock.now())


def step_between(earlier: Anchor, later: Anchor) -> int:
    """By how much the wall clock was set forward (back: negative), microseconds."""
    return (later.wall - earlier.wall) - (later.since_boot - earlier.since_boot)


def follow(tx: Transaction, boot: str, now: Anchor, tolerance: int, epoch: int) -> int:
    """Remember how the clocks read `now`; returns the jump since they were read last, 0 if none.

    A jump is written down: as an event of the installation, and on all unfinished attempts with
    the supervisor's `epoch`. Whoever of several supervisors comes first does it for all of them.
    """
    last = installation_rows.anchor(tx, boot)
    installation_rows.set_anchor(tx, boot, now)
    if last is None or abs(delta := step_between(last, now)) <= tolerance:
        return 0
    data: Params = {"delta": delta}
    installation_rows.append(tx, now.wall, "supervisor.clock_step", "supervisor", data)
    for row in attempt_rows.each_unfinished(tx):
        shifts = _shifts(row, last, now, delta)
        if shifts != row.clock_shifts:
            attempt_rows.shift_clock(tx, row.id, shifts)
            event = NewEvent(
                now.wall,
                "supervisor.clock_step",
                "supervisor",
                data=data,
                supervisor_epoch=epoch,
            )
            event_rows.append(tx, row.id, event)
    return delta


def jump_text(delta: int) -> str:
    """What people are told of a jump."""
    return f"the clock was set by {delta / SECOND:+.0f} s: limits do not move"


def shift_since(tx: Transaction, instant: int) -> int:
    """By how much the clock was set since `instant`, for instants that no attempt's row holds."""
    return sum(
        delta
        for event in installation_rows.events(tx)
        if event.kind == "supervisor.clock_step" and event.at > instant
        if isinstance(delta := event.data.get("delta"), int)
    )


def _shifts(row: AttemptRow, last: Anchor, now: Anchor, delta: int) -> dict[str, tuple[int, int]]:
    shifts = {column: (noted[0], noted[1]) for column, noted in row.clock_shifts.items()}
    passed = now.since_boot - last.since_boot
    for column in _ORIGINS:
        instant: int | None = getattr(row, column)
        if instant is None:
            continue
        known, shift = shifts.get(column, (instant, 0))
        shift = shift if known == instant else 0
        # Compared as the clock was set before this jump, whatever earlier jumps there were.
        if _is_before(instant + shift, last, now, passed, delta):
            shifts[column] = (instant, shift + delta)
    return shifts


def _is_before(instant: int, last: Anchor, now: Anchor, passed: int, delta: int) -> bool:
    """Whether `instant` was written before the jump, which came at some time since `last`."""
    if delta > 0:
        return instant <= last.wall + passed
    return not now.wall - min(passed, _RECENT) <= instant <= now.wall
