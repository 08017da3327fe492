"""Nodes as the page shows them: one, those that fit a filter, and the counts of phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.phase import Phase
from dflow.ui.answers import Refused

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from dflow.live.view import Copies, LiveNode
    from dflow.ui.watched import Watched

__all__ = [
    "copies_page",
    "counts_of",
    "index_of",
    "node_json",
    "nodes_page",
    "phases_in",
    "summary",
    "the_node",
    "total_of",
]

_LONG = 4000
_MOST_DIGITS = 15
_NAMES = {phase.value: phase for phase in Phase}


def node_json(node: LiveNode) -> dict[str, Any]:
    """What lists and the graph need of a node."""
    usage = node.usage or {}
    return {
        "id": node.id,
        "name": node.name,
        "title": node.display,
        "key": node.key,
        "type": node.type,
        "phase": node.phase.value,
        "template": node.template,
        "parent": None if node.parent is None else node.parent.id,
        "started": node.started,
        "finished": node.finished,
        "message": cut(node.message),
        "note": cut(node.note),
        "retries": node.retries,
        "exitCode": node.exit_code,
        "reused": node.reused,
        "memoized": node.memoized,
        "cpu": usage.get("cpu"),
        "rss": usage.get("maxRss"),
        "host": node.host,
    }


def cut(text: str) -> str:
    """The beginning of a text that is too long for a list."""
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def counts_of(counts: Counter[Phase]) -> dict[str, int]:
    """Counts by the names of phases; without those of which there are none."""
    return {phase.value: counts[phase] for phase in Phase if counts.get(phase)}


def total_of(run: Watched) -> int:
    """How many steps there are, with the copies of loops that are announced and have not begun."""
    view = run.view
    coming = sum(c.expected - len(c.nodes) for node in view.nodes.values() for c in node.copies.values())
    return sum(view.counts.values()) + coming


def the_node(run: Watched, word: str) -> LiveNode:
    """The node with that id.

    Raises:
        Refused: there is none.
    """
    found = run.view.node(word)
    if found is None:
        raise Refused(404, f"The run {run.id} has no step {word!r}")
    return found


def phases_in(text: str | None) -> frozenset[Phase]:
    """The phases that a filter names, by commas; none for all.

    Raises:
        Refused: one is no phase.
    """
    words = [word for word in (text or "").split(",") if word]
    for word in words:
        if word not in _NAMES:
            raise Refused(400, f"{word!r} is no phase; phases are {', '.join(_NAMES)}")
    return frozenset(_NAMES[word] for word in words)


def nodes_page(run: Watched, phases: frozenset[Phase], text: str, offset: int, limit: int) -> dict[str, Any]:
    """The nodes that fit, in the order in which they began."""
    found = [node for node in run.view.nodes.values() if _is_shown(run, node) and _fits(node, phases, text.lower())]
    return {"nodes": [node_json(node) for node in found[offset : offset + limit]], "total": len(found)}


def copies_page(copies: Copies, phases: frozenset[Phase], offset: int, limit: int) -> dict[str, Any]:
    """The copies of a loop that have begun, by their index."""
    found = [node for node in copies.nodes if not phases or node.phase in phases]
    found.sort(key=index_of)
    return {
        "copies": [node_json(node) for node in found[offset : offset + limit]],
        "total": len(found),
        "expected": copies.expected,
    }


def index_of(node: LiveNode) -> int:
    """Which of the copies of a loop it is: 3 of ``train(3:0.1)``."""
    text = node.display[len(node.call) + 1 :].partition(":")[0].rstrip(")")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def summary(run: Watched) -> dict[str, Any]:
    """What the head of the page shows of a run."""
    view, layout = run.view, run.source.layout
    status = run.source.status()
    return {
        "id": run.id,
        "name": view.run,
        "source": run.source.kind,
        "status": status,
        "started": view.started,
        "finished": view.finished,
        "directory": None if layout is None else str(layout.root),
        "attempts": view.attempts,
        "counts": counts_of(view.counts),
        "total": total_of(run),
        "outputs": _outputs(view.outputs),
        "runner": run.source.runner(),
        "can": run.source.can(),
        "version": run.version,
    }


def _outputs(outputs: Any) -> dict[str, Any]:
    """The outputs of the workflow: parameters with their values, artifacts with their paths."""
    found: dict[str, Any] = {}
    for side in ("parameters", "artifacts"):
        values = outputs.get(side) if isinstance(outputs, dict) else None
        if isinstance(values, dict):
            found[side] = {name: cut(value) if isinstance(value, str) else value for name, value in values.items()}
    return found


def _is_shown(run: Watched, node: LiveNode) -> bool:
    return node is not run.view.root and not (node.hidden is True or (node.hidden and node.children))


def _fits(node: LiveNode, phases: Iterable[Phase], text: str) -> bool:
    if phases and node.phase not in phases:
        return False
    return not text or any(text in word.lower() for word in (node.name, node.key or "", node.template, node.id))
