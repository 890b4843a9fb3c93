"""``notify>: MESSAGE`` sends a notification; every failing attempt ends with one."""

from __future__ import annotations

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class Notify(InlineOperator):
    """Does nothing unless the setting ``notification.type`` says how to send."""

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if a notification is wanted: no way of sending is built in yet."""
        conversions.string(command_of(request), conversions.COMMAND)
        wanted = request.settings.get("notification.type")
        if wanted:
            raise TaskFailed(f"notification.type = {wanted} is not supported yet", "config")
        return TaskResult()
