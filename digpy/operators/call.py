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
            return TaskResult(subtasks=Subtasks(load_called(path, root)))
        except NotFound as error:
            raise TaskFailed(str(error), "config") from error
        except SourceError as error:
            raise TaskFailed("\n".join(map(_located, error.problems)), "config") from error


def _path(request: TaskRequest, root: Path) -> Path:
    """Where the file is, as a path that begins with `root`."""
    name = conversions.string(command_of(request), conversions.COMMAND)
    if not name.endswith(".dig"):
        name += ".dig"
    path = Path(os.path.normpath(request.workspace / name))
    real_root = os.path.realpath(root)
    if not Path(os.path.realpath(path)).is_relative_to(real_root):
        raise TaskFailed(
            f"File name must not be outside of project path ({root}): {name}", "illegal argument"
        )
    if path.is_relative_to(real_root):
        # The workspace is given with links resolved, the project as the user wrote it.
        path = root / path.relative_to(real_root)
    if not path.is_file():
        raise TaskFailed(f"File not found: {path}", "config")
    return path


def _located(problem: Problem) -> str:
    span = problem.span
    where = f"{span.source.name}:{span.line}:{span.column}: " if span else ""
    return where + problem.message
