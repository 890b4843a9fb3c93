"""``for_each>: {VARIABLE: LIST, ...}`` runs its body for every combination of the values."""

from __future__ import annotations

from itertools import product

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.operators.conversions import COMMAND
from digpy.operators.repetition import body_of, repeated
from digpy.spi import InlineOperator, TaskRequest, TaskResult
from digpy.values import Json, Params

_NAME_LENGTH = 8
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_")


class ForEach(InlineOperator):
    """Generates a task for each combination of the values; the last variable moves fastest.

    Follows digdag 0.10.5, its treatment of empty lists included: those in front are ignored, any
    later one leaves nothing to do. Differs where digdag makes a name it then refuses: ``*`` is
    encoded too.
    """

    retries = False
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` for a value that is no list, no ``_do``, or too many combinations."""
        lists = conversions.parsed_mapping(command_of(request), COMMAND)
        body = body_of(request)
        variables = [(name, conversions.parsed_items(lists, name)) for name in lists]
        indexed = list(enumerate(variables))
        while indexed and not indexed[0][1][1]:
            del indexed[0]

        combinations = 1
        for _, (_, values) in indexed:
            combinations *= len(values)
            if combinations > request.task_limit:
                raise TaskFailed(
                    f"Too many for_each subtasks. Limit: {request.task_limit}", "config"
                )
        axes = [
            [
                (_label(position, name, place, value), name, value)
                for place, value in enumerate(values)
            ]
            for position, (name, values) in indexed
        ]
        return repeated(request, body, map(_child, product(*axes)) if axes else ())


def _child(combination: tuple[tuple[str, str, Json], ...]) -> tuple[str, Params]:
    data = {name: conversions.as_data(value) for _, name, value in combination}
    return "+for-" + "&".join(label for label, _, _ in combination), data


def _label(position: int, name: str, place: int, value: Json) -> str:
    return f"{position}={_encoded(name)}={place}={_encoded(conversions.text_of(value))}"


def _encoded(text: str) -> str:
    return "".join(
        chr(byte) if byte in _PLAIN else f"%{byte:02X}"
        for byte in text[:_NAME_LENGTH].encode(errors="replace")
    )
