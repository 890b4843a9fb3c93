"""``py>: module.function`` calls Python, in an interpreter of its own."""

from __future__ import annotations

import json
import marshal
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

_SOURCES = Path(__file__).with_name("runner")
_RUNNER = "runner.py"
_INPUT = "input.json"
_PLAIN_INPUT = "input.marshal"
_OUTPUT = "output.json"
_MARSHAL_VERSION = 2  # which every Python 3 reads


class Py(ProgramOperator):
    """Calls a function, or a method of a new instance, with arguments taken from the parameters.

    The other half is ``runner/digpy_runner.py``, which runs under the user's interpreter (3.6 or
    later) and leaves ``output.json``. Follows digdag 0.10.5; what differs is said there.
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

        files, arguments = _program(request, params)
        argv = [
            *_interpreter(request, params, environment),
            str(request.directory / _RUNNER),
            *arguments,
            str(request.directory / _OUTPUT),
        ]
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


def _program(request: TaskRequest, params: Params) -> tuple[dict[str, bytes], list[str]]:
    """The files to run and to read, and the arguments; ``script`` without a target is all there is.

    A script reads JSON, our own runner what costs it no import.
    """
    text = json.dumps(params)
    if request.command is None and params.get("script") is not None:
        script = conversions.string(params, "script").encode(errors="replace")
        files = {_RUNNER: script, _INPUT: f'{{"params": {text}}}'.encode()}
        return files, [str(request.directory / _INPUT)]
    target = conversions.string(command_of(request), conversions.COMMAND)
    name = target.strip(".")
    if not name:
        raise TaskFailed("py> needs a function: write module.function", "config")
    if "." not in name:
        raise TaskFailed(f'py> needs a module: "{target}" should be "module.{name}"', "config")
    # Through JSON, because marshal takes exact types only: a template is none.
    plain = marshal.dumps(json.loads(text), _MARSHAL_VERSION)
    files = {**_runner(), _PLAIN_INPUT: plain}
    return files, [str(_SOURCES), target, str(request.directory / _PLAIN_INPUT)]


@cache
def _runner() -> dict[str, bytes]:
    names = {_RUNNER: "start.py", "digpy_runner.py": "digpy_runner.py"}
    return {name: (_SOURCES / source).read_bytes() for name, source in names.items()}


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
