"""TMPL-11 and TMPL-12: resources that a template makes, and metrics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Template

__all__ = ["check_metrics", "check_template"]

_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_METRIC = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_KINDS = ("counter", "gauge", "histogram")

Fields = dict[str, Any]


def check_template(template: Template, notes: Notes) -> None:
    """The resource and the metrics of a template."""
    if "resource" in template.fields:
        _resource(template.fields, template.path, notes)
    check_metrics(template.fields, template.path, notes)


def _resource(fields: Fields, path: str, notes: Notes) -> None:
    resource, place = fields["resource"], f"{path}.resource"
    action = resource.get("action", "")
    if action not in _ACTIONS:
        notes.error("TMPL-11", f"{place}.action", f"{action!r} is no action; use one of {', '.join(_ACTIONS)}")
    sources = [name for name in ("manifest", "manifestFrom") if resource.get(name)]
    if len(sources) > 1:
        notes.error("TMPL-11", place, "both manifest and manifestFrom; leave one of them out")
    if not sources and action not in {"get", "delete"}:
        notes.error("TMPL-11", place, "no manifest; give manifest or manifestFrom")
    if "manifest" in resource and "manifestFrom" in resource:
        notes.error("CRD-04", place, "the server refuses manifest beside manifestFrom; leave one of them out")
    if "manifestFrom" in resource:
        name = resource["manifestFrom"].get("artifact", {}).get("name", "")
        declared = [row.get("name") for row in fields.get("inputs", {}).get("artifacts", [])]
        if name not in declared:
            notes.error(
                "TMPL-11",
                f"{place}.manifestFrom.artifact.name",
                f"{name!r} is no input artifact of this template; declare it",
            )
    if resource.get("manifest"):
        problem = _yaml_problem(_TAG.sub("x", resource["manifest"]))
        if problem:
            notes.error("TMPL-11", f"{place}.manifest", f"this is no YAML: {problem}")


def _yaml_problem(text: str) -> str:
    import yaml  # noqa: PLC0415 - for templates with a manifest only

    try:
        for _ in yaml.compose_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except (yaml.YAMLError, RecursionError, ValueError) as exc:
        return " ".join(str(exc).split())
    return ""


def check_metrics(fields: Fields, path: str, notes: Notes) -> None:
    """The metrics of a template or of a whole workflow."""
    for index, metric in enumerate(fields.get("metrics", {}).get("prometheus", [])):
        place = f"{path}.metrics.prometheus[{index}]"
        name = metric.get("name", "")
        if not _METRIC.fullmatch(name):
            notes.error("TMPL-12", f"{place}.name", f"{name!r} cannot name a metric: use letters, digits and '_'")
        if not metric.get("help"):
            notes.error("TMPL-12", place, "a metric needs a help text; say what it counts")
        for number, label in enumerate(metric.get("labels", [])):
            if not _METRIC.fullmatch(label.get("key", "")):
                notes.error(
                    "TMPL-12",
                    f"{place}.labels[{number}].key",
                    f"{label.get('key', '')!r} is no label: use letters, digits, '_'",
                )
        _values(metric, place, notes)


def _values(metric: Fields, place: str, notes: Notes) -> None:
    kinds = [kind for kind in _KINDS if kind in metric]
    if len(kinds) != 1:
        notes.error("TMPL-12", place, f"a metric has exactly one of {', '.join(_KINDS)}")
    for kind in kinds:
        value = metric[kind].get("value", "")
        if not value:
            notes.error("TMPL-12", f"{place}.{kind}", "a metric needs a value")
        if kind == "gauge" and metric[kind].get("realtime") and "resourcesDuration." in value:
            notes.error(
                "TMPL-12", f"{place}.gauge.value", "resourcesDuration is known at the end only; use realtime: false"
            )
