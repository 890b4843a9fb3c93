"""``sh>: SCRIPT`` runs a shell script."""

from __future__ import annotations

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of, with_defaults
from digpy.operators.programs import (
    environment_of,
    find_program,
    own_variables,
    refuse_containers,
    variables_of,
)
from digpy.operators.secret_text import rerouted, substitute
from digpy.spi import Command, Exit, ProgramOperator, TaskRequest, TaskResult
from digpy.values import Params

_SCRIPT = "runner.sh"
_STDIN = "-"


class Sh(ProgramOperator):
    """Gives a text to ``/bin/sh``, or what ``shell`` names, every parameter in its environment.

    Follows digdag 0.10.5. Differs: a null parameter is an empty variable, ``shell`` may be one
    text, standard input is empty, and a ``shell`` that ends in ``-`` reads the script from it.
    """

    retries = True
    options = None
    prefixes = ("sh",)

    def command(self, request: TaskRequest) -> Command:
        """Raises `TaskFailed` for a bad option, a missing secret, or too large an environment."""
        params = with_defaults(request, self.prefixes)
        refuse_containers(params)
        written = conversions.string(command_of(request), conversions.COMMAND)
        script = substitute(written, rerouted(request.secret, params)).encode(errors="replace")
        params = {key: value for key, value in params.items() if key != "_secrets"}
        environment = environment_of(variables_of(params), own_variables(request))

        program, *arguments = _shell(params)
        argv = [find_program(program, environment, request), *arguments]
        if argv[-1] == _STDIN:
            return Command(argv, request.workspace, environment, files={}, stdin=script)
        argv.append(str(request.directory / _SCRIPT))
        return Command(argv, request.workspace, environment, files={_SCRIPT: script})

    def conclude(self, exit_: Exit) -> TaskResult:
        """Raises `TaskFailed` for any code but 0."""
        if exit_.code != 0:
            raise TaskFailed(f"Command failed with code {exit_.code}", "runtime")
        return TaskResult()


def _shell(params: Params) -> list[str]:
    if params.get("shell") is None:
        return ["/bin/sh"]
    if isinstance(params["shell"], str):
        return [params["shell"]]
    shell = [part for part in conversions.strings(params, "shell") if part is not None]
    if not shell:
        raise TaskFailed("Parameter 'shell' must name a program", "config")
    return shell
