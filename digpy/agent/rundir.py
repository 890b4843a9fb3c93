"""The run directory: what is on disk about one run of a program, and who may believe it.

``<state>/runs/<attempt.number.fence>/`` (mode 0700) holds the files of the command, and
``run.record``, which is locked from before the start until nothing of the run is alive. In it are,
a line each,

- the request, by the agent before anything starts: what is needed to conclude the run without it;
- the keeper, by itself just before the program starts;
- the exit, by the keeper when the tree is empty.

So no file is made or renamed for a line. Without fsync: they count only within the boot of the
machine that is written in the first.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from digpy import values
from digpy.agent.processes import Mark, boot_id
from digpy.agent.wire import note, remove
from digpy.filelock import is_locked
from digpy.spi import Command, Exit, Run
from digpy.values import Json

_OWN = 0o600


class Spawned(NamedTuple):
    """A process of ours, as written down: `start` in ticks since boot."""

    pid: int
    start: int


class Request(NamedTuple):
    """What the agent wrote before the start.

    `boot` is the boot of the machine it was written in, `spawner` the process that could still
    start the run, `body` whatever the agent wants to know when it concludes the run. `is_copy` says
    that the directory was copied since: the processes that are named belong to another run.
    """

    boot: str
    spawner: Spawned
    body: Any
    is_copy: bool


class RunDirectory:
    """The files of one run. Making the object touches nothing."""

    def __init__(self, state: Path, run: Run) -> None:
        self.run = run
        self.path = state / "runs" / str(run)
        self.log = state / "logs" / str(run.attempt) / f"{run.number}-{run.fence}.log"

    def create(self, command: Command) -> Path:
        """Make the directory and the command's files; returns the file to be standard input.

        Raises `OSError`: the disk is full, or the state directory is not ours.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in command.files.items():
            if "/" in name:
                (self.path / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(f"{self.path}/{name}", content)
        if not command.stdin:
            return Path(os.devnull)
        stdin = self.path / "stdin"
        _write(str(stdin), command.stdin)
        return stdin

    def lock(self, spawner: Spawned, body: dict[str, Json]) -> int:
        """Lock the run and write down the request; nothing may start before.

        Returns the open file whose last copy, wherever it is, frees the run again. Raises
        `OSError`; then it is free.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        writer = os.open(self._record, flags, _OWN)
        try:
            # For reading: the program inherits it, and must not write into the record by accident.
            file = os.open(self._record, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                request = {
                    "boot": this_boot(),
                    "inode": os.fstat(file).st_ino,
                    "spawner": spawner,
                    "body": values.encode(body),
                }
                note(writer, {"request": request})
            except BaseException:
                os.close(file)
                raise
        finally:
            os.close(writer)
        return file

    @property
    def is_locked(self) -> bool:
        """Whether something of the run is alive, or may still be started."""
        return is_locked(self._record)

    def mark(self, installation: str) -> Mark:
        """How processes of the run are recognised."""
        try:
            status = self._record.stat()
        except FileNotFoundError:
            return Mark(str(self.run), installation, None)
        return Mark(str(self.run), installation, (status.st_dev, status.st_ino))

    @property
    def request(self) -> Request | None:
        """What the agent wrote; None if it died before, and so before anything started."""
        written = self._noted("request")
        if written is None:
            return None
        try:
            inode = self._record.stat().st_ino
        except FileNotFoundError:  # it was removed meanwhile
            return None
        return Request(
            written["boot"],
            Spawned(*written["spawner"]),
            values.decode(written["body"]),
            is_copy=written["inode"] != inode,
        )

    @property
    def keeper(self) -> Spawned | None:
        """The keeper that was about to start the program; None: the program was never started."""
        written = self._noted("keeper")
        return None if written is None else Spawned(*written)

    @property
    def was_proved_empty(self) -> bool:
        """Whether the keeper saw the tree empty before it ended."""
        return self._noted("exit") is not None

    @property
    def exit(self) -> Exit | None:
        """How the program ended, if by itself; to be believed only within the request's boot."""
        match self._noted("exit"):
            case {"code": int(code), "by": "exited"}:
                return Exit(code, self.path)
            case _:
                return None

    def remove(self) -> None:
        """Delete the directory; it may be gone. Raises `OSError` for files not ours to delete."""
        with suppress(FileNotFoundError):
            remove(str(self.path))

    @property
    def _record(self) -> Path:
        return self.path / "run.record"

    def _noted(self, what: str) -> Any:
        # None for what is missing: after a power failure the file may be empty, and what does not
        # end in a newline was cut off. What else is in it was written by a program on purpose.
        try:
            lines = self._record.read_bytes().split(b"\n")[:-1]
        except (FileNotFoundError, NotADirectoryError):
            return None
        for line in lines:
            try:
                facts = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(facts, dict) and what in facts:
                return facts[what]
        return None


def installation(state: Path) -> str:
    """What `known_installation` says; the first who asks gives the directory its name."""
    if (name := known_installation(state)) is not None:
        return name
    path = _installation_file(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"installation.{os.getpid()}")
    draft.write_text(os.urandom(8).hex(), "ascii")
    # Linked, not renamed: of two who come at the same time the first one's name stays.
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return installation(state)


def known_installation(state: Path) -> str | None:
    """The name of this state directory, which a copy of it does not share; None: it has none yet.

    Its programs are recognised by it, and those of a copy must not be taken for ours, nor ours be
    killed by the copy. So the name is made of a random text and of the inode of its file.
    """
    from hashlib import sha256  # on use: not every command starts programs

    try:
        with _installation_file(state).open(encoding="ascii") as file:
            written = f"{file.read()} {os.fstat(file.fileno()).st_ino}"
    except FileNotFoundError:
        return None
    return sha256(written.encode()).hexdigest()[:16]


def _installation_file(state: Path) -> Path:
    return state / "locks" / "installation"


def this_boot() -> str:
    """The name of this boot of the machine, read once."""
    global _boot  # noqa: PLW0603 - it cannot change while this process lives
    if _boot is None:
        _boot = boot_id()
    return _boot


_boot: str | None = None


def leftovers(state: Path) -> Iterator[Run]:
    """The runs that have a directory."""
    with suppress(FileNotFoundError):
        for entry in (state / "runs").iterdir():
            parts = entry.name.split(".")
            if len(parts) == 3 and all(part.isdigit() for part in parts):
                yield Run(*map(int, parts))


def _write(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _OWN)
    try:
        while content:
            content = content[os.write(file, content) :]
    finally:
        os.close(file)
