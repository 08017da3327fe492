"""TMPL: what a template is and which fields it may have; also the limits of the server on its fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint import durations
from dflow.exporters.argo.lint.shapes import GROUPS, LEAVES, PODS, TYPES, type_of

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Document, Template

__all__ = ["check_template", "retry_strategy"]

_POLICIES = ("Always", "OnFailure", "OnError", "OnTransientError")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_MOST_PARAMETERS = 500
_MOST_TASKS = 200

Fields = dict[str, Any]


def check_template(template: Template, document: Document, notes: Notes) -> None:
    """Everything that a template says about itself, besides inputs, outputs, containers and calls."""
    fields, path = template.fields, template.path
    kind = type_of(fields)
    _one_type(fields, path, notes)
    _image(fields, path, document, notes)
    _only_where_allowed(fields, kind, path, notes)
    _deadline(fields, path, notes)
    _limits(fields, path, notes)
    durations.check_times(fields, path, notes)
    retry_strategy(fields, path, notes)


def _one_type(fields: Fields, path: str, notes: Notes) -> None:
    types = [name for name in TYPES if name in fields]
    if not types:
        notes.error("TMPL-01", path, f"this template does nothing; give it one of {', '.join(TYPES)}")
    if len(types) > 1:
        notes.error("TMPL-01", path, f"a template is one thing, this is {' and '.join(types)}; make a template of each")


def _image(fields: Fields, path: str, document: Document, notes: Notes) -> None:
    defaults = document.spec.get("templateDefaults", {})
    for kind in ("container", "script"):
        if kind in fields and not fields[kind].get("image") and not defaults.get(kind, {}).get("image"):
            notes.error("TMPL-02", f"{path}.{kind}", "no image; name the image in which it runs")


def _only_where_allowed(fields: Fields, kind: str, path: str, notes: Notes) -> None:
    leaf = kind in LEAVES
    rules = [("timeout", "TMPL-03"), ("pendingTimeout", "TMPL-04"), ("activeDeadlineSeconds", "TMPL-05")]
    for name, rule in rules:
        if kind and name in fields and fields[name] != "" and not leaf:
            notes.error(rule, f"{path}.{name}", f"a {kind} template has no {name}; put it on the templates it calls")
    if leaf and "parallelism" in fields:
        notes.error(
            "TMPL-06",
            f"{path}.parallelism",
            "it limits the calls of a steps or dag template; a leaf makes none, leave it out",
        )
    if kind and kind not in PODS and fields.get("resourceClaims"):
        notes.error("TMPL-13", f"{path}.resourceClaims", f"a {kind} template has no pod that could claim; leave it out")
    if kind in {"http", "plugin"} and "podResources" in fields:
        notes.error("SPEC-13", f"{path}.podResources", f"a {kind} template has no pod of its own; leave it out")
    check_pod_resources(fields, path, notes)
    timeout = fields.get("timeout", "")
    if leaf and _WHOLE.fullmatch(timeout):
        notes.error("TMPL-03", f"{path}.timeout", f"{timeout!r} has no unit; write {timeout}s for seconds")


def check_pod_resources(fields: Fields, path: str, notes: Notes) -> None:
    """SPEC-13: only some resources can be asked for a whole pod."""
    resources = fields.get("podResources", {})
    if resources.get("claims"):
        notes.error("SPEC-13", f"{path}.podResources.claims", "a whole pod makes no claims; put them on containers")
    for side in ("limits", "requests"):
        for name in resources.get(side, {}):
            if name not in {"cpu", "memory"} and not name.startswith("hugepages-"):
                notes.error(
                    "SPEC-13", f"{path}.podResources.{side}.{name}",
                    "only cpu, memory and hugepages-* go for a whole pod; put this on the containers",
                )  # fmt: skip


def _deadline(fields: Fields, path: str, notes: Notes) -> None:
    value = fields.get("activeDeadlineSeconds")
    if value is None or durations.is_count(value):
        text = value if isinstance(value, str) else ""
        if "{{" not in text or (text.startswith("{{") and text.endswith("}}")):
            return
    notes.error(
        "TMPL-05", f"{path}.activeDeadlineSeconds",
        f"{value!r} is no number of seconds; write a whole number from 0 on without unit, or one tag",
    )  # fmt: skip


def retry_strategy(fields: Fields, path: str, notes: Notes) -> None:
    """The retry strategy of a template or of a whole workflow."""
    strategy = fields.get("retryStrategy")
    if strategy is None:
        return
    place = f"{path}.retryStrategy"
    policy = strategy.get("retryPolicy")
    if policy == "":
        notes.error("CRD-02", f"{place}.retryPolicy", "an empty retryPolicy is refused by the server; leave it out")
    elif policy is not None and policy not in _POLICIES:
        notes.error("TMPL-07", f"{place}.retryPolicy", f"{policy!r} is no policy; use one of {', '.join(_POLICIES)}")
    durations.check_retry(strategy, place, notes)


def _limits(fields: Fields, path: str, notes: Notes) -> None:
    if fields.get("parallelism", 1) < 1 and "parallelism" in fields:
        notes.error("CRD-02", f"{path}.parallelism", "it must be 1 or more; leave it out for no limit")
    count = len(fields.get("inputs", {}).get("parameters", []))
    if count > _MOST_PARAMETERS:
        notes.error(
            "CRD-01", f"{path}.inputs.parameters",
            f"{count} parameters, the server takes {_MOST_PARAMETERS}; pass some together as JSON or as an artifact",
        )  # fmt: skip
    if "steps" in fields and not fields["steps"]:
        notes.error("CRD-01", f"{path}.steps", "steps need at least one group; add a step")
    for index, group in enumerate(fields.get("steps", [])):
        if not group:
            notes.error("CRD-01", f"{path}.steps[{index}]", "this group of steps is empty; add a step or leave it out")
    tasks = len(fields.get("dag", {}).get("tasks", []))
    if tasks > _MOST_TASKS:
        notes.error(
            "CRD-01", f"{path}.dag.tasks",
            f"{tasks} tasks, the server takes {_MOST_TASKS}; move some of them to a dag template that this one calls",
        )  # fmt: skip
    for name in ("timeout", "activeDeadlineSeconds"):
        kinds = [kind for kind in GROUPS if kind in fields]
        if name in fields and kinds:
            notes.error("CRD-04", f"{path}.{name}", f"the server refuses {name} on {kinds[0]}; put it on the leaves")
