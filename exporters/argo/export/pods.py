"""How a leaf is run on a cluster: what the graph keeps as JSON text, in the words of Argo's schema."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExportError
from dflow.engine.model import Literal
from dflow.exporters.argo.export.texts import text_of

if TYPE_CHECKING:
    from dflow.engine.model import Pod, Value
    from dflow.exporters.argo.export.context import Context

__all__ = [
    "camel",
    "container_fields",
    "deadline_of",
    "metadata_of",
    "template_fields",
    "volume_claims",
    "whole_seconds",
]

_AS_THEY_ARE = {
    "nodeSelector",
    "labels",
    "annotations",
    "matchLabels",
    "limits",
    "requests",
    "data",
    "items",
    "volumeAttributes",
}


def camel(value: Any) -> Any:
    """Field names of the SDK's objects (``mount_path``) as those of manifests (``mountPath``), without empty ones."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, item in value.items():
        word = re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)
        if item is not None:
            made[word] = item if word in _AS_THEY_ARE and not isinstance(item, list) else camel(item)
    return made


def container_fields(pod: Pod, default_image: str, extra_env: dict[str, str] | None = None) -> dict[str, Any]:
    """Fields of the container: image, resources, environment, mounts."""
    given = _kubernetes(pod)
    env: list[dict[str, Any]] = [{"name": n, "value": v} for n, v in {**dict(pod.env), **(extra_env or {})}.items()]
    for name, secret, key in pod.secret_env:
        env.append({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
    resources = {name: given[name] for name in ("requests", "limits") if given.get(name)}
    mounts = [*given.get("mounts", []), *(mount for _, mount in _claims(pod))]
    fields = {
        "image": pod.image or default_image,
        "imagePullPolicy": given.get("image_pull_policy"),
        "env": env,
        "resources": resources,
        "volumeMounts": camel(mounts),
    }
    return {name: value for name, value in fields.items() if value}


def template_fields(pod: Pod) -> dict[str, Any]:
    """Fields of the template beside the container."""
    given = _kubernetes(pod)
    fields = {
        "nodeSelector": given.get("node_selector"),
        "tolerations": camel(given.get("tolerations", [])),
        "affinity": camel(given.get("affinity")),
        "volumes": camel(given.get("volumes", [])),
        "initContainers": camel(given.get("init_containers", [])),
        "sidecars": camel(given.get("sidecars", [])),
    }
    return {name: value for name, value in fields.items() if value}


def metadata_of(pod: Pod | None, annotations: dict[str, str]) -> dict[str, Any]:
    """The ``metadata`` of a template: labels and annotations of the user, of the progress, and ours."""
    given = _kubernetes(pod) if pod is not None else {}
    own = {**given.get("annotations", {}), **annotations}
    if pod is not None and pod.progress is not None:
        own["workflows.argoproj.io/progress"] = pod.progress
    made = {"annotations": own, "labels": given.get("labels")}
    made = {name: value for name, value in made.items() if value}
    return {"metadata": made} if made else {}


def deadline_of(limit: Value | None, context: Context) -> dict[str, Any]:
    """A time limit in seconds, as ``activeDeadlineSeconds`` (TM-01): Argo knows whole seconds only."""
    if limit is None:
        return {}
    if not isinstance(limit, Literal):
        return {"activeDeadlineSeconds": text_of(limit)}
    try:
        return {"activeDeadlineSeconds": whole_seconds(limit.text)}
    except ValueError:
        context.problems.append(f"the timeout {limit.text!r} is no number of seconds")
        return {}


def whole_seconds(text: str) -> int:
    """A number of seconds, with or without the unit, rounded up: a cluster knows no parts and no zero.

    Raises:
        ValueError: it is no number.
    """
    return max(1, -int(-float(text.rstrip("s")) // 1))


def volume_claims(pods: list[Pod]) -> list[dict[str, Any]]:
    """``volumeClaimTemplates`` for the persistent volumes that pods ask for, each name once.

    Raises:
        ExportError: two of one name ask for different volumes.
    """
    claims: dict[str, dict[str, Any]] = {}
    for pod in pods:
        for claim, _ in _claims(pod):
            name = claim["metadata"]["name"]
            if claims.setdefault(name, claim) != claim:
                raise ExportError(
                    [f"pvcs: the volume {name!r} is asked for with several sizes, classes or access modes"]
                )
    return [claims[name] for name in sorted(claims)]


def _claims(pod: Pod) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each persistent volume as a claim and a mount."""
    made = []
    asked = _kubernetes(pod).get("pvcs", [])
    names = [str(given["name"]) for given in asked]
    for given in asked:
        name = str(given["name"])
        spec = {
            "accessModes": given.get("access_modes") or ["ReadWriteOnce"],
            "resources": {"requests": {"storage": given.get("size") or "1Gi"}},
        }
        if given.get("storage_class"):
            spec["storageClassName"] = given["storage_class"]
        mount = {"name": name, "mountPath": f"/mnt/{name}"}
        if given.get("subpath"):
            mount["subPath"] = given["subpath"]
        if names.count(name) > 1:  # several places of one volume
            mount["mountPath"] += f"/{given.get('subpath') or ''}".rstrip("/")
        made.append(({"metadata": {"name": name}, "spec": spec}, mount))
    return made


def _kubernetes(pod: Pod) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pod.kubernetes or "{}")
    return found
