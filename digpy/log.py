"""What digpy says about its own doings: one log a process, sentences with names for machines.

A line is a sentence, an event name and ids under fixed keys (``attempt``, ``task``, ``workflow``).
The log goes to standard error, or to the file given with ``-L``. What tasks print does not pass
through here.

Not the standard library's `logging`: importing it costs more than a short workflow has to spend,
and a lock held while the process forks would be held for ever in the child.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Literal, TypeAlias

from digpy.values import SECOND

Level: TypeAlias = Literal["error", "warn", "info", "debug", "trace"]

LEVELS: tuple[Level, ...] = ("error", "warn", "info", "debug", "trace")
"""From the quietest to the loudest, digdag's names."""

_ROTATE_BYTES = 10_000_000
_OLD_FILES = 5


class Log:
    """Writes lines that are at least as important as its level.

    `path` None: standard error, looked up at each line. A file is appended to, one write a line, so
    that processes can share it; it is rotated when opened (10 MB, five compressed old files). A
    line that it does not take, because its disk is full, goes to standard error.
    Raises `OSError` if the file cannot be opened.
    """

    def __init__(self, level: Level = "info", path: Path | None = None) -> None:
        self.level = level
        self._rank = LEVELS.index(level)
        self._descriptor: int | None = None
        if path is not None:
            _rotate(path)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)

    @property
    def is_file(self) -> bool:
        """Whether lines go to a file and not to standard error."""
        return self._descriptor is not None

    def shows(self, level: Level) -> bool:
        """Whether a line of `level` would be written."""
        return LEVELS.index(level) <= self._rank

    def say(self, level: Level, sentence: str, event: str = "", **ids: object) -> None:
        """Write one line now; `event` is its stable name (``task.started``), `ids` its subjects."""
        self.say_at(time.time_ns() // 1000, level, sentence, event, **ids)

    def say_at(self, at: int, level: Level, sentence: str, event: str = "", **ids: object) -> None:
        """Write one line about the instant `at` (microseconds)."""
        if not self.shows(level):
            return
        facts = [event] if event else []
        facts += [f"{key}={value}" for key, value in ids.items()]
        if self._descriptor is not None:
            tail = f"  ({' '.join(facts)})" if facts else ""
            line = f"{local_time(at, milliseconds=True)} [{level.upper()}] {sentence}{tail}\n"
            try:
                os.write(self._descriptor, line.encode(errors="replace"))
            except OSError:
                pass  # said below
            else:
                return
        sys.stderr.write(f"{local_time(at)} [{level.upper()}] {sentence}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Close the file; later lines go to standard error."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def local_time(instant: int, *, milliseconds: bool = False) -> str:
    """``2016-01-30 00:00:00 +0900``: an instant in the zone of this machine, as digdag shows it."""
    parts = time.localtime(instant // SECOND)
    fraction = f".{instant % SECOND // 1000:03}" if milliseconds else ""
    return time.strftime("%Y-%m-%d %H:%M:%S", parts) + fraction + time.strftime(" %z", parts)


def _rotate(path: Path) -> None:
    """Move a file that has grown too large out of the way. Follows digdag 0.10.5: ``-L``."""
    try:
        if path.stat().st_size < _ROTATE_BYTES:
            return
    except FileNotFoundError:
        return
    import gzip
    import shutil

    old = [path.with_name(f"{path.name}.{number}.gz") for number in range(1, _OLD_FILES + 1)]
    for number in range(_OLD_FILES - 1, 0, -1):
        if old[number - 1].exists():
            old[number - 1].replace(old[number])
    with path.open("rb") as source, gzip.open(old[0], "wb") as target:
        shutil.copyfileobj(source, target)
    path.unlink()
