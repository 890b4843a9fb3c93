"""``digpy scheduler`` with a ``kill -9`` at each step from a due session to its program.

Whatever died: every session is started once, and its program runs once unless it was running.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command import CommandProject, projects
from tests.support.eventually import eventually

Make = Callable[[Mapping[str, str]], CommandProject]

WORKFLOW = """\
timezone: UTC
schedule: {seconds_interval>: 1}
+effect:
  sh>: sh effect.sh ${session_time}
"""

BEFORE_THE_PROGRAM = (
    "scheduler.before_insert:2",
    "scheduler.after_insert:2",
    "scheduler.before_commit:2",
    "scheduler.after_commit:2",
    "leader.after_admission:2",
    "crew.before_launch:2",
    "supervisor.after_intent:2",
    "worker.before_hello",
    "worker.after_hello",
    "agent.after_claim",
)
"""Places where the program of a session has not begun; the last three are of its worker."""

AROUND_THE_PROGRAM = ("agent.running", "agent.before_finish", "executor.before_end")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Make]:
    yield from projects(tmp_path)


def ended_sessions(site: CommandProject) -> int:
    return Counter(row["phase"] for row in site.attempts)["success"]


def killed_once(site: CommandProject, place: str, once: Path) -> None:
    """Let schedulers run, one of which dies there, until several sessions have succeeded after."""
    environment = {"DIGPY_FAILPOINT": place, "DIGPY_FAILPOINT_ONCE": str(once)}
    command = site.begin("scheduler", **environment)
    eventually(once.exists, within=20)
    if place.startswith(("scheduler", "leader", "crew", "supervisor")):
        assert command.wait().code == -9
        command = site.begin("scheduler", **environment)
    done = ended_sessions(site)
    eventually(lambda: ended_sessions(site) >= done + 3, within=30)
    command.send(signal.SIGTERM)
    assert command.wait().code == 0
    times = [row["session_time"] for row in site.rows("SELECT session_time FROM sessions")]
    assert sorted(times) == list(range(min(times), max(times) + 1, 1_000_000))
    assert len(site.attempts) == len(times)
    site.assert_clean()


@pytest.mark.parametrize("place", BEFORE_THE_PROGRAM)
def test_a_session_runs_once_if_its_start_was_cut_off(
    project: Make, place: str, tmp_path: Path
) -> None:
    site = project({"w.dig": WORKFLOW})
    killed_once(site, place, tmp_path / "once")
    assert set(Counter(effect.text for effect in site.effects).values()) == {1}


@pytest.mark.parametrize("place", AROUND_THE_PROGRAM)
def test_a_session_ends_once_if_its_worker_died_beside_the_program(
    project: Make, place: str, tmp_path: Path
) -> None:
    site = project({"w.dig": WORKFLOW})
    killed_once(site, place, tmp_path / "once")
    counts = Counter(effect.text for effect in site.effects)
    assert sum(counts.values()) <= len(counts) + 1
