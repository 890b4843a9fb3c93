"""The attempt's own log: what inline tasks print and what digpy says about tasks.

``logs/<attempt>/attempt.log`` is one JSON object a line (``at`` in microseconds, ``task``,
``kind``, ``text``), appended after the commit it speaks of, one write a batch. What programs print
is beside it, written by their keepers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from digpy.control.inline import LogEntry


class AttemptLogs:
    """Appends to the logs of attempts below one state directory."""

    def __init__(self, state: Path) -> None:
        self._root = state / "logs"
        self._open: dict[int, int] = {}

    def append(self, attempt: int, entries: Iterable[LogEntry]) -> None:
        """Write `entries` in one piece, so that lines of several writers never mix."""
        lines = "".join(
            json.dumps(entry._asdict(), ensure_ascii=True, separators=(",", ":")) + "\n"
            for entry in entries
        )
        if not lines:
            return
        if attempt not in self._open:
            directory = self._root / str(attempt)
            directory.mkdir(parents=True, exist_ok=True)
            self._open[attempt] = os.open(
                directory / "attempt.log",
                os.O_WRONLY | os.O_APPEND | os.O_CREAT,
                0o600,
            )
        os.write(self._open[attempt], lines.encode())

    def close(self) -> None:
        """Close every file."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
