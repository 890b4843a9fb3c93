"""``echo>: TEXT`` prints a line."""

from __future__ import annotations

from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class Echo(InlineOperator):
    """Prints text, a number or a boolean into the log of the task."""

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` for a list, a mapping or nothing."""
        return TaskResult(
            output=conversions.string(command_of(request), conversions.COMMAND) + "\n"
        )
