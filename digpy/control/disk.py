"""Brown-out: with hardly any room left on the disk nothing new starts, and what runs can finish.

A reserve file is kept for the moment at which the disk is full: deleting it makes room for the
results, failures and cancels that are still to be written. New work begins again when there has
been room enough for a while, and the reserve is back.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from digpy.clock import SteadyClock
from digpy.values import SECOND

RECHECK = 5 * SECOND
"""How long a brown-out lasts at least before somebody asks again."""

_CALM = 60 * SECOND
_LOOK = SECOND
_SHARE = 20
_PAUSE = 1.0


class Room(NamedTuple):
    """Bytes of a file system."""

    free: int
    total: int


def room(directory: Path) -> Room:
    """The room of the file system that holds `directory`, for ordinary users."""
    status = os.statvfs(directory)
    return Room(status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize)


class Disk:
    """The room that the state directory has. Making the object touches nothing.

    `min_free` and `reserve` are bytes; with `min_free` 0 nothing is watched. Attributes:
        wait: called once a second while a full disk keeps everybody waiting; it may raise. None:
            nobody waits here.
    """

    def __init__(
        self,
        state: Path,
        clock: SteadyClock,
        *,
        min_free: int,
        reserve: int,
        look: Callable[[Path], Room] = room,
        wait: Callable[[], None] | None = None,
    ) -> None:
        self._state = state
        self._file = state / "reserve.bin"
        self._clock = clock
        self._min_free = min_free
        self._reserve = reserve
        self._look = look
        self.wait = wait
        self._looked_at: int | None = None
        self._low_since: int | None = None
        self._calm_since: int | None = None
        self._is_new = False

    def prepare(self) -> None:
        """Put the reserve there if it is not; without effect where there is no room for it."""
        if not self._reserve or self._file.exists() or not hasattr(os, "posix_fallocate"):
            return
        file = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, self._reserve)
        except OSError:  # no room, or no such call on this file system: then there is no reserve
            self._file.unlink()
        finally:
            os.close(file)

    @property
    def is_low(self) -> bool:
        """Whether nothing new may start now; looks at most once a second."""
        now = self._clock.since_boot()
        # Also where nothing is watched: a database without room has begun what has to end again.
        is_watched = self._min_free or self._low_since is not None
        if is_watched and (self._looked_at is None or now - self._looked_at >= _LOOK):
            self._looked_at = now
            self._judge(self._look(self._state), now)
        return self._low_since is not None

    def begins(self) -> bool:
        """Whether a brown-out has begun since this was asked last."""
        is_new, self._is_new = self._is_new, False
        return is_new

    def make_room(self) -> bool:
        """The database had no room to write: give up the reserve, or wait a moment without one.

        False where nobody waits: then the caller has to.
        """
        self._begin(self._clock.since_boot())
        try:
            self._file.unlink()
        except FileNotFoundError:
            if self.wait is None:
                return False
            self.wait()
            time.sleep(_PAUSE)
        return True

    def _judge(self, found: Room, now: int) -> None:
        if found.free < min(self._min_free, found.total // _SHARE):
            self._begin(now)
        elif self._low_since is not None:
            if self._calm_since is None:
                self._calm_since = now
            elif now - self._calm_since >= _CALM:
                with suppress(OSError):
                    self.prepare()
                self._low_since = None

    def _begin(self, now: int) -> None:
        self._calm_since = None
        if self._low_since is None:
            self._low_since = now
            self._is_new = True
