"""A project whose schedules run by a manual clock, over a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from digpy.config import load
from digpy.control.admission import Admission
from digpy.control.backfills import Backfill, begin_backfill
from digpy.control.executor import Executor
from digpy.control.limits import required_limits
from digpy.control.recovery import Guard
from digpy.control.requests import Surroundings
from digpy.control.scheduled import SessionStarter
from digpy.control.scheduler import Scheduler
from digpy.control.starter import Starter, greet
from digpy.control.trees import Trees
from digpy.dsl.project import load_project
from digpy.expr.javascript import default_engine
from digpy.spi import Attempts
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import schedules as schedule_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, Transaction, open_database
from digpy.store.schedules import ScheduleRow
from digpy.values import SECOND, Json
from tests.support.clock import ManualClock
from tests.support.instants import instant, shown
from tests.support.recorded_execution import RememberedLogs

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BEGIN = "2016-01-01T00:00:01"
ECHO = "+a:\n  echo>: a\n"


def anybody(_: Transaction) -> None:
    """A guard that lets everybody decide."""


class Scheduled:
    """One project, and a scheduler that has been loaded with it at `BEGIN`.

    Attributes:
        said: what the scheduler told the person.
        printed: what tasks printed.
    """

    def __init__(
        self, directory: Path, workflows: dict[str, str], *, attempts: int = 100, now: str = BEGIN
    ) -> None:
        self.project = directory / "project"
        self.state = directory / "state"
        self.project.mkdir(parents=True, exist_ok=True)
        self.clock = ManualClock(instant(now))
        self.said: list[str] = []
        self.settings = load({"HOME": str(directory)}, None, ())
        self.attempt_limit = attempts
        self._databases: list[Database] = []
        self.database = self.open()
        self._logs = RememberedLogs()
        self.write(workflows)
        self.scheduler = self.new_scheduler()

    def write(self, workflows: dict[str, str]) -> None:
        """Write workflows by their names; their zone is UTC unless they say so."""
        for name, text in workflows.items():
            zone = "" if "timezone:" in text else "timezone: UTC\n"
            (self.project / f"{name}.dig").write_text(zone + text)

    def open(self) -> Database:
        """Another connection."""
        path = self.state / "digpy.db"
        self._databases.append(open_database(path, durability="relaxed", patience=0.05))
        return self._databases[-1]

    def close(self) -> None:
        for database in self._databases:
            database.close()

    # The scheduler

    def new_scheduler(
        self, database: Database | None = None, guard: Guard = anybody, **params: Json
    ) -> Scheduler:
        """Another one, loaded with the project as it is now."""
        found = Scheduler(
            database or self.database, self.starter(), self.clock, guard, self.said.append
        )
        project = load_project(self.project)
        found.load(project, params)
        self.sources = project.sources
        return found

    def starter(self) -> SessionStarter:
        starter = Starter(self.clock, task_limit=1000, attempt_limit=self.attempt_limit)
        return SessionStarter(starter, partial(required_limits, self.settings))

    def edit(self, workflows: dict[str, str]) -> None:
        """Change files, and let the scheduler go by them."""
        self.write(workflows)
        project = load_project(self.project, since=self.sources)
        self.scheduler.load(project, {})
        self.sources = project.sources

    def look(self, scheduler: Scheduler | None = None) -> int:
        """Tick until nothing is due; when it wants to be called again."""
        while (again := (scheduler or self.scheduler).tick()) <= self.clock.now():
            pass
        return again

    def look_at(self, time: str) -> None:
        """Let time pass until then without a look, as when the machine is off; then look."""
        self.clock.set(instant(time))
        self.look()

    # Attempts

    def backfill(self, workflow: str, since: str, length: int | None, parallel: int = 1) -> None:
        """Begin a backfill called ``b``."""
        wanted = Backfill(instant(since), length, "b", parallel)
        with self.database.transaction() as tx:
            begin_backfill(tx, self.starter(), self._find(tx, workflow), wanted)

    def admit(self, running: int | None = None) -> list[int]:
        """Let in who may start; their ids."""
        admission = Admission(running, self.attempt_limit)
        return admission.let_in(self.database, anybody, self.clock.now())

    def run(self, attempt: int) -> None:
        """Run an attempt that was admitted to its end."""
        with self.database.transaction() as tx:
            assert greet(tx, attempt, 1, self.clock.now())
        self.executor().step(attempt, room=9, epoch=1)

    def run_everything(self) -> None:
        """Run whatever is queued, one after another."""
        while admitted := self.admit(1):
            self.run(*admitted)

    @property
    def printed(self) -> list[str]:
        entries = [entry for _, entry in self._logs.entries if entry.kind == "out"]
        return [line for entry in entries for line in entry.text.splitlines()]

    # What there is

    def schedule(self, workflow: str) -> ScheduleRow:
        with self.database.reading() as tx:
            return self._find(tx, workflow)

    def bodies(self) -> dict[str, str]:
        """The workflows of the revision that was loaded last, as text."""
        with self.database.reading() as tx:
            revision = project_rows.ensure_revision(tx, 1, self.sources.content_hash, 0)
            return {
                row.name: project_rows.load_workflow(tx, row.id).to_text()
                for row in project_rows.workflows_of(tx, revision)
            }

    def attempts(self, workflow: str) -> list[AttemptRow]:
        """All attempts of a workflow, oldest first."""
        with self.database.reading() as tx:
            rows = attempt_rows.before(tx, None, 100_000, workflow=workflow)
        return rows[::-1]

    def sessions(self, workflow: str) -> list[str]:
        """The sessions of the attempts of a workflow, in the order in which they were made."""
        return [shown(row.session_time)[:16] for row in self.attempts(workflow)]

    def _find(self, tx: Transaction, workflow: str) -> ScheduleRow:
        found = schedule_rows.find(tx, 1, workflow)
        assert found is not None
        return found

    def executor(self) -> Executor:
        surroundings = Surroundings(
            project=self.project,
            state=self.state,
            settings={},
            secret=lambda _: None,
            task_limit=1000,
            javascript=default_engine,
        )
        return Executor(
            self.database,
            self.clock,
            Trees(self.database, surroundings),
            self._logs,
            cast("Attempts", None),  # nothing is required
            agent="test",
            max_losses=3,
        )


Schedule = Callable[..., Scheduled]


@pytest.fixture
def schedule(tmp_path: Path) -> Iterator[Schedule]:
    """``schedule(w="schedule: ...")``: a project of workflows, whose tasks may be left out."""
    made: list[Scheduled] = []

    def make(*, attempts: int = 100, now: str = BEGIN, **workflows: str) -> Scheduled:
        written = {
            name: text if "\n+" in text else f"{text}\n{ECHO}" for name, text in workflows.items()
        }
        directory = tmp_path / str(len(made))
        made.append(Scheduled(directory, written, attempts=attempts, now=now))
        return made[-1]

    yield make
    for scheduled in made:
        scheduled.close()
