"""Objects of the API from a mapping."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from pathlib import Path
from typing import Any

from dflow import building
from dflow.common import HTTPArtifact, S3Artifact
from dflow.engine.errors import ConfigError, DflowError
from dflow.engine.near import near_or_all
from dflow.io import InputArtifact, InputParameter, Inputs, OutputArtifact, OutputParameter, Outputs
from dflow.loops import argo_sequence
from dflow.names import check_label, check_step_name
from dflow.op_template import PythonScriptOPTemplate, ShellOPTemplate
from dflow.python.python_op_template import PythonOPTemplate
from dflow.python.registered import load_op
from dflow.python.slices import Slices
from dflow.step import Step
from dflow.task import Task
from dflow.wiring.references import RESERVED, has_tag, written_out
from dflow.wiring.shape import OF_LEAVES, OF_OPS, OF_SCRIPTS, OF_STEPS, OF_TASKS, OF_WORKFLOWS, Mistakes
from dflow.workflow import Workflow

__all__ = ["workflow_of"]

_EXECUTORS = {
    "container": "dflow.executor:ContainerExecutor",
    "dispatcher": "dflow.plugins.dispatcher:DispatcherExecutor",
    "slurm": "dflow.slurm:SlurmRemoteExecutor",
}
_AS_THEY_ARE = (
    "parallelism",
    "timeout",
    "isolation",
    "continue_on_failed",
    "continue_on_error",
    "continue_on_num_success",
    "continue_on_success_ratio",
)
_TAGGED = ("parameters", "when", "with_param", "with_sequence", "key")
_LOCATIONS = ("from", "sub_path", "url", "key", "path")

Fields = dict[str, Any]


def workflow_of(data: Any, folder: Path, mistakes: Mistakes, parameters: Fields | None = None) -> Workflow:
    """The workflow of a mapping.

    Args:
        folder: what paths of files are relative to, and where modules of OPs are looked for first.
        parameters: values of workflow parameters, in place of those in the mapping.

    Raises:
        CompileError: lists all that is wrong.
    """
    given = mistakes.fitting(data, OF_WORKFLOWS, "", "a workflow")
    if "steps" in given and "tasks" in given:
        mistakes.add("tasks", "there are steps, too; give one of them")
    if isinstance(data, dict) and not ("steps" in data or "tasks" in data):
        mistakes.add("", "it has no steps and no tasks")
    own = {**given.get("parameters", {})}
    for name, text in (parameters or {}).items():
        if name not in own:
            mistakes.add("parameters", f"the workflow has no parameter {name!r}{near_or_all(name, own)}")
        own[name] = text
    _import_from(folder)
    with building.nothing_open():
        workflow = Workflow("workflow", parameters=own)
        with mistakes.at("name"):
            workflow = Workflow(given.get("name", "workflow"), parameters=own, namespace=given.get("namespace"))
        workflow.parallelism = given.get("parallelism")
        workflow.labels = {name: str(text) for name, text in given.get("labels", {}).items()}
        workflow.annotations = {name: str(text) for name, text in given.get("annotations", {}).items()}
        for group in _Builder(given, folder, mistakes).groups():
            workflow.add(group)
        mistakes.check()
    return workflow


def _import_from(folder: Path) -> None:
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)


class _Builder:
    """Makes steps or tasks: first all templates, then the steps, which may mention outputs of any other."""

    def __init__(self, given: Fields, folder: Path, mistakes: Mistakes) -> None:
        self._root = "tasks" if "tasks" in given and "steps" not in given else "steps"
        self._entries = given.get(self._root, [])
        self._folder = folder
        self._mistakes = mistakes
        self._outputs: dict[str, dict[str, str]] = {}
        self._templates: dict[str, Any] = {}
        self._fields: dict[str, Fields] = {}

    def groups(self) -> list[Any]:
        """Steps, or lists of steps that run side by side; what is wrong is noted and left out."""
        places = list(self._places())
        for path, entry in places:
            self._declare(path, entry)
        made = {path: self._step(path) for path, _ in places if path in self._templates}
        if self._root == "tasks":
            return [task for task in made.values() if task is not None]
        groups: dict[str, list[Any]] = {}
        for path, step in made.items():
            if step is not None:
                groups.setdefault(path.partition("]")[0], []).append(step)
        return list(groups.values())

    def _places(self) -> Any:
        for index, entry in enumerate(self._entries):
            path = f"{self._root}[{index}]"
            if isinstance(entry, list) and self._root == "steps":
                if not entry:
                    self._mistakes.add(path, "there is no step in it; remove it")
                yield from ((f"{path}[{position}]", one) for position, one in enumerate(entry))
            else:
                yield path, entry

    # -- templates -----------------------------------------------------------------------------------------

    def _declare(self, path: str, entry: Any) -> None:
        mistakes, what = self._mistakes, "a task" if self._root == "tasks" else "a step"
        kinds = {**OF_STEPS, **OF_LEAVES, **(OF_TASKS if self._root == "tasks" else {})}
        if isinstance(entry, dict):
            kinds |= OF_SCRIPTS if "script" in entry else OF_OPS
        fields = mistakes.fitting(entry, kinds, path, what)
        if not isinstance(entry, dict):
            return
        self._check_name(path, fields)
        if ("op" in entry) == ("script" in entry):
            mistakes.add(path, f"{what} has an op or a script, one of them")
            return
        template = None
        with mistakes.at(f"{path}.op" if "op" in fields else path):
            template = _op(fields) if "op" in fields else _script(fields) if "script" in fields else None
        name = fields.get("name")
        if template is not None and isinstance(name, str):
            self._templates[path], self._fields[path] = template, fields
            self._outputs[name] = {
                **dict.fromkeys(template.outputs.parameters, "parameters"),
                **dict.fromkeys(template.outputs.artifacts, "artifacts"),
            }

    def _check_name(self, path: str, fields: Fields) -> None:
        name, place = fields.get("name"), f"{path}.name"
        if name is None:
            self._mistakes.add(path, "it has no name")
            return
        with self._mistakes.at(place):
            check_step_name(name)
        if name in RESERVED:
            self._mistakes.add(place, f"{name!r} means something else in tags; take another name")
        if any(name == known.get("name") for known in self._fields.values()):
            self._mistakes.add(place, f"there is another {name!r}; each needs a name of its own")

    # -- steps ---------------------------------------------------------------------------------------------

    def _step(self, path: str) -> Any:
        fields, template, mistakes = self._fields[path], self._templates[path], self._mistakes
        arguments = {name: fields[name] for name in _AS_THEY_ARE if name in fields}
        for name in _TAGGED:
            if name in fields:
                arguments[name] = self._full(fields[name], f"{path}.{name}")
        given, declared = fields.get("parameters", {}), template.inputs.parameters
        for name in [name for name in given if name not in declared]:
            mistakes.add(
                f"{path}.parameters.{name}", f"there is no input parameter {name!r}{near_or_all(name, declared)}"
            )
            del arguments["parameters"][name]
        with mistakes.at(f"{path}.with_sequence"):
            if "with_sequence" in arguments:
                arguments["with_sequence"] = _called(argo_sequence, arguments["with_sequence"], "with_sequence")
        with mistakes.at(f"{path}.slices"):
            if "slices" in fields:
                arguments["slices"] = _called(Slices, fields["slices"], "slices")
        with mistakes.at(f"{path}.executor"):
            if "executor" in fields:
                arguments["executor"] = _executor(fields["executor"])
        arguments["artifacts"] = self._artifacts(path, fields, template)
        if self._root == "tasks":
            arguments["dependencies"] = self._dependencies(path, fields)
        try:
            return (Task if self._root == "tasks" else Step)(fields["name"], template, **arguments)
        except (DflowError, TypeError, ValueError) as exc:
            mistakes.add(path, str(exc.args[0] if exc.args else exc))
            return None

    def _dependencies(self, path: str, fields: Fields) -> list[str]:
        names = [found.get("name") for found in self._fields.values()]
        for index, name in enumerate(fields.get("dependencies", [])):
            if name not in names:
                self._mistakes.add(
                    f"{path}.dependencies[{index}]", f"there is no task {name!r}{near_or_all(name, names)}"
                )
        return list(fields.get("dependencies", []))

    def _full(self, value: Any, path: str) -> Any:
        try:
            return written_out(value, self._outputs, self._root)
        except KeyError as exc:
            step, name = exc.args
            known = near_or_all(name, self._outputs[step])
            self._mistakes.add(path, f"{self._root[:-1]} {step!r} has no output {name!r}{known}")
            return value

    def _artifacts(self, path: str, fields: Fields, template: Any) -> Fields:
        made = {}
        for name, given in fields.get("artifacts", {}).items():
            place = f"{path}.artifacts.{name}"
            if name not in template.inputs.artifacts:
                text = f"there is no input artifact {name!r}{near_or_all(name, template.inputs.artifacts)}"
                self._mistakes.add(place, text)
                continue
            with self._mistakes.at(place):
                made[name] = self._artifact(self._full(given, place), place, is_op="op" in fields)
        return made

    def _artifact(self, given: Any, place: str, *, is_op: bool) -> Any:
        """An artifact: a tag, a path, a list or map of paths, or a map that says where it is."""
        if has_tag(given):
            return given
        if isinstance(given, dict) and given and set(given) <= set(_LOCATIONS):
            return self._located(given, is_op=is_op)
        if isinstance(given, dict) and "from" in given:
            unknown = next(name for name in given if name not in _LOCATIONS)
            raise ConfigError(f"there is no {unknown!r} in an artifact{near_or_all(unknown, _LOCATIONS)}")
        if isinstance(given, str):
            return self._file(given, is_op=is_op)
        from dflow.artifacts import upload_artifact

        if isinstance(given, list) and given and all(isinstance(item, str) and not has_tag(item) for item in given):
            return upload_artifact([self._path(item) for item in given])
        if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
            return [item if has_tag(item) else self._file(item, is_op=is_op) for item in given]
        raise ConfigError(
            f"it must be a path, a list of paths, a tag, or a map with {', '.join(_LOCATIONS)}, not {given!r}"
        )

    def _located(self, given: Fields, *, is_op: bool) -> Any:
        kinds = [name for name in given if name != "sub_path"]
        if len(kinds) != 1 or not all(isinstance(value, str) for value in given.values()):
            raise ConfigError("it must have one of from, url, key and path, as a text, and may have a sub_path")
        kind, part = kinds[0], given.get("sub_path")
        if kind == "url":
            made: Any = HTTPArtifact(given["url"])
            if part is not None:
                raise ConfigError("of a url no part can be taken; leave sub_path out")
            return made
        if kind == "from":
            made = _Output(given["from"])
        elif kind == "key":
            made = S3Artifact(key=given["key"])
        else:
            made = self._file(given["path"], is_op=is_op)
        return made if part is None else made.sub_path(part)

    def _file(self, path: str, *, is_op: bool) -> Any:
        """An uploaded file or folder; a script finds it itself at the path of the artifact, no folder around it."""
        from dflow.artifacts import upload_artifact

        place = self._path(path)
        if is_op:
            return upload_artifact(place)
        made = upload_artifact(place, archive=None)
        inside = os.path.relpath(place) if place.is_relative_to(Path.cwd()) else str(place).lstrip("/")
        return made if inside == "." else made.sub_path(inside)

    def _path(self, path: str) -> Path:
        place = Path(os.path.abspath(self._folder / path))  # links stay as they are
        if not place.exists():
            raise ConfigError(f"there is no file or directory {path!r} in {self._folder.resolve()}")
        return place


class _Output(InputArtifact):
    """An output by the text of its tag, of which a part can be taken."""

    def __init__(self, tag: str) -> None:
        super().__init__()
        if not (tag.startswith("{{") and tag.endswith("}}")):
            raise ConfigError(f"from is {tag!r}; it must be one tag, such as '{{{{train.model}}}}'")
        self._tag = tag

    def __str__(self) -> str:
        return self._tag


# -- templates ----------------------------------------------------------------------------------------------------


def _leaf(fields: Fields) -> Fields:
    return {name: fields[name] for name in OF_LEAVES if name in fields and name != "retries"}


def _op(fields: Fields) -> Any:
    op = load_op(fields["op"])
    more = {name: fields[name] for name in OF_OPS if name in fields}
    return PythonOPTemplate(op, retry_on_failure_and_error=fields.get("retries"), **_leaf(fields), **more)


def _script(fields: Fields) -> Any:
    parameters, artifacts = fields.get("parameters", {}), fields.get("artifacts", {})
    outputs = fields.get("outputs", {})
    kind = PythonScriptOPTemplate if fields.get("language") == "python" else ShellOPTemplate
    template: Any = kind(
        name=str(fields.get("name", "script")),
        inputs=Inputs(
            parameters={check_label(name): InputParameter() for name in parameters},
            artifacts={
                check_label(name, "artifact"): InputArtifact(path=f"/tmp/inputs/artifacts/{name}")  # noqa: S108 - in the step
                for name in artifacts
            },
        ),
        outputs=Outputs(
            parameters={
                name: OutputParameter(value_from_path=path)
                for name, path in _paths(outputs.get("parameters"), "parameters").items()
            },
            artifacts={
                name: OutputArtifact(path=path) for name, path in _paths(outputs.get("artifacts"), "artifacts").items()
            },
        ),
        script=fields["script"],
        **_leaf(fields),
    )
    if "retries" in fields:
        template.retry_strategy = {"limit": fields["retries"], "retryPolicy": "Always"}
    return template


def _paths(given: Any, kind: str) -> dict[str, str]:
    """Names of outputs with the paths that a script writes: a list of names, or a map to paths."""
    if given is None:
        return {}
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        given = {name: f"/tmp/outputs/{kind}/{name}" for name in given}  # noqa: S108 - in the step
    if not isinstance(given, dict) or not all(isinstance(path, str) for path in given.values()):
        raise ConfigError(f"outputs.{kind} must be a list of names, or a map of names to paths, not {given!r}")
    return {check_label(name): path for name, path in given.items()}


# -- arguments ----------------------------------------------------------------------------------------------------


def _called(function: Any, arguments: Fields, what: str) -> Any:
    """What a function or class gives, with its arguments by name."""
    known = inspect.signature(function).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    for name in arguments:
        if name not in known and not takes_any:
            raise ConfigError(f"{what} has no {name!r}{near_or_all(name, known)}")
    try:
        return function(**arguments)
    except (TypeError, ValueError) as exc:
        raise ConfigError(f"{what}: {exc}") from exc


def _executor(given: Any) -> Any:
    """An executor by the name of a kind, or of its class, with its arguments."""
    arguments = {"type": given} if isinstance(given, str) else dict(given)
    kind = arguments.pop("type", None)
    if not isinstance(kind, str):
        raise ConfigError(f"it must have a type: {', '.join(_EXECUTORS)}, or package.module:Class")
    place = _EXECUTORS.get(kind, kind)
    module, colon, name = place.partition(":")
    if not colon:
        raise ConfigError(
            f"there is no executor {kind!r}{near_or_all(kind, _EXECUTORS)}; or write package.module:Class"
        )
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ConfigError(f"the executor {kind!r} cannot be imported: {exc}") from exc
    if not (isinstance(cls, type) and callable(getattr(cls, "render", None))):
        raise ConfigError(f"{kind!r} is no executor: it has no method render(template)")
    return _called(cls, arguments, kind)
