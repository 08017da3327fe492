"""SPEC: what a workflow says about itself besides its templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.engine.near import near
from dflow.exporters.argo.lint import calls
from dflow.exporters.argo.lint.library import Callee
from dflow.exporters.argo.lint.resources import check_metrics
from dflow.exporters.argo.lint.templates import check_pod_resources, retry_strategy

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Document, Library

__all__ = ["check"]

_STRATEGIES = ("", "OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_MOST_TEMPLATES = 200
_LABEL = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

Fields = dict[str, Any]


def check(document: Document, library: Library, notes: Notes) -> None:
    """Everything on the level of the workflow."""
    spec, path = document.spec, document.path
    _base(document, library, notes)
    _entrypoint(document, library, notes)
    _on_exit(document, library, notes)
    calls.check_arguments(spec, path, notes, called=False)
    if document.kind == "CronWorkflow":
        _values_given(spec, path, notes)
    calls.check_hooks(spec, document.index, path, library, notes, rule="SPEC-11")
    _pod_gc(spec.get("podGC", {}), f"{path}.podGC", notes)
    check_pod_resources(spec, path, notes)
    check_metrics(spec, path, notes)
    retry_strategy(spec, path, notes)
    if "parallelism" in spec and spec["parallelism"] < 1:
        notes.error("CRD-02", f"{path}.parallelism", "it must be 1 or more; leave it out for no limit")
    count = len(spec.get("templates", []))
    if count > _MOST_TEMPLATES:
        notes.error(
            "CRD-01", f"{path}.templates",
            f"{count} templates, the server takes {_MOST_TEMPLATES}; move some to a WorkflowTemplate",
        )  # fmt: skip


def _base(document: Document, library: Library, notes: Notes) -> None:
    spec, path = document.spec, document.path
    ref = spec.get("workflowTemplateRef")
    if ref is None:
        return
    if spec.get("templates"):
        notes.error(
            "SPEC-03", f"{path}.templates", "with workflowTemplateRef the templates come from there; remove these"
        )
    if not ref.get("name"):
        notes.error("CALL-02", f"{path}.workflowTemplateRef", "it needs the name of a WorkflowTemplate")
    elif library.base(document) is None:
        notes.error(
            "CALL-02", f"{path}.workflowTemplateRef",
            f"{ref['name']!r} is not among the given documents; give it as well to have it checked",
        )  # fmt: skip


def _entrypoint(document: Document, library: Library, notes: Notes) -> None:
    spec, path = document.spec, document.path
    base = library.base(document)
    inherited = "workflowTemplateRef" in spec
    name = spec.get("entrypoint", "") or (base.spec.get("entrypoint", "") if base is not None else "")
    if not name:
        if not document.is_template and (not inherited or base is not None):
            notes.error("SPEC-01", path, "no entrypoint; name the template that runs first")
        return
    found = library.named(document, name)
    if found is None:
        if not inherited or base is not None:
            known = near(name, (base or document).templates)
            notes.error("SPEC-02", f"{path}.entrypoint", f"there is no template {name!r}{known}")
        return
    calls.check_supplied(_all_arguments(spec, base), Callee(found), path, notes, extra=False)


def _all_arguments(spec: Fields, base: Document | None) -> Fields:
    merged: Fields = {}
    for source in (spec, base.spec if base is not None else {}):
        for name, rows in source.get("arguments", {}).items():
            merged[name] = [*merged.get(name, []), *rows]
    return merged


def _on_exit(document: Document, library: Library, notes: Notes) -> None:
    name = document.spec.get("onExit", "")
    if not name:
        return
    callee = library.callee({"template": name}, document.index, document.path)
    if callee.missing:
        notes.error(
            "SPEC-10", f"{document.path}.onExit", f"there is no {callee.missing}{near(name, document.templates)}"
        )
    arguments = _all_arguments(document.spec, library.base(document))
    calls.check_supplied(arguments, callee, f"{document.path}.onExit", notes, extra=False)


def _values_given(spec: Fields, path: str, notes: Notes) -> None:
    for index, parameter in enumerate(spec.get("arguments", {}).get("parameters", [])):
        if "value" not in parameter and "valueFrom" not in parameter:
            notes.error(
                "SPEC-05",
                f"{path}.arguments.parameters[{index}]",
                "nobody is there to give a value when it starts; give one",
            )


def _pod_gc(pod_gc: Fields, path: str, notes: Notes) -> None:
    strategy = pod_gc.get("strategy", "")
    if strategy not in _STRATEGIES:
        notes.error(
            "SPEC-12", f"{path}.strategy", f"{strategy!r} is no strategy; use one of {', '.join(_STRATEGIES[1:])}"
        )
    selector = pod_gc.get("labelSelector", {})
    place = f"{path}.labelSelector"
    for key, value in selector.get("matchLabels", {}).items():
        if not _LABEL.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            notes.error("SPEC-12", f"{place}.matchLabels.{key}", f"{key}={value} is no label")
    for index, row in enumerate(selector.get("matchExpressions", [])):
        operator, values = row.get("operator", ""), row.get("values", [])
        where = f"{place}.matchExpressions[{index}]"
        if operator not in _OPERATORS:
            notes.error("SPEC-12", where, f"{operator!r} is no operator; use one of {', '.join(_OPERATORS)}")
        elif (operator in {"In", "NotIn"}) is not bool(values):
            need = "needs" if operator in {"In", "NotIn"} else "takes no"
            notes.error("SPEC-12", where, f"{operator} {need} values")
        if not _LABEL.fullmatch(row.get("key", "")) or not all(map(_LABEL_VALUE.fullmatch, values)):
            notes.error("SPEC-12", where, "the key or a value is no label")
