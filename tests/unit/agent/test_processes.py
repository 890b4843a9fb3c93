"""Finding processes by what they hold and by what they were given."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digpy.agent import processes
from tests.support.eventually import eventually

HOLD = """\
import fcntl, os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(file, getattr(fcntl, sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def child(*words: str, **environment: str) -> Iterator[int]:
    """A process of these words; it has written a line."""
    with subprocess.Popen(
        [sys.executable, "-c", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_who_holds_a_lock_is_found(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with child(HOLD, path, "LOCK_EX") as pid:
        assert [process.pid for process in processes.holders(path)] == [pid]


def test_who_only_reads_it_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with child(HOLD, path, "LOCK_SH"):
        assert processes.holders(path) == []


def test_who_waits_for_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    waiting = "print(flush=True); import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX)"
    with child(waiting, str(path)):
        assert [process.pid for process in processes.holders(str(path))] == [os.getpid()]
    os.close(file)


def test_nobody_holds_a_file_that_does_not_exist(tmp_path: Path) -> None:
    assert processes.holders(str(tmp_path / "nothing")) == []


SLEEP = "print(flush=True); import sys; sys.stdin.read()"


def test_programs_of_an_installation_are_found_with_their_run() -> None:
    with child(SLEEP, DIGPY_INSTALLATION="ours-of-a-test", DIGPY_RUN="7.12.3") as pid:
        found = processes.members("ours-of-a-test")
    assert [(process.pid, run) for process, run in found] == [(pid, "7.12.3")]


def test_programs_of_others_are_not() -> None:
    with child(SLEEP, DIGPY_INSTALLATION="theirs-of-a-test", DIGPY_RUN="7.12.3"):
        assert processes.members("ours-of-a-test") == []


def test_the_name_of_a_process_has_no_arguments() -> None:
    with child(SLEEP + "# very secret") as pid:
        assert processes.name_of(pid).startswith("python")


def test_a_process_that_is_gone_has_no_name() -> None:
    with child(SLEEP) as pid:
        pass
    assert eventually(lambda: processes.name_of(pid) == "")


def test_a_process_grows_older() -> None:
    began = time.monotonic()
    with child(SLEEP) as pid:
        process = processes.look(pid)
        assert process is not None
        age = processes.age(process)
    assert 0 <= age <= time.monotonic() - began + 0.1  # it is counted in hundredths of seconds
