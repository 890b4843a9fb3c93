"""``loop>: N`` runs its body N times."""

from __future__ import annotations

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.operators.repetition import body_of, repeated
from digpy.spi import InlineOperator, TaskRequest, TaskResult


class Loop(InlineOperator):
    """Generates N tasks in which ``i`` counts from 0; none for zero or less.

    Follows digdag 0.10.5: a parameter ``count``, also an inherited one, takes the place of N.
    """

    retries = False
    options = frozenset({"count"})

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if N is no integer or over the task limit, or ``_do`` is missing."""
        body = body_of(request)
        count = conversions.integer(command_of(request), conversions.COMMAND)
        if request.params.get("count") is not None:
            count = conversions.integer(request.params, "count")
        if count > request.task_limit:
            raise TaskFailed(f"Too many loop subtasks. Limit: {request.task_limit}", "config")
        return repeated(request, body, ((f"+loop-{i}", {"i": i}) for i in range(count)))
