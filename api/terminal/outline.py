"""The rows that a run is shown in: its calls as a tree, those that come later too, loops folded to one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dflow.engine.phase import Phase
from dflow.live.calls import CallState, Inside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Template
    from dflow.live.view import Copies, LiveNode, RunView

__all__ = ["Outline", "Row", "is_over"]

_SHOWN_COPIES = 5


@dataclass(slots=True, eq=False)
class Row:
    """One row.

    Attributes:
        depth: how many groups it is in.
        node: None for what has not begun, and for most loops.
        copies: of a loop.
        is_group: there are rows for what is in it, or have been.
    """

    depth: int
    name: str
    phase: Phase
    node: LiveNode | None = None
    copies: Copies | None = None
    is_group: bool = False


class Outline:
    """Makes the rows of one run, again and again.

    What is finished is one row, unless ``whole``. Of a loop whose copies are groups, the copies that failed or run are
    shown below it, a few of them.
    """

    def __init__(self, templates: Mapping[str, Template], *, whole: bool = False) -> None:
        self._templates = templates
        self._whole = whole
        self._insides: dict[int, Inside] = {}

    def rows(self, view: RunView) -> list[Row]:
        """The rows now, in the order of the workflow."""
        found: list[Row] = []
        if view.root is None:
            return found
        waiting = [(0, call) for call in reversed(self._inside(view.root))]
        while waiting:
            depth, call = waiting.pop()
            row = Row(depth, call.name, call.phase, call.node, call.copies)
            found.append(row)
            below = self._below(call)
            if below:
                row.is_group = call.copies is None
                waiting.extend((depth + 1, one) for one in reversed(below))
        return found

    def _inside(self, node: LiveNode) -> list[CallState]:
        inside = self._insides.get(id(node))
        if inside is None:
            inside = self._insides[id(node)] = Inside(node, self._templates)
        return inside.calls()

    def _below(self, call: CallState) -> list[CallState]:
        """What is shown below of a call."""
        if call.copies is not None:
            return [CallState(node.display, node.template, node=node) for node in self._shown(call.copies)]
        node = call.node
        if node is None or node.is_leaf or node.type == "Skipped" or not (self._whole or not _is_fine(node)):
            return []
        if node.type == "Retry":
            attempt = node.children[-1] if node.children else None
            return [] if attempt is None or attempt.is_leaf or attempt.type == "Skipped" else self._inside(attempt)
        return self._inside(node)

    def _shown(self, copies: Copies) -> list[LiveNode]:
        """The copies that are worth a row: groups that failed, then such that run, those first that began first."""
        if not copies.nodes or not _is_group(copies.nodes[0]):
            return []
        failed = [node for node in copies.nodes if node.phase.is_failure][:_SHOWN_COPIES]
        running = [node for node in copies.nodes if node.phase is Phase.RUNNING][:_SHOWN_COPIES]
        return failed + running


def _is_group(node: LiveNode) -> bool:
    if node.type == "Retry":
        return bool(node.children) and _is_group(node.children[-1])
    return not node.is_counted


def _is_fine(node: LiveNode) -> bool:
    return node.phase.is_ok


def is_over(copies: Copies) -> bool:
    """Whether all copies that there will be have ended."""
    return copies.done >= copies.expected > 0
