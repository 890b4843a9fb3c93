"""Watches the attempts of one command and the worker that runs them; acts on proof, and on limits.

Every limit stops the work first and marks the attempt afterwards. While the worker lives, stopping
is a message to it and *its* executor writes; the supervisor writes itself only when the worker is
gone and its programs are proved dead, or when the worker has not answered in `ANSWER`. All it
writes is guarded by its lead (`digpy.control.leadership`).

A process may hold several of these, one for each worker it leads: they share nothing but the lead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from digpy.clock import SteadyClock
from digpy.control.clock_steps import follow, jump_text, read, shift_since, step_between
from digpy.control.leadership import Deposed, Leadership, Pace
from digpy.control.limits import TASK_TTL, Deadline, deadlines, passed, since_when, value
from digpy.control.recovery import Control, Settle, end_abandoned, relaunch
from digpy.errors import DigpyError, DiskFull, Locked, Unavailable
from digpy.failpoints import reach
from digpy.launchers.local import LocalLauncher, LocalWorker
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import installation as installation_rows
from digpy.store import launches as launch_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.events import NewEvent
from digpy.store.phases import Phase
from digpy.store.tasks import Seen, TaskSummary
from digpy.values import SECOND, Params

ANSWER = 2 * SECOND
"""How long a living worker may take to act on a cancel before the supervisor stops it and writes
itself.
"""

_GAP = 3
"""So many times the longest pause between two looks means that this process did not run."""

_LONGEST_LOOK = 15 * SECOND
"""One look may take so long because the database is locked; only what is longer is a pause."""

_LAUNCH_PAUSE = SECOND
_LONGEST_LAUNCH_PAUSE = 30 * SECOND


class AttemptStanding(NamedTuple):
    """An attempt and its tasks, or those that changed, for showing."""

    row: AttemptRow
    tasks: list[TaskSummary]


class Asked(NamedTuple):
    """An attempt was asked to stop: why, and when (microseconds since boot)."""

    cause: str
    since: int


class Supervisor:
    """One command's supervisor. Call `tick` whenever something happens, or is due.

    Attributes:
        finished: there is nothing left to watch: all attempts have ended, or somebody else leads.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - its collaborators, once
        self,
        command: int,
        open_control: Callable[[], Control],
        launcher: LocalLauncher,
        launch: Callable[[], LocalWorker],
        settle: Settle,
        clock: SteadyClock,
        tell: Callable[[str], None],
        leadership: Leadership,
        pace: Pace,
        start_again: Callable[[Transaction, AttemptRow], int] | None = None,
    ) -> None:
        self._command = command
        self._own = command
        self._start_again = start_again
        self._open_control = open_control
        self._control: Control | None = None
        self._launcher = launcher
        self._launch = launch
        self._settle = settle
        self._clock = clock
        self._tell = tell
        self._leadership = leadership
        self._pace = pace
        self._worker: LocalWorker | None = None
        self._greeted = False
        self._heard = self._listened = 0
        self._is_suspected = False
        self._asked: dict[int, Asked] = {}
        self._looked = read(clock)
        self._swept: int | None = None
        self._launch_at: int | None = None
        self._again: AttemptRow | None = None
        self._launch_pause = _LAUNCH_PAUSE
        self._cannot_write = False
        self._is_leaving = False
        self.finished = False

    @property
    def worker(self) -> LocalWorker | None:
        """The present worker; it changes after a crash. None while none can be started."""
        return self._worker

    def start(self, worker: LocalWorker) -> None:
        """Lead, and hand the unfinished attempts to `worker`, which has been forked already.

        The caller has proof (the command's lock) that no earlier leader is alive.
        """
        if not self._leadership.epoch:
            with self._opened().database.transaction() as tx:
                self._leadership.seize(tx, self._clock.now())
                self._sweep(tx)
        self._employ(worker)

    def tick(self) -> int:
        """Look, act, and return the instant at which to look again (UTC microseconds)."""
        try:
            return self._look()
        except Deposed as error:
            self._tell(f"{error}: stopping")
            if self._worker is not None:
                self._stop_worker(self._worker)
            self.finished = True
        except (Locked, DiskFull) as error:
            self._wait_for_database(error)
        return self._clock.now() + SECOND

    def listen(self) -> None:
        """Only hear the worker, and kill it if it is silent for too long.

        For whoever cannot look because the database is locked, perhaps by that worker.
        """
        worker = self._worker
        if worker is not None and self._launcher.probe(worker) is None:
            self._cannot_write = True  # until the next look that can
            self._judge_silence(heard=self._hear(worker))

    def cancel(self, cause: str, attempt: int | None = None, actor: str = "command") -> None:
        """Ask that everything this command runs stops, or only the required `attempt`."""
        is_all = attempt in (None, self._command, self._own)
        if is_all:
            self._start_again = None
        for row in self._unfinished():
            if is_all or attempt == row.id:
                self._ask(row.id, cause, actor)

    def kill(self, cause: str, attempt: int | None = None) -> None:
        """Stop the worker and its programs now, then mark what was running.

        With the required `attempt`, only that one ends; a new worker goes on with the rest.
        """
        is_all = attempt in (None, self._command, self._own)
        rows = [row for row in self._unfinished() if is_all or attempt == row.id]
        if attempt is not None and not rows:
            return
        self._stop_worker(self._worker)  # first: it may hold the database
        with self._deciding() as tx:
            for row in rows:
                self._note(tx, row.id, "kill.sent", {"target": "worker", "cause": cause})
        if attempt is not None and not is_all:
            # The next look finds the worker gone.
            self._asked.setdefault(attempt, Asked(cause, self._clock.since_boot()))
            return
        self._start_again = None
        for row in rows:
            self._end(row, cause)
        self.finished = True

    def drain(self, patience: int) -> None:
        """Have the worker leave, and end nothing: whoever leads next goes on.

        Programs that run have `patience` (microseconds) to finish, then they are stopped.
        """
        self._is_leaving = True
        if self._worker is not None:
            self._worker.channel.send({"drain": patience})

    def standings(self, seen: Mapping[int, Seen] | None = None) -> list[AttemptStanding]:
        """How the attempts of this command stand, the one it was started for first.

        Of an attempt of which something was `seen` before, only what has changed since.
        """
        known = seen or {}
        with self._opened().database.reading() as tx:
            rows = attempt_rows.of_command(tx, self._command)
            rows.sort(key=lambda row: row.id != self._own)  # one it adopted may be older
            return [
                AttemptStanding(row, task_rows.changed(tx, row.id, known.get(row.id, Seen())))
                for row in rows
            ]

    def close(self) -> None:
        """Let go of the database."""
        if self._control is not None:
            self._control.database.close()
            self._control = None

    # Looking

    def _look(self) -> int:
        try:
            self._keep_time()
        except (
            Locked,
            DiskFull,
        ) as error:  # perhaps by a worker that has to be killed for not answering
            self._wait_for_database(error)
        now = self._clock.now()
        worker = self._worker
        if worker is None:
            if self._is_leaving:
                self.finished = True
                return now
            return self._launch_again(now)
        heard = self._hear(worker)
        if (code := self._launcher.probe(worker)) is not None:
            self._worker_ended(code)
            return now
        silent_at = self._judge_silence(heard=heard)
        ats = map(self._enforce_safely, self._unfinished())
        return min([now + self._pace.sweep, silent_at, *ats])

    def _hear(self, worker: LocalWorker) -> bool:
        """Take what the worker has said; whether that was anything."""
        messages = worker.channel.receive()
        self._greeted = self._greeted or any("hello" in message for message in messages)
        if any("done" in message for message in messages):
            # It has let go of everything; what is left of it is its exit.
            self._launcher.reap(worker)
        return bool(messages)

    def _judge_silence(self, *, heard: bool) -> int:
        """Kill a worker that has been silent for too long; return when to judge again.

        It is frozen, or hangs: one that waits for the database or the disk is not silent.
        """
        now, limit = self._clock.since_boot(), self._pace.silence
        before, self._listened = self._listened, now
        if now - before > max(_GAP * self._pace.sweep, _LONGEST_LOOK):
            self._heard = now  # this process slept, or was frozen, and perhaps the worker with it
        silent = now - self._heard
        if heard:
            self._heard = now
            self._suspect(silent, is_suspected=False)
        elif silent >= limit:
            self._force(f"the worker has been silent for {silent // SECOND} s: killing it")
        elif 2 * silent >= limit:
            self._suspect(silent, is_suspected=True)
        silent = now - self._heard
        left = limit - silent if 2 * silent >= limit else limit // 2 - silent
        return self._clock.now() + max(left, 0)

    def _suspect(self, silent: int, *, is_suspected: bool) -> None:
        """Note that the worker is suspected, or is so no longer; that changes nothing."""
        if is_suspected is self._is_suspected or self._cannot_write:
            return
        kind = "worker.suspected" if is_suspected else "worker.recovered"
        with self._deciding() as tx:
            for row in attempt_rows.unfinished(tx, self._command):
                data: Params = {"epoch": row.epoch, "seconds": silent // SECOND}
                self._note(tx, row.id, kind, data)
        self._is_suspected = is_suspected

    def _keep_time(self) -> None:
        """Renew the lead, find jumps of the clock, and notice that we did not run for a while."""
        before, self._looked = self._looked, read(self._clock)
        passed_time = self._looked.since_boot - before.since_boot
        jumped = abs(step_between(before, self._looked)) > self._pace.tolerance
        is_due = self._swept is None or self._looked.since_boot - self._swept >= self._pace.sweep
        if not (jumped or is_due):
            return
        with self._opened().database.transaction() as tx:
            self._leadership.renew(tx, self._looked.wall)
            if delta := self._sweep(tx):
                self._tell(jump_text(delta))
            if passed_time > _GAP * self._pace.sweep:
                # Nobody was watched meanwhile: who was asked gets time to answer from now on.
                data: Params = {"seconds": passed_time // SECOND}
                at = self._looked.wall
                installation_rows.append(tx, at, "supervisor.db_gap", "supervisor", data)
                since = self._looked.since_boot
                self._asked = {key: Asked(a.cause, since) for key, a in self._asked.items()}
        self._cannot_write = False

    def _wait_for_database(self, error: Unavailable) -> None:
        """Say once that nothing can be written. The worker, who writes more, waits too."""
        if not self._cannot_write:
            self._cannot_write = True
            self._tell(str(error))

    def _sweep(self, tx: Transaction) -> int:
        self._swept = self._looked.since_boot
        tolerance, epoch = self._pace.tolerance, self._leadership.epoch
        return follow(tx, self._clock.boot(), self._looked, tolerance, epoch)

    # Limits

    def _enforce_safely(self, row: AttemptRow) -> int:
        """`_enforce`; what goes wrong with one attempt is noted on it, and the others are seen."""
        try:
            return self._enforce(row)
        except Unavailable:
            raise
        except DigpyError as error:
            now = self._clock.now()
            text = f"{type(error).__name__}: {error}"
            hour = now // (3600 * SECOND)
            data: Params = {"error": text}
            with self._deciding() as tx:
                self._note(tx, row.id, "supervisor.error", data, f"error/{hour}/{text}")
            self._tell(f"attempt {row.id} could not be looked at: {text}")
            return now + self._pace.sweep

    def _enforce(self, row: AttemptRow) -> int:
        """Act on limits of one attempt that have passed; return when to look at it again."""
        now = self._clock.now()
        asked = self._asked.get(row.id)
        if asked is not None and row.phase is not Phase.CANCELING:
            answer_at = asked.since + ANSWER
            if self._clock.since_boot() >= answer_at:
                self._force("the worker does not answer: killing it", row.id)
            return now + max(0, answer_at - self._clock.since_boot())
        for deadline in self._deadlines(row, now):
            if deadline.at > now:
                return deadline.at
            self._stop(row, deadline)
            return now + ANSWER
        return now + self._pace.sweep

    def _deadlines(self, row: AttemptRow, now: int) -> list[Deadline]:
        found = deadlines(row, greeted=self._greeted)
        task_time = self._task_deadline(row, now)
        if task_time is not None:
            found.append(task_time)
        return sorted(found, key=lambda deadline: deadline.at)

    def _stop(self, row: AttemptRow, deadline: Deadline) -> None:
        limit = deadline.limit.name
        if limit == "cancel_timeout":
            # What was asked to stop ends with the worker, the rest goes on.
            self._force(f"attempt {row.id} did not stop in time: killing it", row.id)
        elif limit == "start_timeout":
            if row.phase is Phase.STARTING:  # else it is a replacement: one more loss
                since = self._clock.since_boot()
                self._asked.setdefault(row.id, Asked(deadline.cause, since))
            self._force("the worker did not start in time: killing it", row.id)
        else:
            self._tell(f"attempt {row.id} exceeds its limit {limit}: stopping it")
            self._ask(row.id, deadline.cause, "supervisor")
            if row.id == self._own:
                for other in self._unfinished():  # what it required runs for its sake
                    if other.id != row.id:
                        self._ask(other.id, "parent", "supervisor")

    def _force(self, why: str, attempt: int | None = None) -> None:
        """Kill the worker because of `attempt`, or of all that it runs."""
        self._tell(why)
        self._stop_worker(self._worker)  # first: it may hold the database
        with self._deciding() as tx:
            for row in attempt_rows.unfinished(tx, self._command):
                if attempt in (None, row.id):
                    self._note(tx, row.id, "kill.forced", {"target": "worker", "why": why})

    def _ask(self, attempt: int, cause: str, actor: str) -> None:
        self._asked.setdefault(attempt, Asked(cause, self._clock.since_boot()))
        if self._worker is not None:
            self._worker.channel.send({"cancel": attempt, "cause": cause, "actor": actor})

    def _task_deadline(self, row: AttemptRow, now: int) -> Deadline | None:
        """When a task will have taken too long; asked of the tasks only when that may be now."""
        length = value(row, TASK_TTL.name)
        since = since_when(row, "started_at")
        if row.phase is not Phase.RUNNING or since is None or not length:
            return None
        if since + length > now:  # no task is older than its attempt
            return Deadline(since + length, TASK_TTL)
        with self._opened().database.reading() as tx:
            oldest = task_rows.oldest_dispatch(tx, row.id)
            if oldest is None:
                return None
            return Deadline(oldest + shift_since(tx, oldest) + length, TASK_TTL)

    # Losing the worker

    def _worker_ended(self, code: int) -> None:
        unfinished = self._unfinished()
        if not unfinished:
            self._opened().tidy()  # it may have died between its last commit and cleaning up
            self._all_ended()
            return
        if self._is_leaving:
            self._let_go(unfinished)
            return
        if self._record_loss(unfinished, code):
            self._tell(f"the worker ended unexpectedly ({_describe_exit(code)}): recovering")
        reach("supervisor.after_loss")
        now = self._clock.now()
        rest = []
        for row in self._unfinished():
            cause = passed(row, now)  # no point in resuming what must stop
            if row.phase is Phase.CANCELING or row.id in self._asked:
                self._end(row, row.cause or "user")
            elif cause is not None:
                self._end(row, cause)
            else:
                rest.append(row)
        if rest and not _may_resume(rest[0]):
            self._tell("too many workers were lost without progress: giving up")
            for row in rest:
                self._end(row, "resume_exhausted")
            rest.clear()
        if not rest:
            self._all_ended()
            return
        for row in rest:
            relaunch(self._opened(), row, self._settle, self._clock, self._leadership.check)
        self._worker = None
        self._launch_again(now)

    def _let_go(self, rows: list[AttemptRow]) -> None:
        """The worker has left these attempts as they are."""
        with self._deciding() as tx:
            for row in rows:
                now = self._clock.now()
                if launch_rows.end(tx, row.id, row.epoch, now, proof="P1 reaped"):
                    self._note(tx, row.id, "worker.left", {"epoch": row.epoch})
        self.finished = True

    def _launch_again(self, now: int) -> int:
        """Start a worker; where the system allows none, again a little later."""
        if self._launch_at is not None and now < self._launch_at and not self._is_stopped():
            return self._launch_at
        if self._again is not None:
            return self._try_again(self._again, now)
        for row in self._unfinished():
            if row.id in self._asked or self._start_has_failed(row, now):
                self._end(row, "launch_failed")
        if not self._unfinished():
            self.finished = True
            return now
        self._opened().database.rest()  # no connection crosses a fork
        try:
            worker = self._launch()
        except Unavailable as error:
            self._tell(str(error))
            with self._deciding() as tx:
                for row in attempt_rows.unfinished(tx, self._command):
                    data: Params = {"epoch": row.epoch, "error": str(error)}
                    self._note(tx, row.id, "launch.failed", data)
            self._launch_at = now + self._launch_pause
            self._launch_pause = min(2 * self._launch_pause, _LONGEST_LAUNCH_PAUSE)
            return self._launch_at
        self._launch_at, self._launch_pause = None, _LAUNCH_PAUSE
        self._employ(worker)
        return now

    def _is_stopped(self) -> bool:
        """Somebody asked for a stop while there is no worker: nothing is waited for."""
        return self._again is not None and self._start_again is None

    def _all_ended(self) -> None:
        """That was all, unless the command's attempt has failed and is to be tried again."""
        with self._opened().database.reading() as tx:
            row = attempt_rows.load(tx, self._own)
        if self._start_again is None or "attempt_retry" not in row.limits:
            self.finished = True
            return
        from digpy.control.attempt_retry import retry_at  # on use: few workflows ask for it

        at = retry_at(row)
        if at is None:
            self.finished = True
            return
        self._worker, self._again, self._launch_at = None, row, at
        self._tell(f"attempt {row.id} failed ({row.reason}): trying again")

    def _try_again(self, row: AttemptRow, now: int) -> int:
        self._again = self._launch_at = None
        if self._start_again is None:
            self.finished = True
            return now
        with self._deciding() as tx:
            self._own = self._start_again(tx, row)
        self._asked.clear()
        return self._launch_again(now)

    def _start_has_failed(self, row: AttemptRow, now: int) -> bool:
        return any(
            deadline.at <= now and deadline.limit.name == "start_timeout"
            for deadline in deadlines(row, greeted=False)
        )

    def _employ(self, worker: LocalWorker) -> None:
        self._worker = worker
        self._greeted = False
        self._heard = self._listened = self._clock.since_boot()
        self._is_suspected = False
        launches = [[row.id, row.epoch] for row in self._unfinished()]
        reach("supervisor.after_intent")
        worker.channel.send({"start": launches, "command": self._command})

    def _stop_worker(self, worker: LocalWorker | None) -> None:
        if worker is not None:
            self._launcher.terminate(worker, kill=True)
            self._launcher.reap(worker)

    def _record_loss(self, rows: list[AttemptRow], code: int) -> bool:
        """Losses are counted as long as nothing gets done in between, for all attempts alike.

        False if this one has been counted already.
        """
        is_new = False
        with self._deciding() as tx:
            now = self._clock.now()
            everything = attempt_rows.of_command(tx, self._command)
            done = sum(task_rows.count_done(tx, row.id) for row in everything)
            for row in rows:
                # Its parent reaped it: nothing proves better that it is gone.
                if not launch_rows.end(tx, row.id, row.epoch, now, proof="P1 reaped"):
                    continue  # counted before something went wrong with what comes next
                losses = 1 if done > row.progress else row.losses + 1
                attempt_rows.count_loss(tx, row.id, losses, done)
                data: Params = {"epoch": row.epoch, "exit": code, "losses": losses}
                if code > 128:
                    data["signal"] = code - 128
                self._note(tx, row.id, "worker.lost", data)
                if (notifier := self._opened().notifier) is not None:
                    notifier.lost(tx, row, now)
                is_new = True
        return is_new

    def _end(self, row: AttemptRow, cause: str) -> None:
        """End an attempt that has no worker, for the reason it was to stop, else for `cause`."""
        asked = self._asked.get(row.id)
        why = cause if asked is None else asked.cause
        end_abandoned(self._opened(), row.id, why, self._settle, self._leadership.check)

    # The database

    @contextmanager
    def _deciding(self) -> Iterator[Transaction]:
        """A transaction for something that only the leader may write. Raises `Deposed`."""
        with self._opened().database.transaction() as tx:
            self._leadership.check(tx)
            yield tx

    def _note(
        self, tx: Transaction, attempt: int, kind: str, data: Params, dedupe: str | None = None
    ) -> None:
        event = NewEvent(
            self._clock.now(),
            kind,
            "supervisor",
            data=data,
            dedupe=dedupe,
            supervisor_epoch=self._leadership.epoch,
        )
        event_rows.append(tx, attempt, event)

    def _unfinished(self) -> list[AttemptRow]:
        with self._opened().database.reading() as tx:
            return attempt_rows.unfinished(tx, self._command)

    def _opened(self) -> Control:
        if self._control is None:
            self._control = self._open_control()
        return self._control


def _may_resume(row: AttemptRow) -> bool:
    """Whether an attempt, whose loss has been counted, gets another worker."""
    total = value(row, "max_resumes_total")
    if total is not None and row.losses_total > total:
        return False
    return row.losses <= (value(row, "max_resumes") or 0)


def _describe_exit(code: int) -> str:
    return f"signal {code - 128}" if code > 128 else f"exit code {code}"
