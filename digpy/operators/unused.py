"""Warnings about keys of a task that its operator does not know."""

from __future__ import annotations

from digpy.spi import Operator, TaskRequest


def unused(request: TaskRequest, operator: Operator) -> list[str]:
    """A line for each key of the task that nothing reads, with what may have been meant.

    Keys of the language (``_export`` ...) and the operator itself are not asked for. Follows digdag
    0.10.5, which however looks at few operators and not at the keys that `operator.options` names.
    """
    options = operator.options
    if options is None:
        return []
    strange = [
        key
        for key in request.local
        if key not in options and not key.startswith("_") and not key.endswith(">")
    ]
    return [
        f"Parameter '{key}' is not used at task {request.full_name}.{_suggestion(key, options)}"
        for key in strange
    ]


def _suggestion(key: str, options: frozenset[str]) -> str:
    from digpy.dsl.suggest import digdag_suggestions

    close = digdag_suggestions(key, sorted(options))
    return f" > Did you mean '[{', '.join(close)}]'?" if close else ""
