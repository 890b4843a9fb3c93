"""When the service level agreement of an attempt is missed."""

from __future__ import annotations

from digpy.control.local_clock import DAY, LocalClock
from digpy.dsl.sla import SlaDefinition
from digpy.values import SECOND


def sla_instant(sla: SlaDefinition, timezone: str, run_time: int) -> int:
    """The instant at which an attempt that ran from `run_time` on has missed its `sla`.

    Both are UTC microseconds. A time of day is one of the day of the run time in the zone called
    `timezone`, or 24 hours later if it is over by then. Follows digdag 0.10.5.
    """
    if sla.kind == "duration":
        return run_time + sla.seconds * SECOND
    second, fraction = divmod(run_time, SECOND)
    clock = LocalClock(timezone)
    today = clock.local(second) // DAY * DAY
    instant, _ = clock.instant(today + sla.seconds)
    return (instant if instant >= second else instant + DAY) * SECOND + fraction
