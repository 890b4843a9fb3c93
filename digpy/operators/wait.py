"""``wait>: DURATION`` lets time pass, without occupying anything."""

from __future__ import annotations

from digpy.dsl.coercion import sample
from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, RetryLater, TaskRequest, TaskResult
from digpy.values import SECOND

_STARTED = "wait_start_time_millis"
_MILLISECOND = SECOND // 1000


class Wait(InlineOperator):
    """Succeeds when the duration has passed since its first run; a wait is a row with a due time.

    Follows digdag 0.10.5, where even no wait at all takes a second and ``poll_interval`` may
    overshoot. ``blocking`` takes the duration to the point, as there, but is a timer like any
    other: it survives a restart.
    """

    retries = False
    options = frozenset({"blocking", "poll_interval"})

    def run(self, request: TaskRequest) -> TaskResult | RetryLater:
        """Raises `TaskFailed` for a bad duration, or ``poll_interval`` with ``blocking: true``."""
        duration = _duration(request)
        blocking = conversions.optional_boolean(request.params, "blocking", default=False)
        interval = None
        if request.params.get("poll_interval") is not None:
            if blocking:
                raise TaskFailed("poll_interval can't be specified with blocking:true", "config")
            interval = conversions.duration(request.params, "poll_interval")

        least = 0 if blocking else SECOND
        started = request.now // _MILLISECOND
        remaining = max(duration, least)
        if _STARTED in request.state:
            started = conversions.long(request.state, _STARTED)
            remaining = started * _MILLISECOND + duration - request.now
        if remaining <= 0:
            return TaskResult()
        after = max(remaining, least) if interval is None else max(interval, SECOND)
        return RetryLater(after, {_STARTED: started})


def _duration(request: TaskRequest) -> int:
    try:
        return conversions.duration(command_of(request), conversions.COMMAND)
    except TaskFailed as failed:
        # digdag says no more, and handlers compare messages; so the reason stands beside it.
        reason = f"{sample(request.command)} is not a duration like 1d 2h 3m 4s"
        raise TaskFailed("Invalid configuration", "config", detail={"reason": reason}) from failed
