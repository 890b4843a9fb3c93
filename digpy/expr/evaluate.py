"""Evaluates the templates in a mapping of parameters, in digdag's order and visibility.

Only `Template` values are evaluated: what a task produced is plain text. Follows digdag 0.10.5
(``ConfigEvalEngine``): a key sees the keys written before it at the same level evaluated,
everything else raw; a value is never evaluated twice; ``_do`` and ``_else_do`` stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from digpy.errors import ExpressionError
from digpy.expr import path
from digpy.expr.javascript import JavaScript, JavaScriptError, default_engine, syntax_error
from digpy.values import Json, Params, Template

_RAW = frozenset({"_do", "_else_do"})
_Render = Callable[[str, Mapping[str, Json]], str]


def evaluate(
    params: Mapping[str, Json],
    scope: Mapping[str, Json],
    engine: Callable[[], JavaScript],
    timezone: str,
    now: int,
) -> Params:
    """Evaluate every template in `params`, in a new mapping that shares what did not change.

    `scope` are the variables templates see besides the keys before them: the parameters before
    the task's own were merged, raw. `engine` is called when JavaScript is needed; `timezone` is
    that of the workflow, `now` is in UTC microseconds. Raises `ExpressionError` with digdag's
    message.
    """

    def strict(template: str, variables: Mapping[str, Json]) -> str:
        return evaluate_text(template, variables, engine, timezone, now)

    return _mapping(params, scope, strict)


def evaluate_leniently(
    params: Mapping[str, Json],
    scope: Mapping[str, Json],
    engine: Callable[[], JavaScript],
    timezone: str,
    now: int,
) -> Params:
    """As `evaluate`, but a template that cannot be evaluated becomes its own text.

    For ``^failure-alert``: differs from digdag, whose alert is lost for any broken export.
    """

    def lenient(template: str, variables: Mapping[str, Json]) -> str:
        try:
            return evaluate_text(template, variables, engine, timezone, now)
        except ExpressionError:
            return str.__str__(template)

    return _mapping(params, scope, lenient)


def evaluate_text(
    template: str,
    variables: Mapping[str, Json],
    engine: Callable[[], JavaScript] = default_engine,
    timezone: str | None = None,
    now: int | None = None,
) -> str:
    """Evaluate one text, whatever its type: a file's content, a value of ``param_eval>``.

    `timezone` defaults to the variable of that name (or UTC), `now` (UTC microseconds) to the
    present. Raises `ExpressionError`.
    """
    try:
        plan = path.plan(template)
        if plan is not None:
            try:
                return path.render(plan, variables)
            except path.Unsure:
                pass  # only JavaScript can tell
        return _by_javascript(template, variables, engine(), timezone, now)
    except JavaScriptError as error:
        message = f"Failed to evaluate a variable {template} ({error})"
        raise ExpressionError(message) from None


def _by_javascript(
    template: str,
    variables: Mapping[str, Json],
    engine: JavaScript,
    timezone: str | None,
    now: int | None,
) -> str:
    from digpy.expr.template import Hole, parse

    if timezone is None:
        written = variables.get("timezone")
        timezone = written if isinstance(written, str) else "UTC"
    if now is None:
        from digpy.clock import SystemClock

        now = SystemClock().now()
    pieces = parse(template)
    codes = [piece.code for piece in pieces if isinstance(piece, Hole)]
    try:
        texts = iter(engine.render(codes, variables, timezone, now))
    except JavaScriptError as error:
        if error.name != "SyntaxError":
            raise
        found = (syntax_error(engine, code) for code in codes)
        raise next(filter(None, found), error) from None  # none: what an expression did, not is
    return "".join(next(texts) if isinstance(piece, Hole) else piece.text for piece in pieces)


def _mapping(params: Mapping[str, Json], scope: Mapping[str, Json], render: _Render) -> Params:
    built = dict(params)
    level = _Level(built, scope, render)
    for key, value in params.items():
        if key not in _RAW:
            changed = level.value(value, key)
            if changed is not value:
                built[key] = changed
        level.passed(key)
    return built


class _Level:
    """What the templates of one mapping see: the scope, over it the keys that have been passed."""

    __slots__ = ("_built", "_render", "_scope", "_visible")

    def __init__(self, built: Params, scope: Mapping[str, Json], render: _Render) -> None:
        self._built = built
        self._scope = scope
        self._render = render
        self._visible: Params | None = None  # most mappings have no template and never need it

    def passed(self, key: str) -> None:
        if self._visible is not None:
            self._visible[key] = self._built[key]

    def value(self, value: Json, key: str) -> Json:
        """`value`, which stands at `key`, evaluated; the same object if nothing changes."""
        if type(value) is Template:
            return self._render(value, self._variables(key))
        if isinstance(value, dict):
            evaluated = _mapping(value, self._scope, self._render)
            return value if all(map(_same, evaluated.values(), value.values())) else evaluated
        if isinstance(value, list):
            items = [self.value(item, key) for item in value]
            return value if all(map(_same, items, value)) else items
        return value

    def _variables(self, key: str) -> Params:
        if self._visible is None:
            self._visible = dict(self._scope)
            for earlier, value in self._built.items():
                if earlier == key:
                    break
                self._visible[earlier] = value
        return self._visible


def _same(one: Json, other: Json) -> bool:
    return one is other
