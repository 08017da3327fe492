"""Whether two values are equal; arrays of different shapes are not, whatever broadcasting makes of them."""

from __future__ import annotations

import sys
from typing import Any, List

__all__ = ["array_lines", "is_equal"]


def is_equal(value: Any, wanted: Any) -> bool:
    """As ``value == wanted``, in lists, tuples and dicts too; of arrays the shapes and all elements must be equal.

    What cannot be compared is not equal.
    """
    for kind in (list, tuple):
        if isinstance(value, kind) and isinstance(wanted, kind):
            return len(value) == len(wanted) and all(map(_is_same, value, wanted))
    if isinstance(value, dict) and isinstance(wanted, dict):
        return value.keys() == wanted.keys() and all(_is_same(value[key], wanted[key]) for key in value)
    try:
        if _is_array(value) or _is_array(wanted):
            return _are_equal_arrays(value, wanted)
        return bool(value == wanted)
    except (ValueError, TypeError, RuntimeError):  # an object that holds arrays, tables with other labels
        return False


def _is_same(one: Any, other: Any) -> bool:
    return one is other or is_equal(one, other)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and not isinstance(value, type)


def _are_equal_arrays(value: Any, wanted: Any) -> bool:
    for one, other in ((value, wanted), (wanted, value)):
        if not _is_array(other) and not isinstance(other, (int, float, complex, str, bytes, list, tuple)):
            return bool(other == one)  # pytest.approx and its like know arrays
    if _shape(value) != _shape(wanted):
        return False
    equal = value == wanted
    while getattr(equal, "shape", ()):
        equal = equal.all()
    return bool(equal)


def _shape(value: Any) -> Any:
    if _is_array(value):
        return tuple(value.shape)
    numpy = sys.modules.get("numpy")
    return numpy.shape(value) if numpy is not None else ((len(value),) if isinstance(value, (list, tuple)) else ())


def array_lines(value: Any, wanted: Any) -> List[str]:
    """Where two arrays differ whose texts leave it open; empty for others."""
    if not (_is_array(value) and _is_array(wanted)):
        return []
    if _shape(value) != _shape(wanted):
        return [f"- shape {_shape(wanted)}", f"+ shape {_shape(value)}"]
    try:
        places = list(zip(*(value != wanted).nonzero()))
    except (AttributeError, ValueError, TypeError):
        return []
    if not places or not _shape(value):
        return []
    first = tuple(int(number) for number in places[0])
    head = f"{len(places)} of {value.size} elements differ; at {first}:"
    return [head, f"- {wanted[first]}", f"+ {value[first]}"]
