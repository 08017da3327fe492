"""What a leaf step leaves: its outputs, taken up into the node and into ``outputs/``."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from dflow.engine.artifact_values import ArtifactValue
from dflow.engine.errors import LeafError
from dflow.engine.layout import OUTPUT_PARAMETERS
from dflow.engine.model import PythonOpTemplate, ResourceTemplate
from dflow.engine.results import gives_result, take_result
from dflow.engine.scope import resolve
from dflow.engine.state import link_or_copy, read_text, write_text, writing
from dflow.engine.texts import mismatch

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.layout import StepLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.model import OutputArtifact, OutputParameter
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["collect"]


def collect(node: Node, template: LeafTemplate, settings: RunSettings, *, strict: bool) -> None:
    """Take up the outputs of a program that ended, into the node and into ``outputs/``.

    Args:
        strict: the program succeeded, so a missing output is an error; else what is there is taken (OU-03).

    Raises:
        LeafError: an output that is neither there nor has a default (PH-07).
    """
    step = node.place
    if step is None:
        return
    missing = []
    if gives_result(template):
        node.result = take_result(step)
        if node.result is None and strict:
            raise LeafError("outputs.result is gone")
    for parameter in template.outputs.parameters:
        text = _parameter(parameter, step, template, strict=strict)
        if text is not None:
            node.outputs[parameter.name] = text
            _write_output(step, parameter.name, text)
        else:
            missing.append(_missing_parameter(parameter, template))
    for artifact in template.outputs.artifacts:
        place = _output_artifact(artifact, step, template, settings)
        if place is None and not artifact.optional:
            missing.append(_missing_artifact(artifact, template))
        node.output_artifacts[artifact.name] = None if place is None else ArtifactValue(str(place))
    if missing and strict:
        raise LeafError("; ".join(missing))
    if strict and template.pod.progress is not None:
        _complete(step, template.pod.progress)


def _parameter(parameter: OutputParameter, step: StepLayout, template: LeafTemplate, *, strict: bool) -> str | None:
    """The text of an output, or its default; None when there is neither."""
    try:
        text = _output_text(parameter, step, template)
        _check_type(parameter, text, template)
    except LeafError:
        if strict:
            raise
        text = None
    if text is None and parameter.default is not None:
        return resolve(parameter.default, {})
    return text


def _complete(step: StepLayout, initial: str) -> None:
    """The progress of a program that succeeded and never said how far it was."""
    if step.progress.read_text(encoding="utf-8") == initial:
        total = initial.partition("/")[2]
        write_text(step.progress, f"{total}/{total}")


def _output_text(parameter: OutputParameter, step: StepLayout, template: LeafTemplate) -> str | None:
    """The text that the program left, without one trailing newline (OU-02); None when there is none."""
    if isinstance(template, PythonOpTemplate):
        place = f"{step.file(OUTPUT_PARAMETERS)}/{parameter.name}"
    elif isinstance(template, ResourceTemplate):
        return _field(parameter, step)
    elif parameter.path:
        place = str(step.declared(parameter.path))
    else:
        return None
    try:
        text = read_text(place)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise LeafError(f"output parameter {parameter.name!r}: cannot read {place}: {exc.strerror}") from exc
    return text if isinstance(template, PythonOpTemplate) else text.removesuffix("\n")


def _field(parameter: OutputParameter, step: StepLayout) -> str | None:
    """A field of the object that a resource template has made, as it looked last."""
    from dflow.engine.resource_conditions import field_of  # noqa: PLC0415 - few workflows make objects

    try:
        text = json.loads(read_text(step.object)).get("text")
    except (OSError, ValueError):
        return None
    return field_of(text, parameter.query) if text and parameter.query else None


def _check_type(parameter: OutputParameter, text: str | None, template: LeafTemplate) -> None:
    """Raise LeafError where a script wrote something else than it declares; Python OPs are checked by the runtime."""
    if text is not None and not isinstance(template, PythonOpTemplate):
        wanted = mismatch(text, parameter.type)
        if wanted is not None:
            raise LeafError(
                f"output parameter {parameter.name!r} is declared {parameter.type}, so {parameter.path} must hold "
                f"{wanted}; the program wrote {text[:80]!r}"
            )


def _write_output(step: StepLayout, name: str, text: str) -> None:
    folder = step.file(OUTPUT_PARAMETERS)
    place = f"{folder}/{name}"
    if not os.path.exists(place):
        with writing(place):
            os.makedirs(folder, exist_ok=True)
        write_text(place, text)


def _output_artifact(
    artifact: OutputArtifact, step: StepLayout, template: LeafTemplate, settings: RunSettings
) -> Path | None:
    place = step.output_artifacts / artifact.name
    if isinstance(template, PythonOpTemplate) or not artifact.path:
        return place if place.exists() else None
    made = step.declared(artifact.path)
    if not made.exists():
        return None
    if not os.path.lexists(place):
        link_or_copy(made, place, settings.save_copy_method)
    return place


def _missing_parameter(parameter: OutputParameter, template: LeafTemplate) -> str:
    if isinstance(template, PythonOpTemplate):
        return f"output parameter {parameter.name!r} was not returned"
    if isinstance(template, ResourceTemplate):
        return (
            f"output parameter {parameter.name!r}: the object has nothing at {parameter.query}, and it has no default"
        )
    if not parameter.path:
        return f"output parameter {parameter.name!r} declares no value_from_path and no default"
    return f"output parameter {parameter.name!r}: the program wrote no {parameter.path}, and there is no default"


def _missing_artifact(artifact: OutputArtifact, template: LeafTemplate) -> str:
    if isinstance(template, PythonOpTemplate):
        return f"output artifact {artifact.name!r} was not returned"
    return f"output artifact {artifact.name!r}: the program made no {artifact.path}; make it, or declare it optional"
