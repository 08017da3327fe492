"""Functions of the language on lists and maps."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.limits import MAX_DEPTH, Budget, check_size
from dflow.engine.expressions.operators import apply, equal, kind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUNCTIONS", "compare", "ordered", "unique"]


def compare(left: object, right: object) -> int:
    """-1, 0 or 1 as ``left`` comes before, with or after ``right``.

    Raises:
        ExpressionError: the two have no order.
    """
    if apply("<", left, right):
        return -1
    return 1 if apply("<", right, left) else 0


def ordered(pairs: list[tuple[object, object]], order: object) -> list[object]:
    """The second members of ``pairs``, sorted by the first; ``order`` is "asc" or "desc"."""
    if order not in {"asc", "desc"}:
        raise ExpressionError(f"the order is 'asc' or 'desc', not {order!r}")
    rank = functools.cmp_to_key(compare)
    return [item for _, item in sorted(pairs, key=lambda pair: rank(pair[0]), reverse=order == "desc")]


def unique(items: list[object]) -> list[object]:
    """``items`` without those that are equal to an earlier one."""
    budget = Budget()
    result: list[object] = []
    for item in items:
        budget.spend(len(result))
        if not any(equal(item, other) for other in result):
            result.append(item)
    return result


def _sort(items: list[object], order: str = "asc") -> list[object]:
    return ordered([(item, item) for item in items], order)


def _concat(*parts: list[object]) -> list[object]:
    check_size(sum(len(part) for part in parts))
    return [item for part in parts for item in part]


def _flatten(items: list[object]) -> list[object]:
    result: list[object] = []
    _flatten_into(result, items, Budget(), 0)
    return result


def _flatten_into(result: list[object], items: list[object], budget: Budget, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ExpressionError("the list is nested too deeply")
    for item in items:
        budget.spend()
        if isinstance(item, list):
            _flatten_into(result, item, budget, depth + 1)
        else:
            result.append(item)


def join(items: list[object], separator: str = "") -> str:
    """The texts of a list in one.

    Raises:
        ExpressionError: an item is no text.
    """
    texts = []
    for item in items:
        if not isinstance(item, str):
            raise ExpressionError(f"join wants a list of texts, this one holds {kind(item)}; use map(…, string(#))")
        texts.append(item)
    check_size(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _spread(values: tuple[object, ...], budget: Budget) -> list[object]:
    """Numbers, also those inside of lists."""
    result: list[object] = []
    _flatten_into(result, list(values), budget, 0)
    for value in result:
        if kind(value) not in {"int", "float"}:
            raise ExpressionError(f"a number is wanted, not {kind(value)}")
    return result


def _extreme(symbol: str) -> Callable[..., object]:
    def choose(*values: object) -> object:
        numbers = _spread(values, Budget())
        best = numbers[0] if numbers else None
        for number in numbers[1:]:
            if apply(symbol, number, best):
                best = number
        return best

    return choose


def _mean(*values: object) -> object:
    numbers = [float(number) for number in _spread(values, Budget()) if isinstance(number, (int, float))]
    return sum(numbers) / len(numbers) if numbers else 0.0


def _median(*values: object) -> object:
    numbers = sorted(float(number) for number in _spread(values, Budget()) if isinstance(number, (int, float)))
    middle = len(numbers) // 2
    if not numbers:
        return 0.0
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def _take(items: list[object], count: int) -> list[object]:
    if count < 0:
        raise ExpressionError(f"take wants a count of 0 or more, not {count}")
    return items[:count]


def _get(holder: list[object] | dict[str, object], key: object) -> object:
    if isinstance(holder, dict):
        return holder.get(key) if isinstance(key, str) else None
    if isinstance(key, bool) or not isinstance(key, int) or not -len(holder) <= key < len(holder):
        return None
    return holder[key]


def _keys(holder: dict[str, object]) -> list[object]:
    return [key for key, _ in _pairs(holder)]


def _values(holder: dict[str, object]) -> list[object]:
    return [value for _, value in _pairs(holder)]


def _pairs(holder: dict[str, object]) -> list[tuple[str, object]]:
    return sorted(holder.items(), key=lambda pair: str(pair[0]))


def _from_pairs(pairs: list[object]) -> dict[object, object]:
    result: dict[object, object] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or isinstance(pair[0], (list, dict)):
            raise ExpressionError("fromPairs wants a list of [key, value]")
        result[pair[0]] = pair[1]
    return result


FUNCTIONS: dict[str, Callable[..., object]] = {
    "concat": _concat,
    "first": lambda items: items[0] if items else None,
    "flatten": _flatten,
    "fromPairs": _from_pairs,
    "get": _get,
    "join": join,
    "keys": _keys,
    "last": lambda items: items[-1] if items else None,
    "max": _extreme(">"),
    "mean": _mean,
    "median": _median,
    "min": _extreme("<"),
    "reverse": lambda items: items[::-1],
    "sort": _sort,
    "take": _take,
    "toPairs": lambda holder: [[key, value] for key, value in _pairs(holder)],
    "uniq": unique,
    "values": _values,
}
