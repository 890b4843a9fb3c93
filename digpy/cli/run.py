"""``digpy run``: the command is the supervisor, the attempt runs in a worker that it forks.

This file only composes: what happens is decided in `digpy.control`, what is shown in the other
files of `digpy.cli`.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from digpy.app import Installation
from digpy.cli.options import RunCommand, RunOptions, common, common_options, run_options
from digpy.cli.parameters import start_parameters
from digpy.cli.screen import Screen
from digpy.cli.signals import Signals
from digpy.cli.streams import go_on_unheard
from digpy.cli.view import AttemptView, TaskView
from digpy.clock import SystemClock
from digpy.control.continuation import Decision
from digpy.control.limits import limits_of
from digpy.control.locks import CommandLocks
from digpy.control.orders import Order, Orders
from digpy.control.recovery import Control, clear_up
from digpy.control.session_times import (
    attempt_parameters,
    session_option,
    session_text,
    session_time,
)
from digpy.control.sessions import Found, Wanted, find_or_start, keep_project, last_session_time
from digpy.control.supervisor import Supervisor
from digpy.dsl.model import Workflow
from digpy.dsl.project import Project, load_project
from digpy.dsl.subtree import extract_subtree, full_names, match_task
from digpy.errors import Conflict, LimitExceeded, NotFound, Unavailable, UsageError
from digpy.expr.evaluate import evaluate_text
from digpy.launchers.local import Channel, LocalLauncher, LocalWorker
from digpy.store.attempts import AttemptRow
from digpy.store.database import Transaction
from digpy.store.phases import Phase
from digpy.values import SECOND, Params, Template

_LIMIT_HELP = "the limits are executor.task_max_run and executor.attempt_max_run (-X KEY=N)"

_NAMED = 10
"""How many tasks are named where none matches."""

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM."""


@click.command(
    "run", cls=RunCommand, short_help="Run a workflow here, or continue where it stopped."
)
@run_options
@common_options
def command(options: RunOptions) -> int:
    """Run a workflow of this directory, durable and supervised.

    What a run finished is kept in .digpy. Run the same command again to continue where it failed,
    was canceled or was killed: what succeeded is not repeated.
    """
    go_on_unheard()
    with ExitStack() as resources:
        return _Run(options, resources).run()


class _Run:
    """One ``digpy run``, from reading the project to the summary."""

    def __init__(self, options: RunOptions, resources: ExitStack) -> None:
        self._options = options
        self._resources = resources
        self._clock = SystemClock()
        self._since = self._clock.now()
        self._launcher = LocalLauncher()
        self._locks: list[int] = []
        settings = common().settings()
        if options.max_task_threads is not None:
            threads = str(options.max_task_threads)
            settings = settings.replace("agent.max-task-threads", threads, "--max-task-threads")
        if not options.project.is_dir():
            raise UsageError(f'there is no directory "{options.project}" (--project)')
        root = options.project.resolve()
        self._installation = Installation(root, self._state_directory(root), settings)

    def run(self) -> int:
        """Do it; returns the exit code. Raises `DigpyError`; nothing is started then."""
        project = load_project(self._installation.project)
        workflow = _find_workflow(project, self._options)
        params = self._parameters()
        session_time(self._options.session, workflow, self._since, None)  # or an error
        self._installation.check_notifications()
        self._warn(project)
        self._prepare()
        worker = self._launch(workflow)  # it gets ready while the database is opened here
        try:
            control = self._installation.open_control()
            found, wanted = self._start(control, project, workflow, params)
        except BaseException as error:
            self._dismiss(worker)
            if isinstance(error, LimitExceeded):
                raise LimitExceeded(f"{error}\n    help: {_LIMIT_HELP}") from None
            raise
        if found.decision is Decision.NOTHING:
            self._dismiss(worker)
            control.database.close()
            click.echo(self._nothing_to_do(wanted), err=True)
            code = 0
        else:
            code = self._supervise(control, worker, found.attempt, wanted)
        self._tell_people()
        return code

    # Preparing

    def _warn(self, project: Project) -> None:
        """Say what is legal and probably wrong, before anything else is shown."""
        for warning in self._installation.settings.warnings:
            click.echo(f"warning: {warning}", err=True)
        if project.warnings:
            from digpy.cli.problems import report

            click.echo(report(project.warnings) + "\n", err=True)

    def _state_directory(self, root: Path) -> Path:
        options = self._options
        if options.no_save or options.dry_run:
            from tempfile import TemporaryDirectory

            temporary = self._resources.enter_context(TemporaryDirectory(prefix="digpy-"))
            return Path(temporary)
        return self._kept_state(root)

    def _kept_state(self, root: Path) -> Path:
        return root / (self._options.save or ".digpy")

    def _prepare(self) -> None:
        try:
            self._installation.prepare()
            self._installation.disk.prepare()
        except OSError as error:
            raise Unavailable(
                f"the state directory {self._installation.state} cannot be made: {error.strerror}\n"
                "    help: --save DIR keeps the state elsewhere, --no-save keeps none"
            ) from error

    def _parameters(self) -> Params:
        options, settings = self._options, self._installation.settings
        params = start_parameters(settings, options.params_file, options.params)
        if self._installation.project != Path.cwd():
            params["_project_path"] = str(self._installation.project)
        return params

    def _kept_options(self, workflow: Workflow) -> Params:
        """What of the command line belongs to the attempt, and must hold after a crash too."""
        options = self._options
        given: Params = {
            "rerun": options.rerun,
            "start": options.start,
            "goal": options.goal,
            "end": options.end,
            "task": options.task,
            "dry_run": options.dry_run,
            "show_params": options.show_params,
        }
        if isinstance(options.show_params, str):
            from digpy.cli.parameters import start_origins

            settings = self._installation.settings
            given["show_params"] = {
                "task": _shown_task(options.show_params, workflow),
                "given": start_origins(settings, options.params_file, options.params),
            }
        return {key: value for key, value in given.items() if value}

    def _launch(self, workflow: Workflow) -> LocalWorker:
        return self._launcher.launch(partial(self._work, workflow), close=self._locks)

    def _work(self, workflow: Workflow, channel: Channel) -> int:
        from digpy.worker import worker_main  # in the worker, while the command goes on

        expected = None if self._options.dry_run else workflow
        return worker_main(self._installation, self._options.rerun, channel, expected)

    def _dismiss(self, worker: LocalWorker) -> None:
        """There is nothing for it to run; it ends with all that it has prepared."""
        worker.channel.close()
        self._launcher.reap(worker)

    def _start(
        self, control: Control, project: Project, workflow: Workflow, params: Params
    ) -> tuple[Found, Wanted]:
        options, clock = self._options, self._clock
        clear_up(control, partial(self._installation.settle, limit=1), clock)
        with control.database.transaction() as tx:
            workflows = list(project.workflows.values())
            revision, ids = keep_project(tx, project.content_hash, workflows, clock.now())
            last = last_session_time(tx, workflow.name)
        if options.dry_run:
            last = self._last_of_real_runs(workflow.name)
        instant = session_time(options.session, workflow, clock.now(), last)
        settings = self._installation.settings
        wanted = Wanted(
            revision,
            ids[workflow.name],
            workflow,
            instant,
            attempt_parameters(params, workflow, instant),
            self._kept_options(workflow),
            limits_of(workflow, settings, _evaluator(params, workflow.timezone), options.limits),
        )
        locks = CommandLocks(self._installation.state)
        with locks.starting():
            found = find_or_start(
                control,
                self._installation.starter(clock),
                clock,
                wanted,
                locks.is_held,
                self._installation.settle,
            )
            if found.decision is Decision.REFUSE:
                raise Conflict(_already_running(locks.holder(found.attempt), found.attempt))
            if found.decision is not Decision.NOTHING:
                lock = locks.take(found.attempt, {"pid": os.getpid(), "since": clock.now()})
                assert lock is not None, "the starting lock is held"  # noqa: S101
                self._locks.append(lock)
                self._open_orders(found.attempt)
        return found, wanted

    def _last_of_real_runs(self, workflow: str) -> int | None:
        """The newest session that a run would find here, where a dry run leaves no trace."""
        path = self._kept_state(self._installation.project) / "digpy.db"
        if self._options.no_save or not path.exists():
            return None
        from digpy.store.inspection import looking

        with looking(path) as tx:
            return last_session_time(tx, workflow)

    def _open_orders(self, attempt: int) -> None:
        """Let other commands reach this one, from the moment at which it leads."""
        try:
            self._orders = Orders(self._installation.state, attempt)
        except OSError as error:
            raise Unavailable(f"{self._installation.state} takes no pipes: {error}") from error
        self._resources.callback(self._orders.close)
        self._locks.append(self._orders.fileno())

    # Supervising

    def _supervise(
        self, control: Control, worker: LocalWorker, attempt: int, wanted: Wanted
    ) -> int:
        opened = [control]
        screen = Screen(self._installation.state, common().open_log(), self._clock, self._since)
        supervisor = Supervisor(
            attempt,
            lambda: opened.pop() if opened else self._installation.open_control(),
            self._launcher,
            partial(self._launch, wanted.workflow),
            self._installation.settle,
            self._clock,
            screen.say,
            self._installation.leadership(attempt),
            self._installation.pace,
            self._start_again,
        )
        supervisor.start(worker)
        with screen, Signals() as signals:
            self._watch(supervisor, signals, screen)
            standings = supervisor.standings()
            views = screen.end(standings)
        supervisor.close()
        self._summarize(views, wanted)
        phase = standings[0].row.phase
        if phase is Phase.CANCELED and signals.count:
            return INTERRUPTED
        return 0 if phase is Phase.SUCCESS else 1

    def _start_again(self, tx: Transaction, failed: AttemptRow) -> int:
        from digpy.control.attempt_retry import start_again  # on use: few workflows ask for it

        return start_again(tx, self._installation.starter(self._clock), failed)

    def _summarize(self, views: list[AttemptView], wanted: Wanted) -> None:
        from digpy.cli.follow import newest_log
        from digpy.cli.summary import Summary

        options, root = self._options, self._installation.project
        state = None if options.no_save or options.dry_run else self._installation.state

        def log_of(attempt: int, number: int) -> Path | None:
            log = state and newest_log(state / "logs" / str(attempt), number)
            return log and _from_here(log)

        def place_of(attempt: AttemptView, task: TaskView) -> str | None:
            from digpy.cli.places import place_of

            return place_of(root, attempt.workflow, task.full_name, task.error_message or "")

        summary = Summary(
            views,
            state,
            log_of,
            options.dry_run,
            _command(options.words_to_continue(), wanted),
            [*_command(options.words_to_repeat(), wanted), "--rerun"],
            common().secrets(),
            place_of,
        )
        click.echo(summary.text(), err=True, nl=False)

    def _nothing_to_do(self, wanted: Wanted) -> str:
        import shlex  # on use, like the next: most runs have something to do

        from digpy.cli.summary import secrets_again

        when = session_text(wanted.session_time, wanted.workflow.timezone)
        again = [*_command(self._options.words_to_repeat(), wanted), "--rerun"]
        lines = [
            f"Success. {wanted.workflow.name} for {when} has been done before: nothing was run.",
            f"Task state is saved at {self._installation.state} directory.",
            f"  To run everything again: {shlex.join(again)}",
            *(f"  {line}" for line in secrets_again(common().secrets())),
            '  To run it for another time: --session daily | hourly | "yyyy-MM-dd[ HH:mm:ss]"',
        ]
        return "\n".join(lines)

    def _tell_people(self) -> None:
        """Deliver notifications that are waiting: of this command, or left by an earlier one."""
        launch = partial(self._launcher.launch, close=self._locks)
        courier = self._installation.courier(self._launcher, launch)
        if courier is not None:
            from digpy.cli.deliveries import deliver_waiting

            deliver_waiting(courier, self._clock, partial(click.echo, err=True))

    def _watch(self, supervisor: Supervisor, signals: Signals, screen: Screen) -> None:
        """Wait for the worker, for signals, and for deadlines, until everything has ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(signals, selectors.EVENT_READ)
            selector.register(self._orders, selectors.EVENT_READ)
            watched: LocalWorker | None = None
            heard: Channel | None = None
            seen = 0
            while True:
                deadline = supervisor.tick()
                screen.refresh(supervisor.standings)
                if supervisor.finished:
                    return
                worker = supervisor.worker
                # The end of a worker that cannot be replaced yet would be heard again and again.
                if heard is not None and (heard.closed or worker is not watched):
                    selector.unregister(heard)
                    heard = None
                if worker is not watched:  # the first one, or a new one after a crash
                    if watched is not None:
                        watched.channel.close()
                    watched = worker
                    if worker is not None:
                        heard = worker.channel
                        selector.register(heard, selectors.EVENT_READ)
                wait = min(deadline - self._clock.now(), screen.interval)
                selector.select(max(wait, 0) / SECOND)
                signals.drain()
                if signals.count > seen:
                    seen = signals.count
                    _interrupt(supervisor, seen, screen)
                for order in self._orders.take():
                    _obey(supervisor, order, screen)


def _interrupt(supervisor: Supervisor, times: int, screen: Screen) -> None:
    if times == 1:
        screen.say("canceling: tasks are asked to stop (once more to kill them)")
        supervisor.cancel("user")
    else:
        screen.say("killing what is left")
        supervisor.kill("user")


def _obey(supervisor: Supervisor, order: Order, screen: Screen) -> None:
    if order.verb == "cancel":
        screen.say(f"attempt {order.attempt} is to stop (digpy kill): canceling")
        supervisor.cancel("user", order.attempt, "user")
    else:
        screen.say(f"attempt {order.attempt} is to stop now (digpy kill --force): killing")
        supervisor.kill("user", order.attempt)


def _find_workflow(project: Project, options: RunOptions) -> Workflow:
    """The workflow that is meant; with a task, only that subtree. Raises `NotFound`."""
    name = os.path.normpath(options.workflow).removesuffix(".dig")
    if Path(name).is_absolute() and Path(name).is_relative_to(project.root):
        name = str(Path(name).relative_to(project.root))
    workflow = project.workflows.get(name)
    if workflow is None:
        raise NotFound(_no_such_workflow(name, options.project, sorted(project.workflows)))
    if options.task is not None:
        _check_pattern(options.task, workflow)
        workflow = extract_subtree(workflow, options.task)
    for pattern in filter(None, (options.start, options.goal, options.end)):
        _check_pattern(pattern, workflow)
    if isinstance(options.show_params, str):
        _shown_task(options.show_params, workflow)  # or an error
    return workflow


def _check_pattern(pattern: str, workflow: Workflow) -> None:
    """Raises `NotFound` or `Conflict`, with advice, for a pattern that means no single task."""
    names = full_names(workflow.definitions)
    try:
        match_task(names, pattern)
    except NotFound as error:
        from digpy.dsl.suggest import did_you_mean

        inner = [name.removeprefix(names[0]) for name in names[1:]]
        advice = did_you_mean(pattern, inner)
        if advice is None:
            more = " ..." if len(inner) > _NAMED else ""
            advice = "there are: " + ", ".join(inner[:_NAMED]) + more
        raise NotFound(f"{error}\n    help: {advice}") from None
    except Conflict as error:
        raise Conflict(f"{error}\n    help: write more of its name") from None


def _shown_task(pattern: str, workflow: Workflow) -> str:
    """The full name that is meant; the pattern itself for a task that is yet to be generated."""
    if "^" in pattern:
        return pattern
    _check_pattern(pattern, workflow)
    return match_task(full_names(workflow.definitions), pattern)


def _no_such_workflow(name: str, root: Path, known: list[str]) -> str:
    directory, _, _ = name.rpartition("/")
    where = "current directory" if root == Path() else f"project directory '{root}'"
    if directory:
        advice = f'type "cd {directory}" first, or set "--project {directory}"'
    elif known:
        from difflib import get_close_matches

        close = get_close_matches(name, known, n=1)
        advice = f'did you mean "{close[0]}.dig"?' if close else "there are: " + ", ".join(known)
    else:
        advice = "there is no .dig file; digpy init makes one"
    return f"Workflow '{name}' does not exist in {where}\n    help: {advice}"


def _evaluator(params: Params, timezone: str) -> Callable[[Template], str]:
    def evaluate(template: Template) -> str:
        return evaluate_text(template, params, timezone=timezone)

    return evaluate


def _already_running(holder: Params, attempt: int) -> str:
    since = holder.get("since")
    started = ""
    if isinstance(since, int):
        started = f", started {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(since / SECOND))}"
    return (
        f"this session is being run by process {holder.get('pid', '?')}{started}"
        f" (attempt {attempt})\n"
        "    help: wait for it, stop it, or choose another session with --session"
    )


def _from_here(path: Path) -> Path:
    """The shortest way to write `path`: seen from the current directory if it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _command(words: list[str], wanted: Wanted) -> list[str]:
    """The words of a command line that a person can copy, for the session that is meant."""
    session = session_option(wanted.session_time, wanted.workflow.timezone)
    return ["digpy", "run", *words, *common().words(), "--session", session]
