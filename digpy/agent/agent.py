"""Claim, run, report: the loop of an attempt worker.

The agent speaks to the control plane through `digpy.spi.TaskApi` only, keeps user programs through
`digpy.agent.programs`, and sleeps until a program ends, its command says something, or something
is due.
"""

from __future__ import annotations

import errno
import selectors
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from digpy.clock import Clock, SteadyClock
from digpy.errors import TaskFailed, unexpected
from digpy.failpoints import reach
from digpy.spi import (
    Exit,
    ProgramOperator,
    Report,
    RetryLater,
    Run,
    TaskApi,
    TaskRequest,
    TaskResult,
)
from digpy.values import SECOND, Json, Params

_LONGEST_SLEEP = 86_400.0
"""Seconds. More than 24 days is refused by the system, and an interval may be longer."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

if TYPE_CHECKING:  # a run without programs does not need them
    from digpy.agent.programs import ProgramEvent, Programs


class Channel(Protocol):
    """The line to the command that started this worker."""

    @property
    def closed(self) -> bool:
        """The command is gone."""
        ...

    def fileno(self) -> int:
        """For waiting."""
        ...

    def receive(self) -> list[dict[str, Json]]:
        """What has arrived, without waiting."""
        ...

    def offer(self, message: dict[str, Json]) -> None:
        """Send `message`, unless that would have to wait."""
        ...


class CommandGone(Exception):  # noqa: N818 - an event, not a defect
    """The command that supervises this worker has ended: so does the worker, at once."""


def conclude(operator: ProgramOperator, exit_: Exit) -> TaskResult | RetryLater | Params:
    """What a finished program means: its result, or the ``error`` object of its failure."""
    try:
        return operator.conclude(exit_)
    except TaskFailed as error:
        return error.error
    except Exception as error:  # noqa: BLE001 - a defect of one operator fails its task only
        return unexpected(error).error


class Heartbeat:
    """Says over a channel that this process is alive, once in `interval` (microseconds).

    The first time is the caller's: it has just said hello.
    """

    def __init__(self, channel: Channel, clock: SteadyClock, interval: int) -> None:
        self._channel = channel
        self._clock = clock
        self._interval = interval
        self._due = clock.since_boot() + interval

    def beat(self) -> float:
        """Say it if it is due; return in how many seconds it is due again."""
        now = self._clock.since_boot()
        if now >= self._due:
            self._channel.offer({"alive": True})
            self._due = now + self._interval
        return (self._due - now) / SECOND


class _Started(NamedTuple):
    """A program that runs: whose it is, its evaluated ``_retry``, and where it leaves its files."""

    operator: ProgramOperator
    retry: Json
    directory: Path


class Agent:
    """Runs what it is given until no attempt is open; see the module's text."""

    def __init__(  # noqa: PLR0913 - its collaborators, once
        self,
        api: TaskApi,
        make_programs: Callable[[], Programs],
        find_operator: Callable[[str], ProgramOperator],
        clock: Clock,
        channel: Channel,
        on_message: Callable[[Mapping[str, Json]], None],
        heartbeat: Heartbeat,
        *,
        slots: int,
        stop_grace: int,
    ) -> None:
        self._api = api
        self._make_programs = make_programs
        self._programs: Programs | None = None
        self._find_operator = find_operator
        self._clock = clock
        self._channel = channel
        self._on_message = on_message
        self._heartbeat = heartbeat
        self._slots = slots
        self._stop_grace = stop_grace
        self._running: dict[Run, _Started] = {}
        self._leave_at: int | None = None
        self._hands_back = False

    def run(self) -> None:
        """Work until every attempt has ended and nothing runs. Raises `CommandGone`.

        After a message ``drain`` (microseconds) nothing more is started. What still runs when that
        time is over is stopped, and is handed back together with everything else.

        However it ends, nothing that it started is alive afterwards.
        """
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._channel, selectors.EVENT_READ)
                self._work(selector)
        finally:
            if self._programs is not None:
                self._programs.close()

    def _work(self, selector: selectors.BaseSelector) -> None:
        reports: list[Report] = []
        while True:
            room = self._slots - len(self._running) if self._leave_at is None else 0
            exchange = self._api.exchange(reports, room)
            if reports:
                reach("agent.after_finish")
            if exchange.requests:
                reach("agent.after_claim")
                if self._programs is None:
                    self._programs = self._make_programs()
                    selector.register(self._programs, selectors.EVENT_READ)
            started = []
            if self._programs is not None:
                for run in exchange.cancels:
                    self._programs.stop(run, self._stop_grace / SECOND)
                started = [self._start(self._programs, request) for request in exchange.requests]
                for report in reports:  # committed: what was left on disk is not needed any more
                    self._programs.discard(report.run)
            reports = [report for report in started if report is not None]
            is_leaving = self._leave_at is not None
            if (is_leaving or not exchange.open) and not self._running and not reports:
                return
            patience = self._patience(exchange.next_due)
            selector.select(0 if reports else patience)
            self._listen()
            self._hand_back_if_due()
            reports += self._finished()

    def _patience(self, next_due: int | None) -> float:
        waits = [_LONGEST_SLEEP, self._heartbeat.beat()]
        if self._programs is not None and self._programs.timeout is not None:
            waits.append(self._programs.timeout)
        instants = [next_due, None if self._hands_back else self._leave_at]
        now = self._clock.now()
        waits += [max(0.0, (instant - now) / SECOND) for instant in instants if instant is not None]
        return min(waits)

    def _listen(self) -> None:
        for message in self._channel.receive():
            if isinstance(patience := message.get("drain"), int):
                self._leave_at = self._clock.now() + patience
            else:
                self._on_message(message)
        if self._channel.closed:
            raise CommandGone

    def _hand_back_if_due(self) -> None:
        """Stop what still runs when the worker has to leave; somebody else runs it again."""
        if self._leave_at is None or self._hands_back or self._clock.now() < self._leave_at:
            return
        self._hands_back = True
        for run in self._running:
            assert self._programs is not None  # noqa: S101 - it runs them
            self._programs.stop(run, self._stop_grace / SECOND)

    def _start(self, programs: Programs, request: TaskRequest) -> Report | None:
        run = request.run
        operator = self._find_operator(request.operator)
        retry = request.params.get("_retry") if operator.retries else None
        note: Params = {"operator": request.operator, "retry": retry}
        try:
            programs.start(run, operator.command(request), note, request.retries)
        except TaskFailed as error:
            return Report(run, error.error, "P1 never started", retry)
        except OSError as error:
            if error.errno in _NO_ROOM:  # the disk's fault, not the task's
                return Report(run, "lost", "P1 never started", retry, started=False)
            failed = TaskFailed(f"the program could not be started: {error}", "runtime")
            return Report(run, failed.error, "P1 never started", retry)
        except Exception as error:  # noqa: BLE001 - a defect of one operator fails its task only
            return Report(run, unexpected(error).error, "P1 never started", retry)
        reach("agent.running")
        self._running[run] = _Started(operator, retry, request.directory)
        return None

    def _finished(self) -> list[Report]:
        if self._programs is None:
            return []
        return [self._report(event) for event in self._programs.events()]

    def _report(self, event: ProgramEvent) -> Report:
        from digpy.agent.programs import ProgramLost, ProgramRefused

        operator, retry, directory = self._running.pop(event.run)
        if isinstance(event, ProgramLost):
            return Report(event.run, "lost", event.proof, retry, event.started)
        if isinstance(event, ProgramRefused):
            return Report(event.run, TaskFailed(event.error, "runtime").error, event.proof, retry)
        if self._hands_back and event.by == "killed":
            return Report(event.run, "handed back", event.proof, retry)
        outcome = conclude(operator, Exit(event.code, directory))
        reach("agent.before_finish")
        return Report(event.run, outcome, event.proof, retry)
