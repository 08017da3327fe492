"""Leaf steps: making the directory in which a program runs, and collecting what it leaves."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.catalog import CATALOG, single_file
from dflow.engine.errors import LeafError, StateError
from dflow.engine.model import PythonOpTemplate, ScriptTemplate
from dflow.engine.paths import declared_paths, placed, remap
from dflow.engine.phase import Phase
from dflow.engine.ports import Job, Outcome
from dflow.engine.process import STEP_VARIABLE, step_path
from dflow.engine.scope import ArtifactValue, resolve
from dflow.engine.slice_groups import place_parts, write_group
from dflow.engine.state import link_or_copy, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.engine.model import InputArtifact, OutputArtifact, OutputParameter
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["LeafTemplate", "collect", "judge", "prepare"]

LeafTemplate = ScriptTemplate | PythonOpTemplate
_SHELL = "sh"
_EXECUTABLE = 0o755


@dataclass(frozen=True, slots=True)
class _Program:
    """The texts of a program with every tag and path replaced."""

    argv: tuple[str, ...]
    script: str
    runtime: tuple[str, ...] | None = None


def prepare(
    node: Node, template: LeafTemplate, values: Mapping[str, str | None], run: RunLayout, settings: RunSettings
) -> Job:
    """Write all that the program of ``node`` needs into its directory.

    Args:
        values: names of the leaf's scope, without the paths of its own inputs and outputs.

    Raises:
        LeafError: an input artifact is missing, a tag cannot be resolved.
        StateError: the file system refuses.
    """
    step = _place_of(node)
    with writing(step.root):
        step.workdir.mkdir(parents=True)
    _write_inputs(node, template, step, settings)
    places = _places(template, step)
    scope = {**values, **_path_names(template, places, step)}
    if isinstance(template, PythonOpTemplate):
        program = _python_program(node, template, scope, run, settings)
    else:
        _make_output_parents(template, step)
        program = _script_program(template, places, scope, step, settings)
    write_text(step.script, program.script, mode=_EXECUTABLE)
    env = {name: expressions.substitute(remap(text, places), scope) for name, text in template.pod.env}
    limit = node.call.timeout if node.call and node.call.timeout is not None else template.pod.timeout
    return Job(
        name=node.name,
        argv=program.argv,
        cwd=step.workdir,
        env={
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(step.workdir),
            **env,
            STEP_VARIABLE: step_path(step.root),
        },
        step=step.root,
        log=step.log,
        timeout=None if limit is None else _seconds(resolve(limit, scope), node),
        grace=settings.kill_grace,
        runtime=program.runtime,
    )


def judge(node: Node, template: LeafTemplate, outcome: Outcome, limit: float | None) -> tuple[Phase, str]:
    """The phase and the message that an outcome means, before outputs are looked at (PH-03, TM-01)."""
    step = node.place
    if outcome.message is not None:
        return Phase.ERROR, outcome.message
    if outcome.timed_out:
        return Phase.FAILED, f"it was ended after its time limit of {limit:g} s"
    if outcome.exit_code == 0:
        return Phase.SUCCEEDED, ""
    reported = _reported_error(step) if step and isinstance(template, PythonOpTemplate) else None
    return Phase.FAILED, reported or f"exit code {outcome.exit_code}{_meaning(outcome.exit_code)}"


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
    for parameter in template.outputs.parameters:
        try:
            text = _output_text(parameter, step, template)
        except LeafError:
            if strict:
                raise
            text = None
        if text is None and parameter.default is not None:
            text = resolve(parameter.default, {})
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


def _place_of(node: Node) -> StepLayout:
    if node.place is None:
        raise LeafError(f"node {node.name} has no directory")
    return node.place


def _write_inputs(node: Node, template: LeafTemplate, step: StepLayout, settings: RunSettings) -> None:
    slices = node.call.loop.slices if node.call and node.call.loop else None
    if slices is not None and node.hand is not None and node.hand.orders is not None:
        write_group(slices, node.hand.orders, node, step)
    if node.inputs:
        with writing(step.input_parameters):
            step.input_parameters.mkdir(parents=True)
    for name, text in node.inputs.items():
        write_text(step.input_parameters / name, text)
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


def _place_artifact(
    artifact: InputArtifact, value: ArtifactValue, template: LeafTemplate, step: StepLayout, settings: RunSettings
) -> None:
    if value.parts is not None:
        place_parts(value, step.input_artifacts / artifact.name, settings.copy_method)
        return
    source = Path(value.within(artifact.sub_path).location)
    if not source.exists():
        if artifact.optional:
            return
        raise LeafError(f"input artifact {artifact.name!r}: {source} does not exist any more")
    target = step.input_artifacts / artifact.name
    if value.element and isinstance(template, PythonOpTemplate):
        _place_element(source, target, settings)
        return
    link_or_copy(source, target, settings.copy_method)
    if artifact.mode is not None and settings.copy_method == "copy":
        with writing(target):
            target.chmod(artifact.mode)
    if artifact.path and isinstance(template, ScriptTemplate):
        place = step.declared(artifact.path)
        _make_parent(step, artifact.path)
        if os.path.lexists(place):
            place.unlink()
        link_or_copy(_as_declared(artifact.path, target), place, "symlink")


def _place_element(source: Path, target: Path, settings: RunSettings) -> None:
    """An element of a list: an artifact of one member, so that an OP sees the file's own name."""
    link_or_copy(source, target / source.name, settings.copy_method)
    with writing(target):
        (target / CATALOG).mkdir(exist_ok=True)
    items = [{"dflow_list_item": source.name, "order": 0}]
    write_text(target / CATALOG / "element", json.dumps({"path_list": items}))


def _as_declared(path: str, artifact: Path) -> Path:
    """What a script finds at the path that it declares.

    An artifact of one file, whether uploaded or made by an OP, is that file where the declared path looks like one
    (``/tmp/foo.txt``); otherwise it is the artifact's directory.
    """
    if PurePosixPath(path).suffix and artifact.is_dir():
        return single_file(artifact) or artifact
    return artifact


def _places(template: LeafTemplate, step: StepLayout) -> dict[str, str]:
    """Declared path → how the program must write it."""
    if isinstance(template, PythonOpTemplate):
        return {}
    paths = declared_paths(template.inputs, template.outputs)
    return {path: placed(step.declared(path), step.workdir) for path in paths}


def _path_names(template: LeafTemplate, places: Mapping[str, str], step: StepLayout) -> dict[str, str]:
    """The names ``inputs.artifacts.X.path``, ``outputs.parameters.X.path`` … of a leaf (TG-12)."""
    names = {}
    for side, declared, artifacts in (
        ("inputs", template.inputs, step.input_artifacts),
        ("outputs", template.outputs, step.output_artifacts),
    ):
        for parameter in declared.parameters:
            if parameter.path in places:  # a name with .path hides the value of the parameter in expressions (LP-08)
                names[f"{side}.parameters.{parameter.name}.path"] = places[str(parameter.path)]
        for artifact in declared.artifacts:
            place = places.get(artifact.path or "") or str(artifacts / artifact.name)
            names[f"{side}.artifacts.{artifact.name}.path"] = place
    return names


def _make_output_parents(template: ScriptTemplate, step: StepLayout) -> None:
    for path in declared_paths(template.outputs):
        _make_parent(step, path)


def _make_parent(step: StepLayout, declared: str) -> None:
    """The directory that a declared path lies in; where that is an artifact, a directory of links to its entries.

    So what a program puts there stays in the step, and the artifact as it was.
    """
    place = step.declared(declared)
    inside = [folder for folder in place.parents if step.workdir in folder.parents]
    for folder in reversed(inside):
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


def _script_program(
    template: ScriptTemplate,
    places: Mapping[str, str],
    scope: Mapping[str, str | None],
    step: StepLayout,
    settings: RunSettings,
) -> _Program:
    def ready(text: str) -> str:
        return expressions.substitute(remap(text, places), scope, strict=("inputs",))

    command = tuple(ready(word) for word in template.pod.command)
    args = tuple(ready(word) for word in template.args)
    if template.script is None:
        line = " ".join(shlex.quote(word) for word in (*command, *args))
        return _Program((*command, *args), f"#!/bin/sh\nexec {line}\n")
    command = command or ((settings.python,) if template.language == "python" else (_SHELL,))
    return _Program((*command, str(step.script), *args), ready(template.script))


_DRIVER = '''\
#!{python}
"""Runs step {name} again in this directory; start it with: {run} FILE"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
private = os.path.join(os.path.dirname(here), ".dflow")
sys.path.insert(0, os.path.join(private, "lib"))
os.chdir(os.path.join(here, "workdir"))
{pre}from dflow.python.runtime import main  # noqa: E402

status = main([os.path.join(private, "ops", {op!r}), here{key}])
{post}sys.exit(status)
'''


def _python_program(
    node: Node, template: PythonOpTemplate, scope: Mapping[str, str | None], run: RunLayout, settings: RunSettings
) -> _Program:
    step = _place_of(node)
    command = template.pod.command or (settings.python,)
    command = tuple(expressions.substitute(word, scope) for word in command)
    op = f"{template.name}.json"
    script = _DRIVER.format(
        python=settings.python,
        name=node.display,
        run=shlex.join(command),
        op=op,
        key=f", {node.key!r}" if node.key else "",
        pre=_block(template.pre_script),
        post=_block(template.post_script),
    )
    own = template.pre_script or template.post_script
    return _Program(
        (*command, str(step.script)),
        script,
        None if own else (str(run.ops / op), str(step.root), *([node.key] if node.key else [])),
    )


def _block(text: str) -> str:
    return text.rstrip("\n") + "\n" if text else ""


def _seconds(text: str | None, node: Node) -> float:
    try:
        seconds = float((text or "").rstrip("s"))
    except ValueError:
        seconds = -1.0
    if not seconds > 0:  # "nan" is not, either
        raise LeafError(f"the timeout of {node.display!r} is {text!r}; it must be a positive number of seconds")
    return seconds


def _output_text(parameter: OutputParameter, step: StepLayout, template: LeafTemplate) -> str | None:
    """The text that the program left, without one trailing newline (OU-02); None when there is none."""
    if isinstance(template, PythonOpTemplate):
        place = step.output_parameters / parameter.name
    elif parameter.path:
        place = step.declared(parameter.path)
    else:
        return None
    try:
        with place.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            text = stream.read()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise LeafError(f"output parameter {parameter.name!r}: cannot read {place}: {exc.strerror}") from exc
    return text if isinstance(template, PythonOpTemplate) else text.removesuffix("\n")


def _write_output(step: StepLayout, name: str, text: str) -> None:
    place = step.output_parameters / name
    if not place.exists():
        with writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
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
    if not parameter.path:
        return f"output parameter {parameter.name!r} declares no value_from_path and no default"
    return f"output parameter {parameter.name!r}: the program wrote no {parameter.path}, and there is no default"


def _missing_artifact(artifact: OutputArtifact, template: LeafTemplate) -> str:
    if isinstance(template, PythonOpTemplate):
        return f"output artifact {artifact.name!r} was not returned"
    return f"output artifact {artifact.name!r}: the program made no {artifact.path}; make it, or declare it optional"


def _reported_error(step: StepLayout) -> str | None:
    """What the runtime said of a failed OP."""
    try:
        data = json.loads(step.error.read_text(errors="replace"))
    except (OSError, ValueError):
        return None
    message = data.get("message") if isinstance(data, dict) else None
    return str(message) if message else None


def _meaning(code: int) -> str:
    known = {
        126: "the program cannot be executed",
        127: "no such command",
        130: "interrupted",
        137: "killed, probably out of memory",
        139: "segmentation fault",
        143: "terminated",
    }
    meaning = known.get(code)
    return f" ({meaning})" if meaning else ""
