"""The only place where parts are put together; the rest gets what it needs by constructor."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from digpy.clock import Clock, SystemClock
from digpy.config import Settings
from digpy.control.disk import Disk
from digpy.control.executor import Executor, StaleLaunch
from digpy.control.leadership import Leadership, Pace
from digpy.control.limits import required_limits
from digpy.control.locks import CommandLocks
from digpy.control.logs import AttemptLogs
from digpy.control.recovery import Control, StillAlive, end_abandoned, relaunch
from digpy.control.requests import Surroundings
from digpy.control.starter import RequiredAttempts, Starter, greet
from digpy.control.task_api import LocalTaskApi
from digpy.control.trees import Trees
from digpy.errors import InternalError, Unavailable
from digpy.expr.javascript import default_engine
from digpy.failpoints import reach
from digpy.filelock import is_locked
from digpy.launchers.local import Channel, LocalLauncher, LocalWorker
from digpy.operators import registry
from digpy.spi import Attempts, ProgramOperator, Report, Run, StartedAttempt
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import runs as run_rows
from digpy.store.database import Database, open_database, who_locks
from digpy.store.phases import Phase
from digpy.values import SECOND, Json, Params

if TYPE_CHECKING:
    from digpy.agent.agent import Heartbeat
    from digpy.agent.programs import Programs
    from digpy.control.courier import Courier
    from digpy.control.notifier import Notifier
    from digpy.control.scheduled import SessionStarter

_PAUSE = 0.002
"""Seconds between two looks whether a process that was killed is gone."""

_SAY_LOCKED = 30.0
"""Seconds after which it is said who locks the database."""

_BEATS = 3
"""So many heartbeats have to be missed at least before a worker is taken for lost."""

_PARTS = ("", "digpy.db", "locks", "locks/starting", "runs", "logs")
"""What a run writes in the state directory, and what it can be stopped by."""

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
        """Make the state directory, invisible to git, and to other users.

        Raises `Unavailable` if something in it cannot be used, `OSError` if it cannot be made.
        """
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _PARTS:
            part = self.state / name
            if os.path.lexists(part) and not os.access(part, os.R_OK | os.W_OK):
                from digpy.access import obstacle, unusable  # on use: all is well, as a rule

                if (found := obstacle(part, self.state)) is not None:
                    raise unusable(found)
        ignore = self.state / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def open_database(self) -> Database:
        """Open the project's database, made if it does not exist. Raises `Unavailable`."""
        relaxed = self.settings.text("database.durability") == "relaxed"
        return open_database(self.state / "digpy.db", durability="relaxed" if relaxed else "full")

    def leadership(self, command: int | None = None) -> Leadership:
        """The lead over what the command of attempt `command` runs, not taken yet.

        None: over everything here that no other command leads.
        """
        holder = f"{os.uname().nodename}:{os.getpid()}"
        scope = "installation" if command is None else f"attempt/{command}"
        return Leadership(scope, holder, self.pace.lease)

    @property
    def pace(self) -> Pace:
        """How often a supervisor looks here."""
        length = self.settings.duration
        return Pace(
            length("supervisor.poll_interval") or 0,
            length("supervisor.lease") or 0,
            length("supervisor.clock_tolerance") or 0,
            max(
                length("agent.lock-retention-time") or 0,
                _BEATS * (length("agent.heartbeat-interval") or 0),
            ),
        )

    @property
    def disk(self) -> Disk:
        """The room that the state directory has."""
        return Disk(
            self.state,
            SystemClock(),
            min_free=self.settings.integer("disk.min_free") << 20,
            reserve=self.settings.integer("disk.reserve") << 20,
        )

    def open_control(self, attempts: Attempts | None = None, disk: Disk | None = None) -> Control:
        """The door to the project's attempts; `attempts` serves ``require>`` where tasks run.

        `disk` is the caller's own, if it wants to be asked while a full one makes it wait.
        """
        notifier = self._notifier()
        database = self.open_database()
        clock = SystemClock()
        executor = Executor(
            database,
            clock,
            Trees(database, self._surroundings()),
            AttemptLogs(self.state),
            attempts or _NoAttempts(),
            agent=f"{os.uname().nodename}:{os.getpid()}",
            disk=self.disk if disk is None else disk,
            max_losses=self.settings.integer("executor.task_max_losses"),
            notifier=notifier,
        )
        return Control(database, executor, partial(self.tidy, database), notifier)

    def check_notifications(self) -> None:
        """Raises `ConfigError` if notifications are wanted, but cannot be sent as configured."""
        if self._notifier() is not None:
            from digpy.operators import delivery

            delivery.check(self._notifications, self.project)

    def courier(
        self,
        launcher: LocalLauncher,
        launch: Callable[[Callable[[Channel], None]], LocalWorker],
        open_database: Callable[[], Database] | None = None,
    ) -> Courier | None:
        """Who delivers notifications from here; None: nobody is to be told anything.

        `launch` forks its process. It opens a database of its own unless it is given one.
        """
        if not self.settings.text("notification.type"):
            return None
        from digpy.control.courier import Courier, courier_main
        from digpy.operators import delivery

        settings = self._notifications
        main = partial(courier_main, partial(delivery.deliver, settings, self.project))
        return Courier(
            open_database or self.open_database,
            launcher,
            partial(launch, main),
            SystemClock(),
            delivery.Retries.of(settings),
            limit=int(delivery.time_limit(settings) * SECOND),
        )

    def _notifier(self) -> Notifier | None:
        """Who writes down what is to be told. Raises `ConfigError`."""
        if not self.settings.text("notification.type"):
            return None
        from digpy.control.notifier import Notifier, kinds_of

        return Notifier(kinds_of(self.settings.text("notification.on") or ""))

    @property
    def _notifications(self) -> dict[str, str]:
        """The settings that say how notifications are sent."""
        return self.settings.lines("notification.")

    def starter(self, clock: Clock) -> Starter:
        """How attempts are started here."""
        return Starter(
            clock,
            task_limit=self.settings.integer("executor.task_max_run"),
            attempt_limit=self.settings.integer("executor.attempt_max_run"),
        )

    def session_starter(self, clock: Clock) -> SessionStarter:
        """How sessions of schedules are started here."""
        from digpy.control.scheduled import SessionStarter

        return SessionStarter(self.starter(clock), partial(required_limits, self.settings))

    @property
    def slots(self) -> int:
        """How many programs may run at once."""
        return self.settings.integer("agent.max-task-threads") or max(32, 8 * (os.cpu_count() or 1))

    def settle(self, runs: Iterable[Run], limit: float = 60) -> list[Report]:
        """Wait until nothing of `runs` is alive, at most `limit` seconds; harvest what they left.

        See `digpy.agent.janitor`. Raises `StillAlive` if something cannot be killed.
        """
        from digpy.agent import janitor
        from digpy.agent.agent import conclude

        runs = list(runs)
        if not all(self.end_worker(attempt, limit) for attempt in {run.attempt for run in runs}):
            raise StillAlive(dict.fromkeys(runs, ()), [Report(run, "lost", None) for run in runs])
        reports = []
        survivors: dict[Run, tuple[int, ...]] = {}
        for settled in janitor.settle(self.state, runs, limit=limit):
            if settled.proof is None:
                survivors[settled.run] = settled.survivors
            note = cast("dict[str, Json]", settled.request or {})
            retry = note.get("retry")
            if settled.exit is None:
                lost = Report(settled.run, "lost", settled.proof, retry, settled.started)
                reports.append(lost)
                continue
            operator = find_program(str(note["operator"]))
            outcome = conclude(operator, settled.exit)
            reports.append(Report(settled.run, outcome, settled.proof, retry))
        if survivors:
            raise StillAlive(survivors, reports)
        return reports

    def end_worker(self, attempt: int, limit: float) -> bool:
        """Kill the worker that a dead command may have left; whether it is gone.

        One that is frozen has not seen yet that it should leave, and may have claimed something
        that it has still to start.
        """
        path = CommandLocks(self.state).worker_path(attempt)
        end = time.monotonic() + limit
        while is_locked(path):
            if time.monotonic() > end:
                return False
            from digpy.agent import processes

            processes.kill(processes.holders(str(path)))
            time.sleep(_PAUSE)
        return True

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
            settings=self._notifications,
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
        self._locks = CommandLocks(installation.state)
        self._taken: list[int] = []
        self._rerun = rerun
        self._required: RequiredAttempts | None = None
        self._disk = installation.disk
        self._control = installation.open_control(self, self._disk)

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
        for attempt, _ in launches:
            self._take(attempt)
        with self._control.database.transaction() as tx:
            for attempt, epoch in launches:
                if not greet(tx, attempt, epoch, self._clock.now()):
                    return False
                self._attempts[attempt] = epoch
        return True

    def _take(self, attempt: int) -> None:
        """Be its only worker: whoever was it before has been replaced."""
        while not self._locks.take_as_worker(attempt):
            self._installation.end_worker(attempt, _PAUSE)
        self._taken.append(attempt)

    def work(self, channel: Channel) -> None:
        """Run the attempts until they have ended."""
        from digpy.agent.agent import Agent, Heartbeat

        interval = self._installation.settings.duration("agent.heartbeat-interval") or 0
        heartbeat = Heartbeat(channel, self._clock, interval)
        self._be_patient(channel, heartbeat)
        api = LocalTaskApi(self._control.executor, self._clock, self._attempts)

        def hear(message: Mapping[str, Json]) -> None:
            if "cancel" in message:
                attempt, cause = int(str(message["cancel"])), str(message["cause"])
                api.cancel(attempt, cause, str(message["actor"]))

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
            heartbeat,
            slots=self._installation.slots,
            stop_grace=self._installation.settings.duration("agent.stop_grace") or 0,
        )
        agent.run()
        for attempt in self._taken:  # they have ended: nobody will ask for their worker
            self._locks.worker_path(attempt).unlink(missing_ok=True)

    def _be_patient(self, channel: Channel, heartbeat: Heartbeat) -> None:
        """Wait for a locked database or a full disk as long as the command lives.

        The programs run on meanwhile.
        """
        from digpy.agent.agent import CommandGone

        def wait(seconds: float = 0) -> None:
            if channel.is_gone:
                raise CommandGone
            heartbeat.beat()
            if _SAY_LOCKED <= seconds < _SAY_LOCKED + 1:
                who = who_locks(self._control.database.path)
                sys.stderr.write(f"digpy: the database is locked by {who}: waiting\n")

        self._control.database.be_patient(wait)
        self._disk.wait = wait

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
            is_alive=self._locks.is_held,
            adopt=self._adopt,
            started=self._started,
        )

    def _started(self, attempt: int, epoch: int) -> None:
        self._take(attempt)
        self._attempts[attempt] = epoch

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


def _say_unavailable(error: Unavailable | OSError) -> None:
    """Say what keeps the worker from going on. Raises `error` if it may be our mistake."""
    if isinstance(error, OSError):
        from digpy.access import out_of_reach

        if (unavailable := out_of_reach(error)) is None:
            raise error
        error = unavailable
    sys.stderr.write(f"digpy: {error}\n")


def worker_main(installation: Installation, rerun: bool, channel: Channel) -> int:
    """Body of the forked worker: wait for the start, work, return the exit code."""
    from digpy.agent.agent import CommandGone

    message = channel.wait()
    if message is None:
        return 0  # the command found that there is nothing to run
    try:
        worker = _Worker(installation, message["command"], rerun)
        reach("worker.before_hello")
        if not worker.greet(message["start"]):
            return EXIT_STALE
        reach("worker.after_hello")
        channel.send({"hello": os.getpid()})
        worker.work(channel)
    except CommandGone:
        return 0
    except StaleLaunch:
        return EXIT_STALE
    except (Unavailable, OSError) as error:  # a failing disk: a fresh process may be luckier
        if (installation.state / "digpy.db").exists():  # else the command says that it is gone
            _say_unavailable(error)
        return Unavailable.exit_code
    channel.send({"done": True})
    return 0
