"""The only place where parts are put together; the rest gets what it needs by constructor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from digpy.clock import Clock, SystemClock
from digpy.config import Settings
from digpy.control.disk import Disk
from digpy.control.executor import Executor
from digpy.control.leadership import Leadership, Pace
from digpy.control.limits import required_limits
from digpy.control.locks import CommandLocks
from digpy.control.logs import AttemptLogs
from digpy.control.recovery import Control, StillAlive
from digpy.control.requests import Surroundings
from digpy.control.starter import Starter
from digpy.control.trees import Trees
from digpy.errors import InternalError
from digpy.expr.javascript import default_engine
from digpy.filelock import is_locked
from digpy.launchers.local import Channel, LocalLauncher, LocalWorker
from digpy.operators import registry
from digpy.spi import Attempts, ProgramOperator, Report, Run, StartedAttempt
from digpy.store import runs as run_rows
from digpy.store.database import Database, open_database
from digpy.values import SECOND, Json, Params

if TYPE_CHECKING:
    from digpy.control.courier import Courier
    from digpy.control.notifier import Notifier
    from digpy.control.scheduled import SessionStarter

PAUSE = 0.002
"""Seconds between two looks whether a process that was killed is gone."""

_BEATS = 3
"""So many heartbeats have to be missed at least before a worker is taken for lost."""

_PARTS = ("", "digpy.db", "locks", "locks/starting", "runs", "logs")
"""What a run writes in the state directory, and what it can be stopped by."""


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

            delivery.check(self.notifications, self.project)

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

        settings = self.notifications
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
    def notifications(self) -> dict[str, str]:
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
            time.sleep(PAUSE)
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
            settings=self.notifications,
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
