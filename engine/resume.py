"""What an earlier attempt of a run has finished: read from its step directories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dflow.engine.node import Node
from dflow.engine.reuse import load_reused
from dflow.engine.state import read_phase, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.phase import Phase
    from dflow.engine.reuse import Reused

__all__ = ["Earlier", "finished_nodes", "look_back"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What there is already when an attempt begins.

    Attributes:
        finished: nodes of an earlier attempt that need not run again, by node name.
        taken: directory names in use.
        reused: outputs of other runs, by the key of the steps that take them.
    """

    finished: Mapping[str, Node] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    reused: Mapping[str, Reused] = field(default_factory=dict)


def look_back(layout: RunLayout, again: Callable[[Node], bool] | None) -> Earlier:
    """Read what earlier attempts and other runs have left for this one.

    Args:
        again: which finished steps to run again; None runs none again.
    """
    finished = finished_nodes(layout, again)
    taken = {node.place.root.name for node in finished.values() if node.place}
    return Earlier(finished, taken, load_reused(layout))


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
    usage, marks = record.get("usage"), record.get("fingerprint")
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
        fingerprint=marks if isinstance(marks, dict) else {},
        reused=text("reusedFrom") or None,
    )
