"""The clock of the machine is set while a real command runs: limits do not move."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually
from tests.support.slow import SLOW, let_go, started, texts

Make = Callable[[Mapping[str, str]], CommandProject]

ARCHITECTURE = sysconfig.get_config_var("MULTIARCH")
LIBRARY = Path(f"/usr/lib/{ARCHITECTURE}/faketime/libfaketime.so.1")

# Nothing that a keeper would have to kill: libfaketime fails the sleep in which it waits for that.
SLOW_ALONE = {**SLOW, "slow.sh": "sh effect.sh slow\nuntil test -e go; do sleep 0.02; done\n"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """A file that says how far the clock of whoever gets `faked` is off."""
    if not LIBRARY.exists():
        # Continuous integration installs it, so there it has to be.
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("libfaketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    return clock


def faked(clock: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        # A clock that is set does not move the time since boot.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@pytest.mark.parametrize("jump", ["+1d", "-1h"])
def test_a_clock_that_is_set_fires_no_limit(project: Make, clock: Path, jump: str) -> None:
    run = project({**SLOW_ALONE, "w.dig": f"_run_timeout: 2h\n{SLOW['w.dig']}"})
    command = started(run, **faked(clock))
    clock.write_text(jump)
    eventually(lambda: run.events("supervisor.clock_step"))
    let_go(run)
    ended = command.wait()
    assert ended.code == 0, ended.err
    assert texts(run) == ["before", "slow", "after"]
    assert run.events("attempt.canceling") == []
    run.assert_clean()
