"""The seam between templates and the JavaScript engine that evaluates their expressions.

One template text is one script: its expressions share what they assign, as digdag's do, and nothing
reaches the next text. The engines are `digpy.expr.quickjs_engine` and `digpy.expr.js2py_engine`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from digpy.errors import ConfigError
from digpy.values import Json

MEMORY_LIMIT: Final = 64 * 1024 * 1024
"""Bytes one text may use."""
TIME_LIMIT: Final = 1.0
"""Seconds of CPU one text may take."""


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


def time_used_up(seconds: float = TIME_LIMIT) -> str:
    """What is said of a text that took more time than it may."""
    return f"the expression was stopped after {seconds:g} s of CPU time"


def memory_used_up() -> str:
    """What is said of a text that wanted more memory than it may."""
    return f"the expression needs more than {MEMORY_LIMIT // 2**20} MiB of memory"


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


def syntax_error(engine: JavaScript, code: str) -> JavaScriptError | None:
    """The syntax error of one expression in words that hold for it, or None.

    An engine that ran off the end names what it met there, which nobody has written: the text that
    it puts around an expression.
    """
    error = engine.check(code)
    if error is None or error.position is None or error.position[0] <= code.count("\n") + 1:
        return error
    message = "the expression ends too early"
    if code.count(")") > code.count("("):
        message = 'a ")" closes nothing'
    return JavaScriptError(error.name, message, error.position)


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
_chosen = "quickjs"


def choose_engine(name: str | None, origin: str = "eval.js-engine-type") -> None:
    """Say what `default_engine` hands out from now on, here and in forks: a choice of the setting.

    Raises `ConfigError`, which names `origin`, where js2py cannot run.
    """
    global _chosen  # noqa: PLW0603 - a process has one, as it has one configuration
    if name == "js2py":
        _require_js2py(origin)
    _chosen = "js2py" if name == "js2py" else "quickjs"


def default_engine() -> JavaScript:
    """This thread's engine, of the kind that was chosen, made when it is first needed."""
    engines: dict[str, JavaScript] = _of_thread.__dict__
    engine = engines.get(_chosen)
    if engine is None:
        if _chosen == "js2py":
            from digpy.expr.js2py_engine import Js2Py

            engine = Js2Py()
        else:
            from digpy.expr.quickjs_engine import QuickJS

            engine = QuickJS()
        engines[_chosen] = engine
    return engine


def _require_js2py(origin: str) -> None:
    wanted = f'{origin}: eval.js-engine-type is "js2py", which'
    instead = "or leave the setting out: quickjs, the default, is faster and knows more JavaScript"
    if sys.version_info >= (3, 12):
        python = ".".join(map(str, sys.version_info[:2]))
        raise ConfigError(
            f"{wanted} does not work with this Python {python}: js2py knows none after 3.11 and is "
            f"not maintained; use Python 3.11, {instead}"
        )
    from importlib.util import find_spec

    if find_spec("js2py") is None:
        raise ConfigError(f"{wanted} is not installed; pip install 'digpy[js2py]', {instead}")
