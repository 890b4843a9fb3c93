"""The real command as a process of its own, everything it starts, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from digpy.agent import processes
from digpy.spi import Run
from tests.support.eventually import eventually
from tests.support.invariants import assert_invariants

ROOT = Path(__file__).parents[2]
TOKEN = "COMMAND_OF_TEST"
"""Variable that every process of a command inherits, and that no other process has."""

EFFECT = """\
# What a task leaves behind: its run, its name, and a text; appended before anything else happens.
echo "$DIGPY_RUN $task_name $*" >> effects
"""


class Ended(NamedTuple):
    """How a command ended; `code` is negative for a signal."""

    code: int
    out: str
    err: str


class Effect(NamedTuple):
    """One line of the file of effects: which run of which task did what."""

    attempt: int
    number: int
    fence: int
    task: str
    text: str

    @property
    def run(self) -> Run:
        """Which run left it."""
        return Run(self.attempt, self.number, self.fence)


class Command:
    """A running ``digpy``; its output goes to files, so that nobody waits for pipes."""

    def __init__(
        self,
        project: Path,
        token: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        through: tuple[str, ...] = (),
    ) -> None:
        self._token = f"{TOKEN}={token}".encode()
        self._out = project / f"{uuid.uuid4()}.out"
        self._err = self._out.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*through, sys.executable, "-m", "digpy", *arguments],
                cwd=project,
                env={**os.environ, "PYTHONPATH": str(ROOT), TOKEN: token, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
            )
        self.pid = self._process.pid

    # Who belongs to it

    @property
    def worker(self) -> int:
        """The attempt worker, as soon as there is one."""
        return self._only_child(self.pid)

    @property
    def spawner(self) -> int:
        """The spawner, as soon as there is one."""
        return self._only_child(self.worker)

    @property
    def keeper(self) -> int:
        """The only keeper, as soon as there is one."""
        return self._only_child(self.spawner)

    @property
    def program(self) -> int:
        """The only program, as soon as it runs."""
        return self._only_child(self.keeper)

    def _only_child(self, parent: int) -> int:
        def find() -> list[int]:
            assert self.is_alive, f"the command has ended: {self.err}"
            return [process.pid for process in processes.everyone() if process.parent == parent]

        (child,) = eventually(find)
        return child

    @property
    def alive(self) -> list[processes.Process]:
        """Every process that this command, or a worker of it, has started, and itself."""
        found = []
        for process in processes.everyone():
            try:
                environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            except OSError:  # gone meanwhile
                continue
            if self._token in environment.split(b"\0"):
                found.append(process)
        return found

    # What is done to it

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        os.kill(self.pid, number)

    def send_group(self, number: signal.Signals) -> None:
        """Send a signal as a terminal does: to the whole process group."""
        os.killpg(self.pid, number)

    # What it says

    @property
    def is_alive(self) -> bool:
        """Whether the command itself runs."""
        return self._process.poll() is None

    @property
    def out(self) -> str:
        """What it has written to standard output so far."""
        return self._out.read_text(errors="replace")  # a program may print anything

    @property
    def err(self) -> str:
        """What it has written to standard error so far."""
        return self._err.read_text()

    def wait(self, within: float = 30) -> Ended:
        """Wait for the end of the command itself."""
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {within} s:\n{self.err}") from None
        return Ended(code, self.out, self.err)

    def close(self) -> None:
        """Kill everything; whatever a test did, nothing stays."""
        while alive := self.alive:
            processes.kill(alive)
            self._process.poll()
        self._process.wait()


class CommandProject:
    """A directory with a workflow, the commands that ran in it, and what they left there.

    Attributes:
        through: words before each command: a program that starts it with fewer rights, say.
    """

    through: tuple[str, ...] = ()

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        self.directory = directory
        self._token = str(uuid.uuid4())
        self._commands: list[Command] = []
        self.write({"effect.sh": EFFECT, **files})

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the project."""
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def start(self, *arguments: str, workflow: str = "w.dig", **environment: str) -> Command:
        """Start ``digpy run`` of `workflow` with more arguments and variables."""
        return self.begin("run", workflow, *arguments, **environment)

    def run(self, *arguments: str, workflow: str = "w.dig", **environment: str) -> Ended:
        """`start`, and wait for its end."""
        return self.start(*arguments, workflow=workflow, **environment).wait()

    def digpy(self, *words: str, **environment: str) -> Ended:
        """Run another command of digpy in the project, to its end."""
        return self.begin(*words, **environment).wait()

    def begin(self, *words: str, **environment: str) -> Command:
        """Start another command of digpy in the project."""
        command = Command(self.directory, self._token, words, environment, self.through)
        self._commands.append(command)
        return command

    def close(self) -> None:
        """Kill everything that is left."""
        for command in self._commands:
            command.close()

    # What is there

    @property
    def effects(self) -> list[Effect]:
        """What the tasks did, in order."""
        path = self.directory / "effects"
        if not path.exists():
            return []
        found = []
        for line in path.read_text().splitlines():
            run, task, text = (line + " ").split(" ", 2)
            attempt, number, fence = map(int, run.split("."))
            found.append(Effect(attempt, number, fence, task, text.strip()))
        return found

    def did(self, text: str) -> Callable[[], bool]:
        """A condition for `eventually`: some task has left `text`."""
        return lambda: any(effect.text == text for effect in self.effects)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """Rows of the project's database."""
        with closing(sqlite3.connect(self.directory / ".digpy" / "digpy.db")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, parameters)]

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """All attempts, by id."""
        return self.rows("SELECT * FROM attempts ORDER BY id")

    def attempt(self, attempt: int = 1) -> dict[str, Any]:
        """One attempt."""
        (row,) = self.rows("SELECT * FROM attempts WHERE id = ?", attempt)
        return row

    @property
    def outcome(self) -> list[tuple[object, ...]]:
        """How every task of every attempt ended and what it stored: equal for equal runs."""
        query = """
            SELECT a.id, a.phase, a.reason, t.number, t.parent, t.born, t.full_name, t.state, t.how,
                   o.round, o.export, o.store, o.reset, o.subtasks, o.error
              FROM attempts a
              JOIN tasks t ON t.attempt = a.id
              LEFT JOIN task_outputs o ON o.attempt = t.attempt AND o.number = t.number
             ORDER BY a.id, t.number, o.round"""
        return [tuple(row.values()) for row in self.rows(query)]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The data of all events of a kind, in order."""
        rows = self.rows("SELECT data FROM events WHERE kind = ? ORDER BY attempt, seq", kind)
        return [json.loads(row["data"]) for row in rows]

    def assert_clean(self) -> None:
        """Nothing of any command is alive, and nothing of any run is left or without a proof."""
        alive = [process for command in self._commands[:1] for process in command.alive]
        lines = [Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in alive]
        assert not alive, lines
        assert self.rows("SELECT * FROM task_runs WHERE proof IS NULL OR outcome IS NULL") == []
        assert_invariants(self.directory / ".digpy", (effect.run for effect in self.effects))


def projects(directory: Path) -> Iterator[Callable[[Mapping[str, str]], CommandProject]]:
    """Body of a fixture: makes projects below `directory`, and kills what they leave running."""
    made: list[CommandProject] = []

    def make(files: Mapping[str, str]) -> CommandProject:
        made.append(CommandProject(directory / f"project{len(made)}", files))
        return made[-1]

    try:
        yield make
    finally:
        for project in made:
            project.close()
