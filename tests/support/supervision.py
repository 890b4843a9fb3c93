"""A supervised attempt in one process: real database and executors, a worker that a test plays.

Time stands still until a test moves it, and nothing is forked: the worker's half of the
conversation is what the test says, through `Supervised`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from digpy.config import load
from digpy.control.executor import Executor
from digpy.control.leadership import Leadership, Pace
from digpy.control.limits import limits_of
from digpy.control.notifier import Notifier, kinds_of
from digpy.control.recovery import Control, StillAlive
from digpy.control.requests import Surroundings
from digpy.control.sessions import keep_project
from digpy.control.starter import Start, Starter, greet
from digpy.control.supervisor import Supervisor
from digpy.control.trees import Trees
from digpy.dsl.project import load_project
from digpy.engine.states import TaskState
from digpy.errors import Unavailable
from digpy.expr.javascript import default_engine
from digpy.spi import Attempts, Report, Run, TaskRequest, TaskResult
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import runs as run_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Database, open_database
from digpy.store.phases import Phase
from digpy.values import SECOND
from tests.support.clock import ManualClock
from tests.support.recorded_execution import RememberedLogs

PACE = Pace(sweep=5 * SECOND, lease=15 * SECOND, tolerance=2 * SECOND, silence=300 * SECOND)
SLEEP = "+slow:\n  sh>: sleep 1000\n"


_NOTHING_REQUIRED = cast("Attempts", None)


class PlayedChannel:
    """The supervisor's end of the conversation."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.arrived: list[dict[str, Any]] = []

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def receive(self) -> list[dict[str, Any]]:
        arrived, self.arrived = self.arrived, []
        return arrived


class PlayedWorker:
    """A worker without a process; `status` is its exit code once it is gone."""

    def __init__(self) -> None:
        self.channel = PlayedChannel()
        self.status: int | None = None


class PlayedLauncher:
    """Makes workers, as long as the system lets it."""

    def __init__(self) -> None:
        self.workers: list[PlayedWorker] = []
        self.is_refused = False

    def launch(self) -> PlayedWorker:
        if self.is_refused:
            raise Unavailable("no worker can be started: Resource temporarily unavailable")
        self.workers.append(PlayedWorker())
        return self.workers[-1]

    def probe(self, worker: PlayedWorker) -> int | None:
        return worker.status

    def terminate(self, worker: PlayedWorker, *, kill: bool = False) -> None:
        assert kill
        if worker.status is None:
            worker.status = 137

    def reap(self, worker: PlayedWorker) -> None:
        if worker.status is None:
            worker.status = 0


class Supervised:
    """An attempt of ``w.dig`` and its supervisor; `settings` are lines ``key=value``.

    Attributes:
        immortal: processes of runs cannot be killed as long as this is set.
        frozen: the worker says nothing, while time passes, as long as this is set.
        left: results that programs left on disk, by task number.
        said: what the supervisor told the person.
    """

    def __init__(self, directory: Path, workflow: str, *settings: str, name: str = "w") -> None:
        self.project = directory / "project"
        self.project.mkdir(parents=True)
        (self.project / f"{name}.dig").write_text("timezone: UTC\n" + workflow)
        self.state = directory / "state"
        self.state.mkdir()
        self.settings = load({"HOME": str(directory)}, None, settings)
        self.clock = ManualClock()
        self.logs = RememberedLogs()
        self.launcher = PlayedLauncher()
        self.said: list[str] = []
        self.immortal = False
        self.frozen = False
        self.left: dict[int, TaskResult] = {}
        self._databases: list[Database] = []
        self.database = self._open()
        self.executor = self._executor(self.database)
        project = load_project(self.project)
        self.workflow = project.workflows[name]
        self.starter = Starter(self.clock, task_limit=1000, attempt_limit=100)
        with self.database.transaction() as tx:
            workflows = list(project.workflows.values())
            _, ids = keep_project(tx, project.content_hash, workflows, self.clock.now())
            self.workflow_id = ids[name]
            self.project_id = 1
        self.attempt = self.new_attempt()

    def new_attempt(
        self, *, command: int | None = None, waits_for: str | None = None, **limits: int | None
    ) -> int:
        """Another attempt of the workflow, of a session of its own; `limits` in microseconds."""
        with self.database.transaction() as tx:
            there = len(attempt_rows.before(tx, None, 99))
            session = attempt_rows.ensure_session(
                tx, self.project_id, self.workflow.name, there, f"uuid-{there}"
            )
            found = limits_of(self.workflow, self.settings, str, limits)
            start = Start(self.workflow_id, self.workflow, session, None, {}, {}, found, command)
            return self.starter.start(tx, start, waits_for=waits_for)

    # The supervisor

    def supervisor(self, leadership: Leadership | None = None) -> Supervisor:
        """One that leads the attempt; its worker has not said hello."""
        lead = leadership or Leadership(f"attempt/{self.attempt}", "test", PACE.lease)
        found = Supervisor(
            self.attempt,
            self._control,
            self.launcher,  # type: ignore[arg-type]
            self.launcher.launch,  # type: ignore[arg-type]
            self.settle,
            self.clock,
            self.said.append,
            lead,
            PACE,
        )
        found.start(self.launcher.launch())  # type: ignore[arg-type]
        return found

    def settle(self, runs: Iterable[Run]) -> list[Report]:
        """What the janitor finds."""
        runs = list(runs)
        if self.immortal:
            lost = [Report(run, "lost", None) for run in runs]
            raise StillAlive(dict.fromkeys(runs, (4711,)), lost)
        return [Report(run, self.left.get(run.number, "lost"), "P2 janitor:keeper") for run in runs]

    def sleep(self, supervisor: Supervisor, microseconds: int) -> None:
        """Let time pass at once, then let the supervisor look."""
        self.clock.advance(microseconds)
        supervisor.tick()

    def watch(self, supervisor: Supervisor, microseconds: int) -> None:
        """Let time pass as a supervisor does that is called when it asked to be."""
        end = self.clock.now() + microseconds
        while not supervisor.finished:
            if not self.frozen:
                self.worker.channel.arrived.append({"alive": True})
            again = supervisor.tick()
            now = self.clock.now()
            if now >= end and again > now:
                return
            self.clock.advance(max(0, min(again, end) - now))

    # The worker

    @property
    def worker(self) -> PlayedWorker:
        """The newest one."""
        return self.launcher.workers[-1]

    def is_killed(self) -> bool:
        """Whether the newest one was killed."""
        return self.worker.status == 137

    def hello(self, epoch: int | None = None, attempt: int | None = None) -> bool:
        """The newest worker comes up; False: it has to leave."""
        row = self.row(attempt)
        with self.database.transaction() as tx:
            welcome = greet(tx, row.id, epoch or row.epoch, self.clock.now())
        if welcome:
            self.executor = self._executor(self.database)
            self.worker.channel.arrived.append({"hello": 1})
        return welcome

    def claim(self) -> list[TaskRequest]:
        """The worker claims what is ready."""
        return self.executor.step(self.attempt, room=9, epoch=self.row().epoch).requests

    def report(self, request: TaskRequest, outcome: Any = None) -> None:
        """A program of the worker has ended, well unless `outcome` says otherwise."""
        self.executor.step(
            self.attempt, reports=[Report(request.run, outcome or TaskResult(), "P1 reaped")]
        )

    def obey(self) -> list[str]:
        """The worker acts on what it was told: it cancels, and its programs end. The causes."""
        causes = []
        for message in self.worker.channel.sent:
            if "cancel" in message:
                causes.append(message["cause"])
                step = self.executor.cancel(message["cancel"], message["cause"], message["actor"])
                ended = [Report(run, {"message": "stopped"}, "P1 reaped") for run in step.stops]
                if ended:
                    self.executor.step(message["cancel"], reports=ended)
        self.worker.channel.sent.clear()
        return causes

    def asked(self) -> list[str]:
        """The causes for which the newest worker was asked to stop something."""
        return [m["cause"] for m in self.worker.channel.sent if "cancel" in m]

    def die(self, status: int = 137) -> None:
        """The newest worker ends."""
        self.worker.status = status

    # What there is

    def row(self, attempt: int | None = None) -> AttemptRow:
        with self.database.reading() as tx:
            return attempt_rows.load(tx, attempt or self.attempt)

    def ending(self, attempt: int | None = None) -> tuple[Phase, str | None]:
        """Phase and reason."""
        row = self.row(attempt)
        return row.phase, row.reason

    def events(self, kind: str, attempt: int | None = None) -> list[event_rows.EventRow]:
        with self.database.reading() as tx:
            found = event_rows.of_attempt(tx, attempt or self.attempt)
        return [event for event in found if event.kind == kind]

    def states(self) -> Mapping[str, TaskState]:
        """By the last part of the name."""
        with self.database.reading() as tx:
            tasks = task_rows.summary(tx, self.attempt)
        return {task.full_name.rpartition("+")[2]: task.state for task in tasks}

    def unproved(self) -> list[Run]:
        with self.database.reading() as tx:
            return [row.run for row in run_rows.unproved(tx, self.attempt)]

    def close(self) -> None:
        for database in self._databases:
            database.close()

    def control(self) -> Control:
        """A door of its own, with a connection of its own."""
        return self._control()

    def _control(self) -> Control:
        database = self._open()
        return Control(database, self._executor(database), lambda: None, self._notifier())

    def _open(self) -> Database:
        path = self.state / "digpy.db"
        self._databases.append(open_database(path, durability="relaxed", patience=0.05))
        return self._databases[-1]

    def _executor(self, database: Database) -> Executor:
        surroundings = Surroundings(
            project=self.project,
            state=self.state,
            settings=self.settings.lines("notification."),
            secret=lambda _: None,
            task_limit=1000,
            javascript=default_engine,
        )
        losses = self.settings.integer("executor.task_max_losses")
        trees = Trees(database, surroundings)
        return Executor(
            database,
            self.clock,
            trees,
            self.logs,
            _NOTHING_REQUIRED,
            agent="test",
            max_losses=losses,
            notifier=self._notifier(),
        )

    def _notifier(self) -> Notifier | None:
        if not self.settings.text("notification.type"):
            return None
        return Notifier(kinds_of(self.settings.text("notification.on") or ""))
