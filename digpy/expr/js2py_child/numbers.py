"""Numbers as ECMAScript writes and computes them, where js2py does it as Python does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from js2py import base

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBER = re.compile(
    r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|0[xX][0-9a-fA-F]+"
)
_EXACT = Context(prec=400)  # as many digits as toFixed can ask for


def number_text(number: float) -> str:
    """As ``String(number)`` writes it: the shortest digits, exponents outside of 1e-7 to 1e21."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    _, figures, exponent = Decimal(repr(abs(float(number)))).normalize().as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - it is finite
    digits = "".join(map(str, figures))
    point = len(digits) + exponent
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{_pointed(digits)}e{point - 1:+d}"


def remainder(left: Any, right: Any) -> Any:
    """``left % right``, whose sign is that of `left`."""
    try:
        return base.Js(math.fmod(left.to_number().value, right.to_number().value))
    except ValueError:  # of infinity, or by 0
        return base.NaN


def to_number(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """js2py's conversion to a number, without what only Python reads: 1_000, nan, inf."""

    def strictly(value: Any) -> Any:
        if value.TYPE == "String":
            text = value.value.strip()
            if text and not _NUMBER.fullmatch(text):
                return base.NaN
        return original(value)

    return strictly


def _number(this: Any, method: str) -> float:
    if this.Class != "Number":
        raise base.MakeError("TypeError", f"Number.prototype.{method} is for numbers")
    return float(this.value)


def _amount(value: Any, low: int, high: int, method: str) -> int:
    amount = value.to_int()
    if not low <= amount <= high:
        raise base.MakeError("RangeError", f"{method}() takes {low} to {high} digits")
    return int(amount)


def _number_to_string(this: Any, radix: Any) -> str:
    number = _number(this, "toString")
    to_base = 10 if radix.is_undefined() else radix.to_int()
    if not 2 <= to_base <= 36:
        raise base.MakeError("RangeError", "toString() takes a radix of 2 to 36")
    if to_base == 10 or not math.isfinite(number):
        return number_text(number)
    whole, fraction = divmod(abs(number), 1)
    digits = ""
    rest = int(whole)
    while rest:
        rest, digit = divmod(rest, to_base)
        digits = _DIGITS[digit] + digits
    if fraction:
        digits = (digits or "0") + "."
        step = math.ulp(abs(number)) / 2  # digits beyond this say nothing about the number
        while fraction > step:
            fraction *= to_base
            step *= to_base
            digit = int(fraction)
            fraction -= digit
            if fraction > 0.5 and 1 - fraction < step and digit + 1 < to_base:
                digit, fraction = digit + 1, 0
            digits += _DIGITS[digit]
    return ("-" if number < 0 else "") + (digits or "0")


def _to_fixed(this: Any, digits: Any) -> str:
    number = _number(this, "toFixed")
    count = _amount(digits, 0, 100, "toFixed")
    if not abs(number) < 1e21:
        return number_text(number)
    exact = Decimal(number).quantize(Decimal(1).scaleb(-count), ROUND_HALF_UP, _EXACT)
    return f"{exact + 0 if exact else abs(exact):f}"


def _rounded(number: float, count: int) -> tuple[str, int]:
    """`count` digits, and the exponent of the first."""
    exact = Decimal(abs(number))
    if not exact:
        return "0" * count, 0
    rounded = Context(count, ROUND_HALF_UP).plus(exact)
    digits = "".join(map(str, rounded.as_tuple().digits))
    return digits.ljust(count, "0")[:count], rounded.adjusted()


def _pointed(digits: str) -> str:
    return f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits


def _to_exponential(this: Any, digits: Any) -> str:
    number = _number(this, "toExponential")
    if not math.isfinite(number):
        return number_text(number)
    if digits.is_undefined():
        shortest = "".join(map(str, Decimal(repr(number)).normalize().as_tuple().digits))
        count = len(shortest) - 1
    else:
        count = _amount(digits, 0, 100, "toExponential")
    figures, exponent = _rounded(number, count + 1)
    return f"{'-' if number < 0 else ''}{_pointed(figures)}e{exponent:+d}"


def _to_precision(this: Any, precision: Any) -> str:
    number = _number(this, "toPrecision")
    if precision.is_undefined() or not math.isfinite(number):
        return number_text(number)
    count = _amount(precision, 1, 100, "toPrecision")
    figures, exponent = _rounded(number, count)
    sign = "-" if number < 0 else ""
    if not -6 <= exponent < count:
        return f"{sign}{_pointed(figures)}e{exponent:+d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{figures}"
    whole, fraction = figures[: exponent + 1], figures[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def _round(_this: Any, value: Any) -> float:
    number = float(value.to_number().value)
    return math.floor(number + 0.5) if math.isfinite(number) else number


def _square_root(_this: Any, value: Any) -> float:
    number = value.to_number().value
    return math.sqrt(number) if number >= 0 else math.nan


def _power(_this: Any, value: Any, exponent: Any) -> float:
    number, power = value.to_number().value, exponent.to_number().value
    if math.isnan(power) or (abs(number) == 1 and math.isinf(power)):
        return math.nan
    try:
        return math.pow(number, power)
    except OverflowError:
        return -math.inf if number < 0 and power % 2 else math.inf
    except ValueError:  # a root of a negative number, or a negative power of 0
        return math.nan if number else math.inf


def _limited(function: Callable[[float], int]) -> Callable[[Any, Any], float]:
    def call(_this: Any, value: Any) -> float:
        number = float(value.to_number().value)
        return function(number) if math.isfinite(number) else number

    return call


NUMBER_METHODS: Mapping[str, Callable[..., Any]] = {
    "toExponential": _to_exponential,
    "toFixed": _to_fixed,
    "toPrecision": _to_precision,
    "toString": _number_to_string,
}
MATH: Mapping[str, Callable[..., Any]] = {
    "ceil": _limited(math.ceil),
    "floor": _limited(math.floor),
    "pow": _power,
    "round": _round,
    "sqrt": _square_root,
}
