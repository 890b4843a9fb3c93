"""The spawner: a small process that makes keepers, and clears up after one that was killed.

The agent (`digpy.agent.programs`) starts it before its first program, as an interpreter without
site packages: forking a keeper from it is cheap, and safe because it has one thread. It is a
subreaper, so the orphans of a dead keeper become its children, which is how it knows them. The
agent sends ``{"keeper": number}`` with the keeper's two sockets; the answer to a dead keeper is
``{"gone": number}``, when nothing that the keeper left is alive.

When the agent is gone the keepers see it themselves; the spawner waits for them and then ends. Its
own death ends the keepers: it holds the other end of their leash. Standard library only, and the
only user of ctypes.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys

from digpy.agent.keeper import Bell, Keeper
from digpy.agent.processes import descendants, kill
from digpy.agent.wire import Wire

_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_PAUSE = 5  # milliseconds
_SWEEP_PAUSE_LONG = 100


class Spawner:
    """Makes keepers until the agent is gone, then waits until they are."""

    def __init__(self, agent: Wire) -> None:
        self._agent = agent
        self._bell = Bell()
        self._leash, self._leash_end = os.pipe()
        self._keepers: dict[int, int] = {}  # pid -> number
        self._dead: list[int] = []  # numbers of keepers whose orphans may live
        self._calm = 0  # consecutive scans that found no orphan

    def serve(self) -> None:
        """The loop."""
        poll = select.poll()
        poll.register(self._agent.fileno(), select.POLLIN)
        poll.register(self._bell.fileno(), select.POLLIN)
        pause = _SWEEP_PAUSE
        while not self._agent.closed or self._keepers or self._dead:
            ready = {descriptor for descriptor, _ in poll.poll(pause if self._dead else None)}
            self._bell.silence()
            if self._agent.fileno() in ready:
                for message in self._agent.receive():
                    files = self._agent.files
                    self._fork(message["keeper"], [files.pop(0), files.pop(0)])
                if self._agent.closed:
                    poll.unregister(self._agent.fileno())
            self._reap()
            if self._dead:
                self._sweep()
                pause = min(2 * pause, _SWEEP_PAUSE_LONG)
            else:
                pause = _SWEEP_PAUSE

    def _fork(self, number: int, ends: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError:  # too many processes: as if the keeper had died at once
            self._dead.append(number)
        else:
            if pid == 0:
                self._become_keeper(*ends)
            self._keepers[pid] = number
        for end in ends:
            os.close(end)

    def _become_keeper(self, *ends: int) -> None:
        # Never returns: the loop above must not run twice.
        status = 70
        try:
            self._agent.close()  # or the agent would not notice the spawner's death
            os.close(self._leash_end)
            self._bell.close()
            _become_subreaper()
            agent, locks = (Wire(socket.socket(fileno=end)) for end in ends)
            Keeper(agent, locks, self._leash).serve()
            status = 0
        except BaseException:  # noqa: BLE001 - the last place where it can be shown
            import traceback  # on use: it would be a fifth of the spawner's start

            traceback.print_exc()
        finally:
            os._exit(status)

    def _reap(self) -> None:
        try:
            while (child := os.waitpid(-1, os.WNOHANG))[0]:
                number = self._keepers.pop(child[0], None)
                if number is not None and child[1] != 0:  # else it has proved its tree empty
                    self._dead.append(number)
                    self._calm = 0
        except ChildProcessError:
            return

    def _sweep(self) -> None:
        # What is below the spawner and not below a living keeper was left by a dead one.
        orphans = descendants(os.getpid(), sparing=self._keepers)
        if orphans:
            self._calm = 0
            kill(orphans)
            return
        self._calm += 1
        if self._calm < 2:
            return
        for number in self._dead:
            try:
                self._agent.send({"gone": number})
            except OSError:  # the agent is gone: the janitor waits for this process to end
                break
        self._dead.clear()


def main() -> None:
    """What the spawner process does, from start to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    _become_subreaper()
    end = socket.socket(fileno=int(sys.argv[2]))
    end.set_inheritable(False)
    Spawner(Wire(end)).serve()
    os._exit(0)  # its agent waits, and nothing has to be taken apart


def _become_subreaper() -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"this process cannot adopt orphans: {os.strerror(code)}")
