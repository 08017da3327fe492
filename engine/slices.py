"""Dealing the elements of lists out to the copies of a looped call.

Each copy gets its own elements and nothing else; the lists are read once for the whole loop. What copies give is put
together in :mod:`dflow.engine.stacking`.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import TYPE_CHECKING, Any

from dflow.engine import expressions
from dflow.engine.elements import Elements, picked
from dflow.engine.errors import ExpressionError
from dflow.engine.model import PythonOpTemplate
from dflow.engine.model import Sequence as NumberSequence
from dflow.engine.records import record
from dflow.engine.scope import resolve, resolve_artifact
from dflow.engine.slice_groups import Turns, grouped
from dflow.engine.texts import as_text, depth_of_lists, read_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dflow.engine.artifact_values import ArtifactValue
    from dflow.engine.model import Call, Slices, Template
    from dflow.engine.scope import Scope

__all__ = ["Deal", "Hand"]


@record(frozen=True, slots=True)
class Hand:
    """What one copy gets: texts and artifacts by name; None for an element that is missing.

    Attributes:
        orders: of a group: the indices of its elements in the whole loop.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactValue | None] = field(default_factory=dict)
    orders: Sequence[int] | None = None


class Deal:
    """The sliced inputs of a looped call, ready to be dealt out.

    With ``group_size`` a copy of a Python OP is a group; its process takes the elements apart. So is a copy of any
    other template whose sliced inputs are declared as lists. Where they are not, each element has a copy of its own,
    and those of a group follow each other.

    Attributes:
        slices: what is dealt out and stacked.
        groups: the indices of the elements of each copy that is a group; None where each element has a copy.
        has_lists: such a copy gives a plain list of one value for each element.
    """

    def __init__(self, call: Call, slices: Slices, scope: Scope, template: Template) -> None:
        self.slices = slices
        values, sources = dict(call.parameters), dict(call.artifacts)
        self._parameters: dict[str, Any] = {}
        self._artifacts: dict[str, Elements] = {}
        self._items: list[object] = []
        self._by_position = False
        for name in slices.input_parameters:
            if name in values:
                self._parameters[name] = _decoded(name, resolve(values[name], scope.values))
        for name in slices.input_artifacts:
            value = resolve_artifact(sources[name], scope) if name in sources else None
            if value is not None:
                self._artifacts[name] = Elements(value)
        self.groups: list[Sequence[int]] | None = None
        self._turns: list[Sequence[int]] | None = None
        self._format = _format_of(call, scope)
        self.has_lists = False
        self._is_op = isinstance(template, PythonOpTemplate)
        if slices.group_size is not None and slices.pool_size is None and not self._is_op:
            self.has_lists = self._fit_lists(template)

    def orders(self) -> list[object]:
        """The items of a loop over the elements themselves: ``{"order": 0}`` …

        Raises:
            ExpressionError: nothing is sliced, or the lists differ in length.
        """
        lengths = {name: len(elements) for name, elements in {**self._parameters, **self._artifacts}.items()}
        if not lengths:
            raise ExpressionError("there is no sliced input whose elements could be counted; give with_param=")
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
            raise ExpressionError(f"the sliced inputs differ in length: {listed}")
        self._by_position = True
        self._parameters = {n: list(v.values()) if isinstance(v, dict) else v for n, v in self._parameters.items()}
        return [{"order": index} for index in range(next(iter(lengths.values())))]

    def copies(self, items: list[object]) -> list[object]:
        """The items of the copies: those of the loop, or the indices of the groups where a copy is one."""
        if self.slices.group_size is None:
            return items
        groups = grouped(len(items), self.slices)
        if not (self._is_op or self.has_lists):
            self._turns = groups
            return items
        self._items, self.groups = items, groups
        return list(range(len(groups)))

    def turns(self, count: int) -> Turns:
        """In which order that many copies are to be made."""
        return Turns(count, self._turns, self.slices.pool_size or 1)

    def sizes(self) -> list[int] | None:
        """How many elements each copy has; None where each has one."""
        return None if self.groups is None else [len(group) for group in self.groups]

    def names(self, item: Any) -> dict[str, str]:
        """What ``item`` means in a copy; in one that is a group it is its index, in the format of the sequence."""
        if self.groups is None:
            return expressions.item_scope(item)
        (shown,) = expressions.expand_sequence({"count": 1, "start": item, "format": self._format})
        return {"item": shown, "item.order": str(item)}

    def hand(self, item: Mapping[str, str]) -> Hand:
        """What the copy with this item gets.

        Raises:
            ExpressionError: it asks for an element that is not there.
        """
        if self.groups is not None:
            return self._hand_of_group(self.groups[int(item["item.order"])])
        index = resolve(self.slices.index, item) or ""
        parameters = {name: as_text(_picked(name, values, index)) for name, values in self._parameters.items()}
        artifacts = {name: e.one(self._position(name, index)) for name, e in self._artifacts.items()}
        return Hand(parameters, artifacts)

    def _hand_of_group(self, orders: Sequence[int]) -> Hand:
        items: list[Any] = [self._items[order] for order in orders]
        indices = [resolve(self.slices.index, expressions.item_scope(item)) or "" for item in items]
        texts = {
            name: json.dumps([_picked(name, values, index) for index in indices], ensure_ascii=False)
            for name, values in self._parameters.items()
        }
        artifacts: dict[str, ArtifactValue | None] = {
            name: elements.some([self._position(name, index) for index in indices])
            for name, elements in self._artifacts.items()
        }
        return Hand(texts, artifacts, orders)

    def _position(self, name: str, index: str) -> int:
        elements = self._artifacts[name]
        if self._by_position and index.isdecimal() and int(index) < len(elements):
            return int(index)
        return picked(elements, repr(name), index)

    def _fit_lists(self, template: Template) -> bool:
        """Whether the template takes a list of elements wherever it takes one: its types say so."""
        types = {p.name: p.type for p in template.inputs.parameters}
        kinds = {a.name: a.type for a in template.inputs.artifacts}
        depths = [(depth_of_lists(types.get(name)), _depth(values)) for name, values in self._parameters.items()]
        several = [depth_of_lists(kinds[name]) for name in self._artifacts if kinds.get(name) is not None]
        return bool(depths or several) and all(declared == found for declared, found in depths) and all(several)


def _format_of(call: Call, scope: Scope) -> str:
    """How the items of a sequence are written."""
    items = None if call.loop is None else call.loop.items
    given = items.format if isinstance(items, NumberSequence) else None
    return "%d" if given is None else resolve(given, scope.values) or "%d"


def _decoded(name: str, text: str | None) -> Any:
    value = read_value(text or "")
    if not isinstance(value, (list, dict)):
        raise ExpressionError(f"the sliced input parameter {name!r} must be a list, not {(text or '')[:80]!r}")
    return value


def _picked(name: str, values: Any, index: str) -> Any:
    try:
        return values[index] if isinstance(values, dict) else values[int(index)]
    except (KeyError, IndexError, ValueError):
        what = f"keys {', '.join(list(values)[:5])}" if isinstance(values, dict) else f"{len(values)} elements"
        raise ExpressionError(f"there is no slice {index!r} of {name!r}, which has {what}") from None


def _depth(values: Any) -> int:
    """How many lists are inside of each other, as far as the first elements show."""
    depth, first = 1, next(iter(values.values() if isinstance(values, dict) else values), None)
    while isinstance(first, list):
        depth, first = depth + 1, next(iter(first), None)
    return depth
