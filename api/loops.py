"""What steps loop over: ranges, sequences, and lists made of lists."""

from __future__ import annotations

import json
from typing import Any

from dflow.engine.errors import WrongType, WrongValue
from dflow.expression import ArgoVar, quoted
from dflow.names import listed

__all__ = [
    "ArgoConcat",
    "ArgoEnumerate",
    "ArgoLen",
    "ArgoRange",
    "ArgoSequence",
    "ArgoSum",
    "argo_concat",
    "argo_enumerate",
    "argo_len",
    "argo_range",
    "argo_sequence",
    "argo_sum",
]


def _list(value: Any) -> str:
    """A parameter that holds a list, or a constant list, as an expression that gives the list."""
    if isinstance(value, ArgoVar):
        return f"sprig.fromJson({value.expr})" if value.is_str else value.expr
    try:
        return f"sprig.fromJson({quoted(json.dumps(listed(value, 'a loop')))})"
    except (TypeError, ValueError) as exc:
        raise WrongType(f"{value!r} is neither a list of constants nor a parameter that holds a list: {exc}") from exc


def _integer(value: Any) -> str:
    if isinstance(value, ArgoVar):
        return f"sprig.atoi({value.expr})" if value.is_str else f"int({value.expr})"
    return str(int(value))


class ArgoLen(ArgoVar):
    """The length of a list. Made by :func:`argo_len`."""

    def __init__(self, param: Any) -> None:
        super().__init__(f"len({_list(param)})", is_str=False)


class ArgoRange(ArgoVar):
    """Integers from ``start`` up to ``end``, which is left out. Made by :func:`argo_range`."""

    def __init__(self, end: Any, start: Any = 0, step: Any = 1) -> None:
        super().__init__(f"toJson(sprig.untilStep({_integer(start)}, {_integer(end)}, {_integer(step)}))")


class ArgoEnumerate(ArgoVar):
    """Elements of lists with their index. Made by :func:`argo_enumerate`."""

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs:
            raise WrongType("argo_enumerate needs at least one list")
        fields = ", ".join(f"{quoted(name)}: {_list(value)}[#]" for name, value in kwargs.items())
        length = f"len({_list(next(iter(kwargs.values())))})"
        super().__init__(f"toJson(map(sprig.untilStep(0, {length}, 1), {{ {{'order': #, {fields}}} }}))")


class ArgoSum(ArgoVar):
    """The sum of a list of numbers. Made by :func:`argo_sum`."""

    def __init__(self, param: Any) -> None:
        super().__init__(f"sum(map({_list(param)}, {{ float(#) }}))", is_str=False)


class ArgoConcat(ArgoVar):
    """The lists of a list as one list. Made by :func:`argo_concat`."""

    def __init__(self, param: Any) -> None:
        super().__init__(f"toJson(flatten(map({_list(param)}, {{ type(#) == 'string' ? fromJSON(#) : # }})))")


class ArgoSequence:
    """Numbers as texts. Made by :func:`argo_sequence`."""

    def __init__(self, count: Any, start: Any, end: Any, format: Any) -> None:
        self.count = count
        self.start = start
        self.end = end
        self.format = format

    @classmethod
    def from_dict(cls, d: Any) -> ArgoSequence:
        """The sequence of a dict, as Argo writes it."""
        return cls(d.get("count"), d.get("start"), d.get("end"), d.get("format"))

    def to_dict(self) -> dict[str, Any]:
        """The sequence as Argo writes it."""
        return {name: value for name, value in vars(self).items() if value is not None}


def argo_len(param: Any) -> ArgoLen:
    """The length of the list that a parameter holds."""
    return ArgoLen(param)


def argo_range(*args: Any) -> ArgoRange:
    """Like ``range``: ``argo_range(end)``, ``argo_range(start, end)`` or ``argo_range(start, end, step)``.

    Each may be a number, a parameter, or ``argo_len(...)``.
    """
    if len(args) == 1:
        return ArgoRange(args[0])
    if len(args) in (2, 3):
        return ArgoRange(args[1], args[0], *args[2:])
    raise WrongType(f"argo_range takes one, two or three arguments, not {len(args)}")


def argo_sequence(count: Any = None, start: Any = None, end: Any = None, format: Any = None) -> ArgoSequence:
    """Numbers for ``with_sequence``: ``count`` of them from ``start``, or from ``start`` to ``end``, both included.

    Args:
        format: as for printf, such as ``"%03d"``.
    """
    if count is not None and end is not None:
        raise WrongValue("argo_sequence takes count or end, not both")
    return ArgoSequence(count, start, end, format)


def argo_enumerate(*args: Any, **kwargs: Any) -> ArgoEnumerate:
    """The elements of lists with their index: items ``{"order": 0, "value": …}``.

    Several lists go side by side as ``value0``, ``value1`` …, or under the names that they are given.
    """
    named = {"value" if len(args) == 1 else f"value{i}": arg for i, arg in enumerate(args)}
    return ArgoEnumerate(**named, **kwargs)


def argo_sum(param: Any) -> ArgoSum:
    """The sum of the numbers in a list, such as an output of all copies of a loop."""
    return ArgoSum(param)


def argo_concat(param: Any) -> ArgoConcat:
    """The lists in a list, such as an output of all copies of a loop, as one list."""
    return ArgoConcat(param)
