"""The commit rule in one place: a node's record first, its ``phase`` last, then one line in the journal."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from dflow.engine.journal import Journal
from dflow.engine.phase import Phase
from dflow.engine.state import set_aside, take_over_runs, write_json, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template
    from dflow.engine.node import Node
    from dflow.engine.scope import ArtifactValue

__all__ = ["Commits"]


class Commits:
    """Writes what happens to nodes into the run directory."""

    def __init__(self, layout: RunLayout) -> None:
        self._root = str(layout.root)
        self._journal = Journal(layout.journal)
        self._open: dict[str, Node] = {}

    def begin(self, node: Node) -> None:
        """A node starts. An unfinished directory in its place is set aside."""
        self._open[node.id] = node
        if node.place is not None:
            if node.type == "Pod":
                set_aside(node.place)
            with writing(node.place.root):
                node.place.root.mkdir(parents=True, exist_ok=True)
            if node.type == "Pod":
                take_over_runs(node.place)
            write_text(node.place.type, node.type)
            write_text(node.place.phase, Phase.RUNNING.value)
        self._journal.append({"event": "node", **node.summary(), "phase": Phase.RUNNING.value})

    def commit(self, node: Node, phase: Phase, template: Template) -> None:
        """A node is done. After this returns it is never run again unless somebody asks for it."""
        self._open.pop(node.id, None)
        on_disk = node.place is not None and node.place.root.is_dir()
        record = {**node.summary(), "phase": phase.value, **self._values(node, template, in_files=on_disk)}
        if node.place is not None and on_disk:
            write_json(node.place.record, record)
            write_text(node.place.phase, phase.value)
            record = {**node.summary(), "phase": phase.value}
        self._journal.append({"event": "node", **record})

    def workflow(self, phase: Phase, **more: Any) -> None:
        """The workflow as a whole changed."""
        self._journal.append({"event": "workflow", "phase": phase.value, "at": time.time(), **more})

    def abandon(self) -> list[Node]:
        """The engine is interrupted: nodes that run now are Pending again."""
        nodes = list(self._open.values())
        for node in nodes:
            if node.place is not None and node.place.root.is_dir():
                write_text(node.place.phase, Phase.PENDING.value)
            self._journal.append({"event": "node", **node.summary(), "phase": Phase.PENDING.value})
        return nodes

    def close(self) -> None:
        """Write no more."""
        self._journal.close()

    def _values(self, node: Node, template: Template, *, in_files: bool) -> dict[str, Any]:
        types = {p.name: p.type for p in template.inputs.parameters}
        is_loop = node.call is not None and node.call.loop is not None and node.item is None
        out_types = {p.name: "list" if is_loop else p.type for p in template.outputs.parameters}
        leaf = in_files and node.type == "Pod"
        return {
            "usage": node.usage,
            "fingerprint": node.fingerprint,
            "inputs": {
                "parameters": _parameters(node.inputs, types, in_files=leaf),
                "artifacts": self._artifacts(node.input_artifacts),
            },
            "outputs": {
                "parameters": _parameters(node.outputs, out_types, in_files=leaf),
                "artifacts": self._artifacts(node.output_artifacts),
            },
        }

    def _artifacts(self, artifacts: Mapping[str, ArtifactValue | None]) -> dict[str, Any]:
        """Names to places, relative to the run directory where they are inside it."""
        result = {}
        for name, value in artifacts.items():
            if value is not None:
                path = value.location
                inside = path.startswith(self._root + os.sep)
                result[name] = {"path": os.path.relpath(path, self._root) if inside else path}
        return result


def _parameters(texts: Mapping[str, str | None], types: Mapping[str, str | None], *, in_files: bool) -> dict[str, Any]:
    """Names to type and, where no file of the step holds it, text."""
    result: dict[str, Any] = {}
    for name, text in texts.items():
        if text is not None:
            result[name] = {} if in_files else {"value": text}
            if types.get(name):
                result[name]["type"] = types[name]
    return result
