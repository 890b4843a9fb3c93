"""SIGINT, SIGTERM and SIGHUP as something to wait for, beside everything else."""

from __future__ import annotations

import os
import signal
from types import FrameType

_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Counts the signals that ask this process to stop; readable when there is a new one.

    `count` is how many have come. With `hangups_reload`, SIGHUP asks for something else, and is
    counted in `hangups`. Use as a context; afterwards the earlier handlers are back.
    """

    def __init__(self, *, hangups_reload: bool = False) -> None:
        self.count = 0
        self.hangups = 0
        self._hangups_reload = hangups_reload
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def __enter__(self) -> Signals:
        self._earlier = {number: signal.signal(number, self._caught) for number in _CAUGHT}
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """For waiting."""
        return self._reader

    def drain(self) -> None:
        """Take what made this readable away."""
        try:
            while os.read(self._reader, 64):
                pass
        except BlockingIOError:
            return

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._hangups_reload:
            self.hangups += 1
        else:
            self.count += 1
