"""What an OP is given for the whole of an artifact that slices have left, or that was uploaded with members missing."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Tuple

__all__ = ["merged_keys", "merged_tree", "without_holes"]

Pairs = List[Tuple[Any, Any]]
"""Orders in an artifact, and the paths there."""


def merged_keys(pairs: Pairs) -> Pairs:
    """The members of the dicts of all slices under their own keys; of two with one key, that of the later slice.

    Lists, whose indices are the same in each slice, keep the numbers of their slices.
    """
    keys = [str(order).partition(".")[2] for order, _ in pairs]
    clash = len(set(keys)) < len(keys)
    if not all(keys) or (clash and all(key.partition(".")[0].isdecimal() for key in keys)):
        return pairs
    return [(key, path) for key, (_, path) in zip(keys, pairs)]


def merged_tree(pairs: Pairs, unflatten: Callable[[Iterable[Tuple[Any, Any]]], Any]) -> Any:
    """One dict of the dicts of all slices, or one list of their lists and paths; of both kinds, a list of all."""
    if all(isinstance(order, int) for order, _ in pairs):
        return unflatten(pairs)
    slices: Dict[str, Pairs] = {}
    for order, path in pairs:
        number, _, key = str(order).partition(".")
        slices.setdefault(number, []).append((key, path))
    values = [inside[0][1] if inside[0][0] == "" else unflatten(inside) for inside in slices.values()]
    if all(isinstance(value, dict) for value in values):
        whole: Dict[str, Any] = {}
        for value in values:
            _merge(whole, value)
        return whole
    if any(isinstance(value, dict) for value in values):
        return values
    return [member for value in values for member in (value if isinstance(value, list) else [value])]


def _merge(whole: Dict[str, Any], more: Dict[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        else:
            whole[key] = value


def without_holes(value: Any) -> Any:
    """Dicts and lists without missing members; None stays in a list before one that is there, unless all are paths."""
    if isinstance(value, dict):
        return {key: kept for key, kept in ((k, without_holes(v)) for k, v in value.items()) if _is_there(kept)}
    if not isinstance(value, list):
        return value
    members = [kept if _is_there(kept) else None for kept in map(without_holes, value)]
    while members and members[-1] is None:
        del members[-1]
    return members


def _is_there(value: Any) -> bool:
    return value is not None and value not in ({}, [])
