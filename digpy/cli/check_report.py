"""What ``digpy check`` answers: the report in digdag's layout, and the same as JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from digpy.cli.steps import Step, workflow_steps
from digpy.control.triggers import ScheduledTime, upcoming
from digpy.control.yaml_text import yaml_lines
from digpy.dsl.model import Workflow
from digpy.dsl.nodes import MappingNode
from digpy.dsl.schedule import read_schedule
from digpy.dsl.timezones import zone
from digpy.source import Problem, Span
from digpy.values import SECOND, Json, Params

TIMES = 10
"""How many session times of a schedule are told."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Checked(NamedTuple):
    """A workflow that was found, and the mapping of its file."""

    workflow: Workflow
    node: MappingNode

    def steps(self) -> Step:
        """Its tasks, for those who want to see them."""
        return workflow_steps(self.workflow.definitions, self.node)


def report_lines(checked: Sequence[Checked], parameters: Params, now: int) -> Iterator[str]:
    """The report in digdag's layout, a line at a time; `now` (UTC microseconds) dates schedules."""
    yield f"  System default timezone: {_system_timezone()}"
    yield ""
    yield f"  Definitions ({len(checked)} workflows):"
    for workflow, _ in checked:
        yield f"    {workflow.name} ({workflow.definitions.static_count(0)} tasks)"
        yield from (f"      -> {target}" for target in _required(workflow))
    yield ""
    yield "  Parameters:"
    yield from (f"    {line}" for line in yaml_lines(parameters))
    yield ""
    scheduled = [workflow for workflow, _ in checked if workflow.schedule is not None]
    yield f"  Schedules ({len(scheduled)} entries):"
    for workflow in scheduled:
        yield f"    {workflow.name}:"
        yield from (f"      {line}" for line in yaml_lines(workflow.schedule))
        yield from (f"      {line}" for line in _times(workflow, now))
    yield ""


def as_json(
    checked: Sequence[Checked], parameters: Params, problems: Sequence[Problem], now: int
) -> Params:
    """Everything that is known, for programs; ``docs/cli.md`` describes it."""
    return {
        "timezone": _system_timezone(),
        "workflows": [_workflow_as_json(item, now) for item in checked],
        "parameters": parameters,
        "problems": [_problem_as_json(problem) for problem in problems],
    }


def _times(workflow: Workflow, now: int) -> Iterator[str]:
    """Two lines of digdag's about the first session, then the sessions that follow it."""
    due = _upcoming(workflow, now)
    if not due:
        yield "no session is left: the schedule has ended"
        return
    first = due[0]
    wait = _difference(first.run_time - now)
    yield f"first session time: {_time(first.session_time, workflow)}"
    yield f"first scheduled to run at: {_time(first.run_time, workflow)} (in {wait})"
    if len(due) > 1:
        yield "next session times:"
        yield from (f"  {_time(item.session_time, workflow)}" for item in due[1:])


def _upcoming(workflow: Workflow, now: int) -> list[ScheduledTime]:
    if workflow.schedule is None:
        return []
    return upcoming(read_schedule(workflow.schedule), workflow.timezone, now, TIMES)


def _local(instant: int, workflow: Workflow) -> datetime:
    return (_EPOCH + timedelta(microseconds=instant)).astimezone(zone(workflow.timezone))


def _time(instant: int, workflow: Workflow) -> str:
    return f"{_local(instant, workflow):%Y-%m-%d %H:%M:%S %z}"


def _difference(microseconds: int) -> str:
    """``11h 16m 32s``, as digdag writes it: leading zero units are left out."""
    seconds = max(0, microseconds) // SECOND
    hours, minutes = seconds // 3600, seconds // 60 % 60
    parts = [f"{hours}h"] if hours else []
    parts += [f"{minutes}m"] if hours or minutes else []
    return " ".join([*parts, f"{seconds % 60}s"])


def _required(workflow: Workflow) -> list[str]:
    """The workflows that ``require>`` names, as written, each once."""
    targets: dict[str, None] = {}
    for task in workflow.definitions.tasks:
        target = task.config.get("require>")
        if task.config.get("_type") == "require":
            target = task.config.get("_command")
        if isinstance(target, str):
            targets[target] = None
    return list(targets)


def _workflow_as_json(checked: Checked, now: int) -> Params:
    workflow = checked.workflow
    requires: list[Json] = [*_required(workflow)]
    sessions: list[Json] = [
        {
            "session_time": _local(due.session_time, workflow).isoformat(),
            "run_time": _local(due.run_time, workflow).isoformat(),
        }
        for due in _upcoming(workflow, now)
    ]
    return {
        "name": workflow.name,
        "timezone": workflow.timezone,
        "tasks": workflow.definitions.static_count(0),
        "requires": requires,
        "schedule": workflow.schedule,
        "next_sessions": sessions,
        "root": _step_as_json(checked.steps()),
    }


def _step_as_json(step: Step) -> Params:
    after: list[Json] = [*step.after]
    return {
        "name": step.name,
        "full_name": step.full_name,
        "operator": step.operator,
        "command": step.command,
        **_place(step.span),
        "generated": step.made or None,
        "disabled": step.disabled,
        "after": after,
        "parallel": step.parallel,
        "children": [_step_as_json(child) for child in step.children],
    }


def _problem_as_json(problem: Problem) -> Params:
    return {
        "severity": problem.severity,
        "message": problem.message,
        "reason": problem.reason,
        "help": problem.help,
        **_place(problem.span),
    }


def _place(span: Span | None) -> Params:
    return {
        "file": span.source.name if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
    }


def _system_timezone() -> str:
    zone_name = os.environ.get("TZ", "").removeprefix(":")
    if zone_name:
        return zone_name
    _, found, name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    return name if found else time.tzname[0]
