"""Noticing that files of a project change, in a process of its own.

The scheduler forks, so it must have no threads, and watching needs one; the process that watches
has nothing else to do, and says on its channel that there is something to read again. A scheduler
reads everything anew then, so what exactly has changed is nobody's business.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from digpy.launchers.local import Channel, LocalLauncher, LocalWorker

_IGNORE_FILE = ".digdagignore"
_QUIET = 200
"""Milliseconds without a change after which an edit counts as complete."""

_LOOK = 1000
"""Milliseconds between two looks whether the scheduler still lives."""

_POLL = 5.0
"""Seconds between two looks at the files where nothing tells us; digdag's."""

_COARSE = 20_000_000
"""Nanoseconds by which the times of files may be behind the clock."""

_PAUSE = 5.0
"""Seconds before a process that has ended is replaced."""

_NOT_INSTALLED = (
    f"edits are noticed after up to {_POLL:.0f} s only: the package watchfiles is not installed"
)


class Watched(NamedTuple):
    """What matters of a project: its directory, and the files that were read, by name."""

    root: Path
    files: frozenset[str]

    @property
    def directories(self) -> set[Path]:
        """Where those files lie; new workflows can only be in the root."""
        return {self.root, *((self.root / name).parent for name in self.files)}

    def matters(self, path: Path) -> bool:
        """Whether a change of `path` can mean another project."""
        if path.parent == self.root and _is_of_project(path.name):
            return True
        return (
            path.is_relative_to(self.root) and path.relative_to(self.root).as_posix() in self.files
        )


class Before(NamedTuple):
    """How a project looked just before it was read: when that was (nanoseconds), and its names."""

    at: int
    names: frozenset[str]

    @classmethod
    def reading(cls, root: Path) -> Before:
        """Now."""
        return cls(time.time_ns(), _names(root))


def watch_main(watched: Watched, before: Before, channel: Channel) -> None:
    """Body of the forked process: say that something has changed, until the channel closes.

    Also what has changed since `before`, when nobody watched yet.
    """
    try:
        import watchfiles  # noqa: F401 - whether it is there
    except ImportError:
        channel.send({"warning": _NOT_INSTALLED})
        looks = _polled(watched)
    else:
        looks = _told(watched)
    is_changed = next(looks)  # from now on nothing is missed
    if is_changed or _has_changed(watched, before):
        channel.send({"changed": True})
    for is_changed in looks:
        if channel.is_gone:
            return
        if is_changed:
            channel.send({"changed": True})


def _told(watched: Watched) -> Iterator[bool]:
    """Whether something has changed, again and again; the system tells."""
    from watchfiles import watch

    directories = [path for path in watched.directories if path.is_dir()]
    for changes in watch(
        *directories,
        watch_filter=None,  # what it filters out does not end its waiting
        step=_QUIET,
        rust_timeout=_LOOK,
        yield_on_timeout=True,
        recursive=False,
    ):
        yield any(watched.matters(Path(path)) for _, path in changes)


def _polled(watched: Watched) -> Iterator[bool]:
    """The same, asked of the files themselves."""
    seen = _times(watched)
    while True:
        yield seen != (seen := _times(watched))
        time.sleep(_POLL)


def _times(watched: Watched) -> dict[str, int]:
    """When each file was written last."""
    found = {}
    for name in _names(watched.root) | watched.files:
        try:
            found[name] = (watched.root / name).stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return found


def _names(root: Path) -> frozenset[str]:
    with os.scandir(root) as entries:
        return frozenset(entry.name for entry in entries if _is_of_project(entry.name))


def _is_of_project(name: str) -> bool:
    """Whether a file of that name in the root matters, read or not."""
    return name.endswith(".dig") or name == _IGNORE_FILE


def _has_changed(watched: Watched, before: Before) -> bool:
    times = _times(watched)
    return (
        _names(watched.root) != before.names
        or not watched.files <= times.keys()
        or max(times.values(), default=0) >= before.at - _COARSE
    )


class Watcher:
    """Keeps such a process, which `launch` forks; `tell` is told what a person should know."""

    def __init__(
        self,
        launcher: LocalLauncher,
        launch: Callable[[Callable[[Channel], None]], LocalWorker],
        tell: Callable[[str], None],
    ) -> None:
        self._launcher = launcher
        self._launch = launch
        self._tell = tell
        self._watched: Watched | None = None
        self._worker: LocalWorker | None = None
        self._again_at = 0.0

    @property
    def channel(self) -> Channel | None:
        """What to wait for; None while nobody watches."""
        return None if self._worker is None else self._worker.channel

    def watch(self, watched: Watched, before: Before) -> None:
        """Watch these files and no others; `before` they were read."""
        if watched != self._watched:
            self.close()
            self._watched = watched
            self._begin(before)

    def is_changed(self) -> bool:
        """Whether something has changed since the last call, or may have while nobody watched."""
        if self._worker is None:
            if self._watched is None or time.monotonic() < self._again_at:
                return False
            self._begin(Before.reading(self._watched.root))
            return True
        changed = False
        for message in self._worker.channel.receive():
            if "warning" in message:
                self._tell(str(message["warning"]))
            changed = changed or "changed" in message
        if self._worker.channel.closed:
            self._tell(f"the process that watches for edits has ended: another in {_PAUSE:.0f} s")
            self.close()
            self._again_at = time.monotonic() + _PAUSE
        return changed

    def close(self) -> None:
        """Watch no longer."""
        if self._worker is not None:
            self._launcher.terminate(self._worker, kill=True)
            self._launcher.reap(self._worker)
            self._worker.channel.close()
            self._worker = None

    def _begin(self, before: Before) -> None:
        assert self._watched is not None  # noqa: S101 - the caller has looked
        self._worker = self._launch(partial(watch_main, self._watched, before))
