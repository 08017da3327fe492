"""Workflows of an Argo server as the objects that queries give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.argo_objects import ArgoStep, ArgoWorkflow, rfc3339
from dflow.exporters.argo.server.nodes import artifact_of, global_types, read_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.exporters.argo.server.nodes import ServerNode

__all__ = ["phase_of", "to_workflow"]


def to_workflow(raw: Mapping[str, Any]) -> ArgoWorkflow:
    """A workflow of a server, as queries give it; its steps are those that a local run would have."""
    status, metadata = raw.get("status") or {}, raw.get("metadata") or {}
    name, outputs = str(metadata.get("name")), status.get("outputs") or {}
    return ArgoWorkflow(
        {
            "metadata": {
                **metadata,
                "labels": metadata.get("labels") or {},
                "annotations": metadata.get("annotations") or {},
            },
            "spec": raw.get("spec") or {},
            "status": {
                "phase": phase_of(raw),
                "startedAt": status.get("startedAt"),
                "finishedAt": status.get("finishedAt"),
                "message": status.get("message"),
                "progress": status.get("progress"),
                "nodes": {node.id: _step(raw, node, name) for node in read_nodes(raw)},
                "outputs": {
                    "parameters": {p["name"]: p.get("value") for p in outputs.get("parameters") or ()},
                    "artifacts": {a["name"]: artifact_of(a) for a in outputs.get("artifacts") or ()},
                    "types": global_types(raw),
                },
            },
            "id": name,
        }
    )


def _step(raw: Mapping[str, Any], node: ServerNode, workflow: str) -> ArgoStep:
    data = {
        "workflow": workflow,
        "id": node.id,
        "name": node.name,
        "displayName": node.display,
        "key": node.key,
        "phase": node.phase,
        "type": node.type,
        "templateName": node.template,
        "boundaryID": node.parent,
        "message": node.message or None,
        "startedAt": rfc3339(node.started),
        "finishedAt": rfc3339(node.finished),
        "exitCode": node.exit_code,
        "retries": node.retries,
        "reusedFrom": None,
        "memoized": bool((node.raw.get("memoizationStatus") or {}).get("hit")) or None,
        "path": None,
        "usage": None,
        "host": node.raw.get("hostNodeName"),
    }
    late = {"inputs": node.inputs, "outputs": node.outputs, "progress": _progress(node)}

    def load(what: str) -> Any:
        if what == "acts":
            from dflow.step_acts import ServerActs

            return ServerActs(raw, node)
        return late[what]

    return ArgoStep(data, workflow, load=load)


def _progress(node: ServerNode) -> str:
    return str(node.raw.get("progress") or ("1/1" if node.phase == "Succeeded" else "0/1"))


def phase_of(raw: Mapping[str, Any]) -> str:
    return str((raw.get("status") or {}).get("phase") or "Pending")
