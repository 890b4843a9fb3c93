"""Standard output and standard error, which may be closed, full, or read by nobody any more.

What is written to them passes through here, whoever writes it (`print`, click, rich, a traceback).
So what to do when that is not possible is decided once: a command that is asked something says that
nobody can hear the answer, and a command that leads attempts goes on without being heard.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

from digpy.errors import Unavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_OUTPUT, _ERROR = 1, 2


def open_standard_streams() -> None:
    """Have `sys.stdout` and `sys.stderr` behave as this module says; once, at the start.

    Descriptors that were closed are ``/dev/null`` from now on. Else the next file or pipe to be
    opened would become standard output, and be written to.
    """
    for descriptor in (0, _OUTPUT, _ERROR):
        try:
            os.fstat(descriptor)
        except OSError:
            drop_what_comes(descriptor)
    # Bytes of a program that are no text (see `digpy.cli.follow`) are written as they were.
    sys.stdout = _text(sys.stdout, _Stream(_OUTPUT), "surrogateescape")
    sys.stderr = _text(sys.stderr, _Stream(_ERROR), "backslashreplace")


def go_on_unheard() -> None:
    """From now on, drop what standard output does not take: attempts depend on this process."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Stream):  # a test may have put something else there
        raw.is_needed = False


def drop_what_comes(descriptor: int) -> None:
    """Have everything that is written to `descriptor` vanish."""
    null = os.open(os.devnull, os.O_RDWR)
    if null == descriptor:
        os.set_inheritable(descriptor, True)
        return
    os.dup2(null, descriptor)
    os.close(null)


class _Stream(io.FileIO):
    """Standard output or error, unbuffered.

    While it `is_needed`, a write raises `BrokenPipeError` if nobody reads any more, and
    `Unavailable` if it fails otherwise. Else what cannot be written is dropped, and that is said on
    standard error, as soon as it is possible there. Standard error is never needed: where it
    cannot be written, an exit code still tells how things ended.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.is_needed = descriptor == _OUTPUT
        self._dropped = 0

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            if self._dropped and self.fileno() == _ERROR:
                self._write(
                    f"warning: {self._dropped:,} bytes could not be written here\n".encode()
                )
                self._dropped = 0
            return self._write(data)
        except OSError as error:
            if self.is_needed and error.errno == errno.EPIPE:
                raise
            if self.is_needed:
                drop_what_comes(self.fileno())  # else the flush at exit would fail again
                what = f"standard output cannot be written: {error.strerror}"
                raise Unavailable(what) from error
            if not self._dropped and self.fileno() == _OUTPUT and error.errno != errno.EPIPE:
                _say_that_output_is_lost(error)
            size = memoryview(data).nbytes
            self._dropped += size
            return size

    def _write(self, data: ReadableBuffer) -> int:
        while (written := super().write(data)) is None:
            # Somebody who has the same terminal or pipe made it one that does not wait.
            select.select([], [self], [])
        return written


def _text(now: TextIO | None, raw: _Stream, errors: str) -> io.TextIOWrapper:
    """The stream that takes the place of `now`, which is None if its descriptor was closed."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8" if now is None else now.encoding,
        errors=errors,
        newline="\n",
        line_buffering=raw.fileno() == _ERROR or raw.isatty(),
    )


def _say_that_output_is_lost(error: OSError) -> None:
    sys.stderr.write(
        f"warning: standard output cannot be written: {error.strerror}\n"
        "    help: nothing else is lost; digpy log shows what tasks printed\n"
    )
    sys.stderr.flush()
