"""Numbers, conversions, checksums, dates and chance of ``sprig``."""

from __future__ import annotations

import math
import secrets
import uuid
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import digests, gotext, gotime, operators
from dflow.engine.expressions.gotext import Int64
from dflow.engine.expressions.limits import check_size

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "to_float", "to_int"]


def to_int(value: object) -> int:
    """A whole number from anything; 0 from what is none."""
    match value:
        case bool() | int():
            return int(value)
        case float():
            if math.isnan(value) or not -(2.0**63) <= value < 2.0**63:
                return -(2**63)
            return int(value)
        case str():
            return _read_int(value)
        case _:
            return 0


def _read_int(text: str) -> int:
    whole, dot, fraction = text.partition(".")
    body = whole if dot and not fraction.strip("0") else text
    digits = body.lstrip("+-")
    if len(body) - len(digits) > 1 or len(digits) > 70 or "_" in digits or not digits.isascii():
        return 0
    try:
        number = int(digits, 0) if digits[1:2].isalpha() else int(digits.lstrip("0") or ("0" if digits else ""))
    except ValueError:
        return 0
    number = -number if body.startswith("-") else number
    return number if gotext.wrap(number) == number else 0


def to_float(value: object) -> float:
    """A number from anything; 0 from what is none."""
    match value:
        case bool() | int() | float():
            return float(value)
        case str():
            number = gotext.parse_float(value)
            return 0.0 if number is None else number
        case _:
            return 0.0


def _total(fold: Callable[[int, int], int], start: int | None = None) -> Callable[..., object]:
    def run(*values: object) -> Int64:
        numbers = [to_int(value) for value in values]
        total = numbers.pop(0) if start is None else start
        for number in numbers:
            total = gotext.wrap(fold(total, number))
        return Int64(total)

    return run


def _float_total(fold: Callable[[float, float], float], start: float | None = None) -> Callable[..., object]:
    def run(*values: object) -> float:
        numbers = [to_float(value) for value in values]
        total = numbers.pop(0) if start is None else start
        for number in numbers:
            total = fold(total, number)
        return total

    return run


def _quotient(a: int, b: int) -> int:
    if b == 0:
        raise ExpressionError("integer divide by zero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _round(value: object, places: int, half: object = 0.5) -> float:
    number, shift = to_float(value), operators.power(10.0, float(places))
    digit = shift * number
    if math.isinf(digit) or math.isnan(digit) or shift == 0:
        return number
    whole = math.trunc(digit)
    up = math.copysign(1, number) if abs(digit - whole) >= to_float(half) else 0
    return (whole + up) / shift


def _whole(function: Callable[[float], int]) -> Callable[[object], float]:
    def run(value: object) -> float:
        number = to_float(value)
        return number if math.isinf(number) or math.isnan(number) else float(function(number))

    return run


def _atoi(text: str) -> int:
    return gotext.parse_int(text) or 0


def _octal(value: object) -> Int64:
    text = gotext.sprint(value)
    return Int64(int(text, 8) if text and len(text) < 22 and set(text) <= set("01234567") else 0)


def until_step(start: int, stop: int, step: int) -> list[object]:
    """Numbers from ``start`` up (or down) to before ``stop``."""
    if step == 0 or (stop < start) == (step > 0):
        return []
    check_size(abs(stop - start) / abs(step))
    return list(range(start, stop, step))


def _seq(*numbers: int) -> str:
    if not numbers or len(numbers) > 3:
        return ""
    start, step, end = numbers[0], 1, numbers[-1]
    if len(numbers) == 1:
        start, step = 1, 1 if end >= 1 else -1
    elif len(numbers) == 2:
        step = 1 if end >= start else -1
    else:
        step = numbers[1]
        if step == 0 or (end < start) == (step > 0):
            return ""
    return " ".join(map(str, until_step(start, end + (1 if step > 0 else -1), step)))


def _digest(name: str) -> Callable[[str], str]:
    def run(text: str) -> str:
        return digests.digest(name, text)

    return run


def _uuid() -> str:
    return str(uuid.uuid4())


def _chance(alphabet: str) -> Callable[[int], str]:
    def run(count: int) -> str:
        check_size(count)
        return "".join(secrets.choice(alphabet) for _ in range(max(0, count)))

    return run


def _rand_int(low: int, high: int) -> int:
    if high <= low:
        raise ExpressionError("randInt wants a range that is not empty")
    return low + secrets.randbelow(high - low)


def _time(value: object) -> gotime.Time:
    if isinstance(value, gotime.Time):
        return value
    if isinstance(value, int):
        found = gotime.apply("+", gotime.date("1970-01-01"), gotime.Duration(int(value) * 10**9))
        return found if isinstance(found, gotime.Time) else gotime.now()
    return gotime.now()


def _date(layout: str, value: object) -> str:
    return _time(value).format(layout)


def _to_date(layout: str, text: str) -> object:
    return gotime.date(text, layout)


def _date_modify(span: str, value: object) -> object:
    return gotime.apply("+", _time(value), gotime.duration(span))


def _duration(seconds: object) -> str:
    return str(gotime.Duration(to_int(seconds) * 10**9))


def _unix(value: object) -> str:
    return str(int(_time(value).moment.timestamp() // 1))


_DIGITS = "0123456789"
_ALPHA = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

FUNCTIONS: dict[str, tuple[str, Callable[..., object]]] = {
    "add": ("?x*", _total(lambda a, b: a + b, 0)),
    "add1": ("x", lambda value: Int64(gotext.wrap(to_int(value) + 1))),
    "add1f": ("x", lambda value: to_float(value) + 1.0),
    "addf": ("?x*", _float_total(lambda a, b: a + b, 0.0)),
    "adler32sum": ("s", digests.adler32),
    "atoi": ("s", _atoi),
    "biggest": ("xx*", _total(max)),
    "ceil": ("x", _whole(math.ceil)),
    "date": ("sx", _date),
    "dateModify": ("sx", _date_modify),
    "date_modify": ("sx", _date_modify),
    "div": ("xx", _total(_quotient)),
    "divf": ("xx*", _float_total(operators.divide)),
    "duration": ("x", _duration),
    "float64": ("x", to_float),
    "floor": ("x", _whole(math.floor)),
    "htmlDate": ("x", lambda value: _date("2006-01-02", value)),
    "int": ("x", to_int),
    "int64": ("x", lambda value: Int64(to_int(value))),
    "max": ("xx*", _total(max)),
    "maxf": ("xx*", _float_total(max)),
    "min": ("xx*", _total(min)),
    "minf": ("xx*", _float_total(min)),
    "mod": ("xx", _total(operators.remainder)),
    "mul": ("xx*", _total(lambda a, b: a * b)),
    "mulf": ("xx*", _float_total(lambda a, b: a * b)),
    "mustDateModify": ("sx", _date_modify),
    "mustToDate": ("ss", _to_date),
    "now": ("", gotime.now),
    "randAlpha": ("i", _chance(_ALPHA)),
    "randAlphaNum": ("i", _chance(_ALPHA + _DIGITS)),
    "randAscii": ("i", _chance("".join(map(chr, range(32, 127))))),
    "randInt": ("ii", _rand_int),
    "randNumeric": ("i", _chance(_DIGITS)),
    "round": ("xi?n", _round),
    "seq": ("?i*", _seq),
    "sha1sum": ("s", _digest("sha1")),
    "sha256sum": ("s", _digest("sha256")),
    "sha512sum": ("s", _digest("sha512")),
    "sub": ("xx", _total(lambda a, b: a - b)),
    "subf": ("xx*", _float_total(lambda a, b: a - b)),
    "toDate": ("ss", _to_date),
    "toDecimal": ("x", _octal),
    "unixEpoch": ("x", _unix),
    "until": ("i", lambda count: until_step(0, count, 1 if count >= 0 else -1)),
    "untilStep": ("iii", until_step),
    "uuidv4": ("", _uuid),
}
"""Types of the arguments, and what is done."""
