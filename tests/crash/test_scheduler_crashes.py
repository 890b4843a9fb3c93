"""``kill -9`` of a scheduler at each step of a start: every session is started once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from digpy.store.schedules import Place
from tests.support.command import ROOT
from tests.support.instants import instant
from tests.support.scheduling import Scheduled

PLACES = (
    "scheduler.before_insert",
    "scheduler.after_insert",
    "scheduler.before_commit",
    "scheduler.after_commit",
)

WORKFLOW = "schedule: {hourly>: '00:00'}\n+a: {echo>: a}\n"

SCHEDULE = f"""
import sys
from pathlib import Path
from tests.support.scheduling import Scheduled

site = Scheduled(Path(sys.argv[1]), {{"w": {WORKFLOW!r}}}, now="2016-01-01T03:30:00")
site.look()
site.close()
"""


def schedule(directory: Path, **environment: str) -> int:
    """Another process that starts what is due at half past three; its exit code."""
    return subprocess.run(
        [sys.executable, "-c", SCHEDULE, str(directory)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        timeout=60,
    ).returncode


@pytest.mark.parametrize("pass_", [1, 2])
@pytest.mark.parametrize("place", PLACES)
def test_a_killed_scheduler_leaves_every_session_to_be_started_once(
    tmp_path: Path, place: str, pass_: int
) -> None:
    site = Scheduled(tmp_path, {"w": WORKFLOW})
    assert schedule(tmp_path, DIGPY_FAILPOINT=f"{place}:{pass_}") == -9
    assert schedule(tmp_path) == 0
    assert site.sessions("w") == ["2016-01-01T01:00", "2016-01-01T02:00", "2016-01-01T03:00"]
    three, four = (instant(f"2016-01-01T0{hour}:00") for hour in (3, 4))
    assert site.schedule("w").place == Place(four, four, three)
    site.close()
