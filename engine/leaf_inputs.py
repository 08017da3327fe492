"""What a leaf step gets: its parameters and artifacts, in its directory and at the paths that a script declares."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dflow.engine.catalog import CATALOG, single_file
from dflow.engine.elements import place_parts
from dflow.engine.errors import LeafError, StateError
from dflow.engine.layout import INPUT_PARAMETERS, INPUTS, RunLayout
from dflow.engine.model import PythonOpTemplate, ScriptTemplate
from dflow.engine.paths import declared_paths
from dflow.engine.slice_groups import write_group
from dflow.engine.state import link_or_copy, make_directory, write_new, write_text, writing

if TYPE_CHECKING:
    from dflow.engine.artifact_values import ArtifactValue
    from dflow.engine.layout import StepLayout
    from dflow.engine.model import InputArtifact
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["make_output_parents", "write_inputs"]


def write_inputs(
    node: Node, template: ScriptTemplate | PythonOpTemplate, step: StepLayout, settings: RunSettings
) -> None:
    """Write the inputs of a node where its program looks for them.

    Raises:
        LeafError: an artifact is missing.
        StateError: the file system refuses.
    """
    slices = node.call.loop.slices if node.call and node.call.loop else None
    orders = node.hand.orders if node.hand else None
    if slices is not None and orders is not None and isinstance(template, PythonOpTemplate):
        write_group(slices, orders, node, step)
    if node.inputs:
        _make_inputs(step.file(INPUTS))
        folder = step.file(INPUT_PARAMETERS)
        make_directory(folder)
        for name, text in node.inputs.items():
            write_new(f"{folder}/{name}", text)
    for artifact in sorted(template.inputs.artifacts, key=lambda artifact: len(artifact.path or "")):
        value = node.input_artifacts.get(artifact.name)
        if value is not None:
            _place_artifact(artifact, value, template, step, settings)
        elif not artifact.optional:
            raise LeafError(f"input artifact {artifact.name!r} has no source: give one, or declare it optional")
    for parameter in template.inputs.parameters:
        if parameter.path and parameter.name in node.inputs and isinstance(template, ScriptTemplate):
            place = step.declared(parameter.path)
            _make_parent(step, parameter.path)
            write_text(place, node.inputs[parameter.name])


def _make_inputs(folder: str) -> None:
    """Make a step's directory of inputs; there is one when some were brought already."""
    try:
        os.mkdir(folder)  # noqa: PTH102 - of every step
    except FileExistsError:
        return
    except OSError:
        make_directory(folder)  # once more, for the words


def _place_artifact(
    artifact: InputArtifact,
    value: ArtifactValue,
    template: ScriptTemplate | PythonOpTemplate,
    step: StepLayout,
    settings: RunSettings,
) -> None:
    target = step.input_artifacts / artifact.name
    if value.is_nowhere:
        if not _make(target, value, artifact):
            return
    elif value.parts is not None and not artifact.sub_path:
        place_parts(value, target, settings.copy_method)
    else:
        source = Path(value.within(artifact.sub_path).location)
        if not source.exists():
            if artifact.optional:
                return
            raise LeafError(f"input artifact {artifact.name!r}: {_missing(source, step)}")
        if value.element and isinstance(template, PythonOpTemplate):
            inside = None if artifact.sub_path else value.sub_path
            _place_element(source, target, inside or source.name, settings)
            return
        link_or_copy(source, target, settings.copy_method)
        if settings.copy_method == "copy":
            _set_mode(target, artifact)
    if artifact.path and isinstance(template, ScriptTemplate):
        place = step.declared(artifact.path)
        _make_parent(step, artifact.path)
        if os.path.lexists(place):
            place.unlink()
        link_or_copy(_as_declared(artifact.path, target), place, "symlink")


def _make(target: Path, value: ArtifactValue, artifact: InputArtifact) -> bool:
    """Make an artifact that is the step's own; False when there is none where it comes from."""
    if value.raw is not None:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, value.raw)
    elif not target.exists():
        return False
    _set_mode(target, artifact)
    return True


def _set_mode(target: Path, artifact: InputArtifact) -> None:
    """Permissions of a file that is the step's own."""
    if artifact.mode is not None:
        with writing(target):
            target.chmod(artifact.mode)


def _missing(source: Path, step: StepLayout) -> str:
    """Where an artifact should be, in words."""
    store = RunLayout(step.root.parent).store
    if store in source.parents:
        return f"nothing was kept under the key {str(source.relative_to(store))!r} of the artifact store"
    return f"{source} does not exist any more"


def _place_element(source: Path, target: Path, place: str, settings: RunSettings) -> None:
    """An element of a list: an artifact of one member, under the path that it has in the list."""
    link_or_copy(source, target / place, settings.copy_method)
    with writing(target):
        (target / CATALOG).mkdir(exist_ok=True)
    items = [{"dflow_list_item": place, "order": 0}]
    write_text(target / CATALOG / "element", json.dumps({"path_list": items}))


def _as_declared(path: str, artifact: Path) -> Path:
    """What a script finds at the path that it declares.

    An artifact of one file, whether uploaded or made by an OP, is that file where the declared path looks like one
    (``/tmp/foo.txt``); otherwise it is the artifact's directory.
    """
    if PurePosixPath(path).suffix and artifact.is_dir():
        return single_file(artifact) or artifact
    return artifact


def make_output_parents(template: ScriptTemplate, step: StepLayout) -> None:
    """The directories that the declared paths of the outputs lie in."""
    for path in declared_paths(template.outputs):
        _make_parent(step, path)


def _make_parent(step: StepLayout, declared: str) -> None:
    """The directory that a declared path lies in; where that is an artifact, a directory of links to its entries.

    So what a program puts there stays in the step, and the artifact as it was.
    """
    place = step.declared(declared)
    folder = step.workdir
    for part in place.relative_to(folder).parts[:-1]:
        folder = folder / part
        if folder.is_symlink() and folder.is_dir():
            entries = list(folder.iterdir())
            goal = folder.resolve()
            folder.unlink()
            with writing(folder):
                folder.mkdir()
            for entry in entries:
                link_or_copy(goal / entry.name, folder / entry.name, "symlink")
    try:
        with writing(place.parent):
            place.parent.mkdir(parents=True, exist_ok=True)
    except StateError as exc:
        if isinstance(exc.__cause__, (FileExistsError, NotADirectoryError)):
            raise LeafError(f"the declared path {declared} lies inside another declared path that is a file") from exc
        raise
