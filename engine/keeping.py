"""Keeping output artifacts in the store of the run, under the keys that their templates give them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError, LeafError
from dflow.engine.scope import resolve
from dflow.engine.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template, WorkflowGraph
    from dflow.engine.node import Node

__all__ = ["Keeper"]


class Keeper:
    """Knows which templates of a graph keep something."""

    def __init__(self, graph: WorkflowGraph, layout: RunLayout) -> None:
        self._store = Store(layout.store)
        self._templates = frozenset(t.name for t in graph.templates if any(a.key for a in t.outputs.artifacts))

    def wants(self, template: Template) -> bool:
        """Whether nodes of this template have anything to keep."""
        return template.name in self._templates

    def keep(self, node: Node, template: Template, values: Mapping[str, str | None], *, strict: bool) -> None:
        """Keep what a node has made.

        Args:
            values: the names of the node's scope.
            strict: it has succeeded; otherwise what can be kept is kept (OU-03).

        Raises:
            ExpressionError: a key cannot be resolved, or is none.
            LeafError: a key is that of another kind of output already.
            StateError: the file system refuses.
        """
        for artifact in template.outputs.artifacts:
            if artifact.key is not None:
                try:
                    text = resolve(artifact.key, values) or ""
                    self._store.keep(_place(node, artifact.name), text, again=_earlier(node))
                except (ExpressionError, LeafError) as exc:
                    if strict:
                        raise LeafError(f"output artifact {artifact.name!r}: {exc}") from exc


def _place(node: Node, name: str) -> Path | None:
    """Where a node has an output."""
    value = node.output_artifacts.get(name)
    if value is None or value.is_nowhere:
        return None
    return Path(value.location)


def _earlier(node: Node) -> Path | None:
    """The directory of a node that has run before."""
    return node.place.root if node.place is not None and os.path.lexists(f"{node.place.text}.bk1") else None
