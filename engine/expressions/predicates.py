"""The functions that evaluate a part of the expression for each item of a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import lists, operators
from dflow.engine.expressions import nodes as n

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dflow.engine.expressions.evaluator import Evaluator

    Args: TypeAlias = tuple[n.Node, ...]

__all__ = ["FUNCTIONS"]


def _items(run: Evaluator, node: n.Node) -> list[object]:
    items = run.value(node)
    if not isinstance(items, list):
        raise ExpressionError(f"a list is wanted, not {operators.kind(items)}")
    return items


def _each(run: Evaluator, args: Args, *, backwards: bool = False) -> Iterator[tuple[int, object, object]]:
    """Index, item and value of the predicate."""
    items = _items(run, args[0])
    order = range(len(items) - 1, -1, -1) if backwards else range(len(items))
    for index in order:
        yield index, items[index], _apply(run, args[1], {"": items[index], "index": index})


def _apply(run: Evaluator, predicate: n.Node, names: dict[str, object]) -> object:
    if not isinstance(predicate, n.Predicate):
        raise ExpressionError("a predicate is wanted")
    run.items.append(names)
    try:
        return run.value(predicate.body)
    finally:
        run.items.pop()


def _tests(run: Evaluator, args: Args, *, backwards: bool = False) -> Iterator[tuple[int, object, bool]]:
    for index, item, value in _each(run, args, backwards=backwards):
        if not isinstance(value, bool):
            raise ExpressionError(f"the predicate gives {operators.kind(value)}, not bool")
        yield index, item, value


def _all(run: Evaluator, args: Args) -> object:
    return all(value for _, _, value in _tests(run, args))


def _any(run: Evaluator, args: Args) -> object:
    return any(value for _, _, value in _tests(run, args))


def _none(run: Evaluator, args: Args) -> object:
    return not _any(run, args)


def _one(run: Evaluator, args: Args) -> object:
    return sum(value for _, _, value in _tests(run, args)) == 1


def _map(run: Evaluator, args: Args) -> object:
    return [value for _, _, value in _each(run, args)]


def _filter(run: Evaluator, args: Args) -> object:
    return [item for _, item, value in _tests(run, args) if value]


def _count(run: Evaluator, args: Args) -> object:
    if len(args) > 1:
        return sum(value for _, _, value in _tests(run, args))
    items = _items(run, args[0])
    if not all(isinstance(item, bool) for item in items):
        raise ExpressionError("count without a predicate wants a list of bool")
    return items.count(True)


def _sum(run: Evaluator, args: Args) -> object:
    values = _map(run, args) if len(args) > 1 else _items(run, args[0])
    total: object = 0
    for value in values if isinstance(values, list) else ():
        total = operators.apply("+", total, value)
    return total


def _find(run: Evaluator, args: Args) -> object:
    return next((item for _, item, value in _tests(run, args) if value), None)


def _find_index(run: Evaluator, args: Args) -> object:
    return next((index for index, _, value in _tests(run, args) if value), -1)


def _find_last(run: Evaluator, args: Args) -> object:
    return next((item for _, item, value in _tests(run, args, backwards=True) if value), None)


def _find_last_index(run: Evaluator, args: Args) -> object:
    return next((index for index, _, value in _tests(run, args, backwards=True) if value), -1)


def _group_by(run: Evaluator, args: Args) -> object:
    groups: dict[object, list[object]] = {}
    for _, item, value in _each(run, args):
        if isinstance(value, (list, dict)):
            raise ExpressionError(f"{operators.kind(value)} cannot be the key of a group")
        groups.setdefault(value, []).append(item)
    return groups


def _sort_by(run: Evaluator, args: Args) -> object:
    pairs = [(value, item) for _, item, value in _each(run, args)]
    order = run.value(args[2]) if len(args) > 2 else "asc"
    return lists.ordered(pairs, order)


def _reduce(run: Evaluator, args: Args) -> object:
    items = _items(run, args[0])
    start = 0
    if len(args) > 2:
        total = run.value(args[2])
    elif items:
        total, start = items[0], 1
    else:
        raise ExpressionError("reduce of an empty list wants a value to begin with")
    for index in range(start, len(items)):
        total = _apply(run, args[1], {"": items[index], "index": index, "acc": total})
    return total


FUNCTIONS: dict[str, Callable[[Evaluator, Args], object]] = {
    "all": _all,
    "any": _any,
    "count": _count,
    "filter": _filter,
    "find": _find,
    "findIndex": _find_index,
    "findLast": _find_last,
    "findLastIndex": _find_last_index,
    "groupBy": _group_by,
    "map": _map,
    "none": _none,
    "one": _one,
    "reduce": _reduce,
    "sortBy": _sort_by,
    "sum": _sum,
}
