"""Functions of the language on texts, numbers and values; those on lists are in ``lists``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import gotext, jsonpath, lists
from dflow.engine.expressions.limits import check_size
from dflow.engine.expressions.operators import kind
from dflow.engine.expressions.signatures import KINDS, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "call"]


def call(name: str, signature: Signature, values: list[object]) -> object:
    """The value of a function, after a look at the types of its arguments.

    Raises:
        ExpressionError: too many or few of them, a wrong type, or a value that the function cannot take.
    """
    problem = signature.count_problem(name, len(values))
    if problem:
        raise ExpressionError(problem)
    for index, value in enumerate(values):
        wanted = KINDS[signature.letter(index)]
        found = kind(value)
        if wanted and found not in wanted:
            words = " or ".join(wanted).replace("[]", "array")
            raise ExpressionError(f"{name} wants {words}, not {found.replace('[]', 'array')}")
    return FUNCTIONS[name](*values)


def to_int(value: float | str) -> int:
    """``int(value)``: numbers are cut, texts must be whole numbers."""
    if isinstance(value, str):
        number = gotext.parse_int(value)
        if number is None:
            raise ExpressionError(f"int wants a whole number, not {value!r}")
        return number
    if not isinstance(value, int) and not -(2.0**63) <= value < 2.0**63:
        return -(2**63)
    return int(value)


def to_float(value: float | str) -> float:
    """``float(value)``."""
    if not isinstance(value, str):
        return float(value)
    number = gotext.parse_float(value)
    if number is None:
        raise ExpressionError(f"float wants a number, not {value!r}")
    return number


def as_int(value: object) -> int:
    """``asInt(value)`` of Argo."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ExpressionError(f"asInt wants a number or a text, not {kind(value)}")
    if isinstance(value, str):
        number = gotext.parse_int(value)
        if number is None:
            raise ExpressionError(f"asInt wants a whole number, not {value!r}")
        return number
    return to_int(value)


def as_float(value: object) -> float:
    """``asFloat(value)`` of Argo."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ExpressionError(f"asFloat wants a number or a text, not {kind(value)}")
    if isinstance(value, str):
        number = gotext.parse_float(value)
        if number is None:
            raise ExpressionError(f"asFloat wants a number, not {value!r}")
        return number
    return float(value)


def _round(value: float) -> float:
    if math.isnan(value) or math.isinf(value):
        return float(value)
    return math.copysign(math.floor(abs(value) + 0.5) if abs(value) < 2**52 else abs(value), value)


def _ceil(value: float) -> float:
    return float(value) if math.isinf(value) or math.isnan(value) else float(math.ceil(value))


def _floor(value: float) -> float:
    return float(value) if math.isinf(value) or math.isnan(value) else float(math.floor(value))


def _abs(value: float) -> float:
    return gotext.wrap(abs(value)) if isinstance(value, int) else abs(value)


def _type(value: object) -> str:
    word = kind(value)
    return {"[]": "array", "time": "time.Time", "duration": "time.Duration"}.get(word, word)


def _len(value: str | list[object] | dict[str, object]) -> int:
    return len(value)


_SPACE = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def trim(text: str, characters: str | None = None) -> str:
    """``text`` without blanks, or without ``characters``, at both ends."""
    return text.strip(_SPACE if characters is None else characters) if characters != "" else text


def _trim_prefix(text: str, prefix: str = " ") -> str:
    return text.removeprefix(prefix)


def _trim_suffix(text: str, suffix: str = " ") -> str:
    return text.removesuffix(suffix)


def _pieces(text: str, separator: str, count: int) -> list[str]:
    check_size(len(text))
    if count == 0:
        return []
    limit = count - 1 if count > 0 else -1
    if separator:
        return text.split(separator, limit)
    if limit < 0 or limit >= len(text):
        return list(text)
    return [*text[:limit], text[limit:]]


def split(text: str, separator: str, count: int = -1) -> list[str]:
    """The pieces of ``text`` between separators, at most ``count`` when that is not negative."""
    return _pieces(text, separator, count)


def _split_after(text: str, separator: str, count: int = -1) -> list[str]:
    pieces = _pieces(text, separator, count)
    return [piece + separator for piece in pieces[:-1]] + pieces[-1:]


def replace(text: str, old: str, new: str, count: int = -1) -> str:
    """``text`` with ``new`` for ``old``, ``count`` times or always."""
    found = text.count(old)
    check_size(len(text) + (found if count < 0 else min(count, found)) * max(0, len(new) - len(old)))
    return text.replace(old, new, count)


def repeat(text: str, count: int) -> str:
    """``text``, ``count`` times."""
    if count < 0:
        raise ExpressionError(f"repeat wants a count of 0 or more, not {count}")
    check_size(len(text) * count)
    return text * count


def _index(text: str, part: str) -> int:
    at = text.find(part)
    return at if at < 0 else len(text[:at].encode("utf-8", "surrogatepass"))


def _last_index(text: str, part: str) -> int:
    at = text.rfind(part)
    return at if at < 0 else len(text[:at].encode("utf-8", "surrogatepass"))


def _digests(name: str) -> Callable[[str], object]:
    def run(text: str) -> object:
        from dflow.engine.expressions import digests  # noqa: PLC0415 - hashlib is slow to import

        return getattr(digests, name)(text)

    return run


def _shift(count: int) -> int:
    if count < 0:
        raise ExpressionError(f"negative shift count {count}")
    return min(count, 64)


def _times(name: str) -> Callable[..., object]:
    def run(*values: object) -> object:
        from dflow.engine.expressions import gotime  # noqa: PLC0415 - datetime is slow to import

        return getattr(gotime, name)(*values)

    return run


FUNCTIONS: dict[str, Callable[..., object]] = {
    **lists.FUNCTIONS,
    "abs": _abs,
    "asFloat": as_float,
    "asInt": as_int,
    "bitand": lambda a, b: a & b,
    "bitnand": lambda a, b: a & ~b,
    "bitnot": lambda a: ~a,
    "bitor": lambda a, b: a | b,
    "bitshl": lambda a, b: gotext.wrap(a << _shift(b)),
    "bitshr": lambda a, b: a >> _shift(b),
    "bitushr": lambda a, b: gotext.wrap((a & 0xFFFFFFFFFFFFFFFF) >> _shift(b)),
    "bitxor": lambda a, b: a ^ b,
    "ceil": _ceil,
    "date": _times("date"),
    "duration": _times("duration"),
    "float": to_float,
    "floor": _floor,
    "fromBase64": _digests("from_base64"),
    "fromJSON": gotext.unmarshal,
    "hasPrefix": str.startswith,
    "hasSuffix": str.endswith,
    "indexOf": _index,
    "int": to_int,
    "jsonpath": jsonpath.find,
    "lastIndexOf": _last_index,
    "len": _len,
    "lower": str.lower,
    "now": _times("now"),
    "repeat": repeat,
    "replace": replace,
    "round": _round,
    "split": split,
    "splitAfter": _split_after,
    "string": gotext.sprint,
    "timezone": _times("timezone"),
    "toBase64": _digests("to_base64"),
    "toJSON": lambda value: gotext.marshal(value, indent="  "),
    "toJson": gotext.marshal,
    "trim": trim,
    "trimPrefix": _trim_prefix,
    "trimSuffix": _trim_suffix,
    "type": _type,
    "upper": str.upper,
}
