"""How agent, spawner and keepers talk: lines of JSON over a socket pair, some with an open file.

Standard library only: the spawner and the keepers import this.
"""

# pathlib would be a third of the spawner's start.
# ruff: noqa: PTH106, PTH108

from __future__ import annotations

import errno
import json
import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SEND_LIMIT = 30
"""Seconds a peer may leave a message unread before it counts as broken."""

_CHUNK = 1 << 16
_SPACE = socket.CMSG_SPACE(4 * struct.calcsize("i"))
_RECEIVE_FLAGS = socket.MSG_DONTWAIT | getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Wire:
    """One end of a conversation; the other end's death is the end of the file.

    Attributes:
        closed: the other end is gone, and everything it had sent has been received.
        files: descriptors that came along and were not taken yet, oldest first.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""
        self.closed = False
        self.files: list[int] = []
        # A send that cannot finish must not hold a single-threaded process for ever.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_LIMIT, 0))

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._socket.fileno()

    def send(self, message: dict[str, Any], *files: int) -> None:
        """Send `message`, and with it copies of the open `files`.

        Raises `OSError` if nobody reads it.
        """
        data = json.dumps(message).encode() + b"\n"
        if files:
            data = data[socket.send_fds(self._socket, [data], files) :]
        if data:
            self._socket.sendall(data)

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have arrived; never waits. Nothing may mean `closed`."""
        try:
            # Not socket.recv_fds: it drops the flags (Python 3.11), and programs would inherit a
            # descriptor without close-on-exec: then their keeper never seems dead.
            data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, _SPACE, _RECEIVE_FLAGS)
        except BlockingIOError:
            return []
        except ConnectionError:  # the other end died with messages of ours unread
            self.closed = True
            return []
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._take(content)
        if not data:
            self.closed = True
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _take(self, content: bytes) -> None:
        count = len(content) // struct.calcsize("i")
        for file in struct.unpack_from(f"{count}i", content):
            os.set_inheritable(file, False)  # where there is no flag for it (macOS)
            self.files.append(file)

    def close(self) -> None:
        """Let go of this end, and of files that nobody took."""
        self._socket.close()
        for file in self.files:
            os.close(file)
        self.files.clear()


def note(file: int, facts: dict[str, Any]) -> None:
    """Append `facts` to the open `file` as a line of JSON; without its end a line does not count.

    Without fsync: it survives every process, not the machine. Raises `OSError`, also if only a part
    of the line could be written.
    """
    line = b"\n%s\n" % json.dumps(facts).encode()  # whatever somebody else has left unfinished
    if os.write(file, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def remove(directory: str) -> None:
    """Delete a directory with all that is in it. Raises `OSError`."""
    # shutil.rmtree without shutil, whose import costs more than a hundred of these.
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove(entry.path)
            else:
                os.unlink(entry.path)
    os.rmdir(directory)
