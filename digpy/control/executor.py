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
from typing import TYPE_CHECKING, NamedTuple

from digpy.clock import Clock
from digpy.control.disk import RECHECK, Disk
from digpy.control.inline import Work
from digpy.control.logs import AttemptLogs, LogEntry
from digpy.control.trees import CachedTree, Trees
from digpy.dsl.model import ALERT
from digpy.dsl.retry import RetryRule, parse_retry
from digpy.engine.advance import Draft, timeout_error
from digpy.engine.changes import Changes, Stop
from digpy.engine.events import MAX_LOSSES, CancelRequested, Due, Event, Killed, Lost, SlaMissed
from digpy.engine.states import DONE, TaskState
from digpy.engine.tree import Task, fails_by_sla
from digpy.errors import DiskFull, InternalError
from digpy.failpoints import reach
from digpy.spi import Attempts, Report, RetryLater, Run, TaskRequest, TaskResult
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import installation as installation_rows
from digpy.store import runs as run_rows
from digpy.store import tasks as task_rows
from digpy.store.database import Database, Transaction
from digpy.store.events import NewEvent
from digpy.store.phases import CAUSES, REASONS, Phase
from digpy.store.runs import RunOutcome
from digpy.values import Json, Params

if TYPE_CHECKING:  # most runs tell nobody
    from digpy.control.notifier import Notifier

BATCH = 200
"""How many inline tasks are run at most before a commit: all that a crash makes run again."""


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

    def __init__(  # noqa: PLR0913 - its collaborators, once
        self,
        database: Database,
        clock: Clock,
        trees: Trees,
        logs: AttemptLogs,
        attempts: Attempts,
        *,
        agent: str,
        disk: Disk | None = None,
        max_losses: int = MAX_LOSSES,
        notifier: Notifier | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._trees = trees
        self._logs = logs
        self._attempts = attempts
        self._agent = agent
        self._disk = disk
        self._max_losses = max_losses
        self._notifier = notifier

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
            trial = _Trial(cached, self._clock.now(), self._max_losses)
            trial.happen(events, reports)
            if work and self._has_room(cached):
                trial.perform(room)
            changes = trial.draft.changes()
            if not (changes or trial.is_over or trial.missed_sla or also):
                if trial.events:
                    with self._database.transaction() as tx:
                        event_rows.append(tx, attempt, *trial.events)
                return trial.result()
            try:
                if self._commit(trial, changes, reports, also):
                    break
            except DiskFull:
                if self._disk is None or not self._disk.make_room():
                    raise  # else there is room, and from now on things can only end
            self._trees.drop(attempt)  # somebody else moved it: again, on a fresh tree
        self._logs.append(attempt, trial.work.log)
        if also is not None:
            self._trees.drop(attempt)  # the attempt's own row may have changed with it
        if trial.ended:
            self._trees.drop(attempt)
            self._wake_waiters(attempt)
        return trial.result()

    def cancel(
        self,
        attempt: int,
        cause: str,
        actor: str,
        guard: Callable[[Transaction], None] | None = None,
    ) -> Step:
        """Request that `attempt` stops; a second request changes nothing but the events.

        `guard` is asked in the same transaction, and raises if it must not be done.
        """
        now = self._clock.now()

        def mark(tx: Transaction) -> None:
            if guard is not None:
                guard(tx)
            phase = attempt_rows.load(tx, attempt).phase
            if phase is Phase.CANCELING:
                event = NewEvent(now, "cancel.repeated", actor, data={"cause": cause})
            else:
                attempt_rows.set_phase(tx, attempt, phase, Phase.CANCELING, now, cause=cause)
                event = NewEvent(
                    now, "attempt.canceling", actor, data={"cause": cause}, dedupe="canceling"
                )
            event_rows.append(tx, attempt, event)

        limit = self._limit_to_tell(attempt) if cause == "run_timeout" else None
        return self.step(attempt, [CancelRequested(now, cause, limit)], work=False, also=mark)

    def _limit_to_tell(self, attempt: int) -> int | None:
        from digpy.control.error_time import limit_to_tell  # on use: it has run for long

        with self._database.reading() as tx:
            return limit_to_tell(attempt_rows.load(tx, attempt))

    def kill(
        self,
        attempt: int,
        reports: Sequence[Report],
        guard: Callable[[Transaction], None] | None = None,
    ) -> Step:
        """End `attempt` at once; nothing of it is alive. What `reports` say counts first.

        `guard`: as for `cancel`.
        """
        killed = Killed(self._clock.now())
        return self.step(attempt, [killed], reports, work=False, also=guard)

    def next_due(self, attempt: int) -> int | None:
        """When something of `attempt` is due, None if nothing waits."""
        due = self._trees.get(attempt, self._attempts).next_due()
        if self._disk is not None and self._disk.is_low:
            again = self._clock.now() + RECHECK
            return again if due is None else min(due, again)
        return due

    def _has_room(self, cached: CachedTree) -> bool:
        """Whether new work may start; says so when it no longer may."""
        disk = self._disk
        if disk is None or not disk.is_low:
            return True
        if disk.begins():
            now = self._clock.now()
            with suppress(DiskFull), self._database.transaction() as tx:
                installation_rows.append(tx, now, "disk.low", self._agent, {})
            text = "the disk is almost full: nothing new is started until there is room"
            warning = LogEntry(now, cached.tree.root.full_name, "warn", text)
            self._logs.append(cached.context.attempt, [warning])
        return False

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
            if trial.events:
                event_rows.append(tx, attempt, *trial.events)
            for request in trial.work.claimed:
                self._claim(tx, request, cached.context.epoch, trial.now)
            if trial.missed_sla:
                attempt_rows.miss_sla(tx, attempt)
            if also is not None:
                also(tx)
            if trial.begins_to_tell_limit:
                from digpy.control.error_time import begin_error_time

                begin_error_time(tx, attempt, trial.now)
            if trial.is_over:
                self._end(tx, attempt, trial)
        reach("executor.after_commit")
        cached.saved(changes, missed_sla=trial.missed_sla)
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
        if state is TaskState.CANCELED or trial.draft.cancel:
            phase = CAUSES[row.cause or "user"]
            reason = row.cause
        elif state is not TaskState.SUCCESS:
            phase = Phase.FAILURE
            reason = "sla" if fails_by_sla(trial.draft) else "task_error"
        now = trial.now
        unclean = row.cause is not None and bool(run_rows.unproved(tx, attempt))
        if not attempt_rows.set_phase(
            tx, attempt, row.phase, phase, now, reason=reason, unclean=unclean
        ):
            raise InternalError(f"attempt {attempt} left {row.phase} under its own lock")
        data: Params = {"phase": str(phase), "reason": reason}
        if phase is Phase.FAILURE:
            data["class"] = REASONS[reason or "internal"]
        if unclean:
            data["unclean"] = True
        event = NewEvent(now, "attempt.ended", "executor", data=data, dedupe="ended")
        event_rows.append(tx, attempt, event)
        if self._notifier is not None:
            self._notifier.ended(tx, row, phase, reason, now, alerted=trial.has_alerted)
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

    def __init__(self, cached: CachedTree, now: int, max_losses: int) -> None:
        self.cached = cached
        self.now = now
        self._max_losses = max_losses
        self.events: list[NewEvent] = []
        self.draft = Draft(cached.tree)
        self.missed_sla = False
        self.ended = False
        self.more = False
        self.stops: list[Run] = []
        self.work = Work(
            self.draft,
            cached.requests,
            now,
            dry_run=bool(cached.context.options.get("dry_run")),
            show_params=cached.context.options.get("show_params"),
        )

    @property
    def is_over(self) -> bool:
        """The root is done; an attempt without any work is over before anything changes."""
        return self.draft.root.state in DONE

    @property
    def begins_to_tell_limit(self) -> bool:
        """Everything has stopped because of a limit, and the root's handlers begin."""
        return self.draft.root.tells_limit and not self.cached.tree.root.tells_limit

    @property
    def has_alerted(self) -> bool:
        """The alert of a failing attempt was sent."""
        children = [self.draft[number] for number in self.draft.root.children]
        return any(
            child.definition.name == ALERT and child.state is TaskState.SUCCESS
            for child in children
        )

    def happen(self, events: Sequence[Event], reports: Sequence[Report]) -> None:
        """Reports and events first, then whatever is due."""
        for report in reports:
            self._report(report)
        for event in events:
            self.draft.advance(event)
        if self.cached.misses_sla(self.now) and not (self.is_over or self.draft.cancel):
            self._miss_sla()
        for number in self.cached.due(self.now):
            if self.work.wake(number):
                self._note_timeout(self.cached.tree[number])

    def _note_timeout(self, task: Task) -> None:
        data: Params = {"state": str(task.state), **timeout_error(task)}
        event = NewEvent(self.now, "task.timed_out", "executor", task.number, data=data)
        self.events.append(event)

    def _miss_sla(self) -> None:
        self.missed_sla = True
        self.draft.advance(SlaMissed(self.now))
        fails = fails_by_sla(self.draft)
        text = "it has missed its sla" + (": stopping it" if fails else "")
        self.work.log.append(LogEntry(self.now, self.draft.root.full_name, "warn", text))
        event = NewEvent(self.now, "sla.missed", "executor", data={"fail": fails}, dedupe="sla")
        self.events.append(event)

    def _report(self, report: Report) -> None:
        run, outcome = report.run, report.outcome
        task = self.draft[run.number]
        if task.state is not TaskState.RUNNING or task.fence != run.fence:
            # Stale: the task has moved on without this run.
            data: Params = {"fence": run.fence, "current": task.fence}
            self.events.append(
                NewEvent(self.now, "report.stale", "executor", run.number, run.fence, data)
            )
            return
        if task.timed_out:
            self.work.fail(task, timeout_error(task), _rule(report.retry), task.state_params)
        elif isinstance(outcome, TaskResult):
            self.work.succeed(task, outcome)
        elif isinstance(outcome, RetryLater):
            self.work.postpone(task, outcome)
        elif outcome == "handed back" and self._allowed_losses(task, report) > 1:
            self.work.postpone(task, RetryLater(0, task.state_params))
            text = "stopped, because its worker has to leave: it runs again"
            self.work.log.append(LogEntry(self.now, task.full_name, "warn", text))
        elif isinstance(outcome, str):
            retry = _rule(report.retry)
            allowed = self._allowed_losses(task, report)
            self.draft.advance(Lost(run.number, run.fence, self.now, retry, allowed))
            proof = report.proof or "without proof"
            text = f"it has ended without a result: {_EVIDENCE.get(proof, proof)}"
            self.work.log.append(LogEntry(self.now, task.full_name, "warn", text))
            rerun = self.draft[run.number].state is TaskState.READY
            lost: Params = {"evidence": proof, "will_rerun": rerun}
            self.events.append(
                NewEvent(self.now, "task.lost", "executor", run.number, run.fence, lost)
            )
        else:
            assert isinstance(outcome, dict)  # noqa: S101 - the only kind left
            self.work.fail(task, outcome, _rule(report.retry), task.state_params)

    def _allowed_losses(self, task: Task, report: Report) -> int:
        """How many losses in a row are too many: with ``rerun_on_crash`` the first may be."""
        rerun = task.definition.config.get("rerun_on_crash")
        if rerun == "never" or (rerun == "if_not_started" and report.started):
            return 1
        return self._max_losses

    def perform(self, room: int) -> None:
        """Claim programs while there is room, and run inline tasks, in the order of numbers.

        Taking numbers off the cached heaps is safe: a tree whose draft is dropped is dropped as
        well.
        """
        ready, programs = self.cached.ready, self.cached.programs
        noted = self._note(0)
        budget = BATCH
        while True:
            # Programs first: they start as soon as this is committed, and go on beside the rest.
            if programs and len(self.work.claimed) < room:
                self._run(heappop(programs))
            elif ready and budget:
                budget -= self._run(heappop(ready))
            else:
                break
            noted = self._note(noted)
        self.more = bool(ready)

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


_EVIDENCE = {
    "P1 never started": "its program was never started",
    "P1 reaped": "its processes are gone",
    "P2 janitor:keeper": "its worker has ended, and its processes with it",
    "P2 janitor:scan": "its worker has ended, and none of its processes is left",
    "P3 reboot": "the machine was started again",
    "without proof": "some of its processes may be alive",
}
"""What a proof of death means, in words; the proof itself is in the events."""


def _rule(retry: Json) -> RetryRule | None:
    """The rule that was understood when the run was claimed; None where there was none."""
    return None if retry is None else parse_retry(retry)


def _outcome(report: Report) -> RunOutcome:
    if isinstance(report.outcome, TaskResult):
        return "succeeded"
    if isinstance(report.outcome, RetryLater):
        return "postponed"
    return "lost" if isinstance(report.outcome, str) else "failed"
