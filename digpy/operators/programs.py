"""What operators that run programs share: the environment, and finding the program."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from digpy.errors import TaskFailed
from digpy.operators import conversions
from digpy.operators.secret_text import substitute
from digpy.spi import TaskRequest
from digpy.values import Params

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LINUX_LEAST = 128 * 1024
_LINUX_MOST = 6 * 1024 * 1024
_COMMAND_LINE = 4096  # kept free for the command line and what keepers add
_POINTER = 8  # each variable also costs an entry in the table of them
_MOST_BYTES = 4  # of one character


def variables_of(params: Params) -> dict[str, str]:
    """Every parameter whose name a shell can say, as text; null is empty."""
    return {
        name: "" if value is None else conversions.text_of(value)
        for name, value in params.items()
        if _NAME.fullmatch(name)
    }


def own_variables(request: TaskRequest) -> dict[str, str]:
    """``_env`` as written on the task itself, its secrets put in. Raises `TaskFailed`."""
    written = conversions.optional_mapping(request.local, "_env")
    for name in written:
        if not _NAME.fullmatch(name):
            raise TaskFailed(f"Invalid _env key name: {name}", "config")
    return {name: substitute(conversions.string(written, name), request.secret) for name in written}


def environment_of(*layers: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process with `layers` over it, strongest last.

    Raises `TaskFailed` if no program could be started with it: it is too large (``E2BIG``), or a
    value contains a zero byte.
    """
    environment = dict(os.environ)
    for layer in layers:
        for name, value in layer.items():
            if "\0" in value:
                raise TaskFailed(
                    f"Parameter '{name}' contains a zero byte, which no environment can hold",
                    "config",
                )
            # Half of a surrogate pair has no bytes; like Java, a question mark stands for it.
            environment[name] = value.encode(errors="replace").decode()
    _refuse_too_large(environment)
    return environment


def find_program(name: str, environment: Mapping[str, str], request: TaskRequest) -> str:
    """The path of a program that is named as on a command line. Raises `TaskFailed`.

    A name with a slash starts at the workspace, any other is looked for in ``PATH``.
    """
    found = (
        _program(request.workspace / name)
        if "/" in name
        else search_path(name, environment, request.workspace)
    )
    if found is None:
        raise TaskFailed(
            f'Cannot run program "{name}" (in directory "{request.workspace}"): '
            "No such file or directory",
            "runtime",
        )
    return found


def search_path(name: str, environment: Mapping[str, str], workspace: Path) -> str | None:
    """The first program called `name` in the ``PATH`` of `environment`, None if there is none."""
    directories = environment.get("PATH", os.defpath).split(os.pathsep)
    candidates = (_program(workspace / directory / name) for directory in directories if directory)
    return next((path for path in candidates if path is not None), None)


def refuse_containers(params: Params) -> None:
    """Raises `TaskFailed` if the task is meant for a container: it must not run here instead."""
    if isinstance(params.get("docker"), dict):
        raise TaskFailed(
            'Running commands in a container ("docker: {image: ...}") is not supported yet',
            "config",
        )


def _program(path: Path) -> str | None:
    return str(path) if path.is_file() and os.access(path, os.X_OK) else None


def _refuse_too_large(environment: Mapping[str, str]) -> None:
    characters = sum(map(len, environment)) + sum(map(len, environment.values()))
    each = len("=\0") + _POINTER
    if _MOST_BYTES * characters + each * len(environment) <= _LINUX_LEAST - _COMMAND_LINE:
        return  # it certainly fits, whatever the characters are
    sizes = {
        name: len(os.fsencode(name)) + len(os.fsencode(value)) + len("=\0")
        for name, value in environment.items()
    }
    total = sum(sizes.values()) + _POINTER * len(sizes)
    space, longest = _space()
    if total <= space and max(sizes.values()) <= longest:
        return
    largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:3]
    shown = ", ".join(f"{name} ({sizes[name]:,} bytes)" for name in largest)
    raise TaskFailed(
        f"The parameters do not fit into the environment of a program: {total:,} bytes, of at most "
        f"{space:,} in all and {longest:,} for one variable; the largest are {shown}",
        "config",
    )


def _space() -> tuple[int, int]:
    """How many bytes the system takes for a new program: in all, and for one variable."""
    if sys.platform != "linux":
        space = os.sysconf("SC_ARG_MAX")
        return space - _COMMAND_LINE, space
    import resource

    # As the kernel: a quarter of the stack's soft limit, within bounds; musl's sysconf() says less.
    stack, _ = resource.getrlimit(resource.RLIMIT_STACK)
    quarter = _LINUX_MOST if stack == resource.RLIM_INFINITY else stack // 4
    return max(_LINUX_LEAST, min(quarter, _LINUX_MOST)) - _COMMAND_LINE, _LINUX_LEAST
