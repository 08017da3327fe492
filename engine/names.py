"""Names that every template knows, and those that a leaf step knows of itself (TG-12)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import WorkflowGraph
    from dflow.engine.node import Node

__all__ = ["failures_text", "leaf_names", "workflow_names"]


def workflow_names(graph: WorkflowGraph, layout: RunLayout) -> dict[str, str | None]:
    """The ``workflow.*`` names (TG-12)."""
    names: dict[str, str | None] = {
        "workflow.name": layout.id,
        "workflow.namespace": "argo",
        "workflow.uid": layout.id,
        "workflow.mainEntrypoint": graph.entrypoint,
        "workflow.serviceAccountName": "default",
        "workflow.creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "workflow.parameters": json.dumps([{"name": n, "value": v} for n, v in graph.parameters]),
    }
    names["workflow.parameters.json"] = names["workflow.parameters"]
    names.update({f"workflow.parameters.{name}": text for name, text in graph.parameters})
    names.update({f"workflow.labels.{name}": text for name, text in graph.labels})
    names.update({f"workflow.annotations.{name}": text for name, text in graph.annotations})
    return names


def failures_text(failed: list[Node]) -> str:
    """``workflow.failures``: a JSON list of the nodes that failed."""
    return json.dumps(
        [
            {"displayName": n.display, "message": n.message, "templateName": n.template, "phase": n.phase.value}
            for n in failed
        ]
    )


def leaf_names(node: Node, layout: RunLayout) -> dict[str, str | None]:
    """The names that the program of a leaf can use, beside the workflow's."""
    names: dict[str, str | None] = {f"inputs.parameters.{name}": text for name, text in node.inputs.items()}
    names["node.name"] = node.name
    names["pod.name"] = f"{layout.id}-{node.template}-{node.id.rpartition('-')[2]}"
    names["retries"] = str(node.retries)
    return names
