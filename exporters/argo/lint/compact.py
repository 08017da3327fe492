"""Makes the schema that the linter reads from the JSON schema that Argo publishes.

::

    python -m dflow.exporters.argo.lint.compact schema.json > exporters/argo/lint/schema.json

Of each definition that the kinds of the linter need, the fields and their types are kept, the descriptions are not.
A type is a letter (``schema`` has them), ``[`` and the type of the items, ``{`` and that of the values, or the
number of a definition.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["compact"]

KINDS = ("ClusterWorkflowTemplate", "CronWorkflow", "Workflow", "WorkflowTemplate")
_OWN = "io.argoproj.workflow.v1alpha1."
_LETTERS = {"string": "s", "integer": "i", "number": "n", "boolean": "b", "object": "o"}
_SPECIAL = {
    f"{_OWN}Item": "*",
    f"{_OWN}Plugin": "o",
    f"{_OWN}Amount": "n",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "o",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "t",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "I",
}
_TEXTS = {
    (f"{_OWN}Parameter", "value"): "x",
    (f"{_OWN}Parameter", "default"): "x",
    (f"{_OWN}Parameter", "enum"): "[x",
    (f"{_OWN}ValueFrom", "default"): "x",
}
"""Fields that take any JSON and turn it into a text."""


_CHECKED_ELSEWHERE = frozenset({"image", "source", "action", "containers", "tasks", "help", "prometheus"})
"""Required fields that rules of their own look at, or that a default of all templates may supply."""


class _Compactor:
    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.numbers: dict[str, int] = {}
        self.out: list[dict[str, Any]] = []

    def number(self, name: str) -> int:
        if name not in self.numbers:
            number = self.numbers[name] = len(self.out)
            self.out.append({})
            definition = self.definitions[name]
            fields = {
                key: _TEXTS.get((name, key)) or self.type(value)
                for key, value in sorted(definition.get("properties", {}).items())
            }
            self.out[number] = {"f": fields}
            required = sorted(set(definition.get("required", ())) - _CHECKED_ELSEWHERE)
            if required:
                self.out[number]["r"] = required
        return self.numbers[name]

    def type(self, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            return self.reference(schema["$ref"].removeprefix("#/definitions/"))
        kind = schema.get("type")
        if kind == "array":
            return "[" + self.type(schema.get("items", {}))
        if kind == "object" and "additionalProperties" in schema:
            return "{" + self.type(schema["additionalProperties"])
        return _LETTERS.get(kind, "*") if isinstance(kind, str) else "*"

    def reference(self, name: str) -> str:
        if name in _SPECIAL:
            return _SPECIAL[name]
        definition = self.definitions[name]
        if definition.get("type", "object") != "object":
            return self.type(definition)
        return str(self.number(name))


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """The pruned form of a published schema."""
    compactor = _Compactor(schema["definitions"])
    kinds = {kind: compactor.number(_OWN + kind) for kind in KINDS}
    return {"kinds": kinds, "definitions": compactor.out}


if __name__ == "__main__":
    read = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(json.dumps(compact(read), separators=(",", ":")) + "\n")
