"""What the operators do with values."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import gotext, regex
from dflow.engine.expressions.limits import check_size

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ORDER", "apply", "contains", "equal", "kind", "negative", "power", "remainder"]

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def kind(value: object) -> str:  # noqa: PLR0911 - one for each type
    """The name of the type of a value, as ``type()`` gives it, with ``[]`` for a list."""
    match value:
        case None:
            return "nil"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
        case list():
            return "[]"
        case dict():
            return "map"
        case _:
            return str(getattr(value, "go_kind", "any"))


def apply(symbol: str, left: object, right: object) -> object:
    """The value of ``left symbol right``, for all operators but those that may skip the right side.

    Raises:
        ExpressionError: the operator is not defined for the two.
    """
    if symbol == "==":
        return equal(left, right)
    if symbol == "!=":
        return not equal(left, right)
    if symbol == "in":
        return contains(right, left)
    kinds = (kind(left), kind(right))
    if kinds == ("string", "string"):
        result = _texts(symbol, str(left), str(right))
    elif set(kinds) <= {"int", "float"}:
        result = _numbers(symbol, left, right)
    else:
        result = _times(symbol, left, right) if {"time", "duration"} & set(kinds) else None
    if result is None:
        raise ExpressionError(f"{_name(left)} {symbol} {_name(right)} is not defined: {_hint(symbol, kinds)}")
    return result


def _name(value: object) -> str:
    return {"[]": "array"}.get(kind(value), kind(value))


def _hint(symbol: str, kinds: tuple[str, str]) -> str:
    if "nil" in kinds:
        return "a value is missing; ?? gives it a default"
    if "string" in kinds and set(kinds) & {"int", "float"}:
        return "variables are texts; use asInt, asFloat or string"
    return f"{symbol} wants other types"


def _texts(symbol: str, left: str, right: str) -> object:  # noqa: PLR0911 - one for each operator
    if symbol in ORDER:
        return ORDER[symbol](_utf8(left), _utf8(right))
    match symbol:
        case "+":
            check_size(len(left) + len(right))
            return left + right
        case "contains":
            return right in left
        case "startsWith":
            return left.startswith(right)
        case "endsWith":
            return left.endswith(right)
        case "matches":
            return regex.compiled(right).search(left) is not None
        case _:
            return None


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _numbers(symbol: str, left: object, right: object) -> object:  # noqa: PLR0911 - one for each operator
    a, b = left, right
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        return None
    if symbol in ORDER:
        return ORDER[symbol](a, b)
    whole = isinstance(a, int) and isinstance(b, int)
    match symbol:
        case "+":
            return gotext.wrap(int(a) + int(b)) if whole else float(a) + float(b)
        case "-":
            return gotext.wrap(int(a) - int(b)) if whole else float(a) - float(b)
        case "*":
            return gotext.wrap(int(a) * int(b)) if whole else float(a) * float(b)
        case "/":
            return divide(float(a), float(b))
        case "**":
            return power(float(a), float(b))
        case "%" if whole:
            return remainder(int(a), int(b))
        case ".." if whole:
            check_size(b - a + 1)
            return list(range(int(a), int(b) + 1))
        case _:
            return None


def divide(a: float, b: float) -> float:
    """``a / b`` by IEEE rules: no error for zero."""
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    """``a`` to the ``b`` by IEEE rules."""
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and b % 2 == 1 else math.inf
    except ValueError:
        if a == 0:
            return math.copysign(math.inf, a) if b % 2 == 1 else math.inf
        return math.nan


def remainder(a: int, b: int) -> int:
    """``a % b`` with the sign of ``a``.

    Raises:
        ExpressionError: ``b`` is 0.
    """
    if b == 0:
        raise ExpressionError("integer divide by zero")
    return -(-a % abs(b)) if a < 0 else a % abs(b)


def negative(value: object) -> object:
    """``-value``.

    Raises:
        ExpressionError: it is no number.
    """
    match value:
        case bool():
            pass
        case int():
            return gotext.wrap(-value)
        case float():
            return -value
        case _ if kind(value) == "duration":
            return _times("*", value, -1)
    raise ExpressionError(f"- wants a number, not {_name(value)}")


def _times(symbol: str, left: object, right: object) -> object:
    from dflow.engine.expressions import gotime  # noqa: PLC0415 - datetime is slow to import

    return gotime.apply(symbol, left, right)


def equal(left: object, right: object) -> bool:
    """Whether two values are the same; the items of lists compare like values, those of maps strictly.

    Raises:
        ExpressionError: nested too deeply to tell.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(equal(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            type(value) is type(right[key]) and equal(value, right[key]) for key, value in left.items()
        )
    return type(left) is type(right) and left == right


def contains(holder: object, item: object) -> bool:
    """``item in holder``, a list or a map.

    Raises:
        ExpressionError: ``holder`` is something else.
    """
    if holder is None:
        return False
    if isinstance(holder, list):
        return any(equal(item, other) for other in holder)
    if isinstance(holder, dict):
        if not isinstance(item, str):
            raise ExpressionError(f"the keys of a map are texts, not {_name(item)}")
        return item in holder
    raise ExpressionError(f"in wants a list or a map on its right, not {_name(holder)}")
