"""Asking whether somebody holds a lock file: the kernel frees it when the last holder has died."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path


def is_locked(path: Path) -> bool:
    """Whether somebody holds `path` locked exclusively. Asking takes nothing and makes no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared: two who ask do not disturb each other, and a scan for exclusive locks does not
        # find somebody who asks.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def record_lock_holders(path: Path) -> list[int]:
    """Processes that hold a part of `path` locked for writing as databases do (POSIX locks).

    Empty where nobody does, or where it cannot be told: other systems than Linux, other hosts.
    """
    found = set()
    with suppress(OSError):
        inode = path.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            # 1: POSIX  ADVISORY  WRITE 4711 fe:00:123456 120 120
            fields = line.split()
            if fields[1:4] == ["POSIX", "ADVISORY", "WRITE"]:
                number = fields[5].rpartition(":")[2]
                found |= {int(fields[4])} if int(number) == inode else set()
    return sorted(found - {os.getpid(), -1})  # -1: a process of another container
