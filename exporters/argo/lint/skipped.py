"""X-15: values of steps and tasks that may be skipped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import calls_of

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Library, Template

__all__ = ["check_template"]

_MENTION = re.compile(r"\{\{\s*(?:steps|tasks)\.([-\w]+)\.outputs\.parameters\.([-\w]+)\s*\}\}")

Fields = dict[str, Any]


def check_template(template: Template, library: Library, notes: Notes) -> None:
    """Warns where the output parameter of a call with ``when`` is read and nothing stands in for it.

    A reader with a condition of its own, or one that waits for success, may be skipped together with the call.
    """
    producers: dict[str, Fields] = {}
    for call, path in calls_of(template.fields, template.path):
        if call.get("when"):
            callee = library.callee(call, template.owner, path)
            producers[call.get("name", "")] = callee.template.fields if callee.template is not None else {}
    if not producers:
        return
    for call, path in calls_of(template.fields, template.path):
        if not call.get("when"):
            _arguments(call, path, template.owner, producers, library, notes)
    for index, row in enumerate(template.fields.get("outputs", {}).get("parameters", [])):
        source = row.get("valueFrom", {})
        if "default" not in source:
            place = f"{template.path}.outputs.parameters[{index}].valueFrom"
            _mentions(source.get("parameter", ""), place, producers, set(), notes)


def _arguments(
    call: Fields, path: str, owner: int, producers: dict[str, Fields], library: Library, notes: Notes
) -> None:
    callee = library.callee(call, owner, path)
    inputs = callee.template.fields.get("inputs", {}) if callee.template is not None else {}
    defaults = {row.get("name") for row in inputs.get("parameters", []) if "default" in row or "value" in row}
    required = {name for name in producers if f"{name}.Succeeded" in call.get("depends", "")}
    for index, row in enumerate(call.get("arguments", {}).get("parameters", [])):
        value = row.get("value", "")
        if row.get("name") in defaults and _MENTION.fullmatch(value.strip()):
            continue
        _mentions(value, f"{path}.arguments.parameters[{index}].value", producers, required, notes)


def _mentions(text: str, path: str, producers: dict[str, Fields], required: set[str], notes: Notes) -> None:
    for name, parameter in _MENTION.findall(text):
        rows = producers.get(name, {}).get("outputs", {}).get("parameters", [])
        has_default = any(row.get("name") == parameter and "default" in row.get("valueFrom", {}) for row in rows)
        if name in producers and name not in required and not has_default:
            notes.warn(
                "X-15", path,
                f"{name!r} may be skipped, and then {parameter!r} has no value and this fails; give the output a"
                " default, or use ?? in an expression",
            )  # fmt: skip
