"""Watches the attempts of one command and the worker that runs them; acts on proof, and on limits.

Every limit stops the work first and marks the attempt afterwards. While the worker lives, stopping
is a message to it and *its* executor writes; the supervisor writes itself only when the worker is
gone and its programs are proved dead, or when the worker has not answered in `ANSWER`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

from digpy.clock import Clock
from digpy.control.recovery import Control, Settle, end_abandoned, relaunch
from digpy.engine.states import DONE
from digpy.failpoints import reach
from digpy.launchers.local import LocalLauncher, LocalWorker
from digpy.store import attempts as attempt_rows
from digpy.store import events as event_rows
from digpy.store import launches as launch_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.events import NewEvent
from digpy.store.phases import Phase
from digpy.store.tasks import TaskSummary
from digpy.values import SECOND, Params

ANSWER = 2 * SECOND
"""How long a living worker may take to act on a cancel before the supervisor stops it and writes
itself.
"""

SWEEP = 5 * SECOND
"""The longest time between two looks, whatever deadlines say."""


class AttemptStanding(NamedTuple):
    """An attempt and its tasks, for showing."""

    row: AttemptRow
    tasks: list[TaskSummary]


class Supervisor:
    """One command's supervisor. Call `tick` whenever something happens, or is due."""

    def __init__(
        self,
        command: int,
        open_control: Callable[[], Control],
        launcher: LocalLauncher,
        launch: Callable[[], LocalWorker],
        settle: Settle,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._command = command
        self._open_control = open_control
        self._control: Control | None = None
        self._launcher = launcher
        self._launch = launch
        self._settle = settle
        self._clock = clock
        self._tell = tell
        self._worker: LocalWorker | None = None
        self._launched_at = 0
        self._greeted = False
        self._asked: dict[int, tuple[int, str]] = {}  # attempt -> when it was asked to stop, why
        self._resumes = 0
        self._progress = -1
        self.finished = False

    @property
    def worker(self) -> LocalWorker:
        """The present worker; it changes after a crash."""
        assert self._worker is not None, "started first"  # noqa: S101
        return self._worker

    def start(self, worker: LocalWorker) -> None:
        """Hand the unfinished attempts to `worker`, which has been forked already."""
        self._worker = worker
        self._greeted = False
        self._launched_at = self._clock.now()
        launches = [[row.id, row.epoch] for row in self._unfinished()]
        reach("supervisor.after_intent")
        worker.channel.send({"start": launches, "command": self._command})

    def tick(self) -> int:
        """Look, act, and return the instant at which to look again (UTC microseconds)."""
        now = self._clock.now()
        done = False
        for message in self.worker.channel.receive():
            self._greeted = self._greeted or "hello" in message
            done = done or "done" in message
        if done:  # it has let go of everything; what is left of it is its exit
            self._launcher.reap(self.worker)
        if (code := self._launcher.probe(self.worker)) is not None:
            self._worker_ended(code)
            return now
        deadlines = [self._enforce(row, now) for row in self._unfinished()]
        return min([now + SWEEP, *deadlines])

    def cancel(self, cause: str) -> None:
        """Ask that everything this command runs stops."""
        for row in self._unfinished():
            self._ask(row.id, cause)

    def kill(self, cause: str) -> None:
        """Stop the worker and its programs now, then mark what was running."""
        self._stop_worker()
        for row in self._unfinished():
            self._end(row, cause)
        self.finished = True

    def standings(self) -> list[AttemptStanding]:
        """How the attempts of this command stand, the one it was started for first."""
        with self._opened().database.reading() as tx:
            rows = attempt_rows.of_command(tx, self._command)
            rows.sort(key=lambda row: row.id != self._command)  # one it adopted may be older
            return [AttemptStanding(row, task_rows.summary(tx, row.id)) for row in rows]

    def close(self) -> None:
        """Let go of the database."""
        if self._control is not None:
            self._control.database.close()
            self._control = None

    def _stop_worker(self) -> None:
        self._launcher.terminate(self.worker, kill=True)
        self._launcher.reap(self.worker)

    # Limits

    def _enforce(self, row: AttemptRow, now: int) -> int:
        """Act on limits of one attempt that have passed; return when to look at it again."""
        if row.phase is Phase.CANCELING and row.canceling_since is not None:
            deadline = row.canceling_since + _limit(row, "cancel_timeout")
            if now >= deadline:
                self._tell(f"attempt {row.id} did not stop in time: killing it")
                self._stop_worker()  # what was asked to stop ends with it, the rest goes on
            return deadline
        if row.id in self._asked:
            since, _ = self._asked[row.id]
            if now >= since + ANSWER:
                self._tell("the worker does not answer: killing it")
                self._stop_worker()
            return since + ANSWER
        deadline = now + SWEEP
        if row.started_at is not None and (limit := _limit(row, "run_timeout")):
            deadline = row.started_at + limit
            if now >= deadline:
                self._tell(f"attempt {row.id} runs longer than its limit: stopping it")
                self._ask(row.id, "run_timeout")
                if row.id == self._command:
                    self.cancel("parent")  # what it required runs for its sake
                return now + ANSWER
        if not self._greeted and (limit := _limit(row, "start_timeout")):
            if now >= self._launched_at + limit:
                self._tell("the worker did not start in time: killing it")
                if row.phase is Phase.STARTING:  # else it is a replacement: one more loss
                    self._asked.setdefault(row.id, (now, "start_timeout"))
                self._stop_worker()
            deadline = min(deadline, self._launched_at + limit)
        return deadline

    def _ask(self, attempt: int, cause: str) -> None:
        self._asked.setdefault(attempt, (self._clock.now(), cause))
        self.worker.channel.send({"cancel": attempt, "cause": cause})

    # Losing the worker

    def _worker_ended(self, code: int) -> None:
        unfinished = self._unfinished()
        if not unfinished:
            self._opened().tidy()  # it may have died between its last commit and cleaning up
            self.finished = True
            return
        self._tell(f"the worker ended unexpectedly ({_describe_exit(code)}): recovering")
        for row in unfinished:
            self._record_loss(row, code)
        reach("supervisor.after_loss")
        rest = []
        for row in unfinished:
            if row.phase is Phase.CANCELING or row.id in self._asked:
                self._end(row, "user")
            else:
                rest.append(row)
        if rest and not self._may_resume(rest[0]):
            self._tell("too many workers were lost without progress: giving up")
            for row in rest:
                self._end(row, "resume_exhausted")
            rest.clear()
        if not rest:
            self.finished = True
            return
        for row in rest:
            relaunch(self._opened(), row, self._settle, self._clock)
        self.close()  # no connection crosses a fork
        self.start(self._launch())

    def _may_resume(self, row: AttemptRow) -> bool:
        """Losses are counted as long as nothing gets done in between."""
        done = self._count_done()
        if done > self._progress:
            self._progress, self._resumes = done, 0
        self._resumes += 1
        return self._resumes <= _limit(row, "max_resumes")

    def _count_done(self) -> int:
        """How many tasks of this command's attempts are done: what "progress" means."""
        with self._opened().database.reading() as tx:
            return sum(
                task.state in DONE
                for row in attempt_rows.of_command(tx, self._command)
                for task in task_rows.summary(tx, row.id)
            )

    def _record_loss(self, row: AttemptRow, code: int) -> None:
        with self._opened().database.transaction() as tx:
            now = self._clock.now()
            data: Params = {"epoch": row.epoch, "exit": code}
            event_rows.append(tx, row.id, NewEvent(now, "worker.lost", "supervisor", data=data))
            # The command reaped its own child: nothing proves better that it is gone.
            launch_rows.end(tx, row.id, row.epoch, now, proof="P1 reaped")

    def _end(self, row: AttemptRow, cause: str) -> None:
        """End an attempt that has no worker, for the reason it was to stop, else for `cause`."""
        _, asked = self._asked.get(row.id, (0, cause))
        end_abandoned(self._opened(), row.id, asked, self._settle)

    def _unfinished(self) -> list[AttemptRow]:
        with self._opened().database.reading() as tx:
            return attempt_rows.unfinished(tx, self._command)

    def _opened(self) -> Control:
        if self._control is None:
            self._control = self._open_control()
        return self._control


def _limit(row: AttemptRow, name: str) -> int:
    """The limit stored with the attempt: microseconds (a count for ``max_resumes``); 0 is off.

    `digpy.control.limits` decided it, defaults included, when the attempt was made.
    """
    limit = cast("dict[str, int | None]", row.limits[name])
    return limit["value"] or 0


def _describe_exit(code: int) -> str:
    return f"signal {code - 128}" if code > 128 else f"exit code {code}"
