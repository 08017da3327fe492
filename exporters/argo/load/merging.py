"""What a workflow inherits: from the document that it refers to, and from the defaults of its templates (TD-01)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint.shapes import GROUPS, LEAVES, TYPES, type_of

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.library import Document, Library

__all__ = ["merged", "merged_spec", "with_defaults"]

Fields = dict[str, Any]


def merged(below: Any, own: Any) -> Any:
    """``own`` over ``below``: maps field by field, lists of named things by their names, all else is ``own``."""
    if isinstance(below, dict) and isinstance(own, dict):
        return {
            name: merged(below[name], own[name]) if name in below and name in own else own.get(name, below.get(name))
            for name in [*below, *(name for name in own if name not in below)]
        }
    if _named(below) and _named(own):
        rows = {row["name"]: row for row in below}
        for row in own:
            rows[row["name"]] = merged(rows.get(row["name"], {}), row)
            _one_value(rows[row["name"]], row)
        return list(rows.values())
    return own


def _named(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) and "name" in row for row in value)


def _one_value(row: Fields, own: Fields) -> None:
    """A parameter has its own value, not that of the row below and its own source."""
    if "value" in own and "valueFrom" not in own:
        row.pop("valueFrom", None)
    elif "valueFrom" in own and "value" not in own:
        row.pop("value", None)


def merged_spec(main: Document, library: Library) -> Fields:
    """The spec of a workflow with that of its ``workflowTemplateRef`` below it; templates are found by the library."""
    base = library.base(main)
    if base is None:
        return main.spec
    spec: Fields = merged(base.spec, main.spec)
    for kind in ("entrypoint", "onExit"):
        spec[kind] = main.spec.get(kind) or base.spec.get(kind, "")
    return spec


def with_defaults(template: Fields, defaults: Fields) -> Fields:
    """A template with the defaults of all templates below it, as far as they go for its kind."""
    if not defaults:
        return template
    kind = type_of(template)
    found: Fields = merged(defaults, template)
    unwanted = {name for name in TYPES if name != kind}
    if kind not in LEAVES:
        unwanted |= {"timeout", "activeDeadlineSeconds", "pendingTimeout"} - template.keys()
    if kind not in GROUPS:
        unwanted |= {"parallelism", "failFast"} - template.keys()
    return {name: value for name, value in found.items() if name not in unwanted}
