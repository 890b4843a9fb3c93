"""Following the logs of an attempt while they grow: what tasks print, and what digpy says of them.

``attempt.log`` has one JSON object a line, of inline tasks and of digpy; ``<number>-<fence>.log``
has the bytes of one run of a program. Only whole lines are handed on, until a program has ended.
Bytes of it that are no UTF-8 are handed on as Python's ``surrogateescape`` has them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Literal, cast

from digpy.cli.view import LogLine

_SENTENCES = "attempt.log"

_CHUNK = 1 << 20
"""Bytes read of one file in one poll; the rest comes with the next, so no task can fill memory."""

_TICK = 20_000_000
"""Nanoseconds: two changes of a directory that are closer than this may look like one."""


class LogFollower:
    """Reads what was added to the logs of one attempt.

    `directory` is ``logs/<attempt>``; it may not exist yet. `name_of` gives the full name of the
    task with a number.
    """

    def __init__(self, directory: Path, name_of: Callable[[int], str] = "task {}".format) -> None:
        self._directory = directory
        self._attempt = int(directory.name)
        self._name_of = name_of
        self._sentences = _Tail(directory / _SENTENCES)
        self._programs: dict[str, _Tail] = {}
        self._done: set[str] = set()
        self._listed_at = 0

    def poll(
        self, ended: Container[int] = frozenset(), *, everything: bool = False
    ) -> list[LogLine]:
        """What is new since the last time, in order of time.

        `ended` contains the numbers of the tasks whose programs have ended: the last line of those
        is complete even without a newline. `everything` means that nothing runs any more; it also
        reads to the end, however much that is.
        """
        lines = self._poll(ended, everything)
        while everything and any(tail.has_more for tail in self._tails()):
            lines += self._poll(ended, everything)
        # Stable: pieces of one file stay in order. A file's time is that of the last write to it.
        lines.sort(key=lambda line: line.at)
        return lines

    def _tails(self) -> list[_Tail]:
        return [self._sentences, *self._programs.values()]

    def _poll(self, ended: Container[int], everything: bool) -> list[LogLine]:
        text, written_at, _ = self._sentences.read()
        lines = [self._sentence(line, written_at) for line in text.splitlines()]
        self._list()
        for name in list(self._programs):
            number, _ = run_of(name)
            tail = self._programs[name]
            tail.has_ended |= everything or number in ended
            text, written_at, is_complete = tail.read()
            if text:
                full_name = self._name_of(number)
                lines.append(LogLine(self._attempt, full_name, "out", text, written_at))
            if is_complete:
                tail.close()
                del self._programs[name]
                self._done.add(name)
        return lines

    def _sentence(self, line: str, written_at: int) -> LogLine:
        try:
            entry = json.loads(line)
            at, task, said = int(entry["at"]), str(entry["task"]), str(entry["text"])
            kind = cast("Literal['out', 'info', 'warn', 'error']", entry["kind"])
        except (ValueError, KeyError, TypeError):  # the writer was killed in the middle of a line
            text = f"a damaged line: {line}"
            return LogLine(self._attempt, _SENTENCES, "warn", text, written_at)
        return LogLine(self._attempt, task, kind, said, at)

    def _list(self) -> None:
        """Find programs' logs that are new. Looks only when the directory has changed."""
        try:
            changed_at = self._directory.stat().st_mtime_ns
            if changed_at + _TICK < self._listed_at:
                return
            self._listed_at = time.time_ns()
            names = os.listdir(self._directory)  # noqa: PTH208 - only names are wanted
        except FileNotFoundError:
            return
        fresh = [
            name
            for name in names
            if name.endswith(".log")
            and name[:1].isdigit()
            and name not in self._programs
            and name not in self._done
        ]
        for name in sorted(fresh, key=run_of):
            self._programs[name] = _Tail(self._directory / name)


class _Tail:
    """The growing end of one file.

    `has_ended`: nobody writes to it any more. `has_more`: not all of it was read the last time.
    """

    def __init__(self, path: Path) -> None:
        self.has_ended = False
        self.has_more = False
        self._path = path
        self._descriptor: int | None = None
        self._size = 0
        self._rest = b""

    def read(self) -> tuple[str, int, bool]:
        """What is new: whole lines, when the file was last written to, and whether that was all.

        Once it has ended, the last line needs no newline.
        """
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return "", 0, self.has_ended
        status = os.fstat(self._descriptor)
        added = b""
        if status.st_size > self._size:
            added = os.pread(self._descriptor, _CHUNK, self._size)
            self._size += len(added)
        self.has_more = bool(added) and self._size < status.st_size
        data = self._rest + added
        is_complete = self.has_ended and not self.has_more
        cut = len(data) if is_complete else data.rfind(b"\n") + 1
        if not cut and len(data) > _CHUNK:
            cut = len(data)  # a line without end: memory matters more than its wholeness
        self._rest = data[cut:]
        # What is no text is kept, so that standard output gets the same bytes.
        text = data[:cut].decode(errors="surrogateescape")
        return text, status.st_mtime_ns // 1000, is_complete

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def run_of(name: str) -> tuple[int, int]:
    """Number and fence in the name of a program's log."""
    number, _, fence = name.removesuffix(".log").partition("-")
    return int(number), int(fence)


def newest_log(directory: Path, number: int) -> Path | None:
    """The log of the last run of a program, None if the task was none or never ran."""
    logs = [path.name for path in directory.glob(f"{number}-*.log")]
    return directory / max(logs, key=run_of) if logs else None
