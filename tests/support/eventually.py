"""Waiting for something that other threads or processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(condition: Callable[[], Found], *, within: float = 10.0) -> Found:
    """Call `condition` until it is true and return its value; fail after `within` seconds."""
    deadline = time.monotonic() + within
    pause = 0.001
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {condition}")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
