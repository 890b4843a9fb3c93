"""``fail>: MESSAGE`` makes the workflow fail."""

from __future__ import annotations

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class Fail(InlineOperator):
    """Fails with exactly the message that was written; nothing written is the empty message."""

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Always raises `TaskFailed`."""
        raise TaskFailed(
            conversions.optional_string(command_of(request), conversions.COMMAND) or ""
        )
