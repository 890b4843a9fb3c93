"""Time, as an object that can be replaced.

Instants are microseconds since the Unix epoch, UTC, as integers: what the database stores and the
engine compares. Local time exists only together with a zone, in `digpy.expr` and
`digpy.control.session_times`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> int:
        """The present instant in microseconds since the epoch, UTC."""
        ...


class SteadyClock(Clock, Protocol):
    """A clock that knows beside the time of day how much time passes, whoever sets it."""

    def since_boot(self) -> int:
        """Microseconds since the machine was started, its sleep included; never jumps."""
        ...

    def boot(self) -> str:
        """The name of this boot of the machine."""
        ...


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The kernel's clock that counts sleep too, where there is one."""


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> int:
        """The present instant in microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def since_boot(self) -> int:
        """Microseconds since the machine was started, its sleep included; never jumps."""
        return time.clock_gettime_ns(_STEADY) // 1000

    def boot(self) -> str:
        """The name of this boot of the machine; empty where boots have no names."""
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            return ""
