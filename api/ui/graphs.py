"""The graph of a run as the page draws it: groups of calls, loops folded to a strip of phases."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dflow.engine.model import DagTemplate, HttpTemplate, ResourceTemplate, StepsTemplate, SuspendTemplate
from dflow.engine.phase import Phase
from dflow.live.calls import calls_inside
from dflow.live.view import LiveNode
from dflow.ui.answers import Refused
from dflow.ui.nodes import copies_page, counts_of, cut, index_of, the_node

if TYPE_CHECKING:
    from dflow.engine.model import Template
    from dflow.live.calls import CallState
    from dflow.live.view import Copies
    from dflow.ui.watched import Watched

__all__ = ["copies_json", "graph_json"]

_MOST_CALLS = 20_000
_MOST_INSIDE = 400
_BUDGET = 3_000
_CELLS = 400
_DIGITS = {
    phase: str(index)
    for index, phase in enumerate(
        (
            Phase.PENDING,
            Phase.RUNNING,
            Phase.SUCCEEDED,
            Phase.SKIPPED,
            Phase.OMITTED,
            Phase.FAILED,
            Phase.ERROR,
            Phase.TERMINATED,
        )
    )
}
_WORST = "65710234"
"""Of the copies that share a cell, the one of them that comes first here is shown."""
_GROUPS = ("Steps", "DAG", "Retry", "TaskGroup", "StepGroup")
_KINDS: dict[type, str] = {
    StepsTemplate: "group",
    DagTemplate: "group",
    SuspendTemplate: "suspend",
    HttpTemplate: "http",
    ResourceTemplate: "resource",
}


def graph_json(run: Watched, word: str | None, depth: int) -> dict[str, Any]:
    """The calls inside of a node, or of the root; in them those of groups, down to a depth."""
    node = the_node(run, word) if word else run.view.root or _root_to_come(run)
    return {"root": _Drawing(run).group(node, depth), "version": run.version}


def copies_json(
    run: Watched, word: str, call: str | None, phases: frozenset[Phase], offset: int, limit: int
) -> dict[str, Any] | None:
    """The copies of a loop; None where that node is none.

    Raises:
        Refused: it has no such call.
    """
    node = the_node(run, word)
    if call is None and node.type not in ("TaskGroup", "StepGroup"):
        return None
    copies = node.copies.get(node.call if call is None else call)
    if copies is None:
        if call is None and not node.copies:
            return None
        raise Refused(404, f"{node.name} has no loop {call or node.call!r} that has begun")
    return {**copies_page(copies, phases, offset, limit), "version": run.version}


def _root_to_come(run: Watched) -> LiveNode:
    """The root of a run in which nothing has begun."""
    name = run.source.entrypoint
    kind = "DAG" if isinstance(run.source.templates.get(name), DagTemplate) else "Steps"
    return LiveNode(run.view.run, run.view.run, run.view.run, kind, name)


class _Drawing:
    """One answer: it has at most so many calls inside of calls."""

    def __init__(self, run: Watched) -> None:
        self._templates = run.source.templates
        self._counts: dict[str, Counter[Phase]] = run.keep("leaf counts", lambda: _leaf_counts(run))
        self._left = _BUDGET

    def group(self, node: LiveNode, depth: int) -> dict[str, Any]:
        calls = [] if _is_taken(node) else calls_inside(node, self._templates)
        self._left -= len(calls)
        return {
            "id": node.id,
            "name": node.name,
            "title": node.display,
            "type": node.type,
            "phase": node.phase.value,
            "started": node.started,
            "finished": node.finished,
            "counts": counts_of(self._counts.get(node.name, Counter())),
            "calls": [self._call(call, depth) for call in calls[:_MOST_CALLS]],
            "more": max(0, len(calls) - _MOST_CALLS),
        }

    def _call(self, call: CallState, depth: int) -> dict[str, Any]:
        node, template = call.node, self._templates.get(call.template)
        found: dict[str, Any] = {
            "call": call.name,
            "title": call.name if node is None or call.is_loop else node.display,
            "kind": _kind(call, template),
            "phase": call.phase.value,
            "after": call.after,
            "template": call.template,
        }
        if node is not None:
            found |= {
                "id": node.id,
                "key": node.key,
                "message": cut(node.message),
                "note": cut(node.note),
                "started": node.started,
                "finished": node.finished,
            }
        else:
            found |= {"id": None, "key": None, "message": "", "note": "", "started": None, "finished": None}
        if call.is_loop:
            found |= self._loop(call)
        elif found["kind"] == "group":
            found |= self._inside(node, template, depth)
        return found

    def _loop(self, call: CallState) -> dict[str, Any]:
        copies = call.copies
        if copies is None:
            return {"counts": {}, "expected": 0, "strip": "", "inside": None}
        times = [node.started for node in copies.nodes if node.started is not None] if call.node is None else []
        ends = [node.finished for node in copies.nodes] if call.node is None else []
        own: dict[str, Any] = {
            "counts": counts_of(copies.counts),
            "expected": copies.expected,
            "strip": strip_of(copies),
            "inside": None,
        }
        if call.node is None:
            is_done = bool(copies.nodes) and copies.done >= copies.expected
            own["started"] = min(times, default=None)
            own["finished"] = max((end for end in ends if end is not None), default=None) if is_done else None
            failed = next((node for node in copies.nodes if node.phase.is_failure), None)
            own["message"] = "" if failed is None else cut(failed.message)
        return own

    def _inside(self, node: LiveNode | None, template: Template | None, depth: int) -> dict[str, Any]:
        size = _planned(template)
        if node is None:
            return {"counts": {}, "size": size, "inside": None}
        if _is_taken(node):
            return {"counts": {}, "size": 0, "inside": None}
        size = max(size, len(node.children))
        is_drawn = depth > 0 and size <= _MOST_INSIDE and self._left > 0
        return {
            "counts": counts_of(self._counts.get(node.name, Counter())),
            "size": size,
            "inside": self.group(node, depth - 1) if is_drawn else None,
        }


def strip_of(copies: Copies) -> str:
    """A digit for each copy of a loop, by its index; where there are many, for several of them together."""
    count = copies.expected
    begun: dict[int, str] = {}
    for place, node in enumerate(copies.nodes):
        index = index_of(node)
        begun[index if index < count else place] = _DIGITS[node.phase]
    if count <= _CELLS:
        return "".join(begun.get(index, "0") for index in range(count))
    cells: list[set[str]] = [set() for _ in range(_CELLS)]
    filled = [0] * _CELLS
    for index, digit in begun.items():
        cell = ((index + 1) * _CELLS - 1) // count
        cells[cell].add(digit)
        filled[cell] += 1
    for cell, some in enumerate(cells):
        if filled[cell] < (cell + 1) * count // _CELLS - cell * count // _CELLS:
            some.add("0")
    return "".join(next(digit for digit in _WORST if digit in some) for some in cells)


def _kind(call: CallState, template: Template | None) -> str:
    if call.is_loop:
        return "loop"
    if call.node is not None and call.node.type in _GROUPS:
        return "group"
    if call.node is not None and call.node.type in ("Suspend", "HTTP"):
        return call.node.type.lower()
    return _KINDS.get(type(template), "step")


def _planned(template: Template | None) -> int:
    match template:
        case DagTemplate():
            return len(template.tasks)
        case StepsTemplate():
            return sum(len(group) for group in template.groups)
    return 0


def _is_taken(node: LiveNode) -> bool:
    """Whether its outputs were taken from elsewhere as a whole, so nothing inside of it was ever begun."""
    return bool(node.reused or node.memoized) and not node.children


def _leaf_counts(run: Watched) -> dict[str, Counter[Phase]]:
    """How many leaves below each group are in which phase, by the name of the group."""
    found: dict[str, Counter[Phase]] = {}
    for node in reversed(list(run.view.nodes.values())):  # what is inside began later
        below = found.get(node.name)
        is_counted = node.is_counted and node.hidden is not True
        if node.parent is None or (below is None and not is_counted):
            continue
        above = found.setdefault(node.parent.name, Counter())
        if below is not None:
            above.update(below)
        if is_counted:  # one with hooks has some below, too
            above[node.phase] += 1
    return found
