"""Outputs of steps of earlier runs, which Argo takes out of its caches instead of running steps of the same key.

Each key has a cache of its own, a ConfigMap that the manifest brings along (MM-01); the templates of keyed steps look
there by the digest of the key, since keys may hold dots.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.export.context import digest
from dflow.exporters.argo.export.records import KEY, Upload, shortened
from dflow.exporters.argo.export.trees import tree_digest

if TYPE_CHECKING:
    from dflow.engine.reuse import Reused
    from dflow.exporters.argo.export.context import Context

__all__ = ["add_caches", "caches"]

_NODE = "dflow_node"
"""The input parameter that stands for a key where a step has none: no two have the same."""
_LONG_AGO = "2020-01-01T00:00:00Z"
_LONGER = "876000h"
_LARGEST = 1 << 20
_OWNER = "dflow/workflow"


def add_caches(context: Context) -> None:
    """Have the templates of keyed steps look for their outputs before they run."""
    context.cache = _cache_name(context)
    key, node = f"inputs.parameters.{KEY}", f"inputs.parameters.{_NODE}"
    hashed = "{{=sprig.sha256sum(" + f"{key} == '' ? {node} : {key}" + ")}}"
    for name, template in context.templates.items():
        takes = [p["name"] for p in template.get("inputs", {}).get("parameters", ())]
        if KEY not in takes or "steps" in template or "dag" in template:
            continue
        if "memoize" in template:
            context.problems.append(
                f"template {name!r}: its steps have keys to be reused by, and a memoize_key; drop one"
            )
        template["inputs"]["parameters"].append({"name": _NODE, "value": "{{workflow.uid}}/{{node.name}}"})
        cache = {"configMap": {"name": f"{context.cache}-{hashed}"}}
        template["memoize"] = {"key": hashed, "maxAge": _LONGER, "cache": cache}


def caches(context: Context) -> list[dict[str, Any]]:
    """The ConfigMaps of what is reused, one for each key."""
    made = []
    for step in sorted(context.options.reused, key=lambda step: step.key):
        hashed = hashlib.sha256(step.key.encode()).hexdigest()
        entry = {
            "nodeID": step.key,
            "outputs": _outputs(step, context),
            "creationTimestamp": _LONG_AGO,
            "lastHitTimestamp": _LONG_AGO,
        }
        text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
        if len(text.encode("utf-8", "surrogateescape")) > _LARGEST:
            context.problems.append(f"the outputs of the reused step {step.key!r} are larger than 1 MiB, Argo's limit")
        labels = {"workflows.argoproj.io/configmap-type": "Cache", _OWNER: context.graph.name}
        metadata: dict[str, Any] = {"name": f"{context.cache}-{hashed}", "labels": labels}
        if context.options.namespace is not None:
            metadata["namespace"] = context.options.namespace
        made.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {hashed: text}})
    return made


def _cache_name(context: Context) -> str:
    """What the names of the caches begin with: Argo keeps new outputs there, too, which are for this program only."""
    steps = [(step.key, sorted(step.parameters.items()), sorted(step.artifacts)) for step in context.options.reused]
    name = f"dflow-reuse-{context.options.name or context.graph.name}"
    return shortened(name, digest(sorted(steps, key=str), context.templates))


def _outputs(step: Reused, context: Context) -> dict[str, Any]:
    parameters = [{"name": name, "value": text} for name, text in sorted(step.parameters.items())]
    artifacts = []
    for name, path in sorted(step.artifacts.items()):
        key = context.upload(Upload(context.key("upload", tree_digest(path)), path=path))
        artifacts.append({"name": name, "s3": {"key": key}, "archive": {"none": {}}})
    made = {"parameters": parameters, "artifacts": artifacts}
    return {name: value for name, value in made.items() if value}
