"""A workflow as text, run to its end in process, and what came of it; time jumps over waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from digpy.store import tasks as task_rows
from tests.support.recorded_execution import Scenario

START = {"workflow": "w", "session_time": "2016-01-01T00:00:00+00:00"}
FLAKY = """\
#!/bin/sh
# flaky.sh NAME N: print NAME, and fail the first N times
echo "$1"
calls=$(cat "calls-$1" 2>/dev/null || echo 0)
echo $((calls + 1)) > "calls-$1"
[ "$calls" -ge "$2" ]
"""


class Played:
    """A project, and the attempts that were made of its workflow ``w``."""

    def __init__(self, directory: Path, files: Mapping[str, str], limit: int = 1000) -> None:
        self.scenario = Scenario(
            directory, {"flaky.sh": FLAKY, **files}, {"executor.task_max_run": limit}
        )
        self._seen = 0

    def run(self, **step: Any) -> int:
        """Start an attempt and run everything to its end; the attempt's id."""
        attempt = self.start(**step)
        self.scenario.run(lambda: not self.scenario.open)
        return attempt

    def start(self, **step: Any) -> int:
        """Start an attempt; its id."""
        if not self.scenario.revision:
            self.scenario.push()
        return self.scenario.begin({**START, **step}).attempt

    @property
    def prints(self) -> list[str]:
        """What tasks have printed since this was last asked."""
        entries = self.scenario.logs.entries
        new, self._seen = entries[self._seen :], len(entries)
        return [line for _, entry in new if entry.kind == "out" for line in entry.text.splitlines()]

    @property
    def log(self) -> str:
        """What was logged."""
        return "\n".join(entry.text for _, entry in self.scenario.logs.entries)

    def tasks(self, attempt: int = 1) -> list[dict[str, Any]]:
        """All tasks of an attempt, in the order of the tree."""
        found: list[dict[str, Any]] = self.scenario.attempts()[attempt - 1]["tasks"]
        return found

    def states(self, attempt: int = 1) -> dict[str, str]:
        """The state of each task, by its full name."""
        return {task["fullName"]: task["state"] for task in self.tasks(attempt)}

    def errors(self, attempt: int = 1) -> dict[str, str]:
        """The message of each task that has one."""
        return {t["fullName"]: str(t["error"]) for t in self.tasks(attempt) if t["error"]}

    def claims(self) -> dict[str, int]:
        """How often each task was run."""
        with self.scenario.database.reading() as tx:
            return {row.full_name: row.fence for row in task_rows.load(tx, 1)}


Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """``play(text)`` or ``play({name: text})``: a project with that workflow."""
    made: list[Played] = []

    def make(files: str | Mapping[str, str], limit: int = 1000) -> Played:
        files = {"w.dig": files} if isinstance(files, str) else files
        made.append(Played(tmp_path / str(len(made)), files, limit))
        return made[-1]

    yield make
    for played in made:
        played.scenario.close()
