"""``_run_timeout`` as a mapping: the root's ``_error`` runs though a limit stopped the attempt."""

from __future__ import annotations

from typing import NamedTuple

from digpy.dsl.options import is_limit
from digpy.values import Json, to_json

_KEYS = ("after", "run_error", "error_timeout")


class RunTimeout(NamedTuple):
    """A ``_run_timeout`` that was understood; its lengths are as written, perhaps templates.

    Attributes:
        after: how long the attempt may run.
        run_error: whether ``_error`` of the root runs when everything has stopped.
        error_timeout: how long that may take; None: as long as a cancel.
    """

    after: Json
    run_error: bool
    error_timeout: Json


def read_run_timeout(value: dict[str, Json]) -> RunTimeout:
    """Read the mapping. Raises `ValueError`, which says what is wrong."""
    strange = sorted(set(value) - set(_KEYS))
    if strange:
        raise ValueError(f"_run_timeout has no key {strange[0]}; there are {', '.join(_KEYS)}")
    if "after" not in value:
        raise ValueError("_run_timeout needs after")
    after, error_timeout = value["after"], value.get("error_timeout")
    run_error = value.get("run_error", False)
    if not isinstance(run_error, bool):
        raise ValueError(  # noqa: TRY004 - of the text, not of a type
            f"run_error of _run_timeout must be true or false: {to_json(run_error)}"
        )
    if not is_limit("_run_timeout", after):
        raise ValueError(f"after of _run_timeout is no duration: {to_json(after)}")
    if "error_timeout" in value:
        if not run_error:
            raise ValueError("error_timeout of _run_timeout needs run_error: true")
        # Like a cancel, it has to end.
        if not is_limit("_cancel_timeout", error_timeout):
            raise ValueError(f"error_timeout of _run_timeout is no time: {to_json(error_timeout)}")
    return RunTimeout(after, run_error, error_timeout)
