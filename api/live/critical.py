"""The chain of steps that took the whole time of a run, each of which began when the one before it had ended.

The way back from the end: of what ran side by side, the one that ended last; before it, of what it had to wait for,
again the one that ended last (the critical path of project planning, on measured times).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dflow.live.calls import calls_inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dflow.engine.model import Template
    from dflow.live.calls import CallState
    from dflow.live.view import LiveNode, RunView

__all__ = ["Link", "critical_path"]


@dataclass(frozen=True, slots=True)
class Link:
    """One leaf of the chain.

    Attributes:
        node: the leaf.
        waited: seconds between the end of the one before it, or the start of the run, and its beginning.
        seconds: how long it took, or has taken by now.
    """

    node: LiveNode
    waited: float
    seconds: float


def critical_path(view: RunView, templates: Mapping[str, Template], now: float) -> list[Link]:
    """The chain, first leaf first; of a run that goes on, the one that leads to what has run longest."""
    if view.root is None:
        return []
    leaves: list[LiveNode] = []
    waiting = [view.root]
    while waiting:
        node = waiting.pop()
        if node.is_leaf:
            leaves.append(node)
        else:
            waiting.extend(_chain(node, templates, now))
    leaves.reverse()
    end = view.root.started or 0.0
    links = []
    for leaf in leaves:
        begun = leaf.started or end
        links.append(Link(leaf, max(0.0, begun - end), leaf.seconds(now)))
        end = leaf.finished or now
    return links


def _chain(node: LiveNode, templates: Mapping[str, Template], now: float) -> list[LiveNode]:
    """The children of a node that its time went through, in order."""
    calls = {call.name: call for call in calls_inside(node, templates)}
    found: list[LiveNode] = []
    names: Iterable[str] = calls
    seen: set[str] = set()
    while True:
        ends = [
            (end, last) for name in names if (last := _last(calls[name], now)) is not None and (end := _end(last, now))
        ]
        if not ends:
            return found[::-1]
        _, last = max(ends, key=lambda pair: pair[0])
        found.append(last)
        call = last.call if last.call in calls else last.display
        seen.add(call)
        names = [name for name in calls[call].after if name in calls and name not in seen] if call in calls else []


def _last(call: CallState, now: float) -> LiveNode | None:
    """What ended last of a call."""
    if call.copies is not None and call.copies.nodes:
        return max(call.copies.nodes, key=lambda node: _end(node, now))
    return call.node


def _end(node: LiveNode, now: float) -> float:
    """When it ended; now while it runs; 0 when it has not begun."""
    return 0.0 if node.started is None else node.finished or now
