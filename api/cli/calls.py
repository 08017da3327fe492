"""The calls of a workflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.model import DagTemplate, StepsTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.model import Call, WorkflowGraph

__all__ = ["calls_of"]


def calls_of(graph: WorkflowGraph) -> Iterator[Call]:
    """All steps and tasks of all templates."""
    for template in graph.templates:
        if isinstance(template, StepsTemplate):
            for group in template.groups:
                yield from group
        elif isinstance(template, DagTemplate):
            yield from template.tasks
