"""What ``_run_timeout`` can be as a mapping."""

from __future__ import annotations

from typing import Any

import pytest

from digpy.dsl.compiler import compile_workflow
from digpy.dsl.run_timeout import RunTimeout, read_run_timeout
from digpy.errors import CompileError
from digpy.values import Params

FULL: Params = {"after": "2h", "run_error": True, "error_timeout": "5m"}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (FULL, RunTimeout("2h", True, "5m")),
        ({"after": 7200}, RunTimeout(7200, False, None)),
        ({"after": "${n}h", "run_error": True}, RunTimeout("${n}h", True, None)),
    ],
)
def test_what_is_understood(written: Any, found: RunTimeout) -> None:
    assert read_run_timeout(written) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on_error": True}, "_run_timeout has no key on_error; there are after, run_error"),
        ({"after": "soon"}, 'after of _run_timeout is no duration: "soon"'),
        ({"run_error": "yes"}, 'run_error of _run_timeout must be true or false: "yes"'),
        ({"run_error": False}, "error_timeout of _run_timeout needs run_error: true"),
        ({"error_timeout": 0}, "error_timeout of _run_timeout is no time: 0"),
        ({"error_timeout": "none"}, 'error_timeout of _run_timeout is no time: "none"'),
        ({"error_timeout": None}, "error_timeout of _run_timeout is no time: null"),
    ],
)
def test_what_is_wrong_is_said(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        read_run_timeout({**FULL, **change})


def test_a_time_is_needed() -> None:
    with pytest.raises(ValueError, match="_run_timeout needs after"):
        read_run_timeout({"run_error": True})


def test_it_is_refused_before_anything_runs() -> None:
    with pytest.raises(CompileError, match="_run_timeout needs after"):
        compile_workflow({"_run_timeout": {}}, "w", path="w.dig")
