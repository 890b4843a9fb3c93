"""The one door: the only code that writes task state, whoever calls it.

`Executor.step` lets events happen to one attempt: they are advanced on a draft of the cached tree,
inline tasks are run and programs are claimed on the same draft, outside any transaction; then one
transaction checks that nobody else moved the attempt, writes everything and commits. If somebody
did, the draft is dropped and done again on a fresh tree. Only after the commit is anything said in
the log or handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from heapq import heappop
from typing import NamedTuple

from digpy.clock import Clock
from digpy.control.inline import Work
from digpy.control.logs import AttemptLogs, LogEntry
from digpy.control.trees import CachedTree, Trees
from digpy.engine.advance import Draft
from digpy.engine.changes import Changes, Stop
from digpy.engine.events import CancelRequested, Due, Event, Lost
from digpy.engine.retry import RetryRule, parse_retry
from digpy.engine.states import DONE, TaskState
from digpy.errors import InternalError
from digpy.failpoints import reach
from digpy.spi import Attempts, Report, Run, TaskRequest, TaskResult
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import runs as run_rows
from digpy.store import tasks as task_rows
from digpy.store.database import Database, Transaction
from digpy.store.events import NewEvent
from digpy.store.phases import Phase
from digpy.store.runs import RunOutcome
from digpy.values import Json, Params

BATCH = 200
"""How many inline tasks are run at most before a commit: all that a crash makes run again."""

LIMIT_CAUSES = frozenset({"start_timeout", "run_timeout", "resume_exhausted"})
"""Causes of a cancel after which the attempt counts as failed, with the cause as its reason."""


class Step(NamedTuple):
    """What a step led to, committed.

    `requests` are claimed programs; `stops` are runs to stop; `more` says that inline work is
    left; `ended` that the attempt is over.
    """

    requests: list[TaskRequest]
    stops: list[Run]
    more: bool
    ended: bool


class Executor:
    """Moves attempts; see the module's text."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        trees: Trees,
        logs: AttemptLogs,
        attempts: Attempts,
        *,
        agent: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._trees = trees
        self._logs = logs
        self._attempts = attempts
        self._agent = agent

    def step(
        self,
        attempt: int,
        events: Sequence[Event] = (),
        reports: Sequence[Report] = (),
        room: int = 0,
        *,
        work: bool = True,
        epoch: int | None = None,
        also: Callable[[Transaction], None] | None = None,
    ) -> Step:
        """Let `events` and `reports` happen to `attempt`, wake what is due, then work.

        A worker says which launch it is (`epoch`); it raises `StaleLaunch` when it is not the
        current one.

        With `work`, READY inline tasks are run, at most `BATCH`, and at most `room` programs
        claimed. `also` is done in the same transaction. Raises `NotFound`.
        """
        while True:
            cached = self._trees.get(attempt, self._attempts)
            if epoch is not None and cached.context.epoch != epoch:
                raise StaleLaunch(attempt)
            trial = _Trial(cached, self._clock.now())
            trial.happen(events, reports)
            if work:
                trial.perform(room)
            changes = trial.draft.changes()
            if not changes and not trial.is_over and also is None:
                return trial.result()
            if self._commit(trial, changes, reports, also):
                break
            self._trees.drop(attempt)  # somebody else moved it: again, on a fresh tree
        self._logs.append(attempt, trial.work.log)
        if also is not None:
            self._trees.drop(attempt)  # the attempt's own row may have changed with it
        if trial.ended:
            self._trees.drop(attempt)
            self._wake_waiters(attempt)
        return trial.result()

    def cancel(self, attempt: int, cause: str, actor: str) -> Step:
        """Request that `attempt` stops; a second request changes nothing but the events."""
        now = self._clock.now()

        def mark(tx: Transaction) -> None:
            phase = attempt_rows.load(tx, attempt).phase
            if phase is Phase.CANCELING:
                event = NewEvent(now, "cancel.repeated", actor, data={"cause": cause})
            else:
                attempt_rows.set_phase(tx, attempt, phase, Phase.CANCELING, now, cause=cause)
                event = NewEvent(
                    now, "attempt.canceling", actor, data={"cause": cause}, dedupe="canceling"
                )
            event_rows.append(tx, attempt, event)

        return self.step(attempt, [CancelRequested(now, cause)], work=False, also=mark)

    def next_due(self, attempt: int) -> int | None:
        """When something of `attempt` is due, None if nothing waits."""
        return self._trees.get(attempt, self._attempts).next_due()

    def _commit(
        self,
        trial: _Trial,
        changes: Changes,
        reports: Sequence[Report],
        also: Callable[[Transaction], None] | None,
    ) -> bool:
        cached = trial.cached
        attempt = cached.context.attempt
        reach("executor.before_commit")
        with self._database.transaction() as tx:
            if not attempt_rows.bump_version(tx, attempt, cached.version):
                return self._superseded(tx, attempt)
            task_rows.save(tx, attempt, changes)
            reach("executor.mid_commit")
            for report in reports:
                run_rows.finish(tx, report.run, _outcome(report), trial.now, proof=report.proof)
            for request in trial.work.claimed:
                self._claim(tx, request, cached.context.epoch, trial.now)
            if also is not None:
                also(tx)
            if trial.is_over:
                self._end(tx, attempt, trial)
        reach("executor.after_commit")
        cached.saved(changes)
        trial.committed(changes)
        return True

    def _superseded(self, tx: Transaction, attempt: int) -> bool:
        """Somebody else moved the attempt. If it is over, there is nothing left to do on it."""
        if attempt_rows.load(tx, attempt).is_done:
            raise AttemptOver(attempt)
        return False

    def _end(self, tx: Transaction, attempt: int, trial: _Trial) -> None:
        reach("executor.before_end")
        state = trial.draft.root.state
        row = attempt_rows.load(tx, attempt)
        phase, reason = Phase.SUCCESS, None
        if state is TaskState.CANCELED:
            phase = Phase.FAILURE if row.cause in LIMIT_CAUSES else Phase.CANCELED
            reason = row.cause
        elif state is not TaskState.SUCCESS:
            phase, reason = Phase.FAILURE, "task_error"
        now = trial.now
        if not attempt_rows.set_phase(tx, attempt, row.phase, phase, now, reason=reason):
            raise InternalError(f"attempt {attempt} left {row.phase} under its own lock")
        data: Params = {"phase": str(phase), "reason": reason}
        event = NewEvent(now, "attempt.ended", "executor", data=data, dedupe="ended")
        event_rows.append(tx, attempt, event)
        trial.ended = True

    def _claim(self, tx: Transaction, request: TaskRequest, epoch: int, at: int) -> None:
        run = request.run
        token = f"{self._agent}/{run}"
        if not run_rows.claim(tx, run, epoch=epoch, agent=self._agent, token=token, at=at):
            raise InternalError(f"run {run} was claimed while an earlier run is not proved dead")

    def _wake_waiters(self, attempt: int) -> None:
        with self._database.reading() as tx:
            waiters = task_rows.waiting_for(tx, attempt)
        for waiting, number in waiters:
            with suppress(AttemptOver):  # it ended while it waited: there is nobody to wake
                self.step(waiting, [Due(number, self._clock.now())], work=False)


class AttemptOver(Exception):  # noqa: N818 - an outcome: a late caller finds out and leaves
    """The attempt has ended meanwhile; whatever was to be written is void."""

    def __init__(self, attempt: int) -> None:
        super().__init__(f"attempt {attempt} has ended")
        self.attempt = attempt


class StaleLaunch(Exception):  # noqa: N818 - an outcome: this worker has been replaced
    """Another launch of the attempt has begun; nothing was written, and the worker has to leave."""

    def __init__(self, attempt: int) -> None:
        super().__init__(f"attempt {attempt} was launched again")


class _Trial:
    """One trial of a step, on its own draft; dropped if somebody else moved the attempt."""

    def __init__(self, cached: CachedTree, now: int) -> None:
        self.cached = cached
        self.now = now
        self.draft = Draft(cached.tree)
        self.ended = False
        self.more = False
        self.stops: list[Run] = []
        self.work = Work(
            self.draft,
            cached.requests,
            now,
            dry_run=bool(cached.context.options.get("dry_run")),
            show_params=bool(cached.context.options.get("show_params")),
        )

    @property
    def is_over(self) -> bool:
        """The root is done; an attempt without any work is over before anything changes."""
        return self.draft.root.state in DONE

    def happen(self, events: Sequence[Event], reports: Sequence[Report]) -> None:
        """Reports and events first, then whatever is due."""
        for report in reports:
            self._report(report)
        for event in events:
            self.draft.advance(event)
        for number in self.cached.due(self.now):
            self.draft.advance(Due(number, self.now))

    def _report(self, report: Report) -> None:
        run, outcome = report.run, report.outcome
        task = self.draft[run.number]
        if task.state is not TaskState.RUNNING or task.fence != run.fence:
            return  # stale: the task has moved on without this run
        if isinstance(outcome, TaskResult):
            self.work.succeed(task, outcome)
        elif outcome == "lost":
            retry = _rule(report.retry)
            self.draft.advance(Lost(run.number, run.fence, self.now, retry))
            self.work.log.append(
                LogEntry(
                    self.now, task.full_name, "warn", f"its processes disappeared ({report.proof})"
                )
            )
        else:
            assert isinstance(outcome, dict)  # noqa: S101 - the only kind left
            self.work.fail(task, outcome, _rule(report.retry), task.state_params)

    def perform(self, room: int) -> None:
        """Claim programs while there is room, and run inline tasks, in the order of numbers.

        Taking numbers off the cached heaps is safe: a tree whose draft is dropped is dropped as
        well.
        """
        ready, programs = self.cached.ready, self.cached.programs
        noted = self._note(0)
        budget = BATCH
        while not self.draft.cancel:
            # Programs first: they start as soon as this is committed, and go on beside the rest.
            if programs and len(self.work.claimed) < room:
                self._run(heappop(programs))
            elif ready and budget:
                budget -= self._run(heappop(ready))
            else:
                break
            noted = self._note(noted)
        self.more = bool(ready) and not self.draft.cancel

    def _run(self, number: int) -> bool:
        if self.draft[number].state is not TaskState.READY:
            return False
        self.work.run(number)
        return True

    def _note(self, seen: int) -> int:
        """Push what became READY on the draft since the first `seen`; return how many there are."""
        for number in self.draft.ready[seen:]:
            self.cached.push_ready(self.draft[number])
        return len(self.draft.ready)

    def committed(self, changes: Changes) -> None:
        """Remember which programs have to be stopped."""
        attempt = self.cached.context.attempt
        for effect in changes.effects:
            if isinstance(effect, Stop):
                self.stops.append(Run(attempt, effect.number, effect.fence))

    def result(self) -> Step:
        """What to tell the caller."""
        return Step(self.work.claimed, self.stops, self.more, self.ended)


def _rule(retry: Json) -> RetryRule | None:
    """The rule that was understood when the run was claimed; None where there was none."""
    return None if retry is None else parse_retry(retry)


def _outcome(report: Report) -> RunOutcome:
    if isinstance(report.outcome, TaskResult):
        return "succeeded"
    return "lost" if report.outcome == "lost" else "failed"
