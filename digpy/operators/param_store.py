"""``param_store>: {NAME: VALUE, ...}`` gives parameters to all later tasks."""

from __future__ import annotations

from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class ParamStore(InlineOperator):
    """Stores the mapping as evaluated here: from now on it is data.

    Follows the plugin digdag-operator-param.
    """

    retries = True
    options = None

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if no mapping is written."""
        written = conversions.mapping(command_of(request), conversions.COMMAND)
        return TaskResult(store={key: conversions.as_data(value) for key, value in written.items()})
