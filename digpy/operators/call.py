"""``call>: FILE`` embeds another workflow file as subtasks."""

from __future__ import annotations

import os
from pathlib import Path

from digpy.dsl.model import Subtasks
from digpy.errors import NotFound, SourceError, TaskFailed
from digpy.operators import conversions
from digpy.operators.arguments import command_of
from digpy.source import Problem
from digpy.spi import InlineOperator, TaskRequest, TaskResult
from digpy.values import Params


class Call(InlineOperator):
    """Generates the tasks of a file, which is read when the task runs.

    Follows digdag 0.10.5, except that what counts is where the path leads after resolving links.
    """

    retries = True
    options = frozenset[str]()

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if the file is not in the project, or something is wrong in it."""
        from digpy.dsl.project import load_called

        root = Path(os.path.normpath(request.project))
        path = _path(request, root)
        try:
            called = load_called(path, root)
        except NotFound as error:
            raise TaskFailed(str(error), "config") from error
        except SourceError as error:
            raise TaskFailed("\n".join(map(_located, error.problems)), "config") from error
        warnings = _inherited_workdir(path, root, request, called)
        return TaskResult(subtasks=Subtasks(called), warnings=warnings)


def _inherited_workdir(
    path: Path, root: Path, request: TaskRequest, called: Params
) -> tuple[str, ...]:
    """A file at the top of the project has no ``_workdir``, so it gets that of its caller.

    As in digdag 0.10.5. What it calls, and scripts that it runs, are not looked for beside it.
    """
    export = called.get("_export")
    has_own = isinstance(export, dict) and "_workdir" in export
    workdir = os.path.relpath(os.path.realpath(request.workspace), os.path.realpath(root))
    if path.parent != root or has_own or workdir == "." or "_workdir" in request.local:
        return ()
    return (
        f'{path.name} lies at the top of the project and works in "{workdir}" all the same, the'
        " directory of its caller; export an own _workdir in it",
    )


def _path(request: TaskRequest, root: Path) -> Path:
    """Where the file is, as a path that begins with `root`."""
    name = conversions.string(command_of(request), conversions.COMMAND)
    if not name.endswith(".dig"):
        name += ".dig"
    if "\0" in name:
        raise TaskFailed(f"File not found: {name!r}", "config")
    path = Path(os.path.normpath(request.workspace / name))
    real_root = os.path.realpath(root)
    if not Path(os.path.realpath(path)).is_relative_to(real_root):
        raise TaskFailed(
            f"File name must not be outside of project path ({root}): {name}", "illegal argument"
        )
    if path.is_relative_to(real_root):
        # The workspace is given with links resolved, the project as the user wrote it.
        path = root / path.relative_to(real_root)
    if not os.path.isfile(path):  # noqa: PTH113 - `Path.is_file` raises for a name that is too long
        raise TaskFailed(f"File not found: {path}", "config")
    return path


def _located(problem: Problem) -> str:
    span = problem.span
    where = f"{span.source.name}:{span.line}:{span.column}: " if span else ""
    return where + problem.message
