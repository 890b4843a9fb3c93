"""Claim, run, report: what an agent says of a program that it could not start."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from digpy.agent.agent import Agent, Heartbeat
from digpy.agent.programs import ProgramEnded
from digpy.spi import Exchange, Report, Run, TaskRequest
from digpy.values import SECOND
from tests.support.clock import ManualClock

RUN = Run(7, 2, 1)


class Request:
    """As much of a claimed task as an agent looks at before the start."""

    run = RUN
    operator = "sh"
    params = {"_retry": 3}  # noqa: RUF012
    retries = 0
    directory = None


class Api:
    """Hands out one task, and keeps what is reported."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def exchange(self, reports: Sequence[Report], room: int) -> Exchange:
        assert room > 0
        self.reports += reports
        first = not self.reports
        requests = [cast("TaskRequest", Request())] if first else []
        return Exchange(requests, [], None, int(first))


class Programs:
    """Cannot start anything, for the reason given."""

    timeout = None

    def __init__(self, reason: int) -> None:
        self._reason = reason
        self._ours, self._theirs = socket.socketpair()

    def fileno(self) -> int:
        return self._ours.fileno()

    def start(self, *_: Any) -> None:
        raise OSError(self._reason, os.strerror(self._reason))

    def events(self) -> list[Any]:
        return []

    def discard(self, run: Run) -> None:
        assert run == RUN

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class Operator:
    """Knows a command."""

    retries = True

    def command(self, _: Any) -> None:
        return None


class Channel:
    """A command that lives and says nothing."""

    closed = False

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.offered: list[dict[str, Any]] = []

    def fileno(self) -> int:
        return self._ours.fileno()

    def receive(self) -> list[Any]:
        return []

    def offer(self, message: dict[str, Any]) -> None:
        self.offered.append(message)

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


@pytest.fixture
def channel() -> Iterator[Channel]:
    channel = Channel()
    yield channel
    channel.close()


def reported(channel: Channel, reason: int) -> Report:
    api = Api()
    Agent(
        api,
        lambda: cast("Any", Programs(reason)),
        lambda _: cast("Any", Operator()),
        ManualClock(),
        channel,
        lambda _: None,
        Heartbeat(channel, ManualClock(), SECOND),
        slots=1,
        stop_grace=0,
    ).run()
    (report,) = api.reports
    return report


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_program_without_room_on_the_disk_is_lost_and_not_failed(
    channel: Channel, reason: int
) -> None:
    found = reported(channel, reason)
    assert found == Report(RUN, "lost", "P1 never started", 3, started=False)


def test_a_program_that_cannot_be_started_for_another_reason_has_failed(channel: Channel) -> None:
    found = reported(channel, errno.EACCES)
    assert isinstance(found.outcome, dict)
    assert "could not be started" in str(found.outcome["message"])


# Leaving


class RunningProgram(Programs):
    """Starts what it is given; it runs until it is stopped, or ends with `code` at once."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(0)
        self._code = code
        self.stopped: list[float] = []
        self._events: list[Any] = []

    def start(self, run: Run, *_: Any) -> None:
        if self._code is not None:
            self._events.append(ProgramEnded(run, self._code, "exited", "P1"))
            self._theirs.send(b"x")

    def stop(self, run: Run, grace: float) -> None:
        self.stopped.append(grace)
        self._events.append(ProgramEnded(run, 143, "killed", "P1"))
        self._theirs.send(b"x")

    def events(self) -> list[Any]:
        events, self._events = self._events, []
        return events


class LeavingChannel(Channel):
    """A command that says at once that the worker has to leave after so long."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self._messages = [{"drain": patience}]
        self._theirs.send(b"x")

    def receive(self) -> list[Any]:
        messages, self._messages = self._messages, []
        return messages


class OpenApi(Api):
    """Has more work than there is room for, and an attempt that never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms: list[int] = []

    def exchange(self, reports: Sequence[Report], room: int) -> Exchange:
        self.reports += reports
        self.rooms.append(room)
        requests = [cast("TaskRequest", Request())] if len(self.rooms) == 1 else []
        return Exchange(requests, [], None, 1)


class Concluding(Operator):
    def conclude(self, exit_: Any) -> str:
        return f"code {exit_.code}"


def left(programs: RunningProgram, patience: int) -> OpenApi:
    """The conversation of an agent that runs one program when it is told to leave."""
    channel, api = LeavingChannel(patience), OpenApi()
    Agent(
        api,
        lambda: cast("Any", programs),
        lambda _: cast("Any", Concluding()),
        ManualClock(),
        channel,
        lambda _: None,
        Heartbeat(channel, ManualClock(), SECOND),
        slots=1,
        stop_grace=3_000_000,
    ).run()
    channel.close()
    return api


def test_a_program_that_ends_before_the_worker_leaves_counts() -> None:
    api = left(RunningProgram(code=0), patience=1_000_000)
    assert [report.outcome for report in api.reports] == ["code 0"]


def test_a_program_that_does_not_end_in_time_is_stopped_and_handed_back() -> None:
    programs = RunningProgram()
    api = left(programs, patience=0)
    assert programs.stopped == [3.0]
    assert api.reports == [Report(RUN, "handed back", "P1", 3)]


def test_a_worker_that_leaves_claims_nothing_more() -> None:
    assert left(RunningProgram(), patience=0).rooms == [1, 0]


def test_a_heartbeat_is_sent_once_in_an_interval(channel: Channel) -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(channel, clock, 10 * SECOND)
    assert heartbeat.beat() == 10
    clock.advance(10 * SECOND - 1)
    heartbeat.beat()
    assert channel.offered == []
    clock.advance(1)
    assert heartbeat.beat() == 10
    heartbeat.beat()
    assert len(channel.offered) == 1


def test_a_clock_that_is_set_back_does_not_stop_the_heart(channel: Channel) -> None:
    clock = ManualClock()
    heartbeat = Heartbeat(channel, clock, 10 * SECOND)
    clock.advance(10 * SECOND)
    clock.set(0)
    heartbeat.beat()
    assert len(channel.offered) == 1
