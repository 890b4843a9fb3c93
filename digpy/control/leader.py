"""What the leading scheduler of a project does, in one thread and without waiting.

`Leader.tick` is called whenever something can be read from what it `waits_for`, or at the instant
at which it asked to be called. It starts sessions that are due, admits queued attempts, looks after
those that run, takes over edits, and ends what nobody runs and whose time is over.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from digpy.clock import SteadyClock
from digpy.control.admission import Admission
from digpy.control.attempt_retry import retry_at, start_again
from digpy.control.candidacy import Candidacy
from digpy.control.clock_steps import follow, jump_text, read
from digpy.control.crew import Crew, named
from digpy.control.disk import RECHECK, Disk
from digpy.control.leadership import Leadership, Pace
from digpy.control.locks import CommandLocks
from digpy.control.reading import Reading
from digpy.control.recovery import Control, Settle, clear_up, end_overdue
from digpy.control.scheduler import QUEUED, Scheduler
from digpy.control.schedules import ON_TIME
from digpy.control.session_times import session_text
from digpy.control.sessions import PROJECT
from digpy.control.starter import Starter
from digpy.control.watcher import Before, Watched, Watcher
from digpy.dsl.project import Project, Sources
from digpy.engine.states import FAILED
from digpy.errors import DiskFull, LimitExceeded, Locked, SourceError, Unavailable
from digpy.failpoints import reach
from digpy.log import Level
from digpy.source import Problem
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import schedules as schedule_rows
from digpy.store import tasks as task_rows
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.phases import Phase
from digpy.store.schedules import ScheduleRow
from digpy.values import SECOND, Params

if TYPE_CHECKING:  # most projects tell nobody
    from digpy.control.courier import Courier

_SOON = SECOND // 10
"""When it is tried again what another command stands in the way of for a moment."""

_RECENT = 1000
"""How many attempts back failures are looked for that are to be tried again."""

_RETRY_LATER = 600 * SECOND

_SHOWN = 10
"""How many schedules are named when a project is loaded."""


class Waitable(Protocol):
    """Something that a selector can wait for."""

    def fileno(self) -> int:
        """Its descriptor."""
        ...


class Tell(Protocol):
    """Tells a person something."""

    def __call__(self, sentence: str, level: Level = "info") -> None:
        """Say `sentence`, which is as important as `level`."""
        ...


class Parts(NamedTuple):
    """What a leader is put together from; `words` lead a command to the same place."""

    control: Control
    candidacy: Candidacy
    leadership: Leadership
    scheduler: Scheduler
    admission: Admission
    crew: Crew
    watcher: Watcher
    courier: Courier | None
    starter: Starter
    locks: CommandLocks
    settle: Settle
    settle_briefly: Settle
    disk: Disk
    read: Callable[[Sources | None], Reading]
    explain: Callable[[Sequence[Problem]], str]
    words: Sequence[str]


class Leader:
    """Leads until it was drained; see the module's text.

    `params` are given to all attempts; `tell` is told what a person should know. Attributes:
        finished: it was drained, and nothing runs any more.
    """

    def __init__(
        self,
        parts: Parts,
        clock: SteadyClock,
        pace: Pace,
        params: Params,
        tell: Tell,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._pace = pace
        self._params = params
        self._tell = tell
        self._sources: Sources | None = None
        self._reading: Reading | None = None
        self._retries: dict[int, int] = {}
        self._swept: int | None = None
        self._settled = False
        self._is_draining = False
        self._is_unable = False
        self._is_edited = False
        self._is_asked = False
        self._is_broken = False
        self._is_full = False
        self.finished = False

    @property
    def waits_for(self) -> list[Waitable]:
        """What there is to wait for beside instants."""
        others = [self._parts.watcher.channel]
        if self._parts.courier is not None:
            others.append(self._parts.courier.channel)
        return [*self._parts.crew.waits_for, *(channel for channel in others if channel)]

    def begin(self, project: Project, before: Before) -> None:
        """Go by `project`; `before` it was read."""
        self._use(project, before)
        with self._parts.control.database.reading() as tx:
            for row in attempt_rows.before(tx, None, _RECENT):
                self._remember_failure(tx, row)

    def tick(self) -> int:
        """Look, act, and return the instant (UTC microseconds) at which to look again.

        Raises `Deposed`, and `Unavailable` for what waiting does not mend.
        """
        try:
            at = self._look()
        except (Locked, DiskFull) as error:
            if not self._is_unable:
                self._is_unable = True
                self._tell(str(error), "warn")
            self._parts.crew.listen()
            return self._clock.now() + SECOND
        self._is_unable = False
        return at

    def reload(self) -> None:
        """Read the project again at the next look, and say what comes of it."""
        self._is_edited = self._is_asked = True

    def drain(self, patience: int) -> None:
        """Start nothing more and hand back what runs; programs have `patience` to finish."""
        self._is_draining = True
        self._parts.watcher.close()
        self._parts.crew.drain(patience)

    def close(self) -> None:
        """End every process at once, and let somebody else lead. Attempts stay as they are."""
        self._parts.crew.abandon()
        self._parts.watcher.close()
        database = self._parts.control.database
        try:
            with database.transaction() as tx:
                self._parts.leadership.release(tx)
            if self._parts.courier is not None:
                self._parts.courier.close()
        except Unavailable as error:
            self._tell(f"{error}: the next scheduler waits until the lead is over", "warn")
        self._parts.candidacy.give_up()
        database.close()

    # Looking

    def _look(self) -> int:
        # What runs comes first: it has to be looked after even if nothing can be started.
        parts, now = self._parts, self._clock.now()
        ats = [self._sweep()]
        at, over = parts.crew.tick()
        for attempt in over:
            self._report(attempt)
            ats.append(now)
        if parts.courier is not None:
            ats.append(parts.courier.tick() or at)
        if self._is_draining:
            self.finished = not len(parts.crew)
        else:
            ats += [self._start(now), self._follow_edits(now)]
        return min(at, *ats)

    def _start(self, now: int) -> int:
        """Start sessions and attempts, as long as the disk has room for them."""
        was_full, self._is_full = self._is_full, self._parts.disk.is_low
        if self._is_full:
            if not was_full:
                text = "the disk is almost full: no session starts until there is room"
                self._tell(text, "warn")
            return now + RECHECK
        return min(self._parts.scheduler.tick(), self._try_again(now), self._let_in())

    def _sweep(self) -> int:
        """Renew the lead, and put in order what others have left."""
        parts, looked = self._parts, read(self._clock)
        if self._swept is None or looked.since_boot - self._swept >= self._pace.sweep:
            with parts.control.database.transaction() as tx:
                parts.leadership.renew(tx, looked.wall)
                epoch = parts.leadership.epoch
                delta = follow(tx, self._clock.boot(), looked, self._pace.tolerance, epoch)
            if delta:
                self._tell(jump_text(delta), "warn")
            parts.candidacy.hold()
            self._swept, self._settled = looked.since_boot, False
        if not self._settled:
            self._settle()
        rest = self._swept + self._pace.sweep - looked.since_boot
        return looked.wall + (rest if self._settled else min(rest, _SOON))

    def _settle(self) -> None:
        parts = self._parts
        with parts.locks.starting_if_free() as is_free:
            if is_free:
                if not self._is_draining:
                    parts.crew.adopt()
                end_overdue(
                    parts.control,
                    lambda row: parts.locks.is_held(row.command),
                    parts.settle,
                    self._clock,
                    parts.leadership.check,
                )
                self._settled = True
        if self._settled:
            clear_up(parts.control, parts.settle_briefly, self._clock)

    def _let_in(self) -> int:
        """Admit what there is room for, and run it."""
        parts, now = self._parts, self._clock.now()
        with parts.locks.starting_if_free() as is_free:
            if not is_free:
                return now + _SOON
            check = parts.leadership.check
            admitted = parts.admission.let_in(parts.control.database, check, now)
            if admitted:
                reach("leader.after_admission")
            for attempt in admitted:
                parts.crew.lead(attempt)
        return now if admitted else now + self._pace.sweep

    # Edits

    def _follow_edits(self, now: int) -> int:
        self._is_edited = self._parts.watcher.is_changed() or self._is_edited
        if self._reading is None:
            if not self._is_edited:
                return now + self._pace.sweep
            self._is_edited = False  # what is edited from now on is read once more
            self._reading = self._parts.read(self._sources)
        try:
            project = self._reading.go_on()
        except (SourceError, OSError) as error:
            self._reading, self._is_asked, self._is_broken = None, False, True
            explain = self._parts.explain
            why = explain(error.problems) if isinstance(error, SourceError) else str(error)
            self._tell(f"the edit is refused, what was loaded before stays:\n{why}", "error")
            return now
        if project is None:
            return now
        if self._sources is None or project.content_hash != self._sources.content_hash:
            self._tell("the project was edited: taking it over")
            self._use(project, self._reading.before)
        elif self._is_broken:
            self._tell("the project is again as it was loaded")
        elif self._is_asked:
            self._tell("the project was read again: nothing has changed")
        self._reading, self._is_asked, self._is_broken = None, False, False
        return now

    def _use(self, project: Project, before: Before) -> None:
        if project.warnings:
            self._tell(self._parts.explain(project.warnings), "warn")
        self._parts.scheduler.load(project, self._params)
        self._announce(project)
        self._parts.watcher.watch(Watched(project.root, frozenset(project.sources.digests)), before)
        self._sources = project.sources

    def _announce(self, project: Project) -> None:
        """Say which sessions are next, and which are late."""
        with self._parts.control.database.reading() as tx:
            number = project_rows.ensure_project(tx, PROJECT)
            scheduled = len(schedule_rows.ids(tx, number))
            enabled = schedule_rows.run_times(tx, number)
            first = sorted(enabled, key=enabled.__getitem__)[:_SHOWN]
            rows = [schedule_rows.load(tx, schedule) for schedule in first]
        disabled = scheduled - len(enabled)
        count = len(project.workflows) + len(project.unchanged)
        self._tell(
            f"{count} workflow{'' if count == 1 else 's'}, {scheduled} with a schedule"
            + (f" ({disabled} disabled)" if disabled else "")
        )
        for row in rows:
            self._tell(_outlook(row, self._clock.now()))
        if len(enabled) > _SHOWN:
            self._tell(f"... and {len(enabled) - _SHOWN} more; digpy schedules lists them")

    # Ends, and what comes after them

    def _report(self, attempt: int) -> None:
        with self._parts.control.database.reading() as tx:
            row = attempt_rows.load(tx, attempt)
            if row.is_done:
                self._remember_failure(tx, row)
            failure = _first_failure(tx, attempt) if row.phase is Phase.FAILURE else None
        text = _ending(row, self._retries.get(row.id))
        if row.phase is not Phase.FAILURE:
            self._tell(text, "warn" if row.phase is Phase.CANCELED else "info")
            return
        look = shlex.join(["digpy", "log", str(attempt), *self._parts.words])
        self._tell("\n    ".join(filter(None, [text, failure, f"help: {look}"])), "error")

    def _remember_failure(self, tx: Transaction, row: AttemptRow) -> None:
        """Note when to try a failed attempt again, unless that has been done."""
        at = retry_at(row) if row.queued_since is not None else None
        if at is not None:
            newest = attempt_rows.last_of_session(tx, row.session)
            if newest is not None and newest.id == row.id:
                self._retries[row.id] = at

    def _try_again(self, now: int) -> int:
        for attempt, at in list(self._retries.items()):
            if at <= now:
                self._start_again(attempt, now)
        return min(self._retries.values(), default=now + self._pace.sweep)

    def _start_again(self, attempt: int, now: int) -> None:
        parts = self._parts
        try:
            with parts.control.database.transaction() as tx:
                parts.leadership.check(tx)
                row = attempt_rows.load(tx, attempt)
                newest = attempt_rows.last_of_session(tx, row.session)
                if newest is not None and newest.id == attempt:
                    name = _free_name(tx, row)
                    start_again(tx, parts.starter, row, name=name, waits_for=QUEUED)
        except LimitExceeded as error:
            text = f"{row.workflow}: attempt {attempt} is not tried again yet: {error}"
            self._tell(text, "warn")
            self._retries[attempt] = now + _RETRY_LATER
        else:
            del self._retries[attempt]


def _outlook(row: ScheduleRow, now: int) -> str:
    """What a schedule does next."""
    session = session_text(row.next_session_time, row.timezone)
    if row.next_run_time + ON_TIME < now:
        return f"{row.workflow}: catching up, from session {session} on"
    runs = session_text(row.next_run_time, row.timezone)
    return f"{row.workflow}: next session {session}, runs at {runs}"


def _free_name(tx: Transaction, row: AttemptRow) -> str:
    """``auto-1`` and so on: the name of the next attempt of the session."""
    names = {other.retry_attempt_name for other in attempt_rows.of_session(tx, row.session)}
    return next(
        name for number in range(1, len(names) + 2) if (name := f"auto-{number}") not in names
    )


def _first_failure(tx: Transaction, attempt: int) -> str | None:
    """The first task of the live rounds that failed, and why."""
    live: dict[int, int] = {}
    for task in task_rows.summary(tx, attempt):  # parents come before their children
        if task.parent is not None and live.get(task.parent) != task.born:
            continue
        live[task.number] = task.round
        if task.state in FAILED and task.error is not None:
            return f"{task.full_name}: {task.error.get('message', '')}".replace("\n", "\n    ")
    return None


def _ending(row: AttemptRow, again_at: int | None) -> str:
    session = session_text(row.session_time, row.timezone)
    subject = f"{named(row)}: attempt {row.id} of session {session}"
    if not row.is_done:
        return f"{subject} was handed back: the next scheduler goes on"
    took = ""
    if row.started_at is not None and row.ended_at is not None:
        took = f" after {(row.ended_at - row.started_at) / SECOND:.1f} s"
    if row.phase is Phase.SUCCESS:
        return f"{subject} succeeded{took}"
    if row.phase is Phase.CANCELED:
        return f"{subject} was canceled{took} ({row.cause})"
    again = "" if again_at is None else ", and is tried again"
    return f"{subject} failed{took} ({row.reason}){again}"
