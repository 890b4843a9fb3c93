"""Process trees for tests: the ways a program leaves processes behind, and who of them is alive."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from digpy.agent import processes
from digpy.agent.programs import ProgramEvent, Programs
from digpy.spi import Command, Run
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]

TREES = {
    "exec": ("exec sleep {mark}", 1),
    "shell and child": ("sleep {mark}; true", 2),
    "background": ("sleep {mark} & sleep {mark}; true", 3),
    "nohup": ("nohup sleep {mark} >/dev/null 2>&1 & sleep {mark}; true", 3),
    "setsid": ("setsid sleep {mark} & sleep {mark}; true", 3),
    "daemon": ("(setsid sh -c 'sleep {mark} & exit 0' >/dev/null 2>&1 &) ; sleep {mark}; true", 3),
    "empty environment": ("env -i setsid sleep {mark} >/dev/null 2>&1 & sleep {mark}; true", 3),
}
"""By name: a script whose lasting processes have the mark in their arguments; their number."""

DETACHED = (
    f"{sys.executable} -I -S -c 'import os; os.fork() and os._exit(0); os.setsid(); "
    'os.closerange(0, 256); os.execve("/bin/sleep", ["sleep", "{mark}"], {{}})\' ; '
    "sleep {mark}; true",
    3,
)
"""A program that has emptied its environment, closed everything and left the session."""


class Marked:
    """The processes whose command line contains a number that nobody else uses."""

    def __init__(self) -> None:
        self.mark = f"{86400 + int.from_bytes(os.urandom(2))}.{int.from_bytes(os.urandom(6)):015}"

    def __str__(self) -> str:
        return self.mark

    @property
    def alive(self) -> list[processes.Process]:
        found = []
        for process in processes.everyone():
            with suppress(OSError):
                line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
                # The command of a test has the script, and with it the mark, as an argument.
                if self.mark.encode() in line and b"process_tree_command" not in line:
                    found.append(process)
        return found

    def kill(self) -> None:
        for process in self.alive:
            process.send(signal.SIGKILL)


@contextmanager
def marked() -> Iterator[Marked]:
    """A mark; whatever carries it is killed at the end."""
    mark = Marked()
    try:
        yield mark
    finally:
        mark.kill()


def shell(script: str, directory: Path, **more: Any) -> Command:
    environment = {"PATH": os.environ["PATH"], **more.pop("environment", {})}
    return Command(["/bin/sh", "-c", script], directory, environment, more.pop("files", {}), **more)


def next_events(programs: Programs, within: float = 10) -> list[ProgramEvent]:
    return eventually(programs.events, within=within)


class CommandProcess:
    """A real command with its worker, which runs one script and tells what happens to it."""

    RUN = Run(7, 12, 3)

    def __init__(self, state: Path, script: str, failpoint: str = "") -> None:
        self.state = state
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.process_tree_command", str(state), script],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "DIGPY_FAILPOINT": failpoint},
        )
        self.pids = {"command": self._process.pid, **self.next_line()}

    def next_line(self) -> dict[str, Any]:
        """What the command says next; empty when it has ended."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline() or "{}")  # type: ignore[no-any-return]

    def kill(self, *victims: str) -> None:
        """``kill -9``, all of them frozen first, so that none sees another one die."""
        chosen = [process for name in victims if (process := processes.look(self.pids[name]))]
        processes.kill(chosen)

    def freeze(self, name: str) -> None:
        """Stop it; it stays alive and does nothing."""
        os.kill(self.pids[name], signal.SIGSTOP)

    @property
    def alive(self) -> set[str]:
        return {name for name, pid in self.pids.items() if processes.look(pid) is not None}

    def close(self) -> None:
        self.kill(*self.pids)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
