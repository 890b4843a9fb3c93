"""``param_eval>: a.b.c`` evaluates a parameter once more and stores what came out."""

from __future__ import annotations

from digpy.errors import ExpressionError, TaskFailed
from digpy.operators import conversions
from digpy.operators.param_reset import dotted_key
from digpy.spi import InlineOperator, TaskRequest, TaskResult
from digpy.values import Json, Params


class ParamEval(InlineOperator):
    """A second pass over *every* parameter, of which one value is kept.

    The parameters have been evaluated once when this runs; what still contains ``${...}``, also in
    data, is evaluated again with them as variables. So a value that differs each time it is
    evaluated is frozen.

    Follows the plugin digdag-operator-param for every input that works there. The plugin evaluates
    the JSON text of all parameters as one template; here each text is evaluated on its own, so
    quotation marks, backslashes and line breaks do no harm, and a mapping or list becomes its JSON
    text as in any other template.
    """

    retries = True
    options = None

    def run(self, request: TaskRequest) -> TaskResult:
        """Raises `TaskFailed` if something cannot be evaluated, or there is no value at the key."""
        key = dotted_key(request)
        try:
            params = _evaluated(request)
        except ExpressionError as error:
            raise TaskFailed(str(error), "config") from error
        return TaskResult(store=_picked(params, key.split(".")), reset=(key,))


def _picked(params: Params, names: list[str]) -> Params:
    """The mapping that holds nothing but what `params` has at the path `names`."""
    name, *rest = names
    if rest:
        return {name: _picked(conversions.mapping(params, name), rest)}
    if name not in params:
        raise TaskFailed(f"Parameter '{name}' is required but not set", "config")
    if params[name] is None:
        raise TaskFailed(f"Parameter '{name}' is required but null", "config")
    return {name: params[name]}


def _evaluated(request: TaskRequest) -> Params:
    """The parameters with all text evaluated, the keys of mappings too."""
    from digpy.expr.evaluate import evaluate_text

    def again(text: str) -> str:
        if "$" not in text:
            return str(text)
        return evaluate_text(text, request.params, timezone=request.timezone, now=request.now)

    def walk(value: Json) -> Json:
        if isinstance(value, str):
            return again(value)
        if isinstance(value, dict):
            return {again(key): walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return value

    return {again(key): walk(value) for key, value in request.params.items()}
