"""A worker that was replaced, and did not notice, finds out before it writes anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digpy.control.executor import StaleLaunch
from digpy.control.recovery import Control, relaunch
from digpy.store import attempts as attempt_rows
from digpy.store import tasks as task_rows
from tests.support.recorded_execution import Scenario

START = {"workflow": "w", "session_time": "2024-03-05T00:00:00+00:00"}


@pytest.fixture
def scenario(tmp_path: Path) -> Iterator[Scenario]:
    scenario = Scenario(tmp_path, {"w.dig": "+a: {echo>: a}\n+b: {echo>: b}\n"}, {})
    scenario.push()
    scenario.begin(START)
    yield scenario
    scenario.close()


def _launch_again(scenario: Scenario) -> None:
    with scenario.database.reading() as tx:
        row = attempt_rows.load(tx, 1)
    control = Control(scenario.database, scenario.executor, lambda: None)
    relaunch(control, row, lambda _: [], scenario.clock)


def test_a_replaced_worker_is_told_so_and_changes_nothing(scenario: Scenario) -> None:
    _launch_again(scenario)

    with pytest.raises(StaleLaunch):
        scenario.api.exchange([], 1)

    with scenario.database.reading() as tx:
        assert not any(task.started_at for task in task_rows.summary(tx, 1))


def test_the_worker_of_the_new_launch_goes_on(scenario: Scenario) -> None:
    _launch_again(scenario)
    scenario.open[1] = 2

    scenario.run(lambda: not scenario.open)

    assert scenario.attempts()[0]["status"] == "success"
