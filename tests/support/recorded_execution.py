"""Drives one recorded execution in process: push, start, wait and kill map to `digpy.control`.

Programs really run (without keepers, to be fast); time is real while something runs and jumps to
the next due instant while nothing does, so that retries and polls of minutes take no time.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digpy.agent.agent import conclude
from digpy.app import find_program
from digpy.config import Settings, load
from digpy.control.executor import Executor
from digpy.control.logs import AttemptLogs, LogEntry
from digpy.control.recovery import Control, relaunch
from digpy.control.requests import Surroundings
from digpy.control.sessions import keep_project
from digpy.control.starter import RequiredAttempts, Start, Starter, greet
from digpy.control.task_api import LocalTaskApi
from digpy.control.trees import Trees, load_context
from digpy.dsl.compiler import compile_generated
from digpy.dsl.project import load_project
from digpy.engine.params import error_sources
from digpy.engine.tree import Task, TaskTree, load_tree
from digpy.errors import TaskFailed
from digpy.expr.javascript import default_engine
from digpy.spi import Exit, Report, Run, StartedAttempt, TaskRequest
from digpy.store import attempts as attempt_rows
from digpy.store import projects as project_rows
from digpy.store import tasks as task_rows
from digpy.store.database import open_database
from digpy.store.phases import Phase
from digpy.values import SECOND, as_templates, deep_merge

TOOLS = Path(__file__).parent / "oracle_tools"
LIMIT = 60
"""Seconds of real time after which a scenario counts as hanging."""


class JumpingClock:
    """Real time plus what was skipped."""

    def __init__(self) -> None:
        self.skipped = 0

    def now(self) -> int:
        return time.time_ns() // 1000 + self.skipped

    def jump_to(self, instant: int) -> None:
        self.skipped += max(0, instant - self.now())


class RememberedLogs(AttemptLogs):
    """Keeps what is said instead of writing it."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, LogEntry]] = []

    def append(self, attempt: int, entries: Any) -> None:
        self.entries += [(attempt, entry) for entry in entries]


class Scenario:
    """One project, one database, one agent; see the module's text."""

    def __init__(
        self, directory: Path, files: Mapping[str, str], config: Mapping[str, Any]
    ) -> None:
        self.project = directory / "proj"
        self.oracle = directory / "oracle"
        self.oracle.mkdir(parents=True)
        self.state = directory / "state"
        self.state.mkdir()
        self.write(files)
        known = ("executor.task_max_run", "executor.attempt_max_run")
        overrides = [f"{key}={value}" for key, value in config.items() if key in known]
        self.settings: Settings = load({"HOME": str(directory)}, None, overrides)
        self.clock = JumpingClock()
        self.logs = RememberedLogs()
        self.open: dict[int, int] = {}
        self.revision = 0
        self.programs: dict[Run, tuple[subprocess.Popen[bytes], TaskRequest, Path]] = {}
        self.stops: list[Run] = []
        self._connect()

    def _connect(self) -> None:
        """Make everything that dies with a worker."""
        self.database = open_database(self.state / "digpy.db", durability="relaxed")
        limit = self.settings.integer("executor.task_max_run")
        surroundings = Surroundings(
            project=self.project,
            state=self.state,
            settings=self.settings.lines("notification."),
            secret=self.settings.secret,
            task_limit=limit,
            javascript=default_engine,
        )
        self.trees = Trees(self.database, surroundings)
        self.executor = Executor(
            self.database,
            self.clock,
            self.trees,
            self.logs,
            self,
            agent="test",
        )
        self.starter = Starter(
            self.clock,
            task_limit=limit,
            attempt_limit=self.settings.integer("executor.attempt_max_run"),
        )
        self.api = LocalTaskApi(self.executor, self.clock, self.open)

    def restart(self) -> None:
        """The worker died with all it remembered, its programs too: a new one takes its place."""
        self.database.close()
        self.open.clear()
        self._connect()
        control = Control(self.database, self.executor, lambda: None)
        with self.database.reading() as tx:
            unfinished = attempt_rows.unfinished(tx, 1)
        for row in unfinished:
            relaunch(control, row, self._lost, self.clock)
            with self.database.transaction() as tx:
                assert greet(tx, row.id, row.epoch + 1, self.clock.now())
            self.open[row.id] = row.epoch + 1

    def _lost(self, runs: Iterable[Run]) -> list[Report]:
        reports = []
        for run in runs:
            program, request, _ = self.programs.pop(run)
            os.killpg(program.pid, 9)
            program.wait()
            reports.append(Report(run, "lost", "P1 reaped", request.params.get("_retry")))
        return reports

    def replace(self, files: Mapping[str, str]) -> None:
        """Make the project hold just `files`."""
        for path in self.project.rglob("*"):
            if path.is_file():
                path.unlink()
        self.write(files)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if name.endswith(".sh"):
                path.chmod(0o755)

    def push(self) -> None:
        """Read and keep the project. Raises `SourceError`."""
        project = load_project(self.project)
        with self.database.transaction() as tx:
            content = f"{project.content_hash}{self.revision}"
            self.revision, self.ids = keep_project(
                tx, content, list(project.workflows.values()), self.clock.now()
            )

    # digpy.spi.Attempts

    def start(
        self, workflow: str, session_time: int, name: str | None, params: Any
    ) -> StartedAttempt:
        return self._required().start(workflow, session_time, name, params)

    def waits_for(self, attempt: int, other: int) -> bool:
        return self._required().waits_for(attempt, other)

    def _required(self) -> RequiredAttempts:
        return RequiredAttempts(
            self.database,
            self.starter,
            self.clock,
            command=1,
            revision=self.revision,
            rerun=False,
            limits=lambda _: {},
            is_alive=lambda _: True,
            adopt=lambda _: None,
            started=self.open.__setitem__,
        )

    def begin(self, step: Mapping[str, Any]) -> StartedAttempt:
        """What ``start`` over REST does."""
        instant = datetime.fromisoformat(step["session_time"])
        at = int((instant - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() // 1) * SECOND
        name = step.get("retry_attempt_name")
        params: Any = as_templates(step.get("params") or {})
        resume = step.get("resume")
        if resume is None:
            return self.start(step["workflow"], at, name, params)
        with self.database.transaction() as tx:
            workflow_id = self.ids[step["workflow"]]
            session = attempt_rows.ensure_session(
                tx, project_rows.load_revision(tx, self.revision).project, step["workflow"], at, "u"
            )
            existing = attempt_rows.find(tx, session, name)
            if existing is not None:
                return StartedAttempt(existing.id, session, False, existing.is_done, False)
            options: dict[str, Any] = {"resumed_from": resume["attempt"]}
            if resume.get("from"):
                options["start"] = resume["from"]
            workflow = project_rows.load_workflow(tx, workflow_id)
            attempt = self.starter.start(
                tx, Start(workflow_id, workflow, session, name, params, options, {}, 1)
            )
            greet(tx, attempt, 1, self.clock.now())
        self.open[attempt] = 1
        return StartedAttempt(attempt, session, True, False, False)

    # The agent

    def run(self, until: Callable[[], bool], seconds: float | None = None) -> None:
        """Work until `until` holds, or, with `seconds`, until so much time has passed."""
        end = time.monotonic() + LIMIT
        stop_at = None if seconds is None else self.clock.now() + int(seconds * SECOND)
        reports: list[Report] = []
        while True:
            exchange = self.api.exchange(reports, 64)
            reports = []
            self.stops += exchange.cancels
            for request in exchange.requests:
                report = self._start(request)
                if report is not None:
                    reports.append(report)
            if stop_at is not None and self.clock.now() >= stop_at:
                assert not reports
                return
            if not reports and until():
                return
            if not reports:
                reports = self._finished()
            if reports:
                continue
            assert time.monotonic() < end, "the scenario hangs"
            if self.programs:
                time.sleep(0.002)
            elif exchange.next_due is not None:
                due = exchange.next_due if stop_at is None else min(exchange.next_due, stop_at)
                self.clock.jump_to(due)
            else:
                assert exchange.open == 0, "nothing can move, and an attempt is open"
                return

    def _start(self, request: TaskRequest) -> Report | None:
        run = request.run
        operator = find_program(request.operator)
        retry = request.params.get("_retry")
        try:
            command = operator.command(request)
        except TaskFailed as error:
            return Report(run, error.error, "P1 never started", retry)
        directory = request.directory
        directory.mkdir(parents=True)
        for name, content in command.files.items():
            (directory / name).write_bytes(content)
        output = (directory / "output.log").open("wb")
        program = subprocess.Popen(
            list(command.argv),
            cwd=command.directory,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output.close()
        self.programs[run] = (program, request, directory)
        return None

    def _finished(self) -> list[Report]:
        reports = []
        for run, (program, request, directory) in list(self.programs.items()):
            code = program.poll()
            if code is None:
                continue
            del self.programs[run]
            operator = find_program(request.operator)
            text = (directory / "output.log").read_text(errors="replace")
            if text:
                entry = LogEntry(self.clock.now(), request.full_name, "out", text)
                self.logs.entries.append((run.attempt, entry))
            outcome = conclude(operator, Exit(code if code >= 0 else 128 - code, directory))
            reports.append(Report(run, outcome, "P1 reaped", request.params.get("_retry")))
        return reports

    # What there is to compare

    def effects(self) -> list[tuple[int, str, str]]:
        path = self.oracle / "effects"
        if not path.exists():
            return []
        lines = path.read_text().split("\n")[:-1]
        found = []
        for line in lines:
            attempt, task, text = line.split("\t", 2)
            found.append((int(attempt), task, text))
        return found

    def attempts(self) -> list[dict[str, Any]]:
        with self.database.reading() as tx:
            rows = attempt_rows.of_command(tx, 1)
            return [self._attempt(tx, row) for row in rows]

    def _attempt(self, tx: Any, row: Any) -> dict[str, Any]:
        context, _ = load_context(tx, row.id)
        tree = TaskTree(context.workflow.definitions)
        load_tree(
            tree,
            task_rows.load(tx, row.id),
            task_rows.load_outputs(tx, row.id),
            compile_generated,
        )
        places: dict[int, int] = {}
        tasks: list[dict[str, Any]] = []
        for task in _depth_first(tree, tree.root):
            places[task.number] = len(places)
            tasks.append(_task(tree, task, places))
        status = "running"
        if row.phase is Phase.SUCCESS:
            status = "success"
        elif row.is_done:
            status = "killed" if row.canceling_since is not None else "error"
        return {
            "attempt": row.id,
            "session": row.session,
            "workflow": row.workflow,
            "retryAttemptName": row.retry_attempt_name,
            "index": row.idx,
            "status": status,
            "tasks": tasks,
            "effects": [
                [task, line] for attempt, task, line in self.effects() if attempt == row.id
            ],
        }

    def close(self) -> None:
        for program, _, _ in self.programs.values():
            os.killpg(program.pid, 9)
            program.wait()
        self.database.close()


def _depth_first(tree: TaskTree, task: Task) -> Iterator[Task]:
    yield task
    for number in sorted((*task.past, *task.children)):
        yield from _depth_first(tree, tree[number])


def _task(tree: TaskTree, task: Task, places: Mapping[int, int]) -> dict[str, Any]:
    output = tree.newest_output(task)
    written: Any = task.definition.config.get("_export") or {}
    export: dict[str, Any] = dict(written)
    if task.definition.name == "^error":
        error: dict[str, Any] = {}
        for source in error_sources(tree, task):
            export = deep_merge(export, source.store)
            error = deep_merge(error, source.error or {})
        export = {**export, "error": error}
    if output is not None:
        export = deep_merge(export, output.export)
    return {
        "fullName": task.full_name,
        "state": str(task.state),
        "group": task.is_group,
        "parent": None if task.parent is None else places[task.parent],
        "upstreams": [places[number] for number in task.upstreams],
        "started": task.started_at is not None,
        "exportParams": export,
        "storeParams": {} if output is None else output.store,
        "error": None if output is None or output.error is None else output.error.get("message"),
    }
