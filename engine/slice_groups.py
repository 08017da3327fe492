"""Slices in groups: several elements in one copy of a looped call, and their results taken apart again.

A group's step has its elements in its inputs (a JSON list; an artifact with a catalog) and a file ``.slices`` that
tells the runtime which they are. Its sliced outputs carry the index of each element, as upstream writes them:
``[{"dflow_list_item": 5, "order": 0}, …]``.
"""

from __future__ import annotations

import json
import random
from collections import deque
from typing import TYPE_CHECKING, Any

from dflow.engine.phase import Phase
from dflow.engine.state import write_json
from dflow.engine.texts import read_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import Slices
    from dflow.engine.node import Node

__all__ = ["Tally", "Turns", "grouped", "merge_parameters", "natural", "tally", "write_group"]


def grouped(count: int, slices: Slices) -> list[Sequence[int]]:
    """The indices of the elements of each group; the last group may be smaller."""
    size = max(1, slices.group_size or 1)
    order: Sequence[int] = range(count)
    if slices.shuffle:
        order = list(order)
        random.Random(slices.random_seed).shuffle(order)  # noqa: S311 - the same for everybody is the point
    return [order[start : start + size] for start in range(0, count, size)]


def write_group(slices: Slices, orders: Sequence[int], node: Node, step: StepLayout) -> None:
    """Tell the runtime which elements it has, and what becomes of them."""
    data = {
        "orders": list(orders),
        "input_parameters": [name for name in slices.input_parameters if name in node.inputs],
        "input_artifacts": [name for name in slices.input_artifacts if name in node.input_artifacts],
        "output_parameters": list(slices.output_parameters),
        "output_artifacts": list(slices.output_artifacts),
        "create_dir": slices.create_dir,
        "pool_size": slices.pool_size,
        "pool_timeout": slices.pool_timeout,
        "raise_for_group": slices.raise_for_group,
    }
    write_json(step.slices, data)


class Turns:
    """Which copy of a loop comes next: in the order of the items; in groups, one of a group after another.

    A group that has begun comes before those that have not.
    """

    def __init__(self, count: int, groups: Sequence[Sequence[int]] | None = None, side_by_side: int = 1) -> None:
        self._count = count
        self._next = 0
        self._groups = groups or []
        self._in_groups = groups is not None
        self._begun = [0] * len(self._groups)
        self._called = [min(side_by_side, len(members)) for members in self._groups]
        self._ready = deque(group for group, called in enumerate(self._called) for _ in range(called))
        self._group_of: dict[int, int] = {}

    def take(self) -> int | None:
        """The index of the next copy; None when none may begin now."""
        if not self._in_groups:
            if self._next == self._count:
                return None
            self._next += 1
            return self._next - 1
        if not self._ready:
            return None
        group = self._ready.popleft()
        index = self._groups[group][self._begun[group]]
        self._begun[group] += 1
        self._group_of[index] = group
        return index

    def give(self, index: int) -> None:
        """A copy has ended: the next one of its group may begin."""
        if self._in_groups:
            group = self._group_of.pop(index)
            if self._called[group] < len(self._groups[group]):
                self._called[group] += 1
                self._ready.appendleft(group)


def merge_parameters(texts: Iterable[str]) -> str:
    """One list, in the order of the elements, from the outputs of all groups, which say the index of each."""
    items: list[dict[str, Any]] = []
    for text in texts:
        items.extend(item for item in _listed(text) if isinstance(item, dict) and "order" in item)
    items.sort(key=lambda item: natural(item["order"]))
    return json.dumps([item.get("dflow_list_item") for item in items], ensure_ascii=False)


def natural(order: Any) -> tuple[int, str]:
    """What to sort elements by: ``2`` before ``10.0``."""
    first = str(order).partition(".")[0]
    return (int(first) if first.isdecimal() else 0, str(order))


def _listed(text: str) -> list[Any]:
    value = read_value(text)
    return value if isinstance(value, list) else []


class Tally:
    """How many copies, or elements of groups, a loop had, and how many of them succeeded.

    Attributes:
        lost: elements that failed in groups that went on without them.
    """

    def __init__(self, good: int, total: int, lost: int = 0) -> None:
        self.good = good
        self.total = total
        self.lost = lost


def tally(copies: list[tuple[int, Node]], sizes: Sequence[int] | None) -> Tally:
    """Count the copies; the elements where ``sizes`` says how many each copy had."""
    if sizes is None:
        return Tally(sum(copy.phase is Phase.SUCCEEDED for _, copy in copies), len(copies))
    good = lost = 0
    for index, copy in copies:
        if copy.phase is Phase.SUCCEEDED:
            missing = min(_missing(copy), sizes[index])
            good += sizes[index] - missing
            lost += missing
    return Tally(good, sum(sizes), lost)


def _missing(copy: Node) -> int:
    """How many elements of a group failed, as the runtime left it."""
    try:
        return len(_listed(copy.place.missing.read_text(encoding="utf-8"))) if copy.place else 0
    except OSError:
        return 0
