"""What the result of a step depends on, as short hashes, so that a reuse can say what has changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dflow.engine.model import (
    DagTemplate,
    HttpTemplate,
    PythonOpTemplate,
    ResourceTemplate,
    ScriptTemplate,
    StepsTemplate,
)

if TYPE_CHECKING:
    from dflow.engine.model import Template
    from dflow.engine.node import Node

__all__ = ["changes", "fingerprint"]

_LENGTH = 16


def fingerprint(node: Node, template: Template) -> dict[str, str]:
    """Hashes of the input parameters, one by one, of the program, and the image.

    Of a Steps or DAG the input parameters, and only where it has a key: nothing else can be reused.
    """
    if node.key is None and isinstance(template, (StepsTemplate, DagTemplate)):
        return {}
    parts = {f"input parameter {name}": _hash(text) for name, text in node.inputs.items()}
    if isinstance(template, ResourceTemplate):
        given = (template.action, template.manifest, template.success_condition, template.failure_condition)
        parts["program"] = _hash("\0".join((*(text or "" for text in given), *template.flags)))
        return parts
    if not isinstance(template, (ScriptTemplate, PythonOpTemplate, HttpTemplate)):
        return parts
    parts["program"] = _hash(_program(template))
    if template.pod.image:
        parts["image"] = template.pod.image
    return parts


def changes(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """What differs between two fingerprints, in words."""
    if not old:
        return []
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _program(template: PythonOpTemplate | ScriptTemplate | HttpTemplate) -> str:
    if isinstance(template, PythonOpTemplate):
        return template.op.digest or template.op.data or f"{template.op.module}.{template.op.qualname}"
    if isinstance(template, HttpTemplate):
        return "\0".join(
            (template.method, template.url, template.body or "", *(h for pair in template.headers for h in pair))
        )
    return "\0".join((template.script or "", *template.pod.command, *template.args))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_LENGTH]
