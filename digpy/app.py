"""The only place where parts are put together; the rest gets what it needs by constructor."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from digpy.clock import Clock, SystemClock
from digpy.config import Settings
from digpy.control.executor import Executor, StaleLaunch
from digpy.control.limits import required_limits
from digpy.control.locks import CommandLocks
from digpy.control.logs import AttemptLogs
from digpy.control.recovery import Control, end_abandoned, relaunch
from digpy.control.requests import Surroundings
from digpy.control.starter import RequiredAttempts, Starter, greet
from digpy.control.task_api import LocalTaskApi
from digpy.control.trees import Trees
from digpy.errors import InternalError
from digpy.expr.javascript import default_engine
from digpy.failpoints import reach
from digpy.launchers.local import Channel
from digpy.operators import registry
from digpy.spi import Attempts, ProgramOperator, Report, Run, StartedAttempt
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import runs as run_rows
from digpy.store.database import Database, open_database
from digpy.store.phases import Phase
from digpy.values import Json, Params

if TYPE_CHECKING:
    from digpy.agent.programs import Programs

EXIT_STALE = 75
"""Exit code of a worker whose launch is not the current one."""


class Installation(NamedTuple):
    """What one local project runs with: directories, settings, limits.

    `state` is ``.digpy`` (or what ``--save`` says).
    """

    project: Path
    state: Path
    settings: Settings

    def prepare(self) -> None:
        """Make the state directory, invisible to git."""
        self.state.mkdir(parents=True, exist_ok=True)
        ignore = self.state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def open_database(self) -> Database:
        """Open the project's database, made if it does not exist. Raises `Unavailable`."""
        relaxed = self.settings.text("database.durability") == "relaxed"
        return open_database(self.state / "digpy.db", durability="relaxed" if relaxed else "full")

    def open_control(self, attempts: Attempts | None = None) -> Control:
        """The door to the project's attempts; `attempts` serves ``require>`` where tasks run."""
        database = self.open_database()
        clock = SystemClock()
        executor = Executor(
            database,
            clock,
            Trees(database, self._surroundings()),
            AttemptLogs(self.state),
            attempts or _NoAttempts(),
            agent=f"{os.uname().nodename}:{os.getpid()}",
        )
        return Control(database, executor, partial(self.tidy, database))

    def starter(self, clock: Clock) -> Starter:
        """How attempts are started here."""
        return Starter(
            clock,
            task_limit=self.settings.integer("executor.task_max_run"),
            attempt_limit=self.settings.integer("executor.attempt_max_run"),
        )

    @property
    def slots(self) -> int:
        """How many programs may run at once."""
        return self.settings.integer("agent.max-task-threads") or max(32, 8 * (os.cpu_count() or 1))

    def settle(self, runs: Iterable[Run]) -> list[Report]:
        """Wait until nothing of `runs` is alive, and harvest what they left.

        See `digpy.agent.janitor`. Raises `InternalError` if something cannot be killed: then
        nothing may be marked.
        """
        from digpy.agent import janitor
        from digpy.agent.agent import conclude

        reports = []
        for settled in janitor.settle(self.state, runs):
            if settled.proof is None:
                raise InternalError(
                    f"processes of run {settled.run} cannot be killed: {settled.survivors}"
                )
            note = cast("dict[str, Json]", settled.request or {})
            retry = note.get("retry")
            if settled.exit is None:
                reports.append(Report(settled.run, "lost", settled.proof, retry))
                continue
            operator = find_program(str(note["operator"]))
            outcome = conclude(operator, settled.exit)
            reports.append(Report(settled.run, outcome, settled.proof, retry))
        return reports

    def tidy(self, database: Database) -> None:
        """Remove what crashes left of runs that are proved dead; results are in the database."""
        runs = self.state / "runs"
        if not runs.exists() or not any(runs.iterdir()):
            return
        from digpy.agent.rundir import RunDirectory, leftovers

        left = list(leftovers(self.state))
        with database.reading() as tx:
            proved = {
                row.run
                for attempt in {run.attempt for run in left}
                for row in run_rows.of_attempt(tx, attempt)
                if row.proof is not None
            }
        for run in left:
            if run in proved:
                RunDirectory(self.state, run).remove()

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            project=self.project,
            state=self.state,
            settings=self.settings.lines("notification."),
            secret=self.settings.secret,
            task_limit=self.settings.integer("executor.task_max_run"),
            javascript=default_engine,
        )


def find_program(name: str) -> ProgramOperator:
    """The program operator called `name`."""
    return cast("ProgramOperator", registry.find(name))


class _NoAttempts:
    """Where no task is run, nothing is required either."""

    def start(
        self,
        workflow: str,
        session_time: int,  # noqa: ARG002 - the protocol's
        name: str | None,  # noqa: ARG002
        params: Params,  # noqa: ARG002
    ) -> StartedAttempt:
        raise InternalError(f"attempt of {workflow} required where no task runs")

    def waits_for(self, attempt: int, other: int) -> bool:
        raise InternalError(f"attempts {attempt} and {other} compared where no task runs")


class _Worker:
    """The attempt worker: everything that runs in the forked child."""

    def __init__(self, installation: Installation, command: int, rerun: bool) -> None:
        self._installation = installation
        self._command = command
        self._clock = SystemClock()
        self._attempts: dict[int, int] = {}
        self._rerun = rerun
        self._required: RequiredAttempts | None = None
        self._control = installation.open_control(self)

    def start(
        self, workflow: str, session_time: int, name: str | None, params: Params
    ) -> StartedAttempt:
        """`digpy.spi.Attempts` for the tasks that run here."""
        return self._attempts_to_require().start(workflow, session_time, name, params)

    def waits_for(self, attempt: int, other: int) -> bool:
        """See `digpy.spi.Attempts`."""
        return self._attempts_to_require().waits_for(attempt, other)

    def _attempts_to_require(self) -> RequiredAttempts:
        if self._required is None:
            self._required = self._make_required()
        return self._required

    def greet(self, launches: list[list[int]]) -> bool:
        """Say hello for every attempt; False if a launch is not the current one."""
        with self._control.database.transaction() as tx:
            for attempt, epoch in launches:
                if not greet(tx, attempt, epoch, self._clock.now()):
                    return False
                self._attempts[attempt] = epoch
        return True

    def work(self, channel: Channel) -> None:
        """Run the attempts until they have ended."""
        from digpy.agent.agent import Agent

        api = LocalTaskApi(self._control.executor, self._clock, self._attempts)

        def hear(message: Mapping[str, Json]) -> None:
            if "cancel" in message:
                api.cancel(int(str(message["cancel"])), str(message["cause"]), "command")

        def make_programs() -> Programs:
            from digpy.agent.programs import Programs

            return Programs(self._installation.state, limit=self._installation.slots)

        agent = Agent(
            api,
            make_programs,
            find_program,
            self._clock,
            channel,
            hear,
            slots=self._installation.slots,
            stop_grace=self._installation.settings.duration("agent.stop_grace") or 0,
        )
        agent.run()

    def _make_required(self) -> RequiredAttempts:
        installation = self._installation
        with self._control.database.reading() as tx:
            row = attempt_rows.load(tx, self._command)
            revision = project_rows.revision_of(tx, row.workflow_id)
        return RequiredAttempts(
            self._control.database,
            installation.starter(self._clock),
            self._clock,
            command=self._command,
            revision=revision,
            rerun=self._rerun,
            limits=partial(required_limits, installation.settings),
            is_alive=CommandLocks(installation.state).is_held,
            adopt=self._adopt,
            started=self._attempts.__setitem__,
        )

    def _adopt(self, attempt: int) -> None:
        """Take over an unfinished attempt whose command is gone; this worker is its next launch.

        One that was told to stop is ended, which is all that can be done for it.
        """
        with self._control.database.reading() as tx:
            row = attempt_rows.load(tx, attempt)
        if row.phase is Phase.CANCELING:
            end_abandoned(self._control, attempt, "superseded", self._installation.settle)
            return
        with self._control.database.transaction() as tx:
            attempt_rows.adopt(tx, attempt, self._command)
        relaunch(self._control, row, self._installation.settle, self._clock)
        with self._control.database.transaction() as tx:
            greet(tx, attempt, row.epoch + 1, self._clock.now())


def worker_main(installation: Installation, rerun: bool, channel: Channel) -> int:
    """Body of the forked worker: wait for the start, work, return the exit code."""
    from digpy.agent.agent import CommandGone

    message = channel.wait()
    if message is None:
        return 0  # the command found that there is nothing to run
    worker = _Worker(installation, message["command"], rerun)
    reach("worker.before_hello")
    if not worker.greet(message["start"]):
        return EXIT_STALE
    reach("worker.after_hello")
    channel.send({"hello": os.getpid()})
    try:
        worker.work(channel)
    except CommandGone:
        return 0
    except StaleLaunch:
        return EXIT_STALE
    channel.send({"done": True})
    return 0
