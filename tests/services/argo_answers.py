"""Answers of the small Argo server, and what its requests do to a workflow."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Refusal", "by_fields", "changed", "fits_labels"]


@dataclass
class Answer:
    """An answer: data for JSON, or text or bytes as they are."""

    content: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stream: bool = False

    def bytes(self) -> bytes:
        """What is sent."""
        if isinstance(self.content, bytes):
            return self.content
        return (self.content if isinstance(self.content, str) else json.dumps(self.content)).encode()


class Refusal(Exception):
    """An error as the server answers it: an HTTP status, a gRPC code, a message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def answer(self) -> Answer:
        """The answer."""
        return Answer({"code": self.code, "message": str(self)}, self.status)


def by_fields(data: Any, fields: str) -> Any:
    """Only the named parts of an object; ``items.`` goes into each element of a list."""
    if not fields:
        return data
    result: dict[str, Any] = {}
    for path in fields.split(","):
        _take(data, path.split("."), result)
    return result


def _take(data: Any, path: list[str], result: dict[str, Any]) -> None:
    head, *rest = path
    if not isinstance(data, dict) or head not in data:
        return
    value = data[head]
    if not rest or value is None:
        result[head] = value
    elif isinstance(value, list):
        kept = result.setdefault(head, [{} for _ in value])
        for item, target in zip(value, kept, strict=True):
            _take(item, rest, target)
    elif not (isinstance(result.get(head), dict) and result[head] is value):
        _take(value, rest, result.setdefault(head, {}))


def fits_labels(workflow: dict[str, Any], selector: str) -> bool:
    """Kubernetes' label selectors: ``a=b``, ``a``, ``!a``, ``a in (b,c)``."""
    labels = workflow["metadata"].get("labels") or {}
    for part in re.findall(r"[^,(]+(?:\([^)]*\))?", selector):
        inside = re.fullmatch(r"\s*(\S+)\s+in\s+\(([^)]*)\)\s*", part)
        if inside:
            if labels.get(inside[1]) not in [value.strip() for value in inside[2].split(",")]:
                return False
        elif "=" in part:
            name, _, value = part.partition("=")
            if labels.get(name) != value.lstrip("="):
                return False
        elif part.startswith("!") == (part.lstrip("!") in labels):
            return False
    return True


def changed(workflow: dict[str, Any], verb: str, body: dict[str, Any]) -> None:
    """Do to a workflow what a verb says.

    Raises:
        Refusal: it cannot be done in its phase.
    """
    status, selector = workflow["status"], str(body.get("nodeFieldSelector") or "")
    if verb == "retry":
        _retry(status, selector if body.get("restartSuccessful") else None)
        return
    if verb != "resume" and status.get("phase") in ("Succeeded", "Failed", "Error"):
        raise Refusal(400, 9, f"cannot {verb} a completed workflow")
    nodes = (status.get("nodes") or {}).values()
    waiting = [n for n in nodes if n["type"] == "Suspend" and n["phase"] == "Running" and fits_fields(n, selector)]
    if selector and not waiting:
        raise Refusal(400, 3, f"currently, set only targets suspend nodes: no suspend nodes matching {selector}")
    if verb == "suspend":
        workflow["spec"]["suspend"] = True
    elif verb in ("terminate", "stop") and not selector:
        workflow["spec"]["shutdown"] = verb.title()
        status.update(phase="Failed", message=f"Stopped with strategy '{verb.title()}'")
    else:
        workflow["spec"].pop("suspend", None)
        for node in waiting:
            _change_node(node, verb, body)


def _change_node(node: dict[str, Any], verb: str, body: dict[str, Any]) -> None:
    if verb == "set":
        _set(node, body)
    elif verb == "resume":
        node["phase"] = "Succeeded"
    else:
        node.update(phase="Failed", message=body.get("message", ""))


def _set(node: dict[str, Any], body: dict[str, Any]) -> None:
    declared = {p["name"]: p for p in (node.get("outputs") or {}).get("parameters") or ()}
    for name, value in json.loads(body.get("outputParameters") or "{}").items():
        if name not in declared:
            raise Refusal(400, 3, f"node is not expecting output parameter '{name}'")
        declared[name]["value"] = value
    node.update({k: body[k] for k in ("phase", "message") if k in body})


def _retry(status: dict[str, Any], restarted: str | None) -> None:
    if status.get("phase") not in ("Failed", "Error"):
        raise Refusal(400, 9, "workflow must be Failed/Error to retry")
    for key, node in list((status.get("nodes") or {}).items()):
        again = restarted is not None and fits_fields(node, restarted)
        if node["phase"] in ("Failed", "Error") or again:
            if node["type"] == "Pod":
                del status["nodes"][key]
            else:
                node["phase"] = "Running"
    status.update(phase="Running", finishedAt=None)


def fits_fields(node: dict[str, Any], selector: str) -> bool:
    """Field selectors of nodes: ``displayName=a,templateName=b``; a backslash takes a comma's meaning away."""
    for part in re.split(r"(?<!\\),", selector):
        name, _, value = part.partition("=")
        if part and str(node.get(name)) != re.sub(r"\\(.)", r"\1", value.lstrip("=")):
            return False
    return True
