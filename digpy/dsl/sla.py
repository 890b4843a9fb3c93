"""``sla:``: by when a session should have ended, and what happens if it has not.

Follows digdag 0.10.5, except that what cannot be read is refused where it is written: digdag finds
bad times when an attempt is created, takes unreadable switches for their defaults, and drops tasks
that cannot be compiled.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from digpy.dsl.model import SLA_ALERT, SLA_FAIL, SLA_TASK
from digpy.dsl.nodes import MappingNode, key_span, value_span
from digpy.dsl.options import Unsuitable, boolean
from digpy.dsl.tree import Tree
from digpy.dsl.written import clock_time, plain_text, problem_of
from digpy.errors import CompileError
from digpy.source import Problem, Span, sort_problems
from digpy.values import Params

_OPTIONS = ("time", "duration", "alert", "fail")
_MESSAGE = "SLA violation"


class SlaDefinition(NamedTuple):
    """A service level agreement, read.

    Attributes:
        kind: ``duration`` counts from the run time, ``time`` is a time of day.
        seconds: the length of time, or the time since midnight.
        alert: send a notification when it is missed.
        fail: fail the attempt when it is missed.
        task: the mapping of the tasks that run when it is missed; may be empty.
    """

    kind: Literal["time", "duration"]
    seconds: int
    alert: bool
    fail: bool
    task: Params


def read_sla(mapping: Params) -> SlaDefinition:
    """Read the value of ``sla:``. Raises `CompileError` with everything that is wrong in it."""
    problems: list[Problem] = []
    kind: Literal["time", "duration"] = "duration" if mapping.get("time") is None else "time"
    seconds = 0
    if (mapping.get("time") is None) == (mapping.get("duration") is None):
        problems.append(_one_of_both(mapping))
    else:
        example = '"02:00"' if kind == "time" else '"00:30:00"'
        what = "a time of day" if kind == "time" else "a length of time"
        try:
            text = plain_text(mapping[kind])
            seconds = clock_time(text, "HH:MM HH:MM:SS", what, example)
        except Unsuitable as error:
            problems.append(problem_of(error, mapping, kind))
    alert = _switch(mapping, "alert", True, problems)
    fail = _switch(mapping, "fail", False, problems)
    task = _task(mapping)
    unknown = [] if _has_operator(task) else [key for key in task if key[:1] not in ("+", "_")]
    problems.extend(_unknown_option(task, key) for key in unknown)
    if not unknown:
        Tree(problems).build(SLA_TASK, SLA_TASK, task)
    if problems:
        raise CompileError(sort_problems(problems))
    return SlaDefinition(kind, seconds, alert, fail, task)


def sla_trees(sla: SlaDefinition) -> list[Tree]:
    """The tasks that are added below the root when `sla` is missed, in digdag's order.

    Without own tasks there is no ``^sla``; digdag adds an empty group.
    """
    tasks: list[tuple[str, Params]] = []
    if sla.alert:
        tasks.append((SLA_ALERT, {"_type": "notify", "_command": _MESSAGE}))
    if sla.fail:
        tasks.append((SLA_FAIL, {"_type": "fail", "_command": _MESSAGE}))
    if sla.task:
        tasks.append((SLA_TASK, sla.task))
    trees = [Tree([]) for _ in tasks]
    for tree, (name, mapping) in zip(trees, tasks, strict=True):
        tree.build(name, name, mapping)
    return trees


def _one_of_both(mapping: Params) -> Problem:
    span = key_span(mapping, "duration")
    if span is None and isinstance(mapping, MappingNode):
        span = Span(mapping.source, mapping.start, mapping.end)
    return Problem("sla needs either time or duration", span, help='for example time: "02:00"')


def _unknown_option(task: Params, key: str) -> Problem:
    from digpy.dsl.suggest import did_you_mean

    advice = did_you_mean(key, _OPTIONS) or 'the name of a task begins with "+"'
    return Problem(f'unknown option "{key}" in sla', key_span(task, key), help=advice)


def _switch(mapping: Params, key: str, default: bool, problems: list[Problem]) -> bool:
    if mapping.get(key) is None:
        return default
    try:
        return boolean(key, mapping[key])
    except Unsuitable as error:
        problems.append(Problem(str(error), value_span(mapping, key)))
        return default


def _has_operator(task: Params) -> bool:
    return any(key == "_type" or (key[-1:] == ">" and key[:1] != "+") for key in task)


def _task(mapping: Params) -> Params:
    """What is left of the mapping without the options."""
    if not isinstance(mapping, MappingNode):
        return {key: value for key, value in mapping.items() if key not in _OPTIONS}
    task = MappingNode(mapping.source, mapping.start, mapping.end)
    for key, value in mapping.items():
        if key not in _OPTIONS:
            task.add(key, value, mapping.offsets[key])
    return task
