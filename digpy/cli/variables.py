"""Variables ``DIGPY_...`` that nothing reads, so that one that is misspelt is noticed."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping

import click

from digpy.config import KEYS, is_of_settings, variable

TOLD = frozenset({"DIGPY_RUN", "DIGPY_INSTALLATION", "DIGPY_FENCE", "DIGPY_IDEMPOTENCY_KEY"})
"""What digpy tells the programs it starts, which may start digpy."""

_FAILPOINT = "DIGPY_FAILPOINT"
"""Begins the variables of `digpy.failpoints`."""


def unknown_variables(
    environment: Mapping[str, str], command: click.Command, commands: Collection[str]
) -> Iterator[str]:
    """A sentence for each variable that is neither a setting, an option, nor what digpy tells.

    Options of other `commands` than the one that runs are not looked at. Settings are
    `digpy.config.load`'s. It is no error, because others name variables, too: a Kubernetes service
    called digpy is announced to each container as ``DIGPY_PORT``.
    """
    known = {str(option.envvar) for option in command.params if option.envvar is not None}
    own = f"{variable(command.name or '')}_"
    others = tuple(f"{variable(name)}_" for name in commands)
    for name in sorted(environment):
        if not name.startswith("DIGPY_") or name in known or name in TOLD:
            continue
        if name.startswith(_FAILPOINT) or is_of_settings(name):
            continue
        if name.startswith(own) or not name.startswith(others):
            yield f"{name}: no option and no setting has this variable{_hint(name, known)}"


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, [*known, *map(variable, KEYS)], 1, 0.8)
    return f"; did you mean {close[0]}?" if close else ""
