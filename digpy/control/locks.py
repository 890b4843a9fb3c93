"""Which attempts have a living command: one file each, locked for as long as the command lives.

The kernel frees a lock when the last copy of the descriptor is closed, also after ``kill -9``. A
forked worker gets a copy, so it closes it first thing.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digpy.filelock import is_locked
from digpy.values import Params

_TRIES = 100
_PAUSE = 0.001
"""Whoever only asks holds a lock too, for less than that; a command holds it for its life."""


class CommandLocks:
    """The lock files of one state directory."""

    def __init__(self, state: Path) -> None:
        self._root = state / "locks"

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Hold off other commands of this project while deciding what to start."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root / "starting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def starting_if_free(self) -> Iterator[bool]:
        """`starting`, for one that must not wait: False if somebody else decides right now."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root / "starting", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    @contextmanager
    def as_scheduler(self) -> Iterator[None]:
        """Be one of the project's schedulers, leading or waiting, for whoever asks what runs."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.schedulers_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    @property
    def schedulers_path(self) -> Path:
        """The file on which every scheduler holds a shared lock."""
        return self._root / "schedulers"

    @property
    def is_deciding(self) -> bool:
        """Whether somebody holds `starting`. Asking takes nothing."""
        return is_locked(self._root / "starting")

    def take(self, attempt: int, holder: Params) -> int | None:
        """Lock `attempt` and note who holds it; None if a living command has it."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path(attempt), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
            else:
                break
        else:
            os.close(descriptor)
            return None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        return descriptor

    def take_as_worker(self, attempt: int) -> bool:
        """Be the worker of `attempt` from now on, until this process dies; False if another is.

        A worker may start what it has claimed as long as it lives, however late.
        """
        path = self.worker_path(attempt)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        return True

    def worker_path(self, attempt: int) -> Path:
        """The file that the worker of `attempt` holds locked."""
        return self._root / f"{attempt}.worker"

    def path(self, attempt: int) -> Path:
        """The lock file of `attempt`."""
        return self._root / str(attempt)

    def is_held(self, attempt: int) -> bool:
        """Whether a living command has the attempt. Asking takes nothing."""
        return is_locked(self.path(attempt))

    def holder(self, attempt: int) -> Params:
        """Who noted themselves when they took the lock; empty if that cannot be read."""
        try:
            noted: Params = json.loads(self.path(attempt).read_text())
        except (OSError, ValueError):
            return {}
        return noted
