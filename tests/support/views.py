"""Tasks and attempts as a person sees them, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from digpy.cli.view import AttemptView, TaskView
from digpy.engine.states import TaskState
from digpy.values import SECOND
from tests.support.clock import START


def task(
    number: int,
    full_name: str,
    state: str = "success",
    *,
    at: float = 0,
    took: float | None = None,
    **more: Any,
) -> TaskView:
    """A task that started `at` seconds and `took` some; without `took` it never ran."""
    view = TaskView(number, None if number == 1 else 1, full_name, None, TaskState(state))
    if took is not None:
        started = START + int(at * SECOND)
        view = view._replace(how="ran", operator="sh", started_at=started)
        if view.is_done:
            view = view._replace(ended_at=started + int(took * SECOND))
    return view._replace(**more)


def attempt(tasks: Sequence[TaskView], phase: str = "running", **more: Any) -> AttemptView:
    """Attempt 7 of the workflow ``w``."""
    view = AttemptView(7, "w", "2024-01-30T00:00:00+00:00", phase, None, tasks)
    return view._replace(**more)
