"""Every error digpy raises on purpose, in families.

A family knows the exit code of the command line and the HTTP status of the server, so neither has
to inspect messages. Expected failures are shown without a traceback; `InternalError` is the
exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from digpy.source import Problem
    from digpy.values import Json


class DigpyError(Exception):
    """Base of everything digpy raises deliberately."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500


class SourceError(DigpyError):
    """Something is wrong in a file the user wrote.

    Carries every problem found, in order of position.
    """

    exit_code = 3
    http_status = 400

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem.message for problem in problems))
        self.problems: tuple[Problem, ...] = tuple(problems)


class YamlError(SourceError):
    """A file is not the YAML that ``.dig`` files are written in."""


class CompileError(SourceError):
    """A definition breaks a rule of the language: names, keys, operators, dependencies."""


class ExpressionError(DigpyError):
    """A ``${...}`` could not be evaluated; the message is digdag's ``Failed to evaluate ...``."""

    http_status = 400


class TaskFailed(DigpyError):  # noqa: N818 - it is an outcome that operators raise, not a defect
    """An operator failed in a way operators do.

    `kind` is the word that digdag appends to the message in parentheses (``config``, ``runtime``,
    ``task limit exceeded`` ...); empty means the message stands alone, as for ``fail>``.
    `detail` are further keys of the ``error`` parameter that handlers see.
    """

    def __init__(
        self,
        message: str,
        kind: str = "",
        *,
        stacktrace: str | None = None,
        detail: dict[str, Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.stacktrace = stacktrace
        self.detail = detail or {}

    @property
    def error(self) -> dict[str, Json]:
        """The ``error`` object recorded on the task.

        Always a ``message``, sometimes a ``stacktrace``.
        """
        message = str(self)
        error: dict[str, Json] = {"message": f"{message} ({self.kind})" if self.kind else message}
        if self.stacktrace is not None:
            error["stacktrace"] = self.stacktrace
        return {**error, **self.detail}


def unexpected(error: Exception) -> TaskFailed:
    """What an operator's own defect means: its task fails, with a traceback to report.

    For the two places that run operators. Everything else stays as it is and is found.
    """
    import traceback

    trace = "".join(traceback.format_exception(error))
    return TaskFailed(f"{type(error).__name__}: {error}", "runtime", stacktrace=trace)


class NotFound(DigpyError):  # noqa: N818
    """A workflow, session, attempt or task that was named does not exist."""

    http_status = 404


class Conflict(DigpyError):  # noqa: N818
    """What is asked for exists already, or is in a state that forbids it."""

    http_status = 409


class NotInstalled(DigpyError):  # noqa: N818
    """An optional part of digpy is needed and not there; the message names the package."""


class LimitExceeded(DigpyError):  # noqa: N818
    """A limit of the installation would be exceeded; nothing was changed."""

    http_status = 400


class UsageError(DigpyError):
    """The command line contradicts itself."""

    exit_code = 2
    http_status = 400


class ConfigError(DigpyError):
    """A setting is wrong; the message names where it came from."""

    exit_code = 3
    http_status = 400


class Unavailable(DigpyError):  # noqa: N818
    """A database or file is away or damaged; nothing was lost, trying again may work."""

    exit_code = 74
    http_status = 503


class Locked(Unavailable):
    """Another process holds the database for longer than one waits; nothing was changed."""


class DiskFull(Unavailable):
    """The database cannot grow; nothing was changed, and what was committed is safe."""


class InternalError(DigpyError):
    """A rule of digpy itself was broken: a bug, shown with its traceback."""

    exit_code = 70
