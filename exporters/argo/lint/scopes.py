"""VAR-02 to VAR-08: which names are known where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import LEAVES, PODS, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dflow.exporters.argo.lint.library import Callee, Document

__all__ = ["Names", "Scope", "add_exports", "add_result", "globals_of", "item_names", "template_names"]

_ALWAYS = ("name", "namespace", "uid", "serviceAccountName", "mainEntrypoint", "status")
_TIMES = ("creationTimestamp", "scheduledTime", "duration")
_ANSWERS = ("container", "script", "data", "http", "plugin")

Fields = dict[str, Any]


class Names:
    """Dotted names, and the names that they begin with."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: set[str] = set()
        self.branches: set[str] = set()
        self.open: set[str] = set()
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """One more name."""
        self.names.add(name)
        self._branch(name)

    def add_all_below(self, prefix: str) -> None:
        """Every name that begins with ``prefix``, which ends with a dot."""
        self.open.add(prefix)
        self.branches.add(prefix[:-1])
        self._branch(prefix[:-1])

    def _branch(self, name: str) -> None:
        while (name := name.rpartition(".")[0]) and name not in self.branches:
            self.branches.add(name)

    def knows(self, name: str) -> bool:
        """Whether the name is there."""
        return name in self.names or any(name.startswith(prefix) for prefix in self.open)


def _nothing(name: str) -> tuple[str, str] | None:  # noqa: ARG001 - the shape of such functions
    return None


@dataclass(frozen=True)
class Scope:
    """The names that a text may use.

    Attributes:
        layers: the names.
        item: whether it is in a loop.
        retries: whether it is retried.
        blocked: gives the rule and the reason why a step or task that exists must not be mentioned here.
        lenient: whether the workflow itself is not known, as in a WorkflowTemplate.
    """

    layers: tuple[Names, ...]
    item: bool = False
    retries: bool = False
    blocked: Callable[[str], tuple[str, str] | None] = field(default=_nothing)
    lenient: bool = False

    def knows(self, name: str) -> bool:
        """Whether a name has a value."""
        return any(layer.knows(name) for layer in self.layers)

    def has_below(self, name: str) -> bool:
        """Whether longer names begin with it."""
        return any(name in layer.branches for layer in self.layers)

    def knows_path(self, path: tuple[str, ...]) -> bool:
        """Whether the path of an expression is a value, is inside of one, or holds several."""
        name = ".".join(path)
        if self.knows(name) or self.has_below(name):
            return True
        shorter = (".".join(path[:end]) for end in range(1, len(path)))
        return any(self.knows(part) and not self.has_below(part) for part in shorter)

    def below(self, prefix: str) -> set[str]:
        """The names that begin with ``prefix`` and a dot, for messages."""
        return {name for layer in self.layers for name in layer.names if name.startswith(f"{prefix}.")}


def globals_of(document: Document, base: Document | None) -> Names:
    """The names that are known in the whole workflow."""
    found = Names(f"workflow.{name}" for name in _ALWAYS)
    for name in _TIMES:
        found.add(f"workflow.{name}")
        found.add_all_below(f"workflow.{name}.")
    specs = [document.spec, *([base.spec] if base is not None else [])]
    if any("priority" in spec for spec in specs):
        found.add("workflow.priority")
    parameters = [row for spec in specs for row in spec.get("arguments", {}).get("parameters", [])]
    if parameters:
        found.add("workflow.parameters")
        found.add("workflow.parameters.json")
    for row in parameters:
        found.add(f"workflow.parameters.{row.get('name', '')}")
    marks = [document.metadata, *(spec.get("workflowMetadata", {}) for spec in specs)]
    for side in ("labels", "annotations"):
        found.add(f"workflow.{side}")
        found.add(f"workflow.{side}.json")
        for mark in marks:
            for key in {**mark.get(side, {}), **(mark.get("labelsFrom", {}) if side == "labels" else {})}:
                found.add(f"workflow.{side}.{key}")
    return found


def template_names(fields: Fields) -> Names:
    """The names that a template gives itself."""
    kind = type_of(fields)
    found = Names()
    inputs, outputs = fields.get("inputs", {}), fields.get("outputs", {})
    for row in inputs.get("parameters", []):
        found.add("inputs.parameters")
        found.add(f"inputs.parameters.{row.get('name', '')}")
    for row in inputs.get("artifacts", []):
        found.add(f"inputs.artifacts.{row.get('name', '')}")
        if kind in LEAVES:
            found.add(f"inputs.artifacts.{row.get('name', '')}.path")
    if kind in LEAVES:
        for what in ("parameters", "artifacts"):
            for row in outputs.get(what, []):
                found.add(f"outputs.{what}.{row.get('name', '')}.path")
    if kind in PODS:
        found.add("pod.name")
    found.add("node.name")
    if kind in {"steps", "dag"}:
        found.add("steps.name" if kind == "steps" else "tasks.name")
    return found


def add_result(names: Names, root: str, call: Fields, callee: Callee) -> None:
    """What is known of a step or task when it is finished."""
    prefix = f"{root}.{call.get('name', '')}"
    if callee.template is None or "{{" in prefix:
        names.add_all_below(f"{root}." if "{{" in prefix else f"{prefix}.")
        return
    fields = callee.template.fields
    for name in ("id", "startedAt", "finishedAt", "hostNodeName", "status"):
        names.add(f"{prefix}.{name}")
    if fields.get("daemon"):
        names.add(f"{prefix}.ip")
    members = [row.get("name") for row in fields.get("containerSet", {}).get("containers", [])]
    if any(kind in fields for kind in _ANSWERS) or "main" in members:
        names.add(f"{prefix}.outputs.result")
        names.add(f"{prefix}.exitCode")
    if call.get("withItems") or call.get("withParam"):
        names.add(f"{prefix}.outputs.parameters")
    for what in ("parameters", "artifacts"):
        for row in fields.get("outputs", {}).get(what, []):
            names.add(f"{prefix}.outputs.{what}.{row.get('name', '')}")


def add_exports(names: Names, callee: Callee) -> None:
    """The global outputs that are known once a step or task is finished."""
    outputs = callee.template.fields.get("outputs", {}) if callee.template is not None else {}
    for what in ("parameters", "artifacts"):
        for row in outputs.get(what, []):
            name = row.get("globalName", "")
            if "{{" in name:
                names.add_all_below(f"workflow.outputs.{what}.")
            elif name:
                names.add(f"workflow.outputs.{what}.{name}")


def item_names(call: Fields) -> Names:
    """The members of the item of a loop."""
    found = Names()
    if call.get("withParam"):
        found.add_all_below("item.")
    for item in call.get("withItems", []):
        if isinstance(item, dict):
            for key in item:
                found.add(f"item.{key}")
        elif isinstance(item, list):
            for index in range(len(item)):
                found.add(f"item.[{index}]")
    return found
