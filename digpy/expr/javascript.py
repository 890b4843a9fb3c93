"""The seam between templates and the JavaScript engine that evaluates their expressions.

One template text is one script: its expressions share what they assign, as digdag's do, and nothing
reaches the next text. The engine is `digpy.expr.quickjs_engine`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

from digpy.values import Json


class JavaScriptError(Exception):
    """An expression threw, does not parse, or was stopped.

    `name` is that of the error object (``ReferenceError``), empty if something else was thrown.
    `position` is the offset (line, column; both from 1) of a syntax error inside the expression,
    where it is known.
    """

    def __init__(self, name: str, message: str, position: tuple[int, int] | None = None) -> None:
        super().__init__(f"{name}: {message}" if name else message)
        self.name = name
        self.message = message
        self.position = position


class JavaScript(Protocol):
    """An engine. Expressions see `variables`, the zone and the present: nothing of Python."""

    def render(
        self, codes: Sequence[str], variables: Mapping[str, Json], timezone: str, now: int
    ) -> list[str]:
        """Evaluate the expressions of one text in order and return the text of each (language 4.5).

        `timezone` is the local zone of the script, `now` its present in microseconds since the
        epoch. An assignment is visible to later expressions of the same call only. Raises
        `JavaScriptError`.
        """
        ...

    def check(self, code: str) -> JavaScriptError | None:
        """The syntax error of one expression, or None if it can be compiled."""
        ...


def evaluate(
    engine: JavaScript, code: str, variables: Mapping[str, Json], timezone: str, now: int
) -> str:
    """Evaluate a single expression; see `JavaScript.render`."""
    return engine.render((code,), variables, timezone, now)[0]


@cache
def library() -> tuple[tuple[str, str], ...]:
    """Name and text of our own JavaScript (``Date``, ``moment``), in the order to load it."""
    folder = Path(__file__).with_name("js")
    return tuple((path.name, path.read_text("utf-8")) for path in sorted(folder.glob("*.js")))


_of_thread = threading.local()


def default_engine() -> JavaScript:
    """This thread's quickjs, made when it is first needed."""
    engine: JavaScript | None = getattr(_of_thread, "engine", None)
    if engine is None:
        from digpy.expr.quickjs_engine import QuickJS

        engine = _of_thread.engine = QuickJS()
    return engine
