"""What an earlier attempt of a run has finished: read from its step directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.node import Node
from dflow.engine.state import read_phase, read_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.layout import RunLayout
    from dflow.engine.phase import Phase

__all__ = ["finished_nodes"]


def finished_nodes(layout: RunLayout, again: Callable[[Node], bool] | None) -> dict[str, Node]:
    """Leaf nodes with a final phase, by node name, but for those that ``again`` asks to be run again.

    A directory whose phase is missing, not final or unreadable, or whose record is damaged, is not trusted: its
    step is not in the result and will be set aside and run again.
    """
    nodes = {}
    for entry in layout.root.iterdir():
        if not entry.is_dir() or entry.name == layout.private.name:
            continue
        step = layout.step(entry.name)
        phase, record = read_phase(step), read_record(step)
        if phase is None or not phase.is_final or record is None or record.get("type") != "Pod":
            continue
        if record.get("dir") != entry.name:
            continue
        node = _node(record, phase)
        node.place = step
        if again is None or not again(node):
            nodes[node.name] = node
    return nodes


def _node(record: dict[str, object], phase: Phase) -> Node:
    def text(name: str) -> str:
        return str(record.get(name) or "")

    def number(name: str) -> float | None:
        value = record.get(name)
        return float(value) if isinstance(value, (int, float)) else None

    code = number("exitCode")
    usage = record.get("usage")
    return Node(
        id=text("id"),
        name=text("name"),
        display=text("displayName"),
        type=text("type"),
        template=text("template"),
        parent=text("parent") or None,
        key=text("key") or None,
        phase=phase,
        message=text("message"),
        started=number("started"),
        finished=number("finished"),
        exit_code=None if code is None else int(code),
        usage=usage if isinstance(usage, dict) else None,
    )
