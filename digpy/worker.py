"""The attempt worker: everything that runs in the process that is forked for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from digpy.agent.agent import Agent, CommandGone, Heartbeat
from digpy.app import PAUSE, Installation, find_program
from digpy.clock import SystemClock
from digpy.control.executor import StaleLaunch
from digpy.control.limits import required_limits
from digpy.control.locks import CommandLocks
from digpy.control.recovery import end_abandoned, relaunch
from digpy.control.requests import raw_operator
from digpy.control.starter import RequiredAttempts, greet
from digpy.control.task_api import LocalTaskApi
from digpy.dsl.model import Workflow
from digpy.errors import Unavailable
from digpy.failpoints import reach
from digpy.launchers.local import Channel
from digpy.operators import registry
from digpy.spi import StartedAttempt
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store.database import who_locks
from digpy.store.phases import Phase
from digpy.values import Json, Params

if TYPE_CHECKING:
    from digpy.agent.programs import Programs

_SAY_LOCKED = 30.0
"""Seconds after which it is said who locks the database."""

EXIT_STALE = 75
"""Exit code of a worker whose launch is not the current one."""


class _Worker:
    """What one launch works with."""

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
            self._installation.end_worker(attempt, PAUSE)
        self._taken.append(attempt)

    def work(self, channel: Channel, prepared: Programs | None) -> None:
        """Run the attempts until they have ended; with what has been `prepared` for programs."""
        interval = self._installation.settings.duration("agent.heartbeat-interval") or 0
        heartbeat = Heartbeat(channel, self._clock, interval)
        self._be_patient(channel, heartbeat)
        api = LocalTaskApi(self._control.executor, self._clock, self._attempts)

        def hear(message: Mapping[str, Json]) -> None:
            if "cancel" in message:
                attempt, cause = int(str(message["cancel"])), str(message["cause"])
                api.cancel(attempt, cause, str(message["actor"]))

        agent = Agent(
            api,
            lambda: prepared or _make_programs(self._installation),
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


def _has_programs(workflow: Workflow, settings: Mapping[str, str]) -> bool:
    """Whether one is written in its tasks; what is generated, and templates, may say otherwise."""
    names = filter(None, map(raw_operator, workflow.definitions.tasks))
    return any(registry.kind(name, settings) == "program" for name in names)


def _make_programs(installation: Installation) -> Programs:
    from digpy.agent.programs import Programs  # on use: many workflows have none

    return Programs(installation.state, limit=installation.slots)


def _say_unavailable(error: Unavailable | OSError) -> None:
    """Say what keeps the worker from going on. Raises `error` if it may be our mistake."""
    if isinstance(error, OSError):
        from digpy.access import out_of_reach

        if (unavailable := out_of_reach(error)) is None:
            raise error
        error = unavailable
    sys.stderr.write(f"digpy: {error}\n")


def worker_main(
    installation: Installation, rerun: bool, channel: Channel, expected: Workflow | None = None
) -> int:
    """Body of the forked worker: wait for the start, work, return the exit code.

    If programs are in the workflow that is `expected`, what starts them starts while the command
    opens the database.
    """
    if expected is None or not _has_programs(expected, installation.notifications):
        return _work(installation, rerun, channel, None)
    prepared = None
    with suppress(OSError):  # no room for it: perhaps there is when the first program starts
        prepared = _make_programs(installation)
        prepared.prepare()
    try:
        return _work(installation, rerun, channel, prepared)
    finally:
        if prepared is not None:
            prepared.close()  # perhaps none was started


def _work(
    installation: Installation, rerun: bool, channel: Channel, prepared: Programs | None
) -> int:
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
        worker.work(channel, prepared)
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
