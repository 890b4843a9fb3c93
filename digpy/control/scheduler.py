"""Starts sessions when they are due, each exactly once, whatever crashes in between.

For each schedule that is due there is one transaction: it reads the row again, decides
(`digpy.control.schedules`), inserts the session and its attempt, and moves the row on. All of that
happens or nothing does; a session that has an attempt already counts as started. Attempts are
queued; who runs them when is `digpy.control.admission`.

Follows digdag 0.10.5 (``ScheduleExecutor``), except that an edit which leaves ``schedule:`` and
``timezone:`` of a workflow alone leaves its schedule where it is.
"""

from __future__ import annotations

from collections.abc import Callable

from digpy.clock import Clock
from digpy.control.leadership import Deposed
from digpy.control.recovery import Guard
from digpy.control.scheduled import DueSession, SessionStarter, place_of, state_of
from digpy.control.schedules import Skip, Start, Wait, decide, postponed, pushed
from digpy.control.session_times import session_text
from digpy.control.sessions import PROJECT, keep_project
from digpy.control.ticker import Ticker
from digpy.control.triggers import Trigger, trigger_of
from digpy.dsl.project import Project
from digpy.errors import DigpyError, LimitExceeded, NotFound, Unavailable
from digpy.failpoints import reach
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import schedules as schedule_rows
from digpy.store.database import Database, Transaction
from digpy.store.schedules import NewSchedule, ScheduleRow
from digpy.values import SECOND, Params

LOOK = SECOND
"""The longest time between two looks: so soon it is seen what other processes changed."""

AT_ONCE = 100
"""How many schedules a tick looks after: whoever calls it has other things to do as well."""

FULL = 600 * SECOND
"""How long a session is put off for which there is no room."""

BROKEN = 3600 * SECOND
"""How long a session is put off that cannot be started."""

QUEUED = "a place among the running attempts"
"""What an attempt waits for until somebody knows better."""


class Scheduler:
    """The schedules of one project. Call `load`, then `tick` whenever it asks to be called.

    `guard` is asked in every transaction whether this process still leads; `tell` is told what a
    person should know.
    """

    def __init__(
        self,
        database: Database,
        starter: SessionStarter,
        clock: Clock,
        guard: Guard,
        tell: Callable[[str], None],
    ) -> None:
        self._database = database
        self._starter = starter
        self._clock = clock
        self._guard = guard
        self._tell = tell
        self._ticker = Ticker()
        self._triggers: dict[int, tuple[int, Trigger]] = {}
        self._project: int | None = None
        self._seen: int | None = None

    def load(self, project: Project, params: Params) -> None:
        """Go by `project` from now on; `params` are given to all attempts.

        A project that was read `since` another one has to be loaded after it, with the same
        `params`.

        Schedules are those of workflows of the same name. A new or changed one goes on as
        `digpy.control.schedules.pushed` says; one that failed is tried again at once; what has no
        schedule any more is forgotten.
        """
        now, workflows = self._clock.now(), list(project.workflows.values())
        with self._database.transaction() as tx:
            self._guard(tx)
            revision, ids = keep_project(tx, project.content_hash, workflows, now)
            self._project = project_rows.ensure_project(tx, PROJECT)
            if project.since is not None:
                since = project_rows.ensure_revision(
                    tx, self._project, project.since.content_hash, now
                )
                project_rows.carry_over(tx, since, revision, project.unchanged)
            left = schedule_rows.ids(tx, self._project)
            for name in project.unchanged:
                left.pop(name, None)
            for workflow in workflows:
                if workflow.schedule is not None:
                    new = NewSchedule(
                        self._project,
                        workflow.name,
                        ids[workflow.name],
                        workflow.timezone,
                        workflow.schedule,
                        params,
                    )
                    _define(tx, new, left.pop(workflow.name, None), now)
            for schedule in left.values():
                schedule_rows.delete(tx, schedule)
            schedule_rows.follow(tx, self._project, revision, now)
        self._triggers.clear()
        self._seen = None

    def tick(self) -> int:
        """Start what is due, one session of a schedule, and return when to be called again.

        That is at once while anything is left. Raises `Deposed` and `Unavailable`; what is due
        stays due then.
        """
        self._follow()
        now = self._clock.now()
        following = self._ticker.run_due(now, self._run, AT_ONCE)
        return now + LOOK if following is None else min(following, now + LOOK)

    def _follow(self) -> None:
        """Notice what somebody else changed."""
        changes = self._database.changes()
        if self._project is None or changes == self._seen:
            return
        with self._database.reading() as tx:
            self._ticker.replace(schedule_rows.run_times(tx, self._project))
        self._seen = changes

    def _run(self, schedule: int) -> int | None:
        """Do what is due about a schedule; when it runs next. Its failure is its own."""
        try:
            return self._decide(schedule)
        except (Deposed, Unavailable):
            raise
        except LimitExceeded as error:
            return self._put_off(schedule, FULL, str(error))
        except DigpyError as error:
            return self._put_off(schedule, BROKEN, str(error))
        except Exception as error:  # noqa: BLE001 - the others must not suffer; it is shown
            return self._put_off(schedule, BROKEN, f"{type(error).__name__}: {error}")

    def _decide(self, schedule: int) -> int | None:
        with self._database.transaction() as tx:
            self._guard(tx)
            row = _enabled(tx, schedule)
            if row is None:
                return None
            now, trigger = self._clock.now(), self._trigger(row)
            is_active = trigger.schedule.skip_on_overtime and attempt_rows.is_at_work(
                tx, row.project, row.workflow
            )
            decision = decide(trigger, state_of(row), now, is_active=is_active)
            if isinstance(decision, Wait):
                return decision.until
            if isinstance(decision, Start):
                self._start(tx, row, decision)
            schedule_rows.move(tx, row, place_of(decision.state), now)
            reach("scheduler.before_commit")
        reach("scheduler.after_commit")
        if isinstance(decision, Skip):
            self._tell(_skipped(row, decision))
        return decision.state.next.run_time

    def _start(self, tx: Transaction, row: ScheduleRow, decision: Start) -> None:
        reach("scheduler.before_insert")
        session_time, run_time = decision.time
        due = DueSession(session_time, row.last_session_time, QUEUED, run_time)
        self._starter.start(tx, row, due)
        reach("scheduler.after_insert")

    def _put_off(self, schedule: int, length: int, error: str) -> int | None:
        now = self._clock.now()
        with self._database.transaction() as tx:
            self._guard(tx)
            row = _enabled(tx, schedule)
            if row is None:
                return None
            place = place_of(postponed(state_of(row), now + length))
            schedule_rows.move(tx, row, place, now, error=error)
        session = session_text(row.next_session_time, row.timezone)
        minutes = length // (60 * SECOND)
        self._tell(
            f"{row.workflow}: session {session} was not started: {error}"
            f" (next try in {minutes} min)"
        )
        return now + length

    def _trigger(self, row: ScheduleRow) -> Trigger:
        known = self._triggers.get(row.id)
        if known is None or known[0] != row.workflow_id:
            known = row.workflow_id, trigger_of(row.definition, row.timezone)
            self._triggers[row.id] = known
        return known[1]


def _enabled(tx: Transaction, schedule: int) -> ScheduleRow | None:
    try:
        row = schedule_rows.load(tx, schedule)
    except NotFound:
        return None  # its workflow has none any more
    return row if row.disabled_at is None else None


def _define(tx: Transaction, new: NewSchedule, schedule: int | None, now: int) -> None:
    if schedule is None:
        trigger = trigger_of(new.definition, new.timezone)
        schedule_rows.insert(tx, new, place_of(pushed(trigger, None, now)), now)
        return
    row = schedule_rows.load(tx, schedule)
    if (row.definition, row.timezone) != (new.definition, new.timezone):
        trigger = trigger_of(new.definition, new.timezone)
        place = place_of(pushed(trigger, state_of(row), now))
        schedule_rows.redefine(tx, schedule, new, place, now, error=None)
    elif row.params != new.params:
        schedule_rows.redefine(tx, schedule, new, row.place, now, error=row.error)


def _skipped(row: ScheduleRow, skip: Skip) -> str:
    first, following = (
        session_text(time, row.timezone) for time in (skip.first, skip.state.next.session_time)
    )
    return f"{row.workflow}: sessions from {first} to before {following} are skipped: {skip.reason}"
