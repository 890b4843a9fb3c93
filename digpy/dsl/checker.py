"""What is legal in a workflow and still probably wrong: warnings, with positions.

Errors are `digpy.dsl.compiler`'s. Whether ``${...}`` can be parsed is `digpy.expr`'s business:
`digpy.dsl.nodes.templates` gives it every template of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from posixpath import normpath

from digpy.dsl.directives import IDLE, NAMES
from digpy.dsl.model import HANDLERS
from digpy.dsl.nodes import key_span, templates, value_span
from digpy.dsl.retry import RETRY_KEYS, parse_retry
from digpy.dsl.tree import Tree
from digpy.source import Problem, Span
from digpy.values import Json, Template

WITHOUT_RETRY = frozenset({"echo", "fail", "notify", "wait"})
"""Operators without subtasks whose own failure is never retried."""

_GENERATORS = frozenset({"if", "loop", "for_each", "for_range"})
"""Their ``_retry`` repeats them when a subtask fails, and is read as written.

It has no effect on their own failure either, but that is no reason to warn: repeating the subtasks
is what people write it for.
"""

_DIRECTIVES = tuple(sorted(name for name in NAMES if name.startswith("_")))

_BODIES = (*HANDLERS, "_check", "_do", "_else_do")


def check_workflow(
    node: Mapping[str, Json], *, known_operators: Collection[str] | None = None
) -> list[Problem]:
    """Every warning for the mapping of a workflow file.

    `known_operators` are the names (without ``>``) that exist; None leaves them unchecked.
    """
    warnings: list[Problem] = []
    pending: list[tuple[str, Mapping[str, Json], bool, str]] = [("the workflow", node, True, "")]
    while pending:
        name, task, is_compiled, workdir = pending.pop()
        if task.get("_disable") is True:
            continue
        workdir = _exported_workdir(task, workdir)
        if not is_compiled:
            warnings.extend(_compile_problems(task))
        if task is node:
            warnings.extend(_idle(task))
        operator = operator_of(task)
        if operator is None:
            warnings.extend(_group(task))
        else:
            warnings.extend(_operator_task(operator, task, known_operators))
        if operator == "call":
            warnings.extend(_inherited_workdir(task, workdir))
        pending.extend((*inner, workdir) for inner in inner_tasks(name, task))
    return list(dict.fromkeys(warnings))  # an alias shows the same place again


def inner_tasks(
    name: str, task: Mapping[str, Json]
) -> Iterator[tuple[str, Mapping[str, Json], bool]]:
    """The mappings of the tasks written in a task, and whether the compiler looks at them.

    `name` is the task's; with each comes how people call it.
    """
    for key, value in task.items():
        if key[:1] == "+":
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    yield key, item, True
        elif key in _BODIES and isinstance(value, dict) and value:
            yield f"{key} of {name}", value, key in HANDLERS


def operator_of(task: Mapping[str, Json]) -> str | None:
    """The operator as written, without ``>``; None for a group."""
    if "_type" in task:
        written = task["_type"]
        return written if isinstance(written, str) else ""
    return next((key[:-1] for key in task if key[-1:] == ">" and key[:1] != "+"), None)


def _idle(task: Mapping[str, Json]) -> Iterator[Problem]:
    for key in task:
        if key in IDLE:
            yield _warning(
                f"{key} has no effect in this version of digpy",
                key_span(task, key),
                "it is read and checked, and nothing acts on it",
            )


def _group(task: Mapping[str, Json]) -> Iterator[Problem]:
    if task.get("_check"):
        yield _warning(
            "_check on a group never runs",
            key_span(task, "_check"),
            "it runs after an operator, and a group has none",
            "put it on the last task of the group, or make it a task of its own",
        )
    if "_retry" in task:
        if _has_template(task["_retry"]):
            yield _warning(
                "_retry with ${...} has no effect on a group",
                value_span(task, "_retry"),
                "it is read as it is written",
                "write a number",
            )
        else:
            yield from _retry_format(task)


def _operator_task(
    operator: str, task: Mapping[str, Json], known: Collection[str] | None
) -> Iterator[Problem]:
    if known is not None and operator not in known and "${" not in operator:
        yield _unknown_operator(operator, task, known)
    yield from _misspelt(task)
    if "_retry" not in task:
        return
    if operator in WITHOUT_RETRY and not task.get("_check"):
        yield _warning(
            f"_retry has no effect on {operator}>",
            key_span(task, "_retry"),
            "a failure of this operator is never retried",
            "put _retry on the group around it",
        )
    elif not _has_template(task["_retry"]):
        yield from _retry_format(task)
    elif operator in _GENERATORS:
        yield _warning(
            f"_retry with ${{...}} has no effect on {operator}>",
            value_span(task, "_retry"),
            "for the failure of subtasks it is read as it is written",
            "write a number",
        )


def _misspelt(task: Mapping[str, Json]) -> Iterator[Problem]:
    """Keys that look like a directive. Others that begin with "_" are parameters like any other."""
    for key in task:
        if not key.startswith("_") or key in NAMES or key.endswith(">"):
            continue
        from digpy.dsl.suggest import closest, did_you_mean  # on use: mostly none is strange

        meant = closest(key, _DIRECTIVES)
        if meant is not None and not any(key in template for template, _ in templates(dict(task))):
            yield _warning(
                f'"{key}" is no directive',
                key_span(task, key),
                "so it is a parameter, which no ${...} of the task reads",
                did_you_mean(key, _DIRECTIVES),
            )


def _exported_workdir(task: Mapping[str, Json], inherited: str) -> str:
    """``_workdir`` as the subtasks of a task inherit it; empty where that is not known."""
    export = task.get("_export")
    if not isinstance(export, dict) or "_workdir" not in export:
        return inherited
    written = export["_workdir"]
    return written if isinstance(written, str) and not _has_template(written) else ""


def _inherited_workdir(task: Mapping[str, Json], workdir: str) -> Iterator[Problem]:
    key = "call>" if "call>" in task else "_command"
    file = task.get(key)
    if not isinstance(file, str) or _has_template(file) or "_workdir" in task:
        return
    if normpath(workdir or ".") != "." and "/" not in normpath(f"{workdir}/{file}"):
        yield _warning(
            "the called file works in the directory of its caller",
            value_span(task, key),
            f'it lies at the top of the project and inherits "_workdir: {workdir}"',
            "export an own _workdir in the called file",
        )


def _unknown_operator(operator: str, task: Mapping[str, Json], known: Collection[str]) -> Problem:
    from digpy.dsl.suggest import did_you_mean

    span = value_span(task, "_type") if "_type" in task else key_span(task, operator + ">")
    return _warning(
        f'unknown operator "{operator}"',
        span,
        "the task fails when it is run",
        did_you_mean(operator, known),
    )


def _retry_format(task: Mapping[str, Json]) -> Iterator[Problem]:
    try:
        parse_retry(task["_retry"])
    except ValueError as error:
        yield _warning(
            "unusable value of _retry",
            value_span(task, "_retry"),
            str(error),
            "write a number, or {limit: 3, interval: 10, interval_type: exponential}",
        )
    written = task["_retry"]
    for key in written if isinstance(written, dict) else ():
        if key not in RETRY_KEYS:
            from digpy.dsl.suggest import did_you_mean

            yield _warning(
                f'"{key}" means nothing in _retry',
                key_span(written, key),
                f"it has {', '.join(RETRY_KEYS)}",
                did_you_mean(key, RETRY_KEYS),
            )


def _compile_problems(task: Mapping[str, Json]) -> Iterator[Problem]:
    """Problems of a body that is compiled when its operator has run, so not before the start."""
    problems: list[Problem] = []
    Tree(problems).build("^sub", "^sub", task)
    for problem in problems:
        yield problem._replace(
            severity="warning", reason=problem.reason or "the task will fail here"
        )


def _has_template(value: Json) -> bool:
    if isinstance(value, dict):
        return any(_has_template(item) for item in value.values())
    return isinstance(value, Template) and "${" in value


def _warning(
    message: str, span: Span | None, reason: str | None = None, help_: str | None = None
) -> Problem:
    return Problem(message, span, reason, help_, "warning")
