"""Where the artifacts of an OP that runs are, and which of them are to be registered.

The store of a run on this machine is the run directory.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any, Dict

__all__ = ["artifact_key", "artifact_link", "note_registration"]

_STORE = os.path.join(".dflow", "store")


def artifact_key(step: str, side: str, name: str) -> str:
    """The key of an artifact.

    Args:
        side: ``inputs`` or ``outputs``.

    Returns:
        In a pod of Argo its key in the artifact store. On this machine, of an input that has one in a store, that key.
        Otherwise the path in the run directory, of an input that another step has made where that step has it; or, of
        an input from outside of the run, its absolute path.
    """
    in_a_pod = _key_in_a_pod(side, name)
    if in_a_pod is not None:
        return in_a_pod
    place, run = _place(step, side, name), os.path.dirname(step)
    if side == "outputs" or not os.path.islink(place):
        return os.path.relpath(place, run)
    direct = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(place)), os.readlink(place)))
    store = os.path.join(os.path.realpath(run), _STORE) + os.sep
    if direct.startswith(store):
        return direct[len(store) :]
    real, root = os.path.realpath(place), os.path.realpath(run)
    return os.path.relpath(real, root) if real.startswith(root + os.sep) else real


def artifact_link(step: str, side: str, name: str) -> str:
    """The ``file://`` URL of an artifact, where the step has it; in a pod that of the store's page for it."""
    key = _key_in_a_pod(side, name)
    if key is not None:
        from dflow.config import s3_config

        console = str(s3_config["console"] or "").rstrip("/")
        return f"{console}/buckets/{s3_config['bucket_name']}/browse/{b64encode(key.encode()).decode()}"
    return Path(_place(step, side, name)).absolute().as_uri()


def _place(step: str, side: str, name: str) -> str:
    return os.path.join(step, side, "artifacts", name)


def _key_in_a_pod(side: str, name: str) -> str | None:
    """The key that Argo's template says; None on this machine, and for what has none."""
    text = os.environ.get("ARGO_TEMPLATE")
    if not text:
        return None
    template = json.loads(text)
    found = [a for a in template.get(side, {}).get("artifacts", []) if a.get("name") == name]
    for kind in ("s3", "oss"):
        for artifact in found:
            if artifact.get(kind, {}).get("key"):
                return str(artifact[kind]["key"])
            folder = template.get("archiveLocation", {}).get(kind, {}).get("key")
            if folder and side == "outputs":
                packed = artifact.get("archive") or {"tar": {}}
                return f"{folder}/{name}" + (".tgz" if "tar" in packed else ".zip" if "zip" in packed else "")
    return None


def note_registration(step: str, name: str, namespace: str, dataset: str, details: Dict[str, Any]) -> None:
    """Have an output registered when the step has succeeded.

    Raises:
        TypeError: what is told of it besides is no JSON.
    """
    file = os.path.join(step, ".lineage")
    data: Dict[str, Any] = {}
    if os.path.exists(file):
        with open(file, encoding="utf-8") as stream:
            data = json.load(stream)
    data[name] = {"namespace": str(namespace), "name": str(dataset), "details": details}
    text = json.dumps(data)
    temporary = f"{file}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(temporary, file)
