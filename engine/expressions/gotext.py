"""Numbers and values written the way Go writes them.

Values are None, bool, int, float, str, list and dict, as well as ``Int64`` and the types of ``gotime``.
"""

from __future__ import annotations

import json
import math
import re

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.limits import MAX_DEPTH, Budget

__all__ = [
    "Int64",
    "Special",
    "go_float",
    "json_float",
    "marshal",
    "parse_float",
    "parse_int",
    "sprint",
    "unmarshal",
    "wrap",
]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = re.compile(r"[+-]?(?:inf|infinity)|nan", re.IGNORECASE)
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class Special:
    """A value of a type that only Go knows."""

    go_kind = "any"

    def go_json(self) -> str:
        """The value as JSON."""
        raise NotImplementedError

    def go_method(self, name: str) -> object:
        """The method ``name``.

        Raises:
            ExpressionError: there is none.
        """
        raise NotImplementedError


class Int64(int):
    """An int64 of Go, which its reflection tells from the plain int."""


def wrap(value: int) -> int:
    """``value`` as a signed integer of 64 bits."""
    return (value + 0x8000000000000000 & 0xFFFFFFFFFFFFFFFF) - 0x8000000000000000


def parse_int(text: str) -> int | None:
    """The whole number that ``text`` is, without blanks; None when it is none or does not fit 64 bits."""
    if len(text) > 40 or not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if wrap(value) == value else None


def parse_float(text: str) -> float | None:
    """The number that ``text`` is, without blanks; None when it is none or too large."""
    if _SPECIAL.fullmatch(text):
        return float(text)
    if not text.isascii() or not _DECIMAL.fullmatch(text):
        return None
    value = float(text)
    return None if math.isinf(value) else value


def go_float(value: float) -> str:
    """A number as ``%v`` writes it."""
    return _float(value, low=-4, high=6, zeros=2)


def json_float(value: float) -> str:
    """A number as ``encoding/json`` writes it.

    Raises:
        ExpressionError: infinity and not-a-number have no JSON.
    """
    if math.isinf(value) or math.isnan(value):
        raise ExpressionError(f"{go_float(value)} cannot be written as JSON")
    return _float(value, low=-6, high=21, zeros=1)


def _float(value: float, *, low: int, high: int, zeros: int) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    text, exponent = _digits(repr(abs(value)))
    minus = "-" if value < 0 else ""
    if low <= exponent < high:
        return minus + _positional(text, exponent)
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return f"{minus}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):0{zeros}d}"


def _digits(text: str) -> tuple[str, int]:
    """The significant digits of a positive number, and the exponent of the first of them."""
    mantissa, _, power = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    skipped = len(whole + fraction) - len(digits)
    return digits.rstrip("0"), int(power or 0) + len(whole) - 1 - skipped


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def sprint(value: object) -> str:
    """A value as ``%v`` writes it: ``[1 2]``, ``map[a:1]``, ``<nil>``."""
    return _sprint(value, Budget(), 0)


def _sprint(value: object, budget: Budget, depth: int) -> str:  # noqa: PLR0911 - one for each type
    budget.spend()
    if depth > MAX_DEPTH:
        raise ExpressionError("the value is nested too deeply")
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return go_float(value)
        case list():
            return "[" + " ".join(_sprint(item, budget, depth + 1) for item in value) + "]"
        case dict():
            pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
            return (
                "map["
                + " ".join(f"{_sprint(k, budget, depth)}:{_sprint(v, budget, depth + 1)}" for k, v in pairs)
                + "]"
            )
        case str():
            budget.spend(len(value))
            return value
        case _:
            return str(value)


def marshal(value: object, *, indent: str = "") -> str:
    """A value as JSON, compact or with ``indent``: keys sorted, ``< > &`` escaped, as Go does.

    Raises:
        ExpressionError: a value that JSON cannot hold.
    """
    return _marshal(value, indent, Budget(), 0)


def _marshal(value: object, indent: str, budget: Budget, depth: int) -> str:  # noqa: PLR0911 - one for each type
    budget.spend()
    if depth > MAX_DEPTH:
        raise ExpressionError("the value is nested too deeply")
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return json_float(value)
        case int():
            return str(int(value))
        case str():
            budget.spend(len(value))
            return json.dumps(value, ensure_ascii=False).translate(_UNSAFE)
        case list():
            return _joined("[]", [_marshal(item, indent, budget, depth + 1) for item in value], indent, depth)
        case dict():
            colon = ": " if indent else ":"
            pairs = sorted(((_key(k), v) for k, v in value.items()), key=lambda pair: pair[0])
            texts = [_marshal(k, "", budget, depth) + colon + _marshal(v, indent, budget, depth + 1) for k, v in pairs]
            return _joined("{}", texts, indent, depth)
        case _:
            return _foreign(value)


def _foreign(value: object) -> str:
    if isinstance(value, Special):
        return value.go_json()
    raise ExpressionError(f"a value of type {type(value).__name__} cannot be written as JSON")


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(int(key))
    raise ExpressionError("the keys of a map that becomes JSON must be texts or whole numbers")


def _joined(brackets: str, texts: list[str], indent: str, depth: int) -> str:
    if not indent or not texts:
        return brackets[0] + ",".join(texts) + brackets[1]
    pad = "\n" + indent * (depth + 1)
    return brackets[0] + pad + ("," + pad).join(texts) + "\n" + indent * depth + brackets[1]


def unmarshal(text: str) -> object:
    """The value of a JSON text; all numbers are floats.

    Raises:
        ExpressionError: the text is no JSON.
    """
    try:
        return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise ExpressionError(f"not JSON: {exc}") from exc


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value


def _no_constant(text: str) -> float:
    raise ValueError(f"unexpected {text}")
