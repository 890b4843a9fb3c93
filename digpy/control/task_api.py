"""The agent's conversation with the control plane, in process."""

from __future__ import annotations

from collections.abc import Sequence

from digpy.clock import Clock
from digpy.control.executor import AttemptOver, Executor, Step
from digpy.spi import Exchange, Report, Run, TaskRequest


class LocalTaskApi:
    """`digpy.spi.TaskApi` over an executor, for the attempts of one command.

    `attempts` are the unfinished attempts this worker runs, and the launch it is for each;
    ``require>`` adds to them while they run.
    """

    def __init__(self, executor: Executor, clock: Clock, attempts: dict[int, int]) -> None:
        self._executor = executor
        self._clock = clock
        self._attempts = attempts
        self._stops: list[Run] = []

    def exchange(self, reports: Sequence[Report], room: int) -> Exchange:
        """Deliver `reports` and claim at most `room` programs; see `digpy.spi.TaskApi`.

        One step for each attempt: what was claimed starts, and the caller hears that its command
        is gone, while there is inline work left. `next_due` is the present then.
        """
        requests: list[TaskRequest] = []
        pending = {
            attempt: [report for report in reports if report.run.attempt == attempt]
            for attempt in dict.fromkeys(report.run.attempt for report in reports)
        }
        known = list(self._attempts)
        more = False
        for attempt in known:
            step = self._step(attempt, pending.pop(attempt, ()), room - len(requests))
            if step is not None:
                requests += step.requests
                self._stops += step.stops
                more = more or step.more
                if not step.ended:
                    continue
            del self._attempts[attempt]
            more = True  # whoever waited for it was woken
        more = more or not set(known).issuperset(self._attempts)
        stops, self._stops = self._stops, []
        return Exchange(requests, stops, self._next_due(more), len(self._attempts))

    def cancel(self, attempt: int, cause: str, actor: str) -> None:
        """Request the stop of `attempt`; what it runs is among the next exchange's `cancels`."""
        try:
            step = self._executor.cancel(attempt, cause, actor)
        except AttemptOver:
            return
        self._stops += step.stops
        if step.ended:
            self._attempts.pop(attempt, None)

    def _step(self, attempt: int, reports: Sequence[Report], room: int) -> Step | None:
        epoch = self._attempts[attempt]
        try:
            return self._executor.step(attempt, reports=reports, room=room, epoch=epoch)
        except AttemptOver:
            return None

    def _next_due(self, more: bool) -> int | None:
        if more:
            return self._clock.now()
        instants = [self._executor.next_due(attempt) for attempt in self._attempts]
        return min((instant for instant in instants if instant is not None), default=None)
