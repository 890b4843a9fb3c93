"""The limits of an attempt: which number holds, and where it came from.

Precedence: given for the attempt > directive of the workflow > setting. Decided once, when the
attempt is made, and stored; later edits do not change it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from digpy.config import Settings, duration
from digpy.dsl.model import Workflow
from digpy.errors import ConfigError
from digpy.values import SECOND, Json, Params, Template

_DURATIONS = ("start_timeout", "run_timeout", "cancel_timeout")


def effective_limits(
    given: Mapping[str, int | None],
    directives: Params,
    settings: Settings,
    evaluate: Callable[[Template], str],
) -> Params:
    """The limits by name, each ``{"value", "origin"}``.

    Values are microseconds, a count for ``max_resumes``; None is off. `given` are the attempt's
    own, `directives` the workflow's by their written names; their templates are evaluated by
    `evaluate`, once. Raises `ConfigError`.
    """
    limits: Params = {}
    for name in (*_DURATIONS, "max_resumes"):
        value: Json
        if name in given:
            value, origin = given[name], "attempt"
        elif f"_{name}" in directives:
            value, origin = _directive(f"_{name}", directives[f"_{name}"], evaluate), "workflow"
        elif name in _DURATIONS:
            key = f"supervisor.{name}"
            value, origin = settings.duration(key), settings.origin(key)
        else:
            key = f"supervisor.{name}"
            value, origin = settings.integer(key), settings.origin(key)
        limits[name] = {"value": value, "origin": origin}
    return limits


def required_limits(settings: Settings, workflow: Workflow) -> Params:
    """The limits of a workflow that another one requires: its own directives, then the settings."""
    from digpy.expr.evaluate import evaluate_text

    def evaluate(template: Template) -> str:
        return evaluate_text(template, {}, timezone=workflow.timezone)

    return effective_limits({}, workflow.limits, settings, evaluate)


def _directive(name: str, written: Json, evaluate: Callable[[Template], str]) -> int | None:
    if type(written) is Template:
        written = evaluate(written)
    if name == "_max_resumes":
        try:
            count = int(str(written))
        except ValueError:
            count = -1
        if count < 0:
            raise ConfigError(f'{name}: "{written}" is not a whole number from 0 up')
        return count
    value = duration("none" if written is None else str(written), name, "workflow")
    if name == "_cancel_timeout" and (value or 0) < SECOND:
        raise ConfigError(f"{name}: at least 1 s, because every attempt has to end")
    return value
