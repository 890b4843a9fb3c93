"""Where operators find what was written for them."""

from __future__ import annotations

from digpy.operators.conversions import COMMAND, optional_mapping
from digpy.spi import TaskRequest
from digpy.values import Params, deep_merge


def command_of(request: TaskRequest) -> Params:
    """The value after the operator, as a mapping for `conversions`; a null is not set."""
    return {} if request.command is None else {COMMAND: request.command}


def with_defaults(request: TaskRequest, prefixes: tuple[str, ...]) -> Params:
    """The request's parameters with the mappings called `prefixes` as defaults, the weakest last.

    Anything at the top level wins over a default, however far away it was exported.
    """
    params = request.params
    for prefix in prefixes:
        if defaults := optional_mapping(request.params, prefix):
            params = deep_merge(params, deep_merge(defaults, params))
    return params
