"""Steps as a user knows them, from the nodes that Argo's controller writes into ``status.nodes``.

Argo has more nodes than a workflow has steps: one for each group of steps, for each loop, for each attempt. Here a step
is one node, as in a local run: groups and loops are left out, attempts are counted, and what the exporter has added to
a workflow is not shown.
"""

from __future__ import annotations

import calendar
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HELPER", "KEY", "TYPES", "ServerNode", "artifact_of", "global_types", "pod_name", "read_nodes", "seconds"]

KEY = "dflow_key"
"""The input parameter that carries the key of a step."""
TYPES = "dflow/parameters"
"""The annotation of a template that holds the types of its parameters."""
HELPER = "dflow/helper"
"""The annotation of a template that the exporter has made."""
_GROUPS = ("StepGroup", "TaskGroup")
_ATTEMPT = re.compile(r"\((\d+)\)\Z")
_LONGEST_POD_NAME = 253
_HASH = 11


@dataclass(frozen=True, slots=True)
class ServerNode:
    """A step on a server.

    Attributes:
        display, name: ``train`` and ``wf-x3k9a[0].train``.
        type: ``Pod``, ``Steps``, ``DAG``, ``Skipped``, ``Suspend``, ``HTTP``, ``Plugin``.
        parent: the id of the step that it is in, or of the workflow's first node.
        started, finished: seconds since 1970.
        pods: the names of its pods, one for each attempt.
        raw: the node as the server gives it; of its last attempt, where there were several.
        inputs, outputs: ``{"parameters": {name: {value, type}}, "artifacts": {name: fields}}``; values are texts.
    """

    id: str
    name: str
    display: str
    type: str
    phase: str
    template: str
    parent: str | None
    key: str | None
    message: str
    started: float | None
    finished: float | None
    retries: int
    exit_code: int | None
    pods: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False)
    inputs: dict[str, dict[str, Any]] = field(repr=False)
    outputs: dict[str, dict[str, Any]] = field(repr=False)


def read_nodes(workflow: Mapping[str, Any]) -> list[ServerNode]:
    """The steps of a workflow, in the order in which they started."""
    tree = _Tree(workflow)
    found = [tree.step(node) for node in tree.nodes.values() if tree.is_shown(node)]
    return sorted(found, key=lambda node: (node.started is None, node.started or 0.0, node.name))


def global_types(workflow: Mapping[str, Any]) -> dict[str, str]:
    """The declared types of the workflow's outputs, by their global names."""
    types: dict[str, str] = {}
    for template in _templates(workflow).values():
        declared = _types(template)["outputs"]
        for parameter in (template.get("outputs") or {}).get("parameters") or ():
            kind = declared.get(parameter.get("name"))
            if parameter.get("globalName") and kind:
                types[parameter["globalName"]] = kind
    return types


def pod_name(workflow: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """The name of the pod of a node, as the controller makes it."""
    metadata = workflow.get("metadata") or {}
    name, identity = str(metadata.get("name")), str(node.get("id"))
    annotations = metadata.get("annotations") or {}
    if annotations.get("workflows.argoproj.io/pod-name-format") == "v1" or node.get("name") == name:
        return identity
    template = node.get("templateName") or (node.get("templateRef") or {}).get("template") or ""
    prefix = f"{name}-{template}" if template else name
    return f"{prefix[: _LONGEST_POD_NAME - _HASH]}-{identity.rpartition('-')[2]}"


def seconds(text: object) -> float | None:
    """A time of a server, in seconds since 1970; None where it has none."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return float(calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return None


class _Tree:
    """The nodes of a workflow, and what is known of them together."""

    def __init__(self, workflow: Mapping[str, Any]) -> None:
        self.workflow = workflow
        status = workflow.get("status") or {}
        self.root = str((workflow.get("metadata") or {}).get("name"))
        self.nodes: dict[str, dict[str, Any]] = dict(status.get("nodes") or {})
        self.templates = _templates(workflow)
        self.attempts = {i: self._attempts_of(n) for i, n in self.nodes.items() if n.get("type") == "Retry"}
        self.step_of = {attempt["id"]: i for i, found in self.attempts.items() for attempt in found}

    def is_shown(self, node: Mapping[str, Any]) -> bool:
        """It is a step that a user has written."""
        if node.get("name") == self.root or node.get("id") in self.step_of or self._is_helper(node):
            return False
        is_group = node.get("type") in _GROUPS
        return not is_group or (node.get("phase") in ("Error", "Failed") and not self._has_steps(node))

    def step(self, node: Mapping[str, Any]) -> ServerNode:
        """A node that is shown."""
        attempts: list[Mapping[str, Any]] = [*self.attempts.get(str(node.get("id")), [])]
        last = attempts[-1] if attempts else node
        types = _types(self.templates.get(str(last.get("templateName") or node.get("templateName")), {}))
        inputs = _values(node.get("inputs") or last.get("inputs"), types["inputs"])
        code = (node.get("outputs") or {}).get("exitCode") or (last.get("outputs") or {}).get("exitCode")
        return ServerNode(
            id=str(node.get("id")),
            name=str(node.get("name")),
            display=str(node.get("displayName") or node.get("name")),
            type=str(last.get("type")),
            phase=str(node.get("phase") or "Pending"),
            template=str(last.get("templateName") or node.get("templateName") or ""),
            parent=self._parent(node),
            key=inputs["parameters"].get(KEY, {}).get("value") or None,
            message=str(last.get("message") or node.get("message") or ""),
            started=seconds(node.get("startedAt")),
            finished=seconds(node.get("finishedAt")),
            retries=max(len(attempts) - 1, 0),
            exit_code=int(code) if isinstance(code, (int, str)) and str(code).lstrip("-").isdecimal() else None,
            pods=tuple(pod_name(self.workflow, n) for n in attempts or [node] if n.get("type") == "Pod"),
            raw=last,
            inputs=inputs,
            outputs=_values(node.get("outputs") or last.get("outputs"), types["outputs"]),
        )

    def _attempts_of(self, retry: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The attempts of a node that is repeated, in their order; hooks are children of it too."""
        found = []
        for child in retry.get("children") or ():
            node = self.nodes.get(child, {})
            name, own = str(node.get("name")), str(retry.get("name"))
            number = _ATTEMPT.fullmatch(name[len(own) :]) if name.startswith(own) else None
            if number:
                found.append((int(number[1]), node))
        return [node for _, node in sorted(found, key=lambda item: item[0])]

    def _is_helper(self, node: Mapping[str, Any]) -> bool:
        template = self.templates.get(str(node.get("templateName")), {})
        return _annotations(template).get(HELPER) == "true"

    def _parent(self, node: Mapping[str, Any]) -> str | None:
        """The step around it that is shown, or the first node."""
        parent = node.get("boundaryID")
        for _ in range(len(self.nodes)):
            if parent in self.step_of:
                parent = self.step_of[str(parent)]
            around = self.nodes.get(str(parent))
            if around is None or not self._is_helper(around) or not around.get("boundaryID"):
                break
            parent = around["boundaryID"]
        return str(parent) if parent else None

    def _has_steps(self, group: Mapping[str, Any]) -> bool:
        return any(child in self.nodes for child in group.get("children") or ())


def _templates(workflow: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The templates of a workflow by name: its own, and those that it got from WorkflowTemplates."""
    status, spec = workflow.get("status") or {}, workflow.get("spec") or {}
    stored = status.get("storedTemplates") or {}
    listed: list[Iterable[Any]] = [
        stored.values() if isinstance(stored, Mapping) else (),
        (status.get("storedWorkflowTemplateSpec") or {}).get("templates") or (),
        spec.get("templates") or (),
    ]
    return {str(t["name"]): t for templates in listed for t in templates if isinstance(t, dict) and t.get("name")}


def _annotations(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return (template.get("metadata") or {}).get("annotations") or {}


def _types(template: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The declared types of the parameters of a template; empty where it does not tell."""
    try:
        found = json.loads(_annotations(template).get(TYPES) or "{}")
    except ValueError:
        found = {}
    sides = {side: found.get(side) if isinstance(found, dict) else None for side in ("inputs", "outputs")}
    return {side: types if isinstance(types, dict) else {} for side, types in sides.items()}


def _values(side: object, types: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Inputs or outputs by name."""
    fields = side if isinstance(side, Mapping) else {}
    parameters = {
        str(p["name"]): {"value": _text(p.get("value", p.get("default"))), "type": types.get(str(p["name"]))}
        for p in fields.get("parameters") or ()
    }
    artifacts = {str(a["name"]): artifact_of(a) for a in fields.get("artifacts") or ()}
    return {"parameters": parameters, "artifacts": artifacts}


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def artifact_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An artifact, with the key of its object where its store has keys."""
    stores = (fields.get(kind) for kind in ("s3", "oss", "gcs", "azure"))
    key = next((s.get("key", s.get("blob")) for s in stores if isinstance(s, Mapping)), None)
    return {**fields, **({"key": key} if key else {})}
