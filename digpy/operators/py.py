"""``py>: module.function`` calls Python, in an interpreter of its own."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

from digpy.dsl.coercion import sample
from digpy.dsl.model import Subtasks
from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of, with_defaults
from digpy.operators.programs import (
    environment_of,
    find_program,
    own_variables,
    refuse_containers,
    search_path,
)
from digpy.spi import Command, Exit, ProgramOperator, TaskRequest, TaskResult
from digpy.values import Params, as_templates

_RUNNER = "runner.py"
_INPUT = "input.json"
_OUTPUT = "output.json"


class Py(ProgramOperator):
    """Calls a function, or a method of a new instance, with arguments taken from the parameters.

    The other half is ``runner/python.py``, which runs under the user's interpreter (3.6 or later)
    and leaves ``output.json``. Follows digdag 0.10.5; what differs is said there.
    """

    retries = True
    options = None
    prefixes = ("py",)

    def command(self, request: TaskRequest) -> Command:
        """Raises `TaskFailed` for a bad option, a missing secret or interpreter."""
        params = with_defaults(request, self.prefixes)
        refuse_containers(params)
        params = {key: value for key, value in params.items() if key != "_secrets"}
        environment = environment_of(own_variables(request))

        program, target = _program(request, params)
        argv = [
            *_interpreter(request, params, environment),
            str(request.directory / _RUNNER),
            *target,
        ]
        argv += [str(request.directory / name) for name in (_INPUT, _OUTPUT)]
        files = {_RUNNER: program, _INPUT: json.dumps({"params": params}).encode()}
        return Command(argv, request.workspace, environment, files)

    def conclude(self, exit_: Exit) -> TaskResult:
        """Raises `TaskFailed` for any code but 0, or without a readable ``output.json``."""
        output = exit_.directory / _OUTPUT
        if exit_.code != 0:
            raise TaskFailed(_failure(exit_.code, output))
        if not output.exists():
            raise TaskFailed(
                "Python command ended with code 0 but without a result: it left before its "
                "function returned (os._exit, or another program took its place)",
                "runtime",
            )
        result = _read(output)
        subtasks = _part(result, "subtask_config")
        # What a program returns is data, but the tasks it adds are a definition like any other.
        config = {key: as_templates(value) for key, value in subtasks.items()}
        return TaskResult(
            subtasks=Subtasks(config) if config else None,
            export=_part(result, "export_params"),
            store=_part(result, "store_params"),
        )


def _program(request: TaskRequest, params: Params) -> tuple[bytes, list[str]]:
    """The source to run, and the target it is given; ``script`` without one is all there is."""
    if request.command is None and params.get("script") is not None:
        return conversions.string(params, "script").encode(errors="replace"), []
    target = conversions.string(command_of(request), conversions.COMMAND)
    name = target.strip(".")
    if not name:
        raise TaskFailed("py> needs a function: write module.function", "config")
    if "." not in name:
        raise TaskFailed(f'py> needs a module: "{target}" should be "module.{name}"', "config")
    return _runner(), [target]


@cache
def _runner() -> bytes:
    return Path(__file__).with_name("runner").joinpath("python.py").read_bytes()


def _interpreter(request: TaskRequest, params: Params, environment: dict[str, str]) -> list[str]:
    match params.get("python"):
        case None:
            names = ("python", "python3")
            found = (search_path(name, environment, request.workspace) for name in names)
            return [next((path for path in found if path), sys.executable)]
        case str() as name:
            command = [name]
        case list():
            command = [part for part in conversions.strings(params, "python") if part is not None]
        case other:
            raise TaskFailed(
                f"Invalid python: expected a program or a list but got {sample(other)}",
                "config",
            )
    if not command or not command[0]:
        raise TaskFailed("Parameter 'python' must name a program", "config")
    return [find_program(command[0], environment, request), *command[1:]]


def _failure(code: int, output: Path) -> str:
    lines = [f"Python command failed with code {code}"]
    if output.exists():
        try:
            lines += _said(_part(_read(output), "error"))
        except TaskFailed as unreadable:
            lines.append(str(unreadable))  # a program killed while it wrote; the code says the rest
    return "\n".join(lines)


def _said(error: Params) -> list[str]:
    backtrace = error.get("backtrace")
    trace = backtrace if isinstance(backtrace, list) else []
    first = f"Error messages from python: {_text(error, 'message')} ({_text(error, 'class')})"
    return [first, *map(conversions.text_of, trace)] if error else []


def _text(error: Params, key: str) -> str:
    return conversions.text_of(error.get(key) or "")


def _read(output: Path) -> Params:
    try:
        result = json.loads(output.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from error
    if not isinstance(result, dict):
        raise _unreadable(f"expected an object but got {sample(result)}")
    return result


def _part(result: Params, name: str) -> Params:
    part = result.get(name) or {}
    if not isinstance(part, dict):
        raise _unreadable(f'expected an object in "{name}" but got {sample(part)}')
    return part


def _unreadable(why: str) -> TaskFailed:
    return TaskFailed(f"The result of the Python command cannot be read: {why}", "runtime")
