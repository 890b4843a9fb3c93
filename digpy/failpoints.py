"""Named places at which a test can have the process killed.

`reach` costs one comparison unless ``DIGPY_FAILPOINT`` names a place: ``agent.after_claim`` kills
at the first pass, ``agent.after_claim:3`` at the third (counted per process).
``DIGPY_FAILPOINT_ONCE`` names a file that is created just before; while it exists nothing is
killed, so that a restarted program gets past the place. ``DIGPY_FAILPOINT_SIGNAL`` names another
signal than SIGKILL: with ``SIGSTOP`` the process stays, and does nothing.

Standard library only: the keeper imports this module.
"""

from __future__ import annotations

import os
import signal

_NAME, _, _COUNT = os.environ.get("DIGPY_FAILPOINT", "").partition(":")
_passes = 0


def reach(name: str) -> None:
    """Kill this process with SIGKILL if the environment says that it dies at `name`."""
    if name == _NAME:
        _pass()


def _pass() -> None:
    global _passes  # noqa: PLW0603 - one process, one armed place, one count
    _passes += 1
    if _passes != int(_COUNT or 1):
        return
    once = os.environ.get("DIGPY_FAILPOINT_ONCE")
    if once:
        try:
            os.close(os.open(once, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.Signals[os.environ.get("DIGPY_FAILPOINT_SIGNAL", "SIGKILL")])
