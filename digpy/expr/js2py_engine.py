"""JavaScript by js2py: the second engine, chosen with ``eval.js-engine-type: js2py``.

js2py is written in Python and knows ECMAScript 5. It is slow, cannot be stopped, and does not keep
scripts away from Python, so it works in a process of its own (`digpy.expr.js2py_child`), which is
started when the first text needs it. Nothing here imports js2py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final

from digpy.expr.javascript import JavaScriptError, memory_used_up, time_used_up
from digpy.values import Json

_START: Final = (  # imports come from where ours came from, and never from the project
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from digpy.expr.js2py_child.__main__ import main; main()"
)


class Js2Py:
    """The engine; see `digpy.expr.javascript.JavaScript`. Not for two threads at the same time."""

    def __init__(self) -> None:
        self._child: _Child | None = None

    def render(
        self, codes: Sequence[str], variables: Mapping[str, Json], timezone: str, now: int
    ) -> list[str]:
        """Evaluate the expressions of one text; see `JavaScript.render`."""
        child = self._usable()
        transitions = None
        if timezone not in child.zones:
            from digpy.expr.transitions import transitions as transitions_of

            transitions = transitions_of(timezone)
        answer = self._ask(
            {
                "codes": list(codes),
                "variables": dict(variables),
                "timezone": timezone,
                "transitions": transitions,
                "now": now // 1000,
            }
        )
        child.zones.add(timezone)
        if "texts" in answer:
            return [str(text) for text in answer["texts"]]
        raise _error(answer)

    def check(self, code: str) -> JavaScriptError | None:
        """The syntax error of one expression, or None; nothing is run."""
        answer = self._ask({"check": code})
        return None if "fine" in answer else _error(answer)

    def _usable(self) -> _Child:
        # A child belongs to the process that started it: two would read each other's answers.
        if self._child is None or self._child.owner != os.getpid():
            self._child = _Child()
        return self._child

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self._usable().ask(request)
        if answer is None:
            self._child = None
            raise JavaScriptError("", "the process of js2py ended unexpectedly")
        return answer


class _Child:
    """The process. `zones` are those whose transitions it knows, `owner` is who started it."""

    def __init__(self) -> None:
        self.zones: set[str] = set()
        self.owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-W", "ignore", "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        weakref.finalize(self, _end, self._process, self.owner)

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Its answer, None if it is no more."""
        pipe, answers = self._process.stdin, self._process.stdout
        assert pipe is not None  # noqa: S101 - asked for above
        assert answers is not None  # noqa: S101
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
            line = answers.readline()
        except BrokenPipeError:
            return None
        return json.loads(line) if line.endswith(b"\n") else None


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        process.returncode = 0  # another process's child: neither to be waited for nor warned about
        return
    process.kill()  # it holds nothing that could be lost
    process.communicate()


def _error(answer: dict[str, Any]) -> JavaScriptError:
    stopped = answer.get("stopped")
    if stopped == "time":
        return JavaScriptError("InternalError", time_used_up())
    if stopped == "memory":
        return JavaScriptError("InternalError", memory_used_up())
    if stopped == "reach":
        return JavaScriptError("", "the expression reached for Python and was stopped")
    if stopped is not None:
        return JavaScriptError("", f"the expression broke js2py ({stopped})")
    name, message, position = answer["error"]
    return JavaScriptError(name, message, position and (position[0], position[1]))
