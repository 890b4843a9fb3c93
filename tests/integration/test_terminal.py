"""``digpy run`` on a terminal: what a person sees of it while it goes on, and at the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.command import ROOT
from tests.support.eventually import eventually

WORKFLOW = """\
timezone: UTC
+first:
  echo>: hello
+group:
  _parallel: true
  +quick:
    sh>: echo quick
  +slow:
    sh>: echo slow starts; until test -f go; do sleep 0.05; done
+last:
  echo>: bye
"""

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A command on a terminal of its own; what it wrote is collected."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.resize(100, 30)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        environment["LANG"] = "C.UTF-8"
        for name in ("COLUMNS", "LINES"):  # they would win over the size of the terminal
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "digpy", "run", "w.dig", *arguments],
            cwd=directory,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._written = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 65536):
                self._written += data
        except OSError:  # the other end is closed
            return

    @property
    def text(self) -> str:
        """Everything written so far, without colours and movements."""
        return _CONTROL.sub("", self._written.decode(errors="replace"))

    def shows(self, *texts: str) -> Callable[[], bool]:
        """A condition for `eventually`."""
        return lambda: all(text in self.text for text in texts)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size, as a person does with the mouse."""
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, size)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        os.killpg(self._process.pid, number)

    def wait(self) -> int:
        """The exit code, once everything has been read."""
        code = self._process.wait(30)
        self._reader.join(10)
        return code

    def close(self) -> None:
        """Stop it, whatever it does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(10)
        os.close(self._master)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_terminal(*arguments: str, workflow: str = WORKFLOW) -> Terminal:
        (tmp_path / "w.dig").write_text(workflow)
        opened.append(Terminal(tmp_path, "--session", "2024-03-05", *arguments))
        return opened[-1]

    yield open_terminal
    (tmp_path / "go").touch()
    for terminal in opened:
        terminal.close()


def test_the_tree_shows_what_is_done_what_runs_and_what_waits(
    terminal: Open, tmp_path: Path
) -> None:
    shown = terminal()

    eventually(shown.shows("slow starts", "✔ +first echo>", "✔ +quick sh>", "▶ +slow sh>"))
    assert "w  2024-03-05T00:00:00+00:00  running" in shown.text
    assert "▶ +group  1/2" in shown.text
    assert "· +last" in shown.text
    (tmp_path / "go").touch()

    assert shown.wait() == 0
    assert shown.text.count("bye\n") == 1
    assert "Success. w, session 2024-03-05T00:00:00+00:00 (attempt 1)" in shown.text
    assert "  4 tasks ran" in shown.text


def test_the_end_leaves_the_terminal_as_it_was(terminal: Open, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    shown = terminal()

    shown.wait()

    written = shown._written.decode()
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is back
    assert "\x1b[" not in written[written.index("Success.") :]


def test_another_size_of_the_terminal_is_followed(terminal: Open, tmp_path: Path) -> None:
    shown = terminal()
    eventually(shown.shows("▶ +slow sh>"))

    shown.resize(12, 4)
    before = len(shown.text)
    eventually(lambda: "…" in shown.text[before:])  # names are cut, lines counted
    shown.resize(200, 50)
    (tmp_path / "go").touch()

    assert shown.wait() == 0
    assert "Traceback" not in shown.text


def test_interrupting_is_answered_and_summed_up(terminal: Open) -> None:
    shown = terminal()
    eventually(shown.shows("slow starts", "▶ +slow sh>"))

    shown.send(signal.SIGINT)

    assert shown.wait() == 130
    assert "canceling: tasks are asked to stop (once more to kill them)" in shown.text
    assert "error: canceled: w" in shown.text
    assert "never ran because of it: +w+last" in shown.text


def test_a_second_interrupt_kills_what_does_not_stop(terminal: Open, tmp_path: Path) -> None:
    stubborn = "+a:\n  sh>: trap '' TERM; echo stubborn; while true; do sleep 0.05; done\n"
    shown = terminal(workflow=stubborn)
    eventually(shown.shows("stubborn"))

    shown.send(signal.SIGINT)
    eventually(shown.shows("canceling:"))
    shown.send(signal.SIGINT)

    assert shown.wait() == 130
    assert "killing what is left" in shown.text


def test_many_tasks_are_counted_and_not_listed(terminal: Open, tmp_path: Path) -> None:
    many = "+each:\n  loop>: 200\n  _do:\n    echo>: item ${i}\n"
    waiting = "+end:\n  sh>: until test -f go; do sleep 0.05; done\n"
    shown = terminal(workflow=many + waiting)

    eventually(shown.shows("▶ +end sh>"))
    frame = shown.text[shown.text.rindex("w  2024-03-05") :]
    assert len(frame.splitlines()) < 30
    assert "✔ +each loop>" in frame
    (tmp_path / "go").touch()

    assert shown.wait() == 0
    assert "202 tasks ran" in shown.text
