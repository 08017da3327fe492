"""What the journal says of the workflow as a whole, and of its loops; lines of nodes are passed over unread."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout

__all__ = ["last_sign", "loop_counts", "workflow_events"]


def workflow_events(layout: RunLayout) -> list[dict[str, Any]]:
    """The events of the workflow, in order: ``phase``, ``at``, and of its beginnings ``host``."""
    return _events(layout, "workflow")


def loop_counts(layout: RunLayout) -> dict[str, int]:
    """How many copies each loop that has begun will have, by the name of its copies without their indices."""
    found = {str(event.get("name")): event.get("count") for event in _events(layout, "loop")}
    return {name: count for name, count in found.items() if isinstance(count, int)}


def last_sign(layout: RunLayout) -> float:
    """When anything was written down of the run: that is until when it lived, where its runner was killed."""
    try:
        return layout.journal.stat().st_mtime
    except OSError:
        return layout.graph.stat().st_mtime


def _events(layout: RunLayout, kind: str) -> list[dict[str, Any]]:
    try:
        with layout.journal.open(encoding="utf-8", errors="replace") as stream:
            return [event for line in stream if f'"{kind}"' in line and (event := _event(line, kind)) is not None]
    except OSError:
        return []


def _event(line: str, kind: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") == kind else None
