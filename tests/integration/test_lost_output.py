"""Output that cannot be written: what runs goes on, and what was asked ends with one line."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT
from tests.support.eventually import eventually

WORKFLOW = """\
timezone: UTC
+first:
  sh>: echo one
+second:
  sh>: echo two
+third:
  sh>: echo three > done
"""
FULL = "standard output cannot be written: No space left on device"


def digpy(words: str, directory: Path, redirected: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``digpy`` as a shell does, its descriptors `redirected`."""
    return subprocess.run(
        f"{shlex.quote(sys.executable)} -m digpy {words} {redirected}",
        shell=True,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def python(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose standard streams are those of ``digpy``."""
    opening = "from digpy.cli.streams import *; import os, sys; open_standard_streams()\n"
    return subprocess.run(
        [sys.executable, "-c", opening + script], capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "w.dig").write_text(WORKFLOW)
    return tmp_path


@pytest.mark.parametrize(
    "redirected", ["> /dev/full", "2> /dev/full", "> /dev/full 2>&1", ">&-", "2>&-", "<&- >&- 2>&-"]
)
def test_a_run_does_its_work_whatever_its_output_is(project: Path, redirected: str) -> None:
    ended = digpy("run w.dig", project, redirected)

    assert ended.returncode == 0
    assert (project / "done").read_text() == "three\n"
    assert "Traceback" not in ended.stderr


def test_a_run_goes_on_when_nobody_reads_its_output_and_log_any_more(project: Path) -> None:
    digpy("run w.dig", project, "2>&1 | head -n 1")

    assert (project / "done").read_text() == "three\n"


def test_a_run_whose_reader_is_satisfied_says_nothing_of_it(project: Path) -> None:
    ended = digpy("run w.dig", project, "| head -n 1")

    assert ended.stdout == "one\n"
    assert "cannot be written" not in ended.stderr


def test_a_run_says_once_that_its_output_is_lost(project: Path) -> None:
    assert digpy("run w.dig", project, "> /dev/full").stderr.count(FULL) == 1


def test_a_run_whose_log_file_is_full_says_its_lines_elsewhere(project: Path) -> None:
    ended = digpy("run w.dig -L /dev/full", project)

    assert ended.returncode == 0
    assert "[INFO] +w+third: sh>: echo three > done" in ended.stderr


def test_a_scheduler_goes_on_when_its_log_cannot_be_written(project: Path) -> None:
    (project / "w.dig").write_text("timezone: UTC\nschedule: {daily>: '00:00:00'}\n+a: {echo>: x}")
    with Path("/dev/full").open("wb") as full:
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "digpy", "scheduler"],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=full,
        )
    try:
        eventually((project / ".digpy" / "locks" / "scheduler").exists)
        scheduler.send_signal(signal.SIGTERM)

        assert scheduler.wait(30) == 0
    finally:
        scheduler.kill()
        scheduler.wait()


@pytest.mark.parametrize("words", ["attempts", "check", "--help", "--version"])
def test_an_answer_that_cannot_be_written_is_an_error_of_one_line(
    project: Path, words: str
) -> None:
    digpy("run w.dig", project)

    ended = digpy(words, project, "> /dev/full")

    assert (ended.returncode, ended.stderr) == (74, f"error: {FULL}\n")


@pytest.mark.parametrize("words", ["check", "--help"])
def test_an_answer_that_nobody_wants_is_no_error(project: Path, words: str) -> None:
    ended = digpy(words, project, ">&-")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_that_cannot_be_written_leaves_the_exit_code(project: Path) -> None:
    assert digpy("run nope.dig", project, "2> /dev/full").returncode == 1


def test_a_log_tells_how_much_of_it_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "log"
    python(
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 2); print('lost', file=sys.stderr)\n"
        f"os.dup2(os.open({str(file)!r}, os.O_WRONLY | os.O_CREAT), 2)\n"
        "print('kept', file=sys.stderr)"
    )

    assert file.read_text() == "warning: 5 bytes could not be written here\nkept\n"


def test_a_pipe_that_does_not_wait_for_its_reader_is_waited_for() -> None:
    ended = python("os.set_blocking(1, False); print('x' * 1_000_000)")

    assert (ended.stdout, ended.stderr) == ("x" * 1_000_000 + "\n", "")


def test_bytes_that_are_no_text_are_passed_on_as_they_are(project: Path) -> None:
    (project / "w.dig").write_text("timezone: UTC\n+a:\n  sh>: printf '\\377\\376\\n'\n")

    digpy("run w.dig", project, "> ran")
    digpy("log --last +a", project, "> read")

    assert (project / "ran").read_bytes() == b"\xff\xfe\n"
    assert (project / "read").read_bytes().endswith(b"\n\xff\xfe\n")


@pytest.mark.parametrize("words", ["run w.dig", "check", "init .", "doctor"])
def test_a_directory_that_was_removed_is_an_error_without_a_traceback(
    tmp_path: Path, words: str
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    ended = subprocess.run(
        ["sh", "-c", f'rmdir "$PWD"; exec "$0" -m digpy {words}', sys.executable],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.returncode, ended.stderr) == (
        1,
        "error: the current directory was removed\n"
        "    help: cd to a directory that exists, and try again\n",
    )
