"""A clock that moves when a test says so."""

from __future__ import annotations

from digpy.values import SECOND

START = 1_706_572_800 * SECOND
"""2024-01-30T00:00:00Z."""


class ManualClock:
    """A `digpy.clock.SteadyClock`; stands still until `advance` or `set` is called."""

    def __init__(self, now: int = START) -> None:
        self._now = now
        self._since_boot = 1_000 * SECOND

    def now(self) -> int:
        """The present instant in microseconds since the epoch, UTC."""
        return self._now

    def since_boot(self) -> int:
        """Microseconds since the start of an imagined machine."""
        return self._since_boot

    def boot(self) -> str:
        """Its name."""
        return "imagined"

    def advance(self, microseconds: int) -> int:
        """Let time pass; returns the new present."""
        self._since_boot += microseconds
        self._now += microseconds
        return self._now

    def set(self, now: int) -> None:
        """Jump to an instant, backwards too, as a wall clock may."""
        self._now = now
