"""Time, as an object that can be replaced.

Instants are microseconds since the Unix epoch, UTC, as integers: what the database stores and the
engine compares. Local time exists only together with a zone, in `digpy.expr` and
`digpy.control.session_times`.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> int:
        """The present instant in microseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The wall clock of this machine."""

    def now(self) -> int:
        """The present instant in microseconds since the epoch, UTC."""
        return time.time_ns() // 1000
