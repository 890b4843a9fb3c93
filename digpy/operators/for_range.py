"""``for_range>: {from:, to:, step:}`` runs its body for consecutive stretches of numbers."""

from __future__ import annotations

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.operators.repetition import body_of, repeated
from digpy.spi import InlineOperator, TaskRequest, TaskResult
from digpy.values import Params


class ForRange(InlineOperator):
    """Generates a task for each stretch ``[from, from + step)``; the last one is cut at ``to``.

    `slices` is an upper bound: the width is rounded up, so there may be fewer.
    """

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` for a range that is incomplete or has too many stretches."""
        bounds = conversions.parsed_mapping(command_of(request), conversions.COMMAND)
        body = body_of(request)
        start = conversions.long(bounds, "from")
        end = conversions.long(bounds, "to")
        step = _width(bounds, end - start)
        count = max(0, -((start - end) // step))
        if count > request.task_limit:
            raise TaskFailed(
                f"Too many for_range subtasks ({count}). Limit: {request.task_limit}", "config"
            )
        starts = range(start, end, step)
        return repeated(
            request, body, (_child(i, s, min(s + step, end)) for i, s in enumerate(starts))
        )


def _width(bounds: Params, length: int) -> int:
    step = conversions.optional_long(bounds, "step")
    slices = conversions.optional_long(bounds, "slices")
    if step is not None and slices is not None:
        raise TaskFailed("Setting both step and slices options to for_range is invalid", "config")
    if step is not None:
        return _positive("step", step)
    if slices is not None:
        return max(1, -(-length // _positive("slices", slices)))
    raise TaskFailed("step or slices option is required for for_range", "config")


def _positive(option: str, value: int) -> int:
    if value < 1:
        raise TaskFailed(
            f"{option} option must be same or greater than 1 but got {value}", "config"
        )
    return value


def _child(index: int, start: int, end: int) -> tuple[str, Params]:
    return f"+range-from={start}&to={end}", {"range": {"from": start, "to": end, "index": index}}
