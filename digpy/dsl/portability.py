"""What of a workflow file works with digpy and not with digdag 0.10.5, for ``check --digdag``.

Modern JavaScript in ``${...}`` is not looked at: only digdag's own engine could tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from digpy.dsl.checker import inner_tasks, operator_of
from digpy.dsl.coercion import to_integer
from digpy.dsl.directives import DIRECTIVES
from digpy.dsl.nodes import key_span, value_span
from digpy.source import Problem, Span
from digpy.values import Json, Template

_EXTENSIONS = frozenset(item.name for item in DIRECTIVES if item.is_extension)

_OPERATORS = frozenset(
    {
        "bq", "bq_ddl", "bq_extract", "bq_load", "call", "echo", "embulk", "emr", "fail",
        "for_each", "for_range", "gcs_wait", "http", "http_call", "if", "loop", "mail", "notify",
        "param_get", "param_set", "pg", "py", "rb", "redshift", "redshift_load",
        "redshift_unload", "require", "s3_wait", "sh", "td", "td_ddl", "td_for_each", "td_load",
        "td_partial_delete", "td_result_export", "td_run", "td_table_export", "td_wait",
        "td_wait_table", "wait",
    }
)  # fmt: skip
"""What digdag 0.10.5 has without plugins."""

_PLUGINS = {
    "param_eval": "pro.civitaspo:digdag-operator-param",
    "param_reset": "pro.civitaspo:digdag-operator-param",
    "param_store": "pro.civitaspo:digdag-operator-param",
}
"""Operators of plugins that are built into digpy, and what digdag has to load for them."""

_SCHEDULE = frozenset({"every", "catchup", "catchup_limit"})
_NOT_PUSHED = frozenset({"_command", "at", "delay"})
"""Options of schedules that digdag reads, and refuses all the same when they are pushed (D13)."""

_REFUSES = "digdag refuses the file"


def portability_problems(node: Mapping[str, Json]) -> Iterator[Problem]:
    """An error for everything in the mapping of a workflow file that digdag does not understand."""
    if operator_of(node) is not None:
        key = next((key for key in node if key[-1:] == ">"), "_type")
        yield _problem(
            "an operator at top level", key_span(node, key), _REFUSES, "put it into a task"
        )
    yield from _schedule(node.get("schedule"))
    plugins = _plugins(node)
    pending: list[tuple[str, Mapping[str, Json]]] = [("the workflow", node)]
    while pending:
        name, task = pending.pop()
        yield from _directives(task, is_top=task is node)
        yield from _operator(task, plugins)
        pending += [(inner, mapping) for inner, mapping, _ in inner_tasks(name, task)]


def _directives(task: Mapping[str, Json], *, is_top: bool) -> Iterator[Problem]:
    is_group = is_top or operator_of(task) is None
    for key in task:
        if key in _EXTENSIONS:
            reason = _REFUSES if is_group else "digdag takes it for a parameter, without effect"
            yield _problem(f"{key} is a directive of digpy", key_span(task, key), reason)
    retry = task.get("_retry")
    if isinstance(retry, dict):
        for key in ("interval", "max_interval"):
            value = retry.get(key)
            if isinstance(value, str) and type(value) is not Template and to_integer(value) is None:
                span = value_span(retry, key)
                yield _problem(
                    f"{key} is written with a unit", span, "digdag wants a number of seconds"
                )


def _operator(task: Mapping[str, Json], plugins: frozenset[str]) -> Iterator[Problem]:
    operator = operator_of(task)
    if operator is None or "${" in operator:
        return
    span = value_span(task, "_type") if "_type" in task else key_span(task, operator + ">")
    plugin = _PLUGINS.get(operator)
    if plugin is not None and plugin not in plugins:
        yield _problem(
            f"{operator}> is an operator of a plugin",
            span,
            help_=f'load it with "_export: {{plugin: {{dependencies: [{plugin}:VERSION]}}}}"',
        )
    elif plugin is None and operator not in _OPERATORS:
        yield _problem(f"digdag has no operator {operator}>", span, "the task fails when it is run")


def _plugins(node: Mapping[str, Json]) -> frozenset[str]:
    """Group and artifact of the plugins that the top of the file exports."""
    export = node.get("_export")
    plugin = export.get("plugin") if isinstance(export, dict) else None
    written = plugin.get("dependencies") if isinstance(plugin, dict) else None
    names = written if isinstance(written, list) else [written]
    return frozenset(":".join(name.split(":")[:2]) for name in names if isinstance(name, str))


def _schedule(schedule: Json) -> Iterator[Problem]:
    for key in schedule if isinstance(schedule, dict) else ():
        if key in _SCHEDULE:
            yield _problem(f"schedules with {key} are digpy's", key_span(schedule, key), _REFUSES)
        elif key in _NOT_PUSHED:
            reason = "digdag refuses the file when it is pushed"
            yield _problem(f"schedules with {key} are not taken", key_span(schedule, key), reason)


def _problem(
    message: str, span: Span | None, reason: str | None = None, help_: str | None = None
) -> Problem:
    return Problem(f"not portable to digdag: {message}", span, reason, help_)
