"""Instants to be called at, in memory; the one module that knows APScheduler.

Nothing here is the truth: that is the ``schedules`` table, of which this is a copy in the order of
its instants. There are no threads, because the process that schedules also forks: whoever owns a
`Ticker` asks it what is due, with the time of its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import BaseScheduler

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Ticker:
    """Numbers, each with an instant (UTC microseconds)."""

    def __init__(self) -> None:
        self._store = MemoryJobStore()
        self._jobs = _Jobs(
            jobstores={"default": self._store},
            executors={"default": DebugExecutor()},  # else it makes a pool of threads
            timezone=UTC,
        )
        self._jobs.start()
        self._instants: dict[int, int] = {}

    def replace(self, instants: Mapping[int, int]) -> None:
        """Know exactly these numbers, at these instants."""
        for number in self._instants.keys() - instants.keys():
            self.set(number, None)
        for number, instant in instants.items():
            if self._instants.get(number) != instant:
                self.set(number, instant)

    def set(self, number: int, instant: int | None) -> None:
        """Put a number to `instant`; None: forget it."""
        known = self._instants.pop(number, None)
        if instant is None:
            if known is not None:
                self._jobs.remove_job(str(number))
            return
        self._instants[number] = instant
        moment = _EPOCH + timedelta(microseconds=instant)
        if known is None:
            self._jobs.add_job(
                _nothing, id=str(number), next_run_time=moment, misfire_grace_time=None
            )
        else:
            self._jobs.modify_job(str(number), next_run_time=moment)

    def run_due(
        self, now: int, run: Callable[[int], int | None], most: int | None = None
    ) -> int | None:
        """Call `run` with each number whose instant has come, in the order of their instants.

        With the first `most` of them (None: all); the others are still due. It answers with the
        number's next instant, None to forget it. Each number is run once, also if it is due again
        at once. Returns the next instant of all, None if there is none. What `run` raises ends
        this; the number and those behind it are still due.
        """
        for job in self._store.get_due_jobs(_EPOCH + timedelta(microseconds=now))[:most]:
            number = int(job.id)
            self.set(number, run(number))
        following = self._store.get_next_run_time()
        return None if following is None else (following - _EPOCH) // timedelta(microseconds=1)


class _Jobs(BaseScheduler):  # type: ignore[misc] # APScheduler has no types
    """APScheduler without a loop of its own, which would ask the clock of the machine."""

    def wakeup(self) -> None:
        """Nobody sleeps here."""

    def shutdown(self, wait: bool = True) -> None:
        """Abstract there, and there is nothing to end here."""
        super().shutdown(wait)


def _nothing() -> None:
    """What a job calls; `Ticker.run_due` is told what to call instead."""
