"""``dflow get --resources``: what the steps of a run have used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dflow import query
from dflow.cli.journal import workflow_events
from dflow.cli.show import marked, print_json, print_table, say
from dflow.cli.words import length, size_text
from dflow.engine.node import LEAF_TYPES
from dflow.engine.state import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.engine.layout import RunLayout
    from dflow.query import NodeRecord

__all__ = ["show_resources"]


def show_resources(layout: RunLayout, *, as_json: bool) -> None:
    """Print a table of the leaf steps, those that took longest first, with totals below."""
    nodes = [node for node in query.read_nodes(layout) if node.type in LEAF_TYPES and node.started is not None]
    host = next((event["host"] for event in reversed(workflow_events(layout)) if event.get("host")), None)
    rows = sorted((_row(layout, node, host) for node in nodes), key=lambda row: -row["wall"])
    totals = _totals(rows, nodes)
    if as_json:
        print_json({"id": layout.id, "steps": rows, "total": totals})
        return
    print_table(
        ("NAME", "KEY", "PHASE", "WALL", "CPU", "MEMORY", "EXIT", "HOST"),
        (
            [
                row["name"],
                row["key"] or "",
                marked(row["phase"]),
                length(row["wall"]),
                _cpu(row["cpu"]),
                _size(row["maxRss"]),
                "" if row["exitCode"] is None else row["exitCode"],
                row["host"] or "",
            ]
            for row in rows
        ),
    )
    count = len(rows)
    say(
        f"{count} step{'' if count == 1 else 's'}: {length(totals['wall'])} in all, within {length(totals['span'])}; "
        f"CPU {_cpu(totals['cpu']) or 'not known'}; largest memory {_size(totals['maxRss']) or 'not known'}"
    )


def _row(layout: RunLayout, node: NodeRecord, host: str | None) -> dict[str, Any]:
    """What one step has used.

    Args:
        host: where it ran when it does not say that: the engine's.
    """
    event = node.event
    if not isinstance(event.get("usage"), dict) and node.place is not None and node.phase.is_final:
        event = {**event, **(read_record(layout.step(node.place.name)) or {})}  # a run of an earlier version
    usage: dict[str, Any] = event.get("usage") or {}
    end = node.finished if node.finished is not None else time.time() if not node.phase.is_final else node.started
    return {
        "id": node.id,
        "name": node.display,
        "key": node.key,
        "phase": node.phase.value,
        "wall": round(max(0.0, (end or 0.0) - (node.started or 0.0)), 3),
        "cpu": usage.get("cpu"),
        "maxRss": usage.get("maxRss"),
        "exitCode": event.get("exitCode"),
        "host": event.get("host") or host,
    }


def _totals(rows: Sequence[dict[str, Any]], nodes: Sequence[NodeRecord]) -> dict[str, Any]:
    """Sums of times, the largest memory, and the time from the first step's beginning to the last one's end."""
    begins = [node.started for node in nodes if node.started is not None]
    ends = [node.finished or time.time() for node in nodes]
    used = [row["cpu"] for row in rows if row["cpu"] is not None]
    return {
        "wall": round(sum(row["wall"] for row in rows), 3),
        "span": round(max(ends) - min(begins), 3) if begins else 0.0,
        "cpu": round(sum(used), 4) if used else None,
        "maxRss": max((row["maxRss"] for row in rows if row["maxRss"] is not None), default=None),
    }


def _size(size: float | None) -> str:
    return "" if size is None else size_text(size)


def _cpu(seconds: float | None) -> str:
    return f"{seconds:.2f} s" if seconds is not None and seconds < 1 else length(seconds)
