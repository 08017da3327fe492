"""What an earlier attempt of a run has finished: read from its step directories."""

from __future__ import annotations

import logging
import shlex
from dataclasses import field
from typing import TYPE_CHECKING, Any

from dflow.engine.marks import GONE, difference
from dflow.engine.moving import absolute
from dflow.engine.node import LEAF_TYPES, Node
from dflow.engine.phase import Phase
from dflow.engine.records import record
from dflow.engine.reuse import load_reused
from dflow.engine.state import read_phase, read_record, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.reuse import Reused

__all__ = ["Earlier", "changed_artifacts", "finished_nodes", "look_back"]

_log = logging.getLogger("dflow.engine")
_AT_MOST = 5


@record(frozen=True, slots=True)
class Earlier:
    """What there is already when an attempt begins.

    Attributes:
        finished: nodes of an earlier attempt that need not run again, by node name.
        taken: directory names in use, each with the name of its node.
        reused: outputs of other runs, by the key of the steps that take them.
        succeeded: the run has, and nothing is to run again.
    """

    finished: Mapping[str, Node] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    reused: Mapping[str, Reused] = field(default_factory=dict)
    succeeded: bool = False


def look_back(layout: RunLayout, again: Callable[[Node], bool] | None) -> Earlier:
    """Read what earlier attempts and other runs have left for this one.

    Args:
        again: which finished steps to run again; None runs none again.
    """
    finished = finished_nodes(layout, again)
    taken = {node.place.root.name: node.name for node in finished.values() if node.place}
    succeeded = again is None and layout.status.is_file() and read_text(layout.status) == Phase.SUCCEEDED.value
    return Earlier(finished, taken, load_reused(layout), succeeded)


def finished_nodes(layout: RunLayout, again: Callable[[Node], bool] | None) -> dict[str, Node]:
    """Leaf nodes with a final phase, by node name, but for those that ``again`` asks to be run again.

    A directory whose phase is missing, not final or unreadable, or whose record is damaged, is not trusted: its
    step is not in the result and will be set aside and run again.
    """
    nodes: dict[str, Node] = {}
    warnings: list[str] = []
    for entry in layout.root.iterdir():
        if not entry.is_dir() or entry.name == layout.private.name:
            continue
        step = layout.step(entry.name)
        phase, record = read_phase(step), read_record(step)
        if phase is None or not phase.is_final or record is None or record.get("type") not in LEAF_TYPES:
            continue
        if record.get("dir") != entry.name:
            continue
        node = _node(record, phase)
        node.place = step
        if again is None or not again(node):
            nodes[node.name] = node
            warnings.extend(_changes(layout, node, record))
    for text in warnings[:_AT_MOST]:
        _log.warning("%s", text)
    if len(warnings) > _AT_MOST:
        _log.warning("%d more outputs were changed; see: dflow doctor %s", len(warnings) - _AT_MOST, layout.id)
    return nodes


def _changes(layout: RunLayout, node: Node, record: dict[str, Any]) -> Iterator[str]:
    """Sentences on output artifacts of a finished step that are other files now. Of one that is gone, the step runs."""
    for name, text in changed_artifacts(layout, record):
        if node.place is not None and not text.endswith(GONE):
            step = node.key or node.display
            yield (
                f"output artifact {name!r} of step {step!r} {text} after the step had ended, and is used as it is now; "
                f"to make it anew: dflow retry {layout.id} --step {shlex.quote(step)}"
            )


def changed_artifacts(layout: RunLayout, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The output artifacts in a step's record that are not what they were at its commit, and what they are."""
    outputs = record.get("outputs")
    artifacts = outputs.get("artifacts") if isinstance(outputs, dict) else None
    for name, fields in (artifacts if isinstance(artifacts, dict) else {}).items():
        if isinstance(fields, dict) and isinstance(fields.get("path"), str):
            text = difference(absolute(fields["path"], str(layout.root)), fields.get("mark"))
            if text is not None:
                yield name, text


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
        host=text("host") or None,
        fingerprint=marks if isinstance(marks, dict) else {},
        reused=text("reusedFrom") or None,
        memoized=text("memoized") or None,
    )
