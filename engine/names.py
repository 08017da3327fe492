"""Names that every template knows, and those that a leaf step knows of itself (TG-12)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import WorkflowGraph
    from dflow.engine.node import Node

__all__ = ["exit_names", "leaf_names", "own_name", "workflow_names"]


def workflow_names(graph: WorkflowGraph, layout: RunLayout, namespace: str = "argo") -> dict[str, str | None]:
    """The ``workflow.*`` names (TG-12)."""
    names: dict[str, str | None] = {
        "workflow.name": layout.id,
        "workflow.namespace": namespace,
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


def exit_names(root: Node, failed: list[Node], outputs: Mapping[str, str]) -> dict[str, str | None]:
    """What the exit handler knows beside the ``workflow.*`` names: how the workflow ended, and what it gave (HK-02).

    ``workflow.failures`` is a JSON list of the nodes that failed.
    """
    names: dict[str, str | None] = {f"workflow.outputs.parameters.{name}": text for name, text in outputs.items()}
    names["workflow.status"] = root.phase.value
    names["workflow.failures"] = json.dumps([_failure(root.id, node) for node in failed], ensure_ascii=False)
    names["workflow.duration"] = f"{(root.finished or 0.0) - (root.started or 0.0):f}"
    return names


def own_name(node: Node) -> str:
    """Under which name a step or task knows how it is called."""
    around = node.name[: -len(node.display) - 1]
    return "steps.name" if around.endswith("]") else "tasks.name"


def _failure(workflow_id: str, node: Node) -> dict[str, str]:
    return {
        "displayName": node.display,
        "message": node.message,
        "templateName": node.template,
        "phase": node.phase.value,
        "podName": _pod_name(workflow_id, node) if node.type == "Pod" else "",
        "finishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(node.finished)),
    }


def _pod_name(workflow_id: str, node: Node) -> str:
    return f"{workflow_id}-{node.template}-{node.id.rpartition('-')[2]}"


def leaf_names(node: Node, layout: RunLayout) -> dict[str, str | None]:
    """The names that the program of a leaf can use, beside the workflow's."""
    names: dict[str, str | None] = {f"inputs.parameters.{name}": text for name, text in node.inputs.items()}
    names["node.name"] = node.name
    names[own_name(node)] = node.call.name if node.call else node.display
    names["pod.name"] = _pod_name(layout.id, node)
    names["retries"] = str(node.retries)
    return names
