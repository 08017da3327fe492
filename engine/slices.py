"""Dealing the elements of lists out to the copies of a looped call, and stacking what they give.

Each copy gets its own elements and nothing else; the lists are read once for the whole loop.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.catalog import CATALOG, read_catalog
from dflow.engine.errors import ExpressionError, LeafError
from dflow.engine.expressions import item_scope
from dflow.engine.scope import ArtifactValue, resolve, resolve_artifact
from dflow.engine.slice_groups import grouped, natural
from dflow.engine.state import link_or_copy, write_json, writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import Call, OutputArtifact, Slices
    from dflow.engine.node import Node
    from dflow.engine.scope import Scope

__all__ = ["Deal", "Hand", "stack_artifact", "stack_parameter"]


@dataclass(frozen=True, slots=True)
class Hand:
    """What one copy gets: texts and artifacts by name; None for an element that is missing.

    Attributes:
        orders: of a group: the indices of its elements in the whole loop.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, ArtifactValue | None] = field(default_factory=dict)
    orders: Sequence[int] | None = None


class Deal:
    """The sliced inputs of a looped call, ready to be dealt out."""

    def __init__(self, call: Call, slices: Slices, scope: Scope) -> None:
        self._slices = slices
        values, sources = dict(call.parameters), dict(call.artifacts)
        self._parameters: dict[str, Any] = {}
        self._artifacts: dict[str, Any] = {}
        self._whole: dict[str, ArtifactValue] = {}
        self._items: list[object] = []
        self._groups: list[Sequence[int]] | None = None
        for name in slices.input_parameters:
            if name in values:
                self._parameters[name] = _decoded(name, resolve(values[name], scope.values))
        for name in slices.input_artifacts:
            value = resolve_artifact(sources[name], scope) if name in sources else None
            if value is not None:
                self._artifacts[name] = _elements(value)
                self._whole[name] = value

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
        return [{"order": index} for index in range(next(iter(lengths.values())))]

    def copies(self, items: list[object]) -> list[object]:
        """The items of the copies: those of the loop, or, where it is dealt in groups, the groups' indices."""
        if self._slices.group_size is None:
            return items
        self._items, self._groups = items, grouped(len(items), self._slices)
        return list(range(len(self._groups)))

    def sizes(self) -> list[int] | None:
        """How many elements each group has; None where there are no groups."""
        return None if self._groups is None else [len(group) for group in self._groups]

    def names(self, item: Any) -> dict[str, str]:
        """What ``item`` means in a copy; in a group it is the index of the group."""
        return item_scope(item) if self._groups is None else {"item": str(item), "item.order": str(item)}

    def hand(self, item: Mapping[str, str]) -> Hand:
        """What the copy with this item gets.

        Raises:
            ExpressionError: it asks for an element that is not there.
        """
        if self._groups is not None:
            return self._hand_of_group(self._groups[int(item["item"])])
        index = resolve(self._slices.index, item) or ""
        parameters = {name: _picked(name, values, index) for name, values in self._parameters.items()}
        artifacts = {name: _picked(name, elements, index) for name, elements in self._artifacts.items()}
        texts = {n: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for n, v in parameters.items()}
        return Hand(texts, artifacts)

    def _hand_of_group(self, orders: Sequence[int]) -> Hand:
        items: list[Any] = [self._items[order] for order in orders]
        indices = [resolve(self._slices.index, item_scope(item)) or "" for item in items]
        texts = {
            name: json.dumps([_picked(name, values, index) for index in indices], ensure_ascii=False)
            for name, values in self._parameters.items()
        }
        artifacts: dict[str, ArtifactValue | None] = {}
        for name, elements in self._artifacts.items():
            whole = self._whole[name]
            parts = tuple(_part(whole, _picked(name, elements, index)) for index in indices)
            artifacts[name] = ArtifactValue(whole.path, whole.sub_path, parts=parts)
        return Hand(texts, artifacts, orders)


def stack_parameter(texts: list[str], kind: str | None) -> str:
    """The list of the values that copies gave for an output of a declared type."""
    values = [text if kind in (None, "str") else _value(text) for text in texts]
    return json.dumps(values, ensure_ascii=False)


def stack_artifact(
    copies: list[tuple[int, Node]], artifact: OutputArtifact, slices: Slices, step: StepLayout
) -> ArtifactValue:
    """One artifact from those of the copies: links to their files under the same relative paths.

    Raises:
        LeafError: two copies have files of one relative path, and ``create_dir`` is not set.
    """
    root = step.output_artifacts / artifact.name
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
    is_group = slices.group_size is not None
    owner: dict[str, str] = {}
    items: list[dict[str, Any]] = []
    for index, copy in copies:
        value = copy.output_artifacts.get(artifact.name)
        if value is None:
            continue
        for order, place, source in _files(Path(value.location), is_group=is_group):
            prefixed = slices.create_dir and place is not None and not is_group
            target = f"{index}/{place}" if prefixed else place
            if target is not None and source is not None:
                first = owner.setdefault(target, copy.display)
                if first != copy.display:
                    raise LeafError(
                        f"output artifact {artifact.name!r}: slices {first!r} and {copy.display!r} both have "
                        f"{target!r}; "
                        "give the files different names, or set create_dir=True in Slices"
                    )
                if not (root / target).exists():
                    link_or_copy(source, root / target, "symlink")
            items.append({"dflow_list_item": target, "order": _order(index, order, is_group=is_group)})
    if is_group:
        items.sort(key=lambda item: natural(item["order"]))
    with writing(root):
        (root / CATALOG).mkdir(exist_ok=True)
    write_json(root / CATALOG / str(uuid.uuid4()), {"path_list": items}, mode=0o666)
    return ArtifactValue(str(root))


def _order(index: int, order: Any, *, is_group: bool) -> Any:
    """The place of an element in the stacked list; a group's elements know it themselves."""
    if is_group:
        return order
    return index if order is None else f"{index}.{order}"


def _part(whole: ArtifactValue, element: ArtifactValue | None) -> str | None:
    """Where an element lies in its artifact."""
    if element is None or element.sub_path is None:
        return None
    return element.sub_path[len(whole.sub_path) + 1 :] if whole.sub_path else element.sub_path


def _files(root: Path, *, is_group: bool) -> list[tuple[Any, str | None, Path | None]]:
    """The elements of one copy's artifact: order (None when it is the only one), relative path, file."""
    items = read_catalog(root)
    if items is None:
        return [(None, root.name, root)]
    alone = len(items) == 1 and items[0]["order"] == 0 and not is_group
    return [
        (None if alone else item["order"], place, None if place is None else root / place)
        for item in items
        for place in [item["dflow_list_item"]]
    ]


def _decoded(name: str, text: str | None) -> Any:
    try:
        value = json.loads(text or "")
    except ValueError:
        value = None
    if not isinstance(value, (list, dict)):
        raise ExpressionError(f"the sliced input parameter {name!r} must be a list, not {(text or '')[:80]!r}")
    return value


def _elements(value: ArtifactValue) -> dict[str, ArtifactValue | None] | list[ArtifactValue | None]:
    """The elements of an artifact; a dict when they have keys."""
    root = Path(value.location)
    items = read_catalog(root)
    if items is None:
        entries = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
        return [value.within(name).as_element() for name in entries]
    pairs = [(i["order"], i["dflow_list_item"]) for i in items]
    if all(isinstance(order, int) for order, _ in pairs):
        pairs.sort()
        return [None if place is None else value.within(place).as_element() for _, place in pairs]
    return {str(order): None if place is None else value.within(place).as_element() for order, place in pairs}


def _picked(name: str, elements: Any, index: str) -> Any:
    try:
        if isinstance(elements, dict):
            return elements[index]
        return elements[int(index)]
    except (KeyError, IndexError, ValueError):
        what = f"keys {', '.join(list(elements)[:5])}" if isinstance(elements, dict) else f"{len(elements)} elements"
        raise ExpressionError(f"there is no slice {index!r} of {name!r}, which has {what}") from None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
