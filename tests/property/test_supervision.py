"""Whatever happens to an attempt and its workers, it ends, once, and no limit is early or late."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from digpy.control.executor import AttemptOver, StaleLaunch
from digpy.spi import TaskRequest
from digpy.store.attempts import AttemptRow
from digpy.values import SECOND
from tests.support.supervision import PACE, Supervised

LIMIT = 600 * SECOND
WORKFLOW = """\
_run_timeout: 10m
_cancel_timeout: 60s
_max_resumes: 2
_parallel: true
+a: {sh>: 'true', _retry: 1}
+b: {sh>: 'true', rerun_on_crash: never}
+c:
  +d: {sh>: 'true'}
  +e: {sh>: 'true'}
"""


class Supervision(RuleBasedStateMachine):
    """An attempt under a supervisor that is called whenever it asks for it."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.site = Supervised(Path(self.directory.name), WORKFLOW)
        self.supervisor = self.site.supervisor()
        self.running: list[TaskRequest] = []
        self.started_at: int | None = None
        self.ended: AttemptRow | None = None
        self.greeted: int | None = None  # the launch that said hello last

    def teardown(self) -> None:
        self.finish()
        self.site.close()
        self.directory.cleanup()

    @property
    def works(self) -> bool:
        """Whether there is a worker that has said hello."""
        return self.is_alive and self.greeted == len(self.site.launcher.workers)

    @property
    def is_alive(self) -> bool:
        return not self.supervisor.finished and self.site.worker.status is None

    @precondition(lambda self: self.is_alive)
    @rule()
    def the_worker_comes_up(self) -> None:
        if self.site.hello():
            self.greeted = len(self.site.launcher.workers)
            if self.started_at is None:
                self.started_at = self.site.clock.since_boot()
        self.running = []

    @precondition(lambda self: self.works)
    @rule()
    def the_worker_claims(self) -> None:
        try:
            self.running += self.site.claim()
        except (AttemptOver, StaleLaunch):
            self.running = []

    @precondition(lambda self: self.works and self.running)
    @rule(works=st.booleans())
    def a_program_ends(self, works: bool) -> None:
        try:
            self.site.report(self.running.pop(0), None if works else {"message": "no"})
        except AttemptOver:
            self.running = []

    @precondition(lambda self: self.works)
    @rule()
    def the_worker_obeys(self) -> None:
        try:
            self.site.obey()
        except AttemptOver:
            self.running = []

    @precondition(lambda self: self.is_alive)
    @rule(status=st.sampled_from([0, 70, 75, 137]))
    def the_worker_dies(self, status: int) -> None:
        self.site.die(status)
        self.running = []
        self.supervisor.tick()

    @precondition(lambda self: not self.supervisor.finished)
    @rule()
    def somebody_cancels(self) -> None:
        self.supervisor.cancel("user")

    @rule(seconds=st.integers(0, 400))
    def time_passes(self, seconds: int) -> None:
        self.site.watch(self.supervisor, seconds * SECOND)

    @rule(hours=st.integers(-48, 48))
    def the_clock_is_set(self, hours: int) -> None:
        self.site.clock.set(self.site.clock.now() + hours * 3600 * SECOND)
        if not self.supervisor.finished:
            self.supervisor.tick()

    @precondition(lambda self: not self.supervisor.finished)
    @rule()
    def another_supervisor_takes_over(self) -> None:
        before = self.supervisor
        self.site.die()
        self.running = []
        row = self.site.row()
        if row.is_done:
            return
        self.supervisor = self.site.supervisor()
        before.tick()
        assert before.finished

    @invariant()
    def what_has_ended_never_changes(self) -> None:
        row = self.site.row()
        if self.ended is not None:
            assert row == self.ended
        elif row.is_done:
            self.ended = row
            assert len(self.site.events("attempt.ended")) == 1

    @invariant()
    def no_task_may_run_twice_at_once(self) -> None:
        unproved = self.site.unproved()
        assert len({run.number for run in unproved}) == len(unproved)

    @invariant()
    def the_run_timeout_is_neither_early_nor_late(self) -> None:
        stopped = [
            event
            for event in self.site.events("attempt.canceling")
            if event.data["cause"] == "run_timeout"
        ]
        if self.started_at is None:
            assert not stopped
            return
        ran = self.site.clock.since_boot() - self.started_at
        if stopped:
            assert ran >= LIMIT
        if not stopped and not self.site.row().is_done and not self.site.row().cause:
            asked = "run_timeout" in self.site.asked()
            assert asked or ran <= LIMIT + PACE.sweep or self.site.worker.status is not None

    def finish(self) -> None:
        """Nobody answers any more: limits alone have to end it."""
        for _ in range(60):
            if self.supervisor.finished:
                break
            self.site.watch(self.supervisor, 60 * SECOND)
        assert self.site.row().is_done
        assert self.supervisor.finished or self.site.worker.status is None
        assert self.site.unproved() == []


TestSupervision = Supervision.TestCase
TestSupervision.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
