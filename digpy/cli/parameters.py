"""The parameters that a command line sets: ``params.*`` of the configuration < ``-P`` < ``-p``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from digpy.config import Settings, nest
from digpy.errors import ConfigError, UsageError
from digpy.values import Json, Params, as_templates, deep_merge


def start_parameters(settings: Settings, params_file: Path | None, pairs: Sequence[str]) -> Params:
    """Merge the three sources; text that contains a ``$`` will be evaluated when a task uses it.

    Values of `pairs` (``a.b=value``) are text, and a dot nests. Raises `UsageError` where pairs
    contradict each other, `ConfigError` for a file that does not exist, `SourceError` for a mistake
    in it. Follows digdag 0.10.5, which splits ``-p a=1,b=2`` at the comma, though; here it is one
    pair.
    """
    given: Params = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        try:
            nest(given, key, value)
        except ValueError as error:
            raise UsageError(f"-p {pair}: {error}") from None
    params = settings.params()
    if params_file is not None:
        params = deep_merge(params, _read(params_file))
    evaluated = as_templates(deep_merge(params, given))
    assert isinstance(evaluated, dict)  # noqa: S101 - it keeps the type
    return evaluated


def start_origins(
    settings: Settings, params_file: Path | None, pairs: Sequence[str]
) -> dict[str, Json]:
    """Where each parameter of `start_parameters` was given, by its first name; newest first.

    Takes the same arguments, and raises the same.
    """
    from digpy.expr.scope import Scope

    scope = Scope(settings.params(), "configuration")
    if params_file is not None:
        scope = scope.export(_read(params_file), f"-P {params_file}")
    given = start_parameters(settings._replace(entries={}), None, pairs)
    scope = scope.export(given, "-p")
    origins: dict[str, Json] = {}
    for name in scope.params:
        lines = [
            entry.origin
            for key, entry in settings.entries.items()
            if f"{key}.".startswith(f"params.{name}.")
        ]
        found: list[Json] = []
        for origin in scope.origins(name):
            found += lines if origin == "configuration" else [origin]
        origins[name] = found
    return origins


def _read(path: Path) -> Params:
    from digpy.dsl.include import read_file

    absolute = path.resolve()
    if not absolute.is_file():
        raise ConfigError(f"-P {path}: there is no such file")
    return read_file(absolute, absolute.parent, str(path))
