"""What the journal says of the workflow as a whole; lines of nodes are passed over unread."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout

__all__ = ["last_sign", "workflow_events"]


def workflow_events(layout: RunLayout) -> list[dict[str, Any]]:
    """The events of the workflow, in order: ``phase``, ``at``, and of its beginnings ``host``."""
    try:
        with layout.journal.open(encoding="utf-8", errors="replace") as stream:
            return [event for line in stream if '"workflow"' in line and (event := _event(line)) is not None]
    except OSError:
        return []


def last_sign(layout: RunLayout) -> float:
    """When anything was written down of the run: that is until when it lived, where its runner was killed."""
    try:
        return layout.journal.stat().st_mtime
    except OSError:
        return layout.graph.stat().st_mtime


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("event") == "workflow" else None
