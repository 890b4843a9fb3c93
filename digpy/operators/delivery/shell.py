"""Notifications for a command: JSON on its standard input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from digpy.operators.delivery import Refused, undisturbed
from digpy.operators.delivery.lines import Lines
from digpy.values import Params


class Shell:
    """Runs ``sh -c COMMAND`` in the project; what it prints is not kept, its exit code counts.

    Follows digdag 0.10.5. Differs: what the command leaves running in its process group when its
    time is over is killed with it.
    """

    def __init__(self, lines: Lines, project: Path) -> None:
        self._command = lines.required("shell.command")
        self._timeout = int(lines.text("shell.timeout")) / 1000
        self._project = project

    def send(self, payload: Params) -> str:
        """See `Sender.send`."""
        process: subprocess.Popen[bytes] | None = None
        try:
            with undisturbed():  # else it could be started, and nobody know it
                process = self._start(str(payload["id"]))
            process.communicate(json.dumps(payload).encode(), self._timeout)
        except subprocess.TimeoutExpired:
            raise Refused(f"the command was not done in {self._timeout:g} s") from None
        finally:
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode != 0:
            raise Refused(f"the command ended with {_ending(process.returncode)}")
        return ""

    def _start(self, key: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the command of whoever configured it
            ["/bin/sh", "-c", self._command],
            cwd=self._project,
            env={**os.environ, "DIGPY_IDEMPOTENCY_KEY": key},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )


def _ending(code: int) -> str:
    return f"code {code}" if code > 0 else f"signal {-code}"
