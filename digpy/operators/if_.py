"""``if>: CONDITION`` chooses between two sets of subtasks."""

from __future__ import annotations

from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class If(InlineOperator):
    """Generates the tasks of ``_do`` or ``_else_do``, untouched; an empty branch is a success."""

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if the condition is no boolean or both branches are missing."""
        condition = conversions.boolean(command_of(request), conversions.COMMAND)
        then = conversions.optional_mapping(request.params, "_do")
        otherwise = conversions.optional_mapping(request.params, "_else_do")
        if not then and not otherwise:
            raise TaskFailed("Both _do and _else_do are not specified.", "config")
        chosen = then if condition else otherwise
        return TaskResult(subtasks=Subtasks(chosen)) if chosen else TaskResult()
