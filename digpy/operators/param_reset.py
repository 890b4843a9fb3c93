"""``param_reset>: a.b.c`` takes a stored parameter away from all later tasks."""

from __future__ import annotations

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class ParamReset(InlineOperator):
    """Resets one dotted key; it is no error if nothing is stored there.

    Follows the plugin digdag-operator-param.
    """

    retries = True
    options = None

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if the key is not written as one."""
        return TaskResult(reset=(dotted_key(request),))


def dotted_key(request: TaskRequest) -> str:
    """The key after the operator: names joined by dots. Raises `TaskFailed` for an empty name."""
    key = conversions.string(command_of(request), conversions.COMMAND)
    if not all(key.split(".")):
        raise TaskFailed(
            f'Invalid parameter key: "{key}" (names joined by dots, as in a.b)', "config"
        )
    return key
