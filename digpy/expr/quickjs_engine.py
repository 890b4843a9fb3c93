"""JavaScript by quickjs: the default engine, and the only module that knows it.

A context costs milliseconds, an evaluation microseconds, so one context is shared by all texts.
It is frozen: no expression can change a built-in, define a global name or generate code in it. A
text that may want to do so (digdag allows it, and forgets it after the text) gets a context of
its own; `_wants_own_context` decides by reading it. Frozen is what keeps texts apart; the
decision only chooses the faithful way.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any, Final, NamedTuple

# The module itself. The package around it starts a thread when it is imported, for a class that is
# not used here, and a process with two threads cannot be forked.
import _quickjs as quickjs

from digpy.expr.javascript import (
    MEMORY_LIMIT,
    TIME_LIMIT,
    JavaScriptError,
    library,
    memory_used_up,
    time_used_up,
)
from digpy.values import Json

STACK_LIMIT: Final = 512 * 1024
"""Bytes of C stack: well below what any thread has."""

_KEPT_TEXTS = 2000
_dumps = json.JSONEncoder(separators=(",", ":")).encode


class QuickJS:
    """The engine; see `digpy.expr.javascript.JavaScript`. Not for two threads at the same time."""

    def __init__(self) -> None:
        self._shared: _Context | None = None
        self._thread = 0

    def render(
        self, codes: Sequence[str], variables: Mapping[str, Json], timezone: str, now: int
    ) -> list[str]:
        """Evaluate the expressions of one text; see `JavaScript.render`."""
        codes = tuple(codes)
        reading = _read(codes)
        if reading.names is None:
            handed = dict(variables)
        else:
            handed = {name: variables[name] for name in reading.names if name in variables}
        data = _dumps(handed)
        zone = timezone if reading.dated else None
        if reading.own_context:
            return _Context(shared=False).render(codes, data, zone, now)
        used = self._usable()
        try:
            return self._context().render(codes, data, zone, now)
        except _OutOfMemoryError:
            self._shared = None
            if not used:
                raise
        except _InterruptedError:
            self._shared = None
            raise
        # What earlier texts left behind counted against the limit; this one deserves all of it.
        return self.render(codes, variables, timezone, now)

    def check(self, code: str) -> JavaScriptError | None:
        """The syntax error of one expression, or None; nothing is run."""
        return self._context().check(code)

    def _usable(self) -> bool:
        # quickjs measures its stack from where a context was made, so a context belongs to its
        # thread.
        return self._shared is not None and self._thread == threading.get_ident()

    def _context(self) -> _Context:
        if self._shared is None or not self._usable():
            self._shared = _Context(shared=True)
            self._thread = threading.get_ident()
        return self._shared


class _OutOfMemoryError(JavaScriptError):
    def __init__(self) -> None:
        super().__init__("InternalError", memory_used_up())


class _InterruptedError(JavaScriptError):
    def __init__(self) -> None:
        super().__init__("InternalError", time_used_up(TIME_LIMIT))


class _Context:
    """One quickjs context with the library loaded, and the texts compiled in it."""

    def __init__(self, *, shared: bool) -> None:
        context = quickjs.Context()
        context.set_memory_limit(MEMORY_LIMIT)
        context.set_max_stack_size(STACK_LIMIT)
        for _, text in library():
            context.eval(text)
        self._host: Callable[..., Any] = context.eval(_host())(shared)
        self._scripts: dict[tuple[str, ...], Callable[[str], str]] = {}
        self._zones: set[str] = set()
        self._zone: tuple[str, int] | None = None
        context.set_time_limit(TIME_LIMIT)  # of CPU, and of the whole process

    def render(
        self, codes: tuple[str, ...], data: str, timezone: str | None, now: int
    ) -> list[str]:
        """Run one text with the JSON text `data`; `timezone` None: it asks for no date."""
        script = self._scripts.get(codes)
        if script is None:
            if len(self._scripts) >= _KEPT_TEXTS:
                self._scripts.clear()
            script = self._scripts[codes] = _call(self._host, "compile", _dumps(codes))
        if timezone is not None and self._zone != (timezone, now):
            self._set_zone(timezone, now)
        found = json.loads(_call(script, data))
        if len(found) == 1:
            return [str(text) for text in found[0]]
        raise _error(found)

    def check(self, code: str) -> JavaScriptError | None:
        """The syntax error of `code`, or None."""
        found = json.loads(_call(self._host, "check", _dumps((code,))))
        return _error(found) if found else None

    def _set_zone(self, timezone: str, now: int) -> None:
        table = None
        if timezone not in self._zones:
            from digpy.expr.transitions import transitions

            table = _dumps(transitions(timezone))
            self._zones.add(timezone)
        # A float, because the binding cuts an int to 32 bits.
        _call(self._host, "zone", timezone, float(now // 1000), table)
        self._zone = (timezone, now)


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call into a context. What its limits throw past every ``catch`` is told apart by its text."""
    try:
        return function(*arguments)
    except quickjs.JSException as error:
        if "interrupted" in str(error):
            raise _InterruptedError from None
        raise _OutOfMemoryError from None


def _error(found: list[Any]) -> JavaScriptError:
    name, message, line, column = found
    if name == "InternalError" and message == "out of memory":
        return _OutOfMemoryError()
    if message.startswith("cannot read property"):
        message = "C" + message[1:]  # digdag's engine begins it so, and so does `digpy.expr.path`
    place = (line - _FIRST_LINE + 1, column) if name == "SyntaxError" and line else None
    return JavaScriptError(name, message, place)


_FIRST_LINE = 4
"""Line in which the first expression begins, as quickjs counts those of a made function."""


@lru_cache(maxsize=1)
def _host() -> str:
    return resources.files("digpy.expr").joinpath("quickjs_host.js").read_text("utf-8")


class _Reading(NamedTuple):
    """What the text of a template's expressions tells before they run.

    `names` are the words in it, None if it may look at all variables; `dated` says that it may
    ask for the time or a zone.
    """

    names: frozenset[str] | None
    dated: bool
    own_context: bool


_WORD = re.compile(r"[^\s\ufeff\x00-#%-/:-@\[-^`{-\x7f]+")
_SEES_ALL = re.compile(
    r"\\u|(?<![\w$.])(?:this|eval|with|constructor|__proto__|hasOwnProperty|isPrototypeOf"
    r"|propertyIsEnumerable|toString|toLocaleString|valueOf|__defineGetter__|__defineSetter__"
    r"|__lookupGetter__|__lookupSetter__)(?![\w$])"
)
_DATED = frozenset({"Date", "moment"})
_EXTENDS = re.compile(
    # words by which a built-in, or the library's own state, can be changed or code be made
    r"\\u|(?<![\w$])(?:eval|Function|constructor|prototype|__proto__|__define[GS]etter__|define(?:Property"
    r"|Properties|Locale)|setPrototypeOf|assign|globalThis|Reflect|delete|locale|lang|updateLocale"
    r"|relativeTimeThreshold|relativeTimeRounding)(?![\w$])"
    # a member that is assigned to by name: `Math.x = 1`, `o.n++`, `--o.n`
    r"|\.\s*[\w$]+\s*(?:(?:[-+*/%&|^?]|<<|>>)*=(?![=>])|\+\+|--)|(?:\+\+|--)\s*[\w$]+\s*[.\[]"
    # a member of a built-in, by computed name
    r"|(?<![\w$.])[A-Z]\w*\s*\[|\bmoment\s*\["
    # `this` inside a function is the global object
    r"|\bfunction\b[\s\S]*\bthis\b"
)
_ASSIGNED = re.compile(
    r"(?<![\w$.])([A-Za-z_$][\w$]*)\s*(?:(?:[-+*/%&|^?]|<<|>>)*=(?![=>])|\+\+|--)"
    r"|(?:\+\+|--)\s*([A-Za-z_$][\w$]*)"
)


@lru_cache(maxsize=_KEPT_TEXTS)
def _read(codes: tuple[str, ...]) -> _Reading:
    text = "\n".join(codes)
    words = frozenset(_WORD.findall(text))
    sees_all = _SEES_ALL.search(text) is not None
    return _Reading(
        names=None if sees_all else words,
        dated=sees_all or not _DATED.isdisjoint(words) or "globalThis" in words,
        own_context=_wants_own_context(text),
    )


def _wants_own_context(text: str) -> bool:
    """Whether the text may want to change what is frozen; a guess on the safe side."""
    if _EXTENDS.search(text):
        return True
    assigned = {first or second for first, second in _ASSIGNED.findall(text)}
    return any(not _declared(name, text) for name in assigned)


def _declared(name: str, text: str) -> bool:
    word = rf"(?<![\w$.]){re.escape(name)}(?![\w$])"
    return (
        re.search(
            rf"\b(?:var|let|const)\b[^;]*?{word}|\bfunction\b[^()]*\([^()]*{word}[^()]*\)"
            rf"|{word}\s*=>|\([^()]*{word}[^()]*\)\s*=>",
            text,
        )
        is not None
    )
