"""What a run needs to know of the steps of other runs, whose outputs it is to take instead of running its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.argo_objects import ArgoStep
from dflow.engine.errors import StorageError, WrongType
from dflow.engine.layout import StepLayout
from dflow.engine.reuse import Reused
from dflow.engine.state import read_record
from dflow.python.values import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["reusable"]

_log = logging.getLogger("dflow")


def reusable(steps: Sequence[Any]) -> list[Reused]:
    """What a run needs to know of steps that are to be reused; those without a key are passed over, and said.

    Raises:
        StorageError: an output of a step is in an object store, and cannot be brought here.
    """
    found = []
    for step in [one for item in steps for one in (item if isinstance(item, list) else [item])]:
        if not isinstance(step, ArgoStep):
            raise WrongType(f"reuse_step takes steps that wf.query_step() returned, not {step!r}")
        if step.type == "Skipped":
            continue
        if step.key is None:
            _log.warning("step %r has no key, so nothing can reuse it", step.displayName)
            continue
        parameters = step.outputs.parameters.items()
        texts = {name: _text(p) for name, p in parameters if p["value"] is not None or p["type"]}
        artifacts = {name: _place(step, name, fields) for name, fields in step.outputs.artifacts.items()}
        inputs = {n: str(a["local_path"]) for n, a in step.inputs.artifacts.items() if a.get("local_path")}
        found.append(Reused(step.key, step.workflow, texts, artifacts, _fingerprint(step), inputs=inputs))
    return found


def _place(step: Any, name: str, fields: Any) -> str:
    """Where an output artifact of a step is on this machine; from an object store it is brought here."""
    from dflow.artifacts import local_place
    from dflow.common import key_of
    from dflow.stores import artifact_store

    place, key = fields.get("local_path"), key_of(fields)
    if place is not None and (key is None or Path(place).exists()):
        return str(place)
    store = artifact_store()
    target = local_place()
    if key is None or not store.fetch(key, target):
        where = f"nothing is under the key {key!r} of {store.name}" if key else "it is nowhere"
        raise StorageError(
            f"step {step.key!r} of {step.workflow} cannot be reused here: of its output artifact {name!r}, {where}; "
            f"say where it is with step.modify_output_artifact({name!r}, upload_artifact(PATH))"
        )
    return str(target)


def _fingerprint(step: Any) -> dict[str, str]:
    record = read_record(StepLayout(Path(step.path))) if step.get("path") else None
    return dict((record or {}).get("fingerprint") or {})


def _text(parameter: Any) -> str:
    return encode(parameter["value"])
