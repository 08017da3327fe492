"""What a run needs to know of the steps of other runs, whose outputs it is to take instead of running its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.argo_objects import ArgoStep
from dflow.engine.errors import UnsupportedError
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
        UnsupportedError: an output of a step is in an object store.
    """
    found = []
    for step in [one for item in steps for one in (item if isinstance(item, list) else [item])]:
        if not isinstance(step, ArgoStep):
            raise TypeError(f"reuse_step takes steps that wf.query_step() returned, not {step!r}")
        if step.type == "Skipped":
            continue
        if step.key is None:
            _log.warning("step %r has no key, so nothing can reuse it", step.displayName)
            continue
        parameters = step.outputs.parameters.items()
        texts = {name: _text(p) for name, p in parameters if p["value"] is not None or p["type"]}
        artifacts = {name: _place(step, name, fields) for name, fields in step.outputs.artifacts.items()}
        found.append(Reused(step.key, step.workflow, texts, artifacts, _fingerprint(step)))
    return found


def _place(step: Any, name: str, fields: Any) -> str:
    """Where an output artifact of a step is on this machine."""
    place = fields.get("local_path")
    if place is None:
        where = f" (key {fields['key']!r})" if fields.get("key") else ""
        raise UnsupportedError(
            f"step {step.key!r} of {step.workflow} cannot be reused here: its output artifact {name!r} is in the "
            f"object store of its cluster{where}; fetch it, and say where it is with "
            f"step.modify_output_artifact({name!r}, upload_artifact(PATH))"
        )
    return str(place)


def _fingerprint(step: Any) -> dict[str, str]:
    record = read_record(StepLayout(Path(step.path))) if step.get("path") else None
    return dict((record or {}).get("fingerprint") or {})


def _text(parameter: Any) -> str:
    return encode(parameter["value"])
