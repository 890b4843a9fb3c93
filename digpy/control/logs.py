"""The attempt's own log: what inline tasks print and what digpy says about tasks.

``logs/<attempt>/attempt.log`` is one JSON object a line (``at`` in microseconds, ``task``,
``kind``, ``text``), appended after the commit it speaks of, one write a batch. What programs print
is beside it, written by their keepers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_LONGEST = 1 << 16
"""Characters of one entry. A reader takes a line of a megabyte for one that was cut off, and a
character takes twelve bytes of it at most."""


class LogEntry(NamedTuple):
    """A piece of a log; `kind` is ``out`` (what a task prints), ``info``, ``warn`` or ``error``."""

    at: int
    task: str
    kind: str
    text: str


class AttemptLogs:
    """Appends to the logs of attempts below one state directory."""

    def __init__(self, state: Path) -> None:
        self._root = state / "logs"
        self._open: dict[int, int] = {}

    def append(self, attempt: int, entries: Iterable[LogEntry]) -> None:
        """Write `entries` in one piece, so that lines of several writers never mix.

        A long text becomes several entries, cut behind a newline where there is one.
        """
        lines = "".join(
            json.dumps(
                entry._replace(text=text)._asdict(), ensure_ascii=True, separators=(",", ":")
            )
            + "\n"
            for entry in entries
            for text in _pieces(entry.text)
        )
        if not lines:
            return
        if attempt not in self._open:
            directory = self._root / str(attempt)
            directory.mkdir(parents=True, exist_ok=True)
            self._open[attempt] = os.open(
                directory / "attempt.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
            )
        os.write(self._open[attempt], lines.encode())

    def close(self) -> None:
        """Close every file."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _LONGEST:
        end = text.rfind("\n", start, start + _LONGEST) + 1 or start + _LONGEST
        yield text[start:end]
        start = end
    if start < len(text) or not text:
        yield text[start:]
