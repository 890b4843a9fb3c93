"""The launcher of local mode: the attempt worker is a fork of the command.

Command and worker talk over two pipes, lines of JSON each way. The end of a pipe is the death of
the other side, whatever killed it, and that is all either needs to know.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from digpy.errors import InternalError, Unavailable

_CHUNK = 1 << 16


class Channel:
    """One end of the conversation between command and worker.

    Attributes:
        closed: the other side is gone, and everything it had sent has been received.
    """

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._rest = b""
        self._held: list[dict[str, Any]] = []
        self.closed = False
        os.set_blocking(reader, False)

    def fileno(self) -> int:
        """The descriptor to wait for; readable also at the end."""
        return self._reader

    def send(self, message: dict[str, Any]) -> None:
        """Send `message`; without effect if the other side is gone, which `receive` finds out."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._writer, data) :]
        except BrokenPipeError:
            return

    def offer(self, message: dict[str, Any]) -> None:
        """`send` a short message, unless the other side reads nothing and there is no room."""
        if select.select([], [self._writer], [], 0)[1]:
            self.send(message)

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have arrived; never waits. Nothing may mean `closed`."""
        held, self._held = self._held, []
        while not self.closed:
            try:
                data = os.read(self._reader, _CHUNK)
            except BlockingIOError:
                break
            self._rest += data
            if not data:
                self.closed = True
                break
        *lines, self._rest = self._rest.split(b"\n")
        return held + [json.loads(line) for line in lines]

    def wait(self) -> dict[str, Any] | None:
        """Wait for one message; None if the other side is gone without having sent any."""
        while not self._held:
            if self.closed:
                return None
            select.select([self._reader], [], [])
            self._held = self.receive()
        return self._held.pop(0)

    @property
    def is_gone(self) -> bool:
        """Whether the other side is gone; what it has sent is kept for `receive`."""
        self._held = self.receive()
        return self.closed

    def close(self) -> None:
        """Let go: the other side finds the end of the conversation."""
        if self._reader >= 0:
            os.close(self._reader)
            os.close(self._writer)
        self._reader = self._writer = -1
        self.closed = True


class LocalWorker:
    """A worker that was launched: its process number, and the channel to it."""

    def __init__(self, pid: int, channel: Channel) -> None:
        self.pid = pid
        self.channel = channel
        self.status: int | None = None


class LocalLauncher:
    """Makes attempt workers by forking this process."""

    def launch(
        self, main: Callable[[Channel], int | None], *, close: Iterable[int] = ()
    ) -> LocalWorker:
        """Run `main` in a new process, which exits with the code that it returns (None: 0).

        `main` must end soon after its channel is `closed`. SIGINT, SIGTERM and SIGHUP do not reach
        it: the command decides. `close` are descriptors that must not survive in the worker, above
        all locks: a ``flock`` lives as long as any copy. Raises `InternalError` if another thread
        is running, whose locks would be forked too, and `Unavailable` if the system allows no
        further process.
        """
        if threading.active_count() != 1:
            raise InternalError(
                f"a process with {threading.active_count()} threads cannot be forked"
            )
        from_worker, to_command = os.pipe()
        from_command, to_worker = os.pipe()
        # What is buffered now would be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            for descriptor in (from_worker, to_command, from_command, to_worker):
                os.close(descriptor)
            raise Unavailable(f"no worker can be started: {error.strerror}") from error
        if pid == 0:
            for descriptor in (*close, from_worker, to_worker):
                os.close(descriptor)
            _work(main, Channel(from_command, to_command))
        os.close(to_command)
        os.close(from_command)
        return LocalWorker(pid, Channel(from_worker, to_worker))

    def probe(self, worker: LocalWorker) -> int | None:
        """None while the worker is alive, else its exit code, or 128 + its signal's number."""
        if worker.status is None:
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                worker.status = _exit_code(status)
        return worker.status

    def reap(self, worker: LocalWorker) -> None:
        """Wait until the worker has ended; only for one that is ending for certain."""
        if worker.status is None:
            _, status = os.waitpid(worker.pid, 0)
            worker.status = _exit_code(status)

    def terminate(self, worker: LocalWorker, *, kill: bool = False) -> None:
        """Have the worker end: its channel closes; with `kill` it gets SIGKILL. Does not wait."""
        if self.probe(worker) is not None:
            return
        if kill:
            os.kill(worker.pid, signal.SIGKILL)
        else:
            worker.channel.close()


def open_descriptors() -> list[int]:
    """Every open descriptor of this process above standard error.

    For `LocalLauncher.launch`, where nothing may survive in the new process.
    """
    found = []
    for path in Path("/dev/fd").iterdir():
        number = int(path.name)
        with suppress(OSError):  # the directory itself, closed by now
            os.fstat(number)
            if number > 2:
                found.append(number)
    return found


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _work(main: Callable[[Channel], int | None], channel: Channel) -> None:
    # Never returns: the stack above belongs to the command.
    code = InternalError.exit_code
    gc.freeze()  # what was forked stays as it is, shared with the command
    try:
        signal.set_wakeup_fd(-1)  # the command's own
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = main(channel) or 0
    except BaseException:  # noqa: BLE001 - the last place where it can be shown
        import traceback  # on use: nothing goes wrong, as a rule

        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
