"""A keeper owns the process tree of one program at a time, from its start to the proof of its end.

Promise: while a keeper lives nothing it started outlives the program, the agent or the spawner. It
is a *subreaper*: whatever a program starts, however it detaches, stays below the keeper, so "I
have no child" proves the tree empty.

Its life hangs on two descriptors. `agent` is a socket whose other end only the agent holds,
`leash` a pipe whose other end only the spawner holds; the end of either kills the tree. Messages
from the agent, one program at a time:

- ``{"run", "installation", "argv", "environment", "cwd", "directory", "log", "stdin"}`` after
  the open, exclusively locked ``run.record`` of the run;
- ``{"stop": seconds}``: SIGTERM now, SIGKILL after the grace.

Messages to it: ``{"ended": code, "by": "exited" or "killed"}`` when the tree is proved empty;
``{"refused": text}`` when there is no such program to start, ``{"unable": text}`` when this
machine cannot start one now.

The lock travels through the socket on purpose. It is held without a gap from before the agent
sends it, by the keeper, and by whatever inherits it; so whoever can take it knows that nothing
runs *and nothing will*. When the program starts the agent has no copy any more: a keeper kills who
has one when its tree is empty. So the lock goes ahead, through a socket of its own, where nobody is
woken by it. What the keeper has to write down goes into the same file.

Standard library only: see `digpy.agent.spawner` for how it is started.
"""

# pathlib would be a third of the spawner's start.
# ruff: noqa: PTH103, PTH120

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import time

from digpy.agent.processes import LINUX, Mark, bearers, descendants, kill, look
from digpy.agent.wire import Wire, note
from digpy.failpoints import reach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOCK_DESCRIPTOR = 99
"""Where a program finds ``run.record`` open: beyond the numbers used in shell redirections."""

_CHUNK = 1 << 16
_PIPE_LIMIT = 1 << 20
_SHORTAGES = {
    errno.EAGAIN,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EROFS,
}
_RESTORED = {
    number
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGXFSZ", "SIGCHLD")
    if (number := getattr(signal, name, None)) is not None
}


class Keeper:
    """The loop of one keeper process, until its agent or its spawner is gone.

    Through `locks` come the locked files, each ahead of its message.
    """

    def __init__(self, agent: Wire, locks: Wire, leash: int) -> None:
        self._agent = agent
        self._locks = locks
        self._leash = leash
        self._bell = Bell()
        self._inbox: list[dict[str, Any]] = []
        me = look(os.getpid())
        self._about = (os.getpid(), me.start if me else 0)
        self._poll = select.poll()
        for descriptor in (agent.fileno(), leash, self._bell.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    def serve(self) -> None:
        """Run one program after the other."""
        while True:
            ready = {descriptor for descriptor, _ in self._poll.poll()}
            self._bell.silence()
            if self._leash in ready:
                return
            if self._agent.fileno() in ready:
                self._inbox += self._agent.receive()
            while self._inbox:
                message = self._inbox.pop(0)
                if "argv" not in message:
                    continue  # a stop that crossed the end of its program
                self._locks.receive()
                if not self._keep(message, self._locks.files.pop(0)):
                    return
            if self._agent.closed:
                return

    def _keep(self, message: dict[str, Any], lock: int) -> bool:
        """Run one program to its end; False if the agent or the spawner has gone meanwhile."""
        reach("keeper.before_child")
        try:
            program = Program(message, lock, self._about)
        except (OSError, ValueError) as error:
            os.close(lock)
            kind = "unable" if getattr(error, "errno", 0) in _SHORTAGES else "refused"
            return self._answer({kind: _refusal(error, message)})
        reach("keeper.running")
        free = self._attend(program)
        code, by = program.finish()
        if by == "exited" or free:
            return self._answer({"ended": code, "by": by}) and free
        # Killed because the spawner is gone. The agent asked for nothing: it finds the run lost.
        return False

    def _attend(self, program: Program) -> bool:
        """Wait until the program has ended or must not go on.

        False if it must not because the agent or the spawner has gone.
        """
        self._poll.register(program.output, select.POLLIN)
        free = True
        while program.is_running and free:
            while self._inbox:  # at once, it may have come in one piece with the start
                program.stop(float(self._inbox.pop(0)["stop"]))
            ready = {descriptor for descriptor, _ in self._poll.poll(program.patience)}
            self._bell.silence()
            # Before hearing the agent: a stop that comes now does not make it "killed".
            if program.output in ready and not program.read():
                self._poll.unregister(program.output)
            program.reap()
            if self._agent.fileno() in ready:
                self._inbox += self._agent.receive()
            free = not (self._agent.closed or self._leash in ready)
            if program.patience == 0:
                break
        if program.is_open:
            self._poll.unregister(program.output)
        return free

    def _answer(self, message: dict[str, Any]) -> bool:
        try:
            self._agent.send(message)
        except OSError:  # the agent is gone: whoever comes next reads what was noted
            return False
        return True


class Program:
    """One program and everything it started.

    `about` names the keeper (number and start). Raises `OSError` or `ValueError` (a name or value
    that no environment can hold) if it cannot be started; then nothing was, and `lock` is still the
    caller's.
    """

    def __init__(self, message: dict[str, Any], lock: int, about: tuple[int, int]) -> None:
        self._lock = lock
        status = os.fstat(lock)
        self._mark = Mark(message["run"], message["installation"], (status.st_dev, status.st_ino))
        self._code: int | None = None
        self._deadline: float | None = None
        self._signalled = False
        self._log_error: OSError | None = None
        self.is_open = True
        self._log_file: str = message["log"]
        self._log: int | None = None  # opened with the first output: many programs print nothing
        # Opened now, locked at the end: the program may delete the file, or the whole directory.
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        self._record = os.open(f"{message['directory']}/run.record", flags)
        try:
            self._start(message, about)
        except BaseException:
            os.close(self._record)
            raise

    def _start(self, message: dict[str, Any], about: tuple[int, int]) -> None:
        # Before the program: while this is missing, nothing was started.
        note(self._record, {"keeper": about})
        self.output, writer = os.pipe()
        os.set_blocking(self.output, False)
        try:
            os.chdir(message["cwd"])
            self._pid = os.posix_spawnp(
                message["argv"][0],
                message["argv"],
                message["environment"],
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, message["stdin"], os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, writer, 1),
                    (os.POSIX_SPAWN_DUP2, writer, 2),
                    (os.POSIX_SPAWN_DUP2, self._lock, LOCK_DESCRIPTOR),
                ],
                setsid=True,
                setsigmask=(),
                setsigdef=_RESTORED,
            )
        except BaseException:
            os.close(self.output)
            raise
        finally:
            os.close(writer)
            os.chdir("/")

    @property
    def is_running(self) -> bool:
        """Whether the program, or something it started that holds its output open, is alive."""
        return self._code is None or self.is_open

    @property
    def patience(self) -> int | None:
        """Milliseconds left until the tree has to be killed; None while nobody asked."""
        if self._deadline is None:
            return None
        return max(0, round((self._deadline - time.monotonic()) * 1000))

    def read(self) -> bool:
        """Copy what is in the pipe to the log; False at its end."""
        try:
            data = os.read(self.output, _CHUNK)
        except BlockingIOError:
            return True
        if data:
            self._append(data)
        else:
            self.is_open = False
            os.close(self.output)
        return self.is_open

    def reap(self) -> bool:
        """Collect the dead; False if there is no child left, dead or alive: the tree is empty."""
        try:
            while (child := os.waitpid(-1, os.WNOHANG))[0]:
                if child[0] == self._pid:
                    code = os.waitstatus_to_exitcode(child[1])
                    self._code = code if code >= 0 else 128 - code
        except ChildProcessError:
            return False
        return True

    def stop(self, grace: float) -> None:
        """SIGTERM to the groups of the program's session; `grace` seconds later kill the tree."""
        self._signalled = True
        deadline = time.monotonic() + grace
        self._deadline = deadline if self._deadline is None else min(deadline, self._deadline)
        if grace <= 0:
            return
        below = descendants(os.getpid())
        groups = {process.group for process in below if process.session == self._pid}
        for group in groups if LINUX else {self._pid}:
            try:
                os.killpg(group, signal.SIGTERM)
            except (ProcessLookupError, PermissionError):  # just ended, or another user's (sudo)
                continue

    def finish(self) -> tuple[int, str]:
        """Kill what is left, prove that nothing is, and say how the program ended.

        "exited" means that it had exited, and its output had ended, before anybody sent a signal.
        """
        if self._code is not None:
            self._drain()  # the agent may have died while the last output was still in the pipe
        by = "killed" if self._signalled or self.is_running else "exited"
        self._kill_tree()
        self._drain()
        if self.is_open:
            self.is_open = False
            os.close(self.output)
        if self._log is not None:
            if self._log_error is not None:
                self._mark_truncated(self._log, self._log_error)
            os.close(self._log)
        code = self._code if self._code is not None else 128 + signal.SIGKILL
        reach("keeper.before_exit")
        try:
            note(self._record, {"exit": {"code": code, "by": by}})
        except OSError:
            # The disk is full. The agent gets the answer by message; if it is gone too, a missing
            # exit means "outcome unknown", which is then the truth.
            os.close(self._lock)
        else:
            os.close(self._lock)
        self._prove_unlocked()
        return code, by

    def _kill_tree(self) -> None:
        # A subreaper without children has no descendants, and none can appear any more.
        pause = 0.001
        while self.reap():
            if LINUX:
                kill(descendants(os.getpid()))
            elif self._code is None:
                os.killpg(self._pid, signal.SIGKILL)
            time.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _prove_unlocked(self) -> None:
        # A shared lock, as in `digpy.filelock`: two who only ask do not disturb each other.
        pause = 0.001
        while True:
            try:
                fcntl.flock(self._record, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not LINUX:
                    break  # a daemon has escaped: there is no way to find it
            # The descriptor was handed to a process outside the tree, through a socket.
            kill([process for process, _ in bearers([self._mark])])
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        os.close(self._record)

    def _drain(self) -> None:
        # At most what a pipe can hold: what is left of the tree may write without end.
        for _ in range(_PIPE_LIMIT // _CHUNK):
            if not (self.is_open and select.select([self.output], [], [], 0)[0] and self.read()):
                return

    def _append(self, data: bytes) -> None:
        # A full disk must not stop the program: it goes on, its log does not.
        if self._log_error is not None:
            return
        try:
            if self._log is None:
                os.makedirs(os.path.dirname(self._log_file), exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._log = os.open(self._log_file, flags, 0o600)
            while data:
                data = data[os.write(self._log, data) :]
        except OSError as error:
            self._log_error = error

    def _mark_truncated(self, log: int, error: OSError) -> None:
        try:
            os.write(log, f"\n[digpy: log truncated: {error.strerror}]\n".encode())
        except OSError:  # the disk is still full; the log ends where it ends
            return


class Bell:
    """Rings (becomes readable) when a child has died."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._reader

    def silence(self) -> None:
        """Forget the deaths so far: to be called before, not after, they are looked at."""
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Stop listening."""
        signal.set_wakeup_fd(-1)
        os.close(self._reader)
        os.close(self._writer)


def _refusal(error: OSError | ValueError, message: dict[str, Any]) -> str:
    # Follows digdag 0.10.5, whose users see what Java says.
    text = f'Cannot run program "{message["argv"][0]}" (in directory "{message["cwd"]}"): '
    if isinstance(error, ValueError):
        return f"{text}{error}"
    text += f"error={error.errno}, {error.strerror}"
    if error.errno == errno.E2BIG:
        sizes = {name: len(value) for name, value in message["environment"].items()}
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
        text += "; the largest variables are " + ", ".join(
            f"{name} ({sizes[name]} characters)" for name in largest
        )
    return text
