"""``digpy scheduler``: starts the sessions of a project when they are due, and runs them.

This file only composes: what happens is decided in `digpy.control`.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from digpy.app import Installation
from digpy.cli.options import (
    common,
    common_options,
    only_params_file,
    option,
    project_options,
)
from digpy.cli.parameters import start_parameters
from digpy.cli.problems import report
from digpy.cli.signals import Signals
from digpy.cli.stored import place_words
from digpy.clock import SystemClock
from digpy.control.admission import Admission
from digpy.control.candidacy import Candidacy
from digpy.control.crew import Crew
from digpy.control.leader import Leader, Parts, Tell, Waitable
from digpy.control.leadership import Deposed
from digpy.control.locks import CommandLocks
from digpy.control.reading import Reading
from digpy.control.recovery import Control
from digpy.control.scheduler import Scheduler
from digpy.control.supervisor import Supervisor
from digpy.control.watcher import Before, Watcher
from digpy.dsl.project import Project
from digpy.errors import Unavailable, UsageError
from digpy.launchers.local import Channel, LocalLauncher, LocalWorker, open_descriptors
from digpy.log import Level
from digpy.store.attempts import AttemptRow
from digpy.values import SECOND, Params
from digpy.worker import worker_main

_LOOK = SECOND
"""How often one that waits asks whether it may lead."""


@click.command("scheduler", short_help="Run sessions whenever they are due.")
@project_options
@option(
    "-o",
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep state, logs and history in DIR, seen from the project.  [default: .digpy]",
)
@option(
    "--max-task-threads",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many programs an attempt may run at once; 0: eight for each processor, at least 32.",
)
@common_options
def command(
    project: Path,
    params: tuple[str, ...],
    params_files: tuple[Path, ...],
    save: Path | None,
    max_task_threads: int | None,
) -> int:
    """Run the workflows of a directory whenever their schedule says so, until it is stopped.

    Edits are taken over as soon as a file is saved; a broken one is refused, and what was loaded
    before stays. SIGTERM or Ctrl-C hands everything back: programs get agent.drain_timeout to
    finish (a second signal: none), and the next scheduler goes on where this one stopped. SIGHUP
    reads the project again. A second scheduler of a project waits, and takes over.
    """
    settings = common().settings()
    if max_task_threads is not None:
        threads = str(max_task_threads)
        settings = settings.replace("agent.max-task-threads", threads, "--max-task-threads")
    if not project.is_dir():
        raise UsageError(f'there is no directory "{project}" (--project)')
    root = project.resolve()
    place = Installation(root, root / (save or ".digpy"), settings)
    given = start_parameters(settings, only_params_file(params_files), params)
    if root != Path.cwd():
        given["_project_path"] = str(root)
    log = common().open_log()

    def tell(sentence: str, level: Level = "info") -> None:
        log.say(level, sentence)

    words = place_words(project, save)
    with Signals(hangups_reload=True) as signals:
        return _Scheduler(place, words, given, signals, tell).run()


class _Scheduler:
    """One ``digpy scheduler``: waits for the lead, and leads until it is told to stop."""

    def __init__(
        self, place: Installation, words: list[str], params: Params, signals: Signals, tell: Tell
    ) -> None:
        self._place = place
        self._words = words
        self._params = params
        self._signals = signals
        self._tell = tell
        self._clock = SystemClock()
        self._launcher = LocalLauncher()

    def run(self) -> int:
        """Do it; returns the exit code. Raises `DigpyError`."""
        place = self._place
        for warning in place.settings.warnings:
            self._tell(warning, "warn")
        for note in place.settings.notes:
            self._tell(note)
        place.check_notifications()
        loaded: tuple[Project, Before] | None = self._load()
        try:
            place.prepare()
            place.disk.prepare()
        except OSError as error:
            raise Unavailable(
                f"the state directory {place.state} cannot be made: {error.strerror}"
            ) from error
        with CommandLocks(place.state).as_scheduler():
            while True:
                leader, has_waited = self._become_leader()
                if leader is None:
                    return 0
                try:
                    if loaded is None or has_waited:
                        loaded = self._load()
                    leader.begin(*loaded)
                    loaded = None  # ten thousand workflows are not needed any more
                    self._lead(leader)
                except Deposed as error:
                    self._tell(f"{error}: handing over, and waiting", "warn")
                else:
                    return 0
                finally:
                    leader.close()

    def _load(self) -> tuple[Project, Before]:
        reading = Reading(self._place.project)
        while (project := reading.go_on()) is None:
            pass  # nothing else is to be done yet
        return project, reading.before

    def _become_leader(self) -> tuple[Leader | None, bool]:
        """Wait for the lead: the leader, None if it is told to stop before; whether it waited."""
        control = self._place.open_control()
        leadership = self._place.leadership()
        candidacy = Candidacy(leadership, self._place.state / "locks" / "scheduler")
        has_waited = False
        while not self._signals.count:
            with control.database.transaction() as tx:
                if candidacy.try_to_lead(tx, self._clock.now()):
                    break
                other = candidacy.other(tx)
            if not has_waited:
                self._tell(f"{other} leads this project: waiting until it ends")
            has_waited = True
            self._wait([], self._clock.now() + _LOOK)
        else:
            control.database.close()
            return None, has_waited
        candidacy.hold()
        self._tell(f"leading {self._place.project}")
        parts = self._parts(control, candidacy)
        leader = Leader(parts, self._clock, self._place.pace, self._params, self._tell)
        return leader, has_waited

    def _lead(self, leader: Leader) -> None:
        """Lead until everything was handed back, or until the second signal."""
        stops = reloads = 0
        while True:
            at = leader.tick()
            if leader.finished:
                self._tell("stopped")
                return
            self._wait(leader.waits_for, at)
            if self._signals.hangups > reloads:
                reloads = self._signals.hangups
                leader.reload()
            if self._signals.count > stops:
                stops = self._signals.count
                if stops > 1:
                    self._tell("stopping now: programs are killed, the next scheduler goes on")
                    return
                patience = self._place.settings.duration("agent.drain_timeout") or 0
                leader.drain(patience)
                self._tell(
                    f"stopping: programs get {patience // SECOND} s to finish"
                    " (once more to stop now)"
                )

    def _wait(self, others: list[Waitable], at: int) -> None:
        with selectors.DefaultSelector() as selector:
            for waitable in (self._signals, *others):
                selector.register(waitable, selectors.EVENT_READ)
            selector.select(max(0, at - self._clock.now()) / SECOND)
        self._signals.drain()

    # Composing

    def _parts(self, control: Control, candidacy: Candidacy) -> Parts:
        place, clock, settle = self._place, self._clock, self._place.settle
        leadership = candidacy.leadership
        limit = place.settings.integer("executor.attempt_max_run")
        running = place.settings.integer("queue.max_active_attempts")

        def launch(main: Callable[[Channel], int | None]) -> LocalWorker:
            control.database.rest()  # no connection crosses a fork
            return self._launcher.launch(main, close=open_descriptors())

        def supervise(row: AttemptRow) -> Supervisor:
            rerun = bool(row.options.get("rerun"))
            return Supervisor(
                row.id,
                lambda: control,
                self._launcher,
                partial(launch, partial(worker_main, place, rerun)),
                settle,
                clock,
                lambda text: self._tell(f"{row.workflow}: {text}"),
                leadership,
                place.pace,
            )

        return Parts(
            control,
            candidacy,
            leadership,
            Scheduler(
                control.database,
                place.session_starter(clock),
                clock,
                leadership.check,
                self._tell,
            ),
            Admission(running, limit),
            Crew(
                place.state,
                control,
                self._launcher,
                supervise,
                settle,
                clock,
                leadership.check,
                self._tell,
            ),
            Watcher(self._launcher, launch, self._tell),
            place.courier(self._launcher, launch, lambda: control.database),
            place.starter(clock),
            CommandLocks(place.state),
            settle,
            partial(settle, limit=1),
            place.disk,
            partial(Reading, place.project),
            report,
            self._words,
        )
