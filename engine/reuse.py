"""Outputs of steps of earlier runs, which steps of the same key take instead of running.

They are kept in the run directory, so that a resume reuses the same ones.
"""

from __future__ import annotations

import json
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.errors import LeafError, StateError
from dflow.engine.moving import moved
from dflow.engine.records import record
from dflow.engine.results import gives_result, keep_result, read_result
from dflow.engine.scope import ArtifactValue
from dflow.engine.state import link_or_copy, read_text, write_json, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template
    from dflow.engine.node import Node

__all__ = ["Reused", "load_reused", "read_outputs", "save_reused", "take_outputs"]


@record(frozen=True, slots=True)
class Reused:
    """What a finished step gave.

    Attributes:
        key: the key of the step that it was, and of those that take it.
        source: the workflow that it was part of.
        parameters: texts by name.
        artifacts: absolute paths by name.
        fingerprint: what it was made from, see ``engine.fingerprint``.
        result: its ``outputs.result``.
        strict: a step that would be made from something else refuses it.
        inputs: absolute paths of its input artifacts by name, as far as they are known.
    """

    key: str
    source: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)
    fingerprint: dict[str, str] = field(default_factory=dict)
    result: str | None = None
    strict: bool = False
    inputs: dict[str, str] = field(default_factory=dict)


def save_reused(layout: RunLayout, steps: Iterable[Reused]) -> None:
    """Keep what shall be reused in a run."""
    write_json(layout.reuse, {"home": str(layout.root), "steps": [asdict(step) for step in steps]})


def load_reused(layout: RunLayout) -> dict[str, Reused]:
    """What is to be reused in a run, by key.

    Raises:
        StateError: the file is damaged.
    """
    if not layout.reuse.is_file():
        return {}
    try:
        data = json.loads(read_text(layout.reuse))
        steps, home = (data["steps"], data["home"]) if isinstance(data, dict) else (data, str(layout.root))
        return {step["key"]: _found(Reused(**step), home, str(layout.root)) for step in steps}
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise StateError(f"cannot read what is to be reused in {layout.reuse}: {exc}") from exc


def _found(step: Reused, home: str, root: str) -> Reused:
    def here(paths: dict[str, str]) -> dict[str, str]:
        return {name: moved(path, home, root) for name, path in paths.items()}

    return replace(step, artifacts=here(step.artifacts), inputs=here(step.inputs))


def take_outputs(node: Node, template: Template, reused: Reused) -> None:
    """Give a node the outputs of a step of another run; its directory gets them as if it had made them.

    Raises:
        LeafError: an output that the template declares is not among them, or its files are gone.
        StateError: the file system refuses.
    """
    missing = [p.name for p in template.outputs.parameters if p.name not in reused.parameters and p.default is None]
    missing += [a.name for a in template.outputs.artifacts if a.name not in reused.artifacts and not a.optional]
    if missing:
        names = ", ".join(map(repr, missing))
        raise LeafError(f"the step {reused.key!r} of {reused.source} that is to be reused has no output {names}")
    node.result = reused.result
    if reused.result is not None and node.place is not None:
        keep_result(node.place, reused.result)
    for name, text in reused.parameters.items():
        node.outputs[name] = text
        if node.place is not None:
            place = node.place.output_parameters / name
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
            write_text(place, text)
    for name, path in reused.artifacts.items():
        source = Path(path)
        if not source.exists():
            raise LeafError(f"output artifact {name!r} of {reused.key!r} is to be reused, but {path} is gone")
        if node.place is not None:
            place = node.place.output_artifacts / name
            with writing(place):
                place.unlink(missing_ok=True)  # of an attempt before: the directory of a group is not set aside
            link_or_copy(source, place, "symlink")
            source = place
        node.output_artifacts[name] = ArtifactValue(str(source))


def read_outputs(node: Node, template: Template, *, strict: bool = True) -> None:
    """Give a node what :func:`take_outputs` has written into its directory.

    Args:
        strict: all that the template declares must be there.

    Raises:
        LeafError: something that the template declares is not there any more.
    """
    if node.place is None:
        return
    if gives_result(template):
        node.result = read_result(node.place)
    for parameter in template.outputs.parameters:
        place = node.place.output_parameters / parameter.name
        if place.is_file():
            node.outputs[parameter.name] = read_text(place)
        elif strict and parameter.default is None:
            raise LeafError(f"output parameter {parameter.name!r} is gone")
    for artifact in template.outputs.artifacts:
        place = node.place.output_artifacts / artifact.name
        if strict and not place.exists() and not artifact.optional:
            raise LeafError(f"output artifact {artifact.name!r} is gone")
        node.output_artifacts[artifact.name] = ArtifactValue(str(place)) if place.exists() else None
