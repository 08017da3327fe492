"""Objects of the API from a mapping."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dflow import building
from dflow.engine.errors import DflowError
from dflow.engine.near import near_or_all
from dflow.names import check_step_name
from dflow.step import Step
from dflow.task import Task
from dflow.wiring.arguments import check_condition, executor_of, sequence_of, slices_of
from dflow.wiring.files import artifact_of
from dflow.wiring.places import Places
from dflow.wiring.references import RESERVED, References
from dflow.wiring.shape import OF_LEAVES, OF_OPS, OF_SCRIPTS, OF_STEPS, OF_TASKS, OF_WORKFLOWS, Mistakes
from dflow.wiring.templates import template_of
from dflow.workflow import Workflow

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["workflow_of"]

_AS_THEY_ARE = (
    "parallelism",
    "timeout",
    "isolation",
    "continue_on_failed",
    "continue_on_error",
    "continue_on_num_success",
    "continue_on_success_ratio",
)
_TAGGED = ("when", "with_param", "with_sequence", "key")

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
    if isinstance(data, dict) and data.get("steps") is None and data.get("tasks") is None:
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
        builder = _Builder(given, folder, mistakes)
        for group in builder.groups():
            workflow.add(group)
        mistakes.check()
        workflow.places = Places(builder.paths, builder.scripts, mistakes)
    return workflow


def _import_from(folder: Path) -> None:
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)


class _Builder:
    """Makes steps or tasks: first all templates, then the steps, which may mention outputs of any other.

    Attributes:
        paths: where each step is, by name.
        scripts: names of the steps that are scripts.
    """

    def __init__(self, given: Fields, folder: Path, mistakes: Mistakes) -> None:
        self._root = "tasks" if "tasks" in given and "steps" not in given else "steps"
        self._entries = given.get(self._root, [])
        self._folder = folder
        self._mistakes = mistakes
        self._references = References(self._root)
        self.paths: dict[str, str] = {}
        self.scripts: set[str] = set()
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
            template = template_of(fields)
        name = fields.get("name")
        if template is not None and isinstance(name, str):
            self._templates[path], self._fields[path] = template, fields
            self._references.outputs[name] = {
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
        if name in self._references.outputs:
            self._mistakes.add(place, f"there is another {name!r}; each needs a name of its own")
        else:
            self.paths[name] = path
            if "script" in fields:
                self.scripts.add(name)
            self._references.outputs[name] = None

    # -- steps ---------------------------------------------------------------------------------------------

    def _step(self, path: str) -> Any:
        fields, template, mistakes = self._fields[path], self._templates[path], self._mistakes
        arguments = {name: fields[name] for name in _AS_THEY_ARE if name in fields}
        for name in _TAGGED:
            if name in fields:
                arguments[name] = self._full(fields[name], f"{path}.{name}", is_data=name == "with_param")
        given, declared = fields.get("parameters", {}), template.inputs.parameters
        arguments["parameters"] = {
            name: self._full(value, f"{path}.parameters.{name}", is_data=True) for name, value in given.items()
        }
        if "when" in fields:
            with mistakes.at(f"{path}.when"):
                check_condition(fields["when"])
        for name in [name for name in given if name not in declared]:
            mistakes.add(
                f"{path}.parameters.{name}", f"there is no input parameter {name!r}{near_or_all(name, declared)}"
            )
            del arguments["parameters"][name]
        with mistakes.at(f"{path}.with_sequence"):
            if "with_sequence" in arguments:
                arguments["with_sequence"] = sequence_of(arguments["with_sequence"])
        with mistakes.at(f"{path}.slices"):
            if "slices" in fields:
                arguments["slices"] = slices_of(fields["slices"])
        with mistakes.at(f"{path}.executor"):
            if "executor" in fields:
                arguments["executor"] = executor_of(fields["executor"], f"{path}.executor", mistakes)
        arguments["artifacts"] = self._artifacts(path, fields, template)
        if self._root == "tasks":
            arguments["dependencies"] = self._dependencies(path, fields)
        try:
            return (Task if self._root == "tasks" else Step)(fields["name"], template, **arguments)
        except (DflowError, TypeError, ValueError) as exc:
            mistakes.add(path, str(exc.args[0] if exc.args else exc))
            return None

    def _dependencies(self, path: str, fields: Fields) -> list[str]:
        for index, name in enumerate(fields.get("dependencies", [])):
            if name not in self.paths:
                hint = near_or_all(name, self.paths)
                self._mistakes.add(f"{path}.dependencies[{index}]", f"there is no task {name!r}{hint}")
        return list(fields.get("dependencies", []))

    def _full(self, value: Any, path: str, kind: str = "parameters", *, is_data: bool = False) -> Any:
        def wrong(text: str) -> None:
            self._mistakes.add(path, text)

        return self._references.written_out(value, wrong, kind, is_data=is_data)

    def _artifacts(self, path: str, fields: Fields, template: Any) -> Fields:
        made = {}
        for name, given in fields.get("artifacts", {}).items():
            place = f"{path}.artifacts.{name}"
            if name not in template.inputs.artifacts:
                text = f"there is no input artifact {name!r}{near_or_all(name, template.inputs.artifacts)}"
                self._mistakes.add(place, text)
                continue
            if isinstance(given, dict):
                kinds = {part: "artifacts" if part == "from" else "parameters" for part in given}
                full = {part: self._full(value, f"{place}.{part}", kinds[part]) for part, value in given.items()}
            else:
                full = self._full(given, place, "artifacts")
            with self._mistakes.at(place):
                made[name] = artifact_of(full, self._folder, is_op="op" in fields)
        return made
