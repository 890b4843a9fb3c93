"""How another command reaches the one that leads an attempt: a named pipe beside its lock.

An order is a message, never a fact: the command that takes it acts on it, and what came of that is
read from the database. The pipe has a reader for exactly as long as the command lives, and what was
not read dies with the reader, so no order reaches a later command.
"""

from __future__ import annotations

import errno
import os
import re
import time
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

Verb: TypeAlias = Literal["cancel", "kill"]
"""``cancel``: as with one Ctrl-C; ``kill``: as with two."""

_ORDER = re.compile(rb"^(cancel|kill) (\d+)$", re.MULTILINE)
_PAUSE = 0.005


class Order(NamedTuple):
    """What to do with an attempt."""

    verb: Verb
    attempt: int


class Orders:
    """The pipe of the command that leads attempt `command`; making it makes the pipe.

    Raises `OSError` where there can be none. The descriptor must not survive in a worker: as long
    as anybody has it open, orders are accepted.
    """

    def __init__(self, state: Path, command: int) -> None:
        path = _path(state, command)
        path.unlink(missing_ok=True)  # a command that was killed leaves its own
        os.mkfifo(path, 0o600)
        self._path = path
        # Open for writing too: else the pipe would be at its end whenever nobody else writes.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """For waiting."""
        return self._descriptor

    def take(self) -> list[Order]:
        """The orders that have arrived; never waits. What is no order is passed over."""
        try:
            data = os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return []
        return [
            Order("kill" if verb == b"kill" else "cancel", int(attempt))
            for verb, attempt in _ORDER.findall(data)
        ]

    def close(self) -> None:
        """Take no more orders."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def give(state: Path, command: int, order: Order, *, patience: float) -> bool:
    """Give `order` to the command that leads attempt `command`.

    True once it has been taken; False if that did not happen within `patience` seconds. A command
    that is beginning or ending has no pipe for a moment.
    """
    deadline = time.monotonic() + patience
    while (pipe := _open(state, command)) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    try:
        os.write(pipe, f"{order.verb} {order.attempt}\n".encode())
        while _untaken(pipe):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
    except (BlockingIOError, BrokenPipeError):  # full of orders nobody took; or it has just ended
        return False
    finally:
        os.close(pipe)
    return True


def _open(state: Path, command: int) -> int | None:
    """The pipe for writing; None if there is none, or nobody at its other end."""
    try:
        return os.open(_path(state, command), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return None


def _untaken(descriptor: int) -> int:
    """How many bytes are in the pipe."""
    import fcntl
    import termios

    answer = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
    return int.from_bytes(answer, "little")


def _path(state: Path, command: int) -> Path:
    return state / "locks" / f"{command}.orders"
