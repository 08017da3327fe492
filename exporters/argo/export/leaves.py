"""Leaf templates: scripts, containers, Python OPs, requests, resources and pauses."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from dflow.engine.model import (
    HttpTemplate,
    PythonOpTemplate,
    ResourceTemplate,
    ScriptTemplate,
    SuspendTemplate,
)
from dflow.exporters.argo.export.context import digest
from dflow.exporters.argo.export.pods import container_fields, deadline_of, metadata_of, template_fields
from dflow.exporters.argo.export.ports import inputs_of, outputs_of, types_of
from dflow.exporters.argo.export.python_ops import python_fields
from dflow.exporters.argo.export.records import HELPER, filled, shortened
from dflow.exporters.argo.export.retries import retry_of, seconds
from dflow.exporters.argo.export.texts import text_of

if TYPE_CHECKING:
    from dflow.engine.model import Template, Value
    from dflow.exporters.argo.export.context import Context

__all__ = ["TIMEOUT", "common_fields", "leaf_of"]

TIMEOUT = "dflow_timeout"
"""The input parameter that carries the time limit that a step sets for its template."""
_NO_LIMIT = 2**31 - 1
"""The longest time that a pod can be given; 0 would be refused."""
_FOREVER = "87600h"


def leaf_of(template: Template, context: Context) -> dict[str, Any]:
    """The manifest of a leaf template."""
    made = {"name": template.name, **common_fields(template, context)}
    match template:
        case ScriptTemplate():
            made |= _script(template, context)
        case PythonOpTemplate():
            made = python_fields(template, made, context)
        case HttpTemplate():
            made["http"] = _http(template)
        case ResourceTemplate():
            made["resource"] = _resource(template)
        case SuspendTemplate():
            made["suspend"] = {} if template.duration is None else {"duration": text_of(template.duration)}
    return made


def common_fields(template: Template, context: Context) -> dict[str, Any]:
    """What all kinds of templates may have."""
    pod = getattr(template, "pod", None)
    annotations = types_of(template)
    if getattr(template, "helper", False):
        annotations[HELPER] = "true"
    made = {
        **metadata_of(pod, annotations),
        "inputs": inputs_of(template, context),
        "outputs": outputs_of(template, context),
        **retry_of(pod.retry if pod is not None else getattr(template, "retry", None), context),
        **_memoize(template),
    }
    if pod is not None:
        made |= template_fields(pod)
        made |= _deadline(template, pod.timeout, made["inputs"], context)
    return {name: value for name, value in made.items() if value}


def _deadline(template: Template, limit: Value | None, inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """The template's own time limit, or an input through which each step gives its."""
    own = deadline_of(limit, context)
    if template.name not in context.timed:
        return own
    default = own.get("activeDeadlineSeconds", _NO_LIMIT)
    inputs.setdefault("parameters", []).append({"name": TIMEOUT, "value": str(default)})
    return {"activeDeadlineSeconds": "{{inputs.parameters." + TIMEOUT + "}}"}


def _memoize(template: Template) -> dict[str, Any]:
    """MM-01. A key that is no word of letters, digits and ``-`` makes the step an Error, on Argo as here."""
    key = getattr(template, "memoize", None)
    if key is None:
        return {}
    age = getattr(template, "memoize_age", None)
    name = f"dflow-memoize-{template.name.lower()}"
    if len(name) > 63 or template.name != template.name.lower():
        name = shortened(name, digest(template.name))
    cache = {"configMap": {"name": name}}
    return {"memoize": {"key": text_of(key), "maxAge": _FOREVER if age is None else seconds(age), "cache": cache}}


def _script(template: ScriptTemplate, context: Context) -> dict[str, Any]:
    pod = template.pod
    fields = container_fields(pod, context.options.image)
    if template.script is None:
        return {"container": filled(command=list(pod.command), args=list(template.args), **fields)}
    default = ["python3"] if template.language == "python" else ["sh"]
    if template.language == "python" and pod.image is None:
        fields["image"] = context.options.python_image
    command = list(pod.command) or default
    if template.args:
        command = ["sh", "-c", shlex.join(command) + ' "$0" ' + shlex.join(template.args)]
    return {"script": filled(command=command, source=template.script, **fields)}


def _http(template: HttpTemplate) -> dict[str, Any]:
    return filled(
        method=template.method.upper(),
        url=template.url,
        headers=[{"name": name, "value": value} for name, value in template.headers],
        body=template.body,
        timeoutSeconds=template.timeout,
        successCondition=template.success_condition,
        insecureSkipVerify=template.insecure or None,
    )


def _resource(template: ResourceTemplate) -> dict[str, Any]:
    return filled(
        action=template.action,
        manifest=template.manifest,
        successCondition=template.success_condition,
        failureCondition=template.failure_condition,
        flags=list(template.flags),
    )
