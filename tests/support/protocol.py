"""The whole protocol under random faults: real executor, store, recovery and supervisor.

Only what has processes in reality is played: workers, programs, and what the keepers and the
janitor do about them. `Protocol` knows what is alive; after each step it compares that with what
the database says. A schedule is a seed: the same one does the same again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from digpy.control import executor as executor_module
from digpy.control import supervisor as supervisor_module
from digpy.control.executor import AttemptOver, StaleLaunch
from digpy.control.leadership import Leadership
from digpy.control.recovery import end_abandoned, relaunch
from digpy.control.starter import greet
from digpy.control.supervisor import Supervisor
from digpy.control.task_api import LocalTaskApi
from digpy.dsl.model import Subtasks
from digpy.engine.events import Due
from digpy.engine.states import TaskState
from digpy.errors import Conflict
from digpy.spi import Report, RetryLater, Run, TaskRequest, TaskResult
from digpy.store import events as event_rows
from digpy.store import runs as run_rows
from digpy.store import tasks as task_rows
from digpy.store.invariants import violations
from digpy.store.phases import MOVES, Phase
from digpy.values import SECOND
from tests.support.supervision import PACE, PlayedWorker, Supervised

LIMIT = 600 * SECOND
GRACE = 75 * SECOND
"""The cancel timeout, and what a supervisor may take to see that it has passed."""

WORKFLOW = """\
_run_timeout: 10m
_cancel_timeout: 60s
_max_resumes: 99
_parallel: true
+try: {sh>: 'true', _retry: 2}
+poll: {sh>: 'true'}
+never: {sh>: 'true', rerun_on_crash: never}
+grow: {sh>: 'true'}
+again:
  _retry: 1
  +one: {sh>: 'true'}
  +two: {sh>: 'true'}
"""

DEADLY = ("exchange", "tick", "lead", "replace")
"""What somebody may die in the middle of."""

GROWN = Subtasks({"+x": {"sh>": "true"}, "+y": {"sh>": "true"}})


class CrashError(BaseException):
    """The process that was at work is dead: nobody may catch this."""


class Worker:
    """A worker: its half of the conversation with the control plane, and what it has in hand.

    Attributes:
        claimed: programs that are to be started.
        reports: what is to be reported.
        sent: reports that were delivered, and may be delivered again.
    """

    def __init__(self, site: Supervised, played: PlayedWorker, epoch: int) -> None:
        self.played = played
        self.epoch = epoch
        self.is_frozen = False
        self.is_greeted = False
        self.claimed: list[TaskRequest] = []
        self.reports: list[Report] = []
        self.sent: list[Report] = []
        self.api = LocalTaskApi(site.control().executor, site.clock, {site.attempt: epoch})

    @property
    def is_alive(self) -> bool:
        return self.played.status is None

    @property
    def can_act(self) -> bool:
        return self.is_alive and not self.is_frozen

    @property
    def is_idle(self) -> bool:
        """It has nothing else to do than to speak with the control plane."""
        return self.can_act and self.is_greeted and not self.claimed


class Protocol:
    """One schedule; raises `AssertionError` when something happens that must not.

    Attributes:
        waiting: tasks that wait for their time.
        trees: the runs of which processes are alive, and whose worker they belong to.
        left: outcomes that programs left on disk.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.site = Supervised(directory, WORKFLOW, "executor.task_max_losses=99")
        self.site.settle = self.settle  # type: ignore[method-assign]
        self.trees: dict[Run, Worker] = {}
        self.left: dict[Run, Report] = {}
        self.workers: list[Worker] = []
        self.leaders: list[Supervisor] = []
        self.has_command = False
        self.fuse = 0
        self.started: int | None = None
        self.asked_at: int | None = None
        self.phase = Phase.STARTING
        self.waiting: list[int] = []
        self.done: dict[int, tuple[Any, ...]] = {}
        self.ended: object = None
        self.log: list[str] = []
        self.stranger = self.site.control().executor
        self.onlooker = self.site.control().database
        self.version = 0
        self.lead()

    # What is alive

    def settle(self, runs: Iterable[Run]) -> list[Report]:
        """The janitor: nothing of `runs` is alive afterwards."""
        for worker in self.workers:  # also one that is frozen
            self.end_worker(worker)
        reports = []
        for run in runs:
            self.trees.pop(run, None)
            found = self.left.pop(run, Report(run, "lost", None))
            reports.append(found._replace(proof="P2 janitor:keeper"))
        return reports

    def end_worker(self, worker: Worker, status: int = 137) -> None:
        """It dies; its keepers will kill what it ran, but not at once."""
        if worker.is_alive:
            worker.played.status = status

    def keepers(self) -> None:
        """They find that their worker is gone."""
        for run, worker in list(self.trees.items()):
            if not worker.is_alive:
                del self.trees[run]

    @property
    def supervisor(self) -> Supervisor:
        return self.leaders[-1]

    @property
    def worker(self) -> Worker:
        """The newest one, made as soon as its launch is known."""
        played = self.site.launcher.workers[-1]
        if not self.workers or self.workers[-1].played is not played:
            self.workers.append(Worker(self.site, played, self.site.row().epoch))
        return self.workers[-1]

    # Somebody may die at every step

    def reach(self, _place: str) -> None:
        """Instead of `digpy.failpoints.reach`: dies when the fuse has burnt down."""
        self.fuse -= 1
        if self.fuse == 0:
            raise CrashError

    # What happens

    def lead(self) -> None:
        """A command is given: it takes over what another one has left."""
        row = self.site.row()
        if row.is_done:
            return
        for worker in self.workers:
            if worker.is_alive and not worker.is_frozen:
                self.end_worker(worker)  # its command is gone, it has noticed
        control = self.site.control()
        if row.phase is Phase.CANCELING:
            end_abandoned(control, row.id, "superseded", self.settle)
            return
        if self.leaders:
            relaunch(control, row, self.settle, self.site.clock)
        lead = Leadership(f"attempt/{row.id}", f"command {len(self.leaders)}", PACE.lease)
        self.leaders.append(self.site.supervisor(lead))
        self.has_command = True
        self.asked_at = None

    def replace(self) -> None:
        """A command dies while its worker is frozen, and another one is given."""
        self.worker.is_frozen = True
        self.kill_command()
        self.lead()

    def tick(self) -> None:
        """The command looks, if there is one; who was to stop long ago is dead then."""
        if self.has_command and not self.supervisor.finished:
            before = self.worker
            self.supervisor.tick()
            since, now = self.asked_at, self.site.clock.since_boot()
            if since is not None and now > since + GRACE and before.is_alive:
                # Who was asked gets time to answer if nobody has looked for a while.
                for _ in range(3):
                    self.site.sleep(self.supervisor, 3 * SECOND)
                over = before.played.status is not None or self.site.row().is_done
                assert over, "it should have stopped long ago, and is alive"

    def kill_command(self) -> None:
        self.has_command = False

    def old_leader_thaws(self) -> None:
        """One that was replaced while it was frozen looks again."""
        if len(self.leaders) > 1:
            old = self.chance.choice(self.leaders[:-1])
            if not old.finished:
                if self.chance.random() < 0.5:
                    old.cancel("user")
                with suppress(Conflict):
                    old.tick()

    def hello(self) -> None:
        worker = self.worker
        if worker.can_act and not worker.is_greeted:
            with self.site.database.transaction() as tx:
                worker.is_greeted = greet(tx, self.site.attempt, worker.epoch, self.now)
            if not worker.is_greeted:
                self.end_worker(worker, 75)
                return
            worker.played.channel.arrived.append({"hello": 1})
            for other in self.workers[:-1]:
                self.end_worker(other)
            if self.started is None:
                self.started = self.site.clock.since_boot()

    def exchange(self) -> None:
        """A worker reports and claims; one that was replaced finds out."""
        worker = self.chance.choice([w for w in self.workers if w.is_idle])
        reports, worker.reports = worker.reports, []
        newest = {run.number: run.fence for run in self.trees}
        late = [sent for sent in worker.sent if newest.get(sent.run.number, 0) > sent.run.fence]
        if late or (worker.sent and self.chance.random() < 0.3):
            reports = [*reports, self.chance.choice(late or worker.sent)]
        try:
            got = worker.api.exchange(reports, self.chance.randint(0, 3))
        except StaleLaunch:
            self.end_worker(worker, 75)
            return
        worker.sent += reports
        for request in got.requests:
            assert worker.epoch == self.site.row().epoch, "a worker that was replaced has claimed"
            if request.full_name.endswith("+never"):
                assert request.fence == 1, "what must not run twice was claimed again"
            worker.claimed.append(request)
        for run in got.cancels:
            self.trees.pop(run, None)
            worker.reports.append(Report(run, {"message": "stopped"}, "P1 reaped"))

    def start_program(self) -> None:
        worker = self.chance.choice([w for w in self.workers if w.can_act and w.claimed])
        run = worker.claimed.pop(0).run
        assert run not in self.trees
        self.trees[run] = worker

    def end_program(self) -> None:
        run, worker = self.chance.choice([*self.trees.items()])
        del self.trees[run]
        if worker.is_alive:
            self.left[run] = self.outcome(run)
            worker.reports.append(self.left[run])

    def lose_program(self) -> None:
        """Its keeper dies."""
        run, worker = self.chance.choice([*self.trees.items()])
        del self.trees[run]
        worker.reports.append(Report(run, "lost", "P2 janitor:scan"))

    def outcome(self, run: Run) -> Report:
        with self.site.database.reading() as tx:
            (name,) = [t.full_name for t in task_rows.summary(tx, run.attempt) if t[0] == run[1]]
        result: Any = TaskResult()
        if name.endswith("+grow"):
            result = TaskResult(GROWN)
        elif name.endswith("+poll") and self.chance.random() < 0.7:
            result = RetryLater(SECOND, {"polls": run.fence})
        elif self.chance.random() < (0.5 if name.endswith("+try") else 0.15):
            result = {"message": "it failed"}
        retry = 2 if name.endswith("+try") else None
        return Report(run, result, "P1 reaped", retry)

    def kill_worker(self) -> None:
        self.end_worker(self.chance.choice([w for w in self.workers if w.is_alive]))

    def freeze_worker(self) -> None:
        self.chance.choice([w for w in self.workers if w.is_alive]).is_frozen = True

    def thaw_worker(self) -> None:
        self.chance.choice([w for w in self.workers if w.is_alive]).is_frozen = False

    def obey(self) -> None:
        """The worker reads what its command sent."""
        worker = self.worker
        if worker.is_idle:
            for message in worker.played.channel.sent:
                if "cancel" in message:
                    worker.api.cancel(message["cancel"], message["cause"], message["actor"])
            worker.played.channel.sent.clear()

    def cancel(self) -> None:
        if self.has_command and not self.supervisor.finished and self.chance.random() < 0.1:
            self.supervisor.cancel("user")
            if self.asked_at is None:
                self.asked_at = self.site.clock.since_boot()

    def ignored_cancel(self) -> None:
        """The worker is frozen, does not hear that it should stop, and time is up."""
        if self.supervisor.finished or self.chance.random() < 0.8:
            return
        self.worker.is_frozen = True
        self.supervisor.cancel("user")
        self.asked_at = self.asked_at or self.site.clock.since_boot()
        self.site.clock.advance(90 * SECOND)
        self.tick()

    def wake(self) -> None:
        """Another process ends what a task has waited for."""
        due = Due(self.chance.choice(self.waiting), self.now)
        self.stranger.step(self.site.attempt, [due], work=False)

    def time_passes(self) -> None:
        self.site.clock.advance(self.chance.choice([1, 1, 1, 5, 30]) * SECOND)

    def clock_is_set(self) -> None:
        hours = self.chance.randint(-24, 24)
        self.site.clock.set(self.now + hours * 3600 * SECOND)
        self.tick()

    @property
    def now(self) -> int:
        return self.site.clock.now()

    # What must hold

    def check(self) -> None:
        if self.trees:
            self.check_trees()
        version = self.onlooker.changes()
        if version != self.version:
            self.version = version
            assert violations(self.onlooker.path) == []
            self.check_attempt()
            self.check_tasks()

    def check_trees(self) -> None:
        """No two of a task are alive, none without a claim, none that is said to be dead."""
        tasks = Counter(run[:2] for run in self.trees)
        assert not tasks or max(tasks.values()) == 1, f"two live processes: {self.trees}"
        with self.site.database.reading() as tx:
            proofs = {row.run: row.proof for row in run_rows.of_attempt(tx, self.site.attempt)}
        for run in self.trees:
            assert run in proofs, f"run {run} has no row"
            assert proofs[run] is None, f"run {run} is alive, and was proved dead"

    def check_attempt(self) -> None:
        row = self.site.row()
        if row.phase is not self.phase:
            assert row.phase in MOVES[self.phase] or self.phase in (Phase.STARTING, Phase.RUNNING)
            self.phase = row.phase
            if row.phase is Phase.CANCELING and self.asked_at is None:
                self.asked_at = self.site.clock.since_boot()
        if self.ended is not None:
            assert row == self.ended, "an attempt changed after its end"
        elif row.is_done:
            self.ended = row
        with self.site.database.reading() as tx:
            events = event_rows.of_attempt(tx, self.site.attempt)
        epochs = [event.supervisor_epoch for event in events if event.supervisor_epoch]
        assert epochs == sorted(epochs), "a leader that was replaced has acted"
        for event in events:
            if event.data.get("cause") == "run_timeout" and self.started is not None:
                ran = self.site.clock.since_boot() - self.started
                assert ran >= LIMIT, f"the run timeout came after {ran / SECOND} s"

    def check_tasks(self) -> None:
        """What is done stays as it is, and every poll counts once."""
        with self.site.database.reading() as tx:
            rows = task_rows.load(tx, self.site.attempt)
            runs = run_rows.of_attempt(tx, self.site.attempt)
        for number, row in self.done.items():
            assert rows[number - 1] == row, f"task {number} changed after its end"
        outcomes = {(run.run.number, run.run.fence): run.outcome for run in runs}
        self.waiting = [row.number for row in rows if row.state is TaskState.RETRY_WAITING]
        for row in rows:
            polls = row.state_params.get("polls")
            if isinstance(polls, int):
                assert outcomes[row.number, polls] == "postponed", "a poll that was given up"
            if row.ended_at is not None:
                self.done[row.number] = row

    # The schedule

    def act(self) -> None:
        """One thing that may happen now, and perhaps somebody dies of it."""
        name = self.chance.choice(self.possible())
        crash = self.chance.random() < 0.12 and name in DEADLY
        self.fuse = self.chance.randint(1, 4) if crash else 0
        self.log.append(name + (f" (dies at {self.fuse})" if crash else ""))
        try:
            getattr(self, name)()
        except CrashError:
            self.log.append("died")
            self.crashed(name)
        except AttemptOver:
            self.log.append("it is over")
        self.fuse = 0

    def crashed(self, name: str) -> None:
        """Whoever was at work is dead, and what it had in memory is gone."""
        if name == "exchange":
            for worker in self.workers:
                if worker.is_idle:
                    self.end_worker(worker)
        else:
            self.has_command = False

    def possible(self) -> list[str]:
        """What can happen now, the likely things several times."""
        worker = self.worker
        alive = [each for each in self.workers if each.is_alive]
        weights = {
            "time_passes": 3,
            "keepers": 1,
            "cancel": 1,
            "clock_is_set": 1,
            "old_leader_thaws": 1,
            "lead": 20 * (not self.has_command and not self.ended),
            "tick": (4 if worker.is_alive else 20) * self.has_command,
            "kill_command": self.has_command,
            "replace": self.has_command,
            "ignored_cancel": self.has_command,
            "obey": self.has_command,
            "hello": 20 * (worker.can_act and not worker.is_greeted),
            "kill_worker": bool(alive),
            "freeze_worker": bool(alive),
            "thaw_worker": 6 * any(each.is_frozen for each in alive),
            "exchange": 15 * any(each.is_idle for each in alive),
            "start_program": 15 * any(each.can_act and bool(each.claimed) for each in alive),
            "wake": 3 * bool(self.waiting),
            "end_program": 8 * bool(self.trees),
            "lose_program": bool(self.trees),
        }
        return [name for name, weight in weights.items() for _ in range(weight)]

    def drain(self) -> None:
        """No more faults: it ends, and nothing is left of it."""
        for worker in self.workers:
            worker.is_frozen = False
        for second in range(200):
            if self.site.row().is_done:
                break
            if not self.has_command or self.supervisor.finished:
                self.lead()
                continue
            for name in ("tick", "hello", "obey", "exchange", "start_program", "end_program"):
                with suppress(IndexError, AttemptOver):  # nobody is there who could
                    getattr(self, name)()
                self.check()
            # What waits until after a jump of the clock is ended by a limit.
            self.site.clock.advance(SECOND if second < 50 else 60 * SECOND)
        self.check()
        assert self.site.row().is_done, "it does not end"
        for worker in self.workers:
            self.end_worker(worker, 0)
        self.keepers()
        assert self.site.row().unclean or not self.trees
        assert self.site.unproved() == []


@contextmanager
def protocol(directory: Path, seed: int) -> Iterator[Protocol]:
    """A schedule that has not begun."""
    with pytest.MonkeyPatch.context() as patch:
        found = Protocol(directory, seed)
        patch.setattr(executor_module, "reach", found.reach)
        patch.setattr(supervisor_module, "reach", found.reach)
        try:
            yield found
        finally:
            found.site.close()


def play(directory: Path, seed: int, steps: int) -> None:
    """Play the schedule of `seed`. Raises `AssertionError` with what led there."""
    with protocol(directory, seed) as found:
        try:
            for _ in range(steps):
                found.act()
                found.check()
                if found.ended and found.chance.random() < 0.1:
                    break
            found.log.append("drain")
            found.drain()
        except Exception as error:
            story = "\n".join(found.log)
            raise AssertionError(f"seed {seed}: {error!r} after\n{story}") from error
