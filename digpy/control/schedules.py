"""What to do about a schedule now: decisions without a clock and without a database.

A scheduler asks `decide` again and again until it says `Wait`, and does what it says. Sessions are
decided about oldest first, one by one, because starting one can be a reason to skip the next.
Follows digdag 0.10.5 (``ScheduleExecutor``); ``catchup`` is ours. Instants are UTC microseconds.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from digpy.control.triggers import ScheduledTime, Trigger
from digpy.errors import Conflict, LimitExceeded, UsageError
from digpy.values import SECOND

ON_TIME = 60 * SECOND
"""How late a session may be and still not count as missed for ``catchup: none``."""


class ScheduleState(NamedTuple):
    """What is kept of a schedule.

    Attributes:
        next: the session to be decided about; its run time may have been put off.
        last_session_time: the session started last, None if none was.
    """

    next: ScheduledTime
    last_session_time: int | None


class Wait(NamedTuple):
    """Nothing is due before the instant `until`."""

    until: int


class Skip(NamedTuple):
    """The sessions from `first` on and before `state.next` are not started, for this reason."""

    first: int
    reason: Literal["delayed", "catchup", "overtime"]
    state: ScheduleState


class Start(NamedTuple):
    """An attempt is to be started for this session; `state` holds when it has been.

    It counts as started also if the session has an attempt already.
    """

    time: ScheduledTime
    state: ScheduleState


Decision: TypeAlias = Wait | Skip | Start


def decide(trigger: Trigger, state: ScheduleState, now: int, *, is_active: bool) -> Decision:
    """What to do about the next session of a schedule that is enabled.

    `is_active`: an attempt of the workflow is neither done nor being canceled.
    """
    schedule, following = trigger.schedule, state.next
    if following.is_finished or now < following.run_time:
        return Wait(following.run_time)
    tolerance = schedule.skip_delayed_by
    if tolerance is not None and now > following.run_time + tolerance:
        return _skip(trigger, state, "delayed", trigger.first_from(now - tolerance))
    wanted = _first_wanted(trigger, state, now)
    if wanted.session_time > following.session_time:
        return _skip(trigger, state, "catchup", wanted)
    if schedule.skip_on_overtime and is_active:
        return _skip(trigger, state, "overtime", trigger.first_from(now + 1))
    return Start(following, _after(trigger, following.session_time))


def postponed(state: ScheduleState, until: int) -> ScheduleState:
    """The same session, to be tried again at `until`: a limit did not let it start."""
    return state._replace(next=state.next._replace(run_time=until))


def pushed(
    trigger: Trigger, before: ScheduleState | None, now: int, *, clear: bool = False
) -> ScheduleState:
    """The state of a schedule of which a revision was pushed at `now`.

    `before` is that of the schedule of the same workflow, None if it had none; `clear` forgets what
    was started last. A schedule that has started sessions goes on after them, which may make
    several due at once.
    """
    last = None if before is None or clear else before.last_session_time
    if last is None:
        return ScheduleState(trigger.first_from(now), None)
    return _after(trigger, last)


def skipped_to(
    trigger: Trigger, state: ScheduleState, instant: int, run_at: int | None = None
) -> ScheduleState:
    """Go on with the first session that runs at `instant` or later.

    `run_at` is when that session runs instead. Raises `Conflict` if that does not skip anything.
    """
    return _moved(state, trigger.first_from(instant), run_at)


def skipped_by(
    trigger: Trigger, state: ScheduleState, now: int, count: int, run_at: int | None = None
) -> ScheduleState:
    """Skip the next `count` sessions that run from `now` on; else as `skipped_to`."""
    target = trigger.first_from(now)
    for _ in range(count):
        target = trigger.next_after(target.session_time)
    return _moved(state, target, run_at)


def backfill(
    trigger: Trigger, since: int, before: int, count: int | None, *, most: int
) -> list[int]:
    """The session times that a backfill starts, oldest first.

    Those that run at `since` or later, up to but excluding the session `before`, which the schedule
    will start itself; the first `count` of them.

    Raises `UsageError` if there are fewer than `count`, `LimitExceeded` if more than `most`.
    """
    found: list[int] = []
    following = trigger.first_from(since)
    while following.session_time < before and not following.is_finished and len(found) != count:
        if len(found) == most:
            raise LimitExceeded(f"Too many sessions to start at once. Limit: {most}")
        found.append(following.session_time)
        following = trigger.next_after(following.session_time)
    if count is not None and len(found) < count:
        raise UsageError(
            f"count is set to {count} but there are only {len(found)} attempts until the next"
            " schedule time"
        )
    return found


def _first_wanted(trigger: Trigger, state: ScheduleState, now: int) -> ScheduledTime:
    """The oldest session due that the way to catch up does not skip."""
    policy = trigger.schedule.catchup
    most = trigger.schedule.catchup_limit if policy == "all" else 1
    wanted = None if most is None else trigger.last_until(now)
    for _ in range((most or 1) - 1):
        if wanted is None or wanted.session_time <= state.next.session_time:
            break
        wanted = trigger.previous_before(wanted.session_time)
    if wanted is None or wanted.session_time <= state.next.session_time:
        wanted = state.next
    if policy == "none" and now > wanted.run_time + ON_TIME:
        return trigger.first_from(now + 1)
    return wanted


def _skip(
    trigger: Trigger,
    state: ScheduleState,
    reason: Literal["delayed", "catchup", "overtime"],
    to: ScheduledTime,
) -> Skip:
    # Where the run time was moved, the session itself may still be ahead.
    following = max(to, trigger.next_after(state.next.session_time))
    return Skip(state.next.session_time, reason, state._replace(next=following))


def _after(trigger: Trigger, session_time: int) -> ScheduleState:
    return ScheduleState(trigger.next_after(session_time), session_time)


def _moved(state: ScheduleState, to: ScheduledTime, run_at: int | None) -> ScheduleState:
    if to.session_time <= state.next.session_time:
        raise Conflict("Specified time to skip schedules is already past")
    return state._replace(next=to if run_at is None else to._replace(run_time=run_at))
