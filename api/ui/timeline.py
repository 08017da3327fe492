"""The timeline of a run: leaves with their times, and the chain of them that took the whole time."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Any

from dflow.live.critical import critical_path

if TYPE_CHECKING:
    from dflow.live.view import LiveNode
    from dflow.ui.watched import Watched

__all__ = ["timeline_json"]


def timeline_json(run: Watched, limit: int) -> dict[str, Any]:
    """Leaves that have begun, by their start; of more than ``limit`` the critical, the failed and the longest ones."""
    now = time.time()
    view = run.view
    path = critical_path(view, run.source.templates, now)
    critical = {link.node.id for link in path}
    found = [node for node in view.nodes.values() if node.is_leaf and node.started is not None]
    chosen = found if len(found) <= limit else _chosen(found, critical, limit, now)
    ends = [node.finished or now for node in found]
    return {
        "rows": [_row(node, critical) for node in sorted(chosen, key=lambda node: node.started or 0.0)],
        "total": len(found),
        "left": len(found) - len(chosen),
        "critical": [link.node.id for link in path],
        "start": view.started if view.started is not None else min((n.started or now for n in found), default=None),
        "end": view.finished or (max(ends, default=None) if run.source.runner() is None else now),
        "version": run.version,
    }


def _chosen(found: list[LiveNode], critical: set[str], limit: int, now: float) -> list[LiveNode]:
    first = [node for node in found if node.id in critical]
    failed = [node for node in found if node.phase.is_failure and node.id not in critical]
    chosen = (first + failed)[:limit]
    names = {node.name for node in chosen}
    rest = (node for node in found if node.name not in names)
    return chosen + heapq.nlargest(limit - len(chosen), rest, key=lambda node: node.seconds(now))


def _row(node: LiveNode, critical: set[str]) -> dict[str, Any]:
    return {
        "id": node.id,
        "title": node.display,
        "key": node.key,
        "phase": node.phase.value,
        "started": node.started,
        "finished": node.finished,
        "critical": node.id in critical,
        "template": node.template,
    }
