"""Building the request an operator is given, and running the program it asks for."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from digpy.spi import Command, Exit, StartedAttempt, TaskRequest
from digpy.values import SECOND, Json, Params

SESSION_TIME = 1_709_596_800 * SECOND
"""2024-03-05T00:00:00Z"""

NOW = SESSION_TIME + 3600 * SECOND


class ScriptedAttempts:
    """Answers the starts of required attempts from a list, and remembers them."""

    def __init__(self, *answers: StartedAttempt | Exception) -> None:
        self.answers = list(answers)
        self.starts: list[tuple[str, int, str | None, Params]] = []
        self.waiting: set[tuple[int, int]] = set()
        """Pairs of attempts of which the first waits for the second."""

    def start(
        self, workflow: str, session_time: int, name: str | None, params: Params
    ) -> StartedAttempt:
        self.starts.append((workflow, session_time, name, params))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def waits_for(self, attempt: int, other: int) -> bool:
        return (attempt, other) in self.waiting


def a_request(
    operator: str,
    command: Json = None,
    *,
    local: Params | None = None,
    inherited: Params | None = None,
    secrets: Mapping[str, str] | None = None,
    **changes: Any,
) -> TaskRequest:
    """The request of a task ``{operator>: command, **local}`` that inherits `inherited`."""
    written = {f"{operator}>": command, **(local or {})}
    builtin: Params = {
        "session_time": "2024-03-05T00:00:00+00:00",
        "timezone": "UTC",
        "project_id": 1,
        "task_name": "+w+a",
    }
    params: Params = {**(inherited or {}), **builtin, **written, "_type": operator}
    if command is not None:
        params["_command"] = command
    request = TaskRequest(
        attempt=7,
        number=2,
        fence=1,
        full_name="+w+a",
        operator=operator,
        command=command,
        params=params,
        local=written,
        stored={},
        state={},
        now=NOW,
        session_time=SESSION_TIME,
        timezone="UTC",
        workflow="w",
        retry_attempt_name=None,
        project=Path("/project"),
        workspace=Path("/project"),
        directory=Path("/project/.digpy/runs/7.2.1"),
        task_limit=1000,
        secret=(secrets or {}).get,
        attempts=ScriptedAttempts(),
        settings={},
    )
    return request._replace(**changes)


class Performed(NamedTuple):
    """What a program did: how it ended, and what it printed."""

    exit: Exit
    output: str


def perform(command: Command, directory: Path) -> Performed:
    """Run `command` for real, its files in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in command.files.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)
    done = subprocess.run(
        command.argv,
        cwd=command.directory,
        env=dict(command.environment),
        input=command.stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return Performed(Exit(code, directory), done.stdout.decode())
