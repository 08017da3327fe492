"""Where the artifacts of an OP that runs are, and which of them are to be registered.

The store of a run on this machine is the run directory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict

__all__ = ["artifact_key", "artifact_link", "note_registration"]

_STORE = os.path.join(".dflow", "store")


def artifact_key(step: str, side: str, name: str) -> str:
    """The key of an artifact.

    Args:
        side: ``inputs`` or ``outputs``.

    Returns:
        Of an input that has one in a store, that key. Otherwise the path in the run directory, of an input that
        another step has made where that step has it; or, of an input from outside of the run, its absolute path.
    """
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
    """The ``file://`` URL of an artifact, where the step has it."""
    return Path(_place(step, side, name)).absolute().as_uri()


def _place(step: str, side: str, name: str) -> str:
    return os.path.join(step, side, "artifacts", name)


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
