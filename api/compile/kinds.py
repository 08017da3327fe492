"""What kind of value each attribute of a template, a step or a workflow must have.

Attributes can be set to anything until the workflow is compiled; a wrong kind is named here, before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dflow.expression import ArgoVar
from dflow.op_template import OPTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.compile.problems import Problems

__all__ = ["right_ports", "right_step", "right_template", "right_workflow"]

Kind = tuple["Callable[[Any], bool]", str]


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().isdigit()
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_no_constant(value: Any) -> bool:
    return not isinstance(value, (str, int, float, type))


_TEXT: Kind = (lambda value: isinstance(value, str), "a text")
_NUMBER: Kind = (lambda value: isinstance(value, ArgoVar) or _is_number(value), "a number")
_COUNT: Kind = (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number")
_BY_NAME: Kind = (lambda value: isinstance(value, Mapping), "a dict by name")
_LIST: Kind = (lambda value: isinstance(value, (list, tuple)), "a list")
_YES: Kind = (lambda value: isinstance(value, (bool, int, ArgoVar, str)), "True or False")
_WORDS: Kind = (_LIST[0], "a list of words, such as ['bash', '-e']")
_STRUCTURE: Kind = (lambda value: _is_no_constant(value) and not isinstance(value, (list, tuple)), "a dict")
_SEVERAL: Kind = (lambda value: _is_no_constant(value) and not isinstance(value, Mapping), "a list")
_SLICES: Kind = (lambda value: hasattr(value, "input_artifact"), "Slices(…)")
_TEMPLATE: Kind = (lambda value: isinstance(value, OPTemplate), "a template, such as Steps(…)")
_PATH: Kind = (lambda value: isinstance(value, str) or hasattr(value, "__fspath__"), "a path")
_TYPE: Kind = (lambda value: not isinstance(value, (list, dict, tuple, int, float)), "a type")

_OF_TEMPLATES: dict[str, Kind] = {
    "name": _TEXT,
    "image": _TEXT,
    "image_pull_policy": _TEXT,
    "command": _WORDS,
    "args": _LIST,
    "envs": _BY_NAME,
    "headers": _BY_NAME,
    "annotations": _STRUCTURE,
    "labels": _STRUCTURE,
    "node_selector": _STRUCTURE,
    "affinity": _STRUCTURE,
    "requests": _STRUCTURE,
    "limits": _STRUCTURE,
    "tolerations": _SEVERAL,
    "volumes": _SEVERAL,
    "mounts": _SEVERAL,
    "pvcs": _SEVERAL,
    "init_containers": _SEVERAL,
    "sidecars": _SEVERAL,
    "pre_script": _TEXT,
    "post_script": _TEXT,
    "isolation": _TEXT,
    "success_condition": _TEXT,
    "slices": _SLICES,
    "parallelism": _COUNT,
}
_OF_REQUESTS: dict[str, Kind] = {**_OF_TEMPLATES, "timeout": _NUMBER}
_OF_STEPS: dict[str, Kind] = {
    "parameters": _BY_NAME,
    "artifacts": _BY_NAME,
    "slices": _SLICES,
    "isolation": _TEXT,
    "continue_on_failed": _YES,
    "continue_on_error": _YES,
    "continue_on_num_success": _NUMBER,
    "continue_on_success_ratio": _NUMBER,
}
_OF_WORKFLOWS: dict[str, Kind] = {
    "entrypoint": _TEMPLATE,
    "on_exit": _TEMPLATE,
    "annotations": _BY_NAME,
    "labels": _BY_NAME,
    "parameters": _BY_NAME,
    "parallelism": _COUNT,
    "namespace": _TEXT,
    "pod_gc_strategy": _TEXT,
    "artifact_repo_key": _TEXT,
}
_OF_PORTS: dict[str, Kind] = {
    "path": _PATH,
    "value_from_path": _PATH,
    "type": _TYPE,
    "global_name": _TEXT,
    "mode": _NUMBER,
    "archive": _TEXT,
    "_sub_path": _TEXT,
}
_VALUES = ("value", "default")
_SHOWN = {"entrypoint": "steps= or dag="}


def right_workflow(workflow: Any, problems: Problems) -> bool:
    """Whether the attributes of a workflow are of the right kind; else what is wrong is in ``problems``."""
    with problems.at(f"workflow {workflow.name!r}"):
        return _right(workflow, _OF_WORKFLOWS, problems)


def right_template(template: Any, problems: Problems) -> bool:
    """Likewise, those of a template."""
    with problems.at(f"template {template._shown_name()!r}"):
        return _right(template, _OF_REQUESTS if hasattr(template, "url") else _OF_TEMPLATES, problems)


def right_step(step: Any, problems: Problems) -> bool:
    """Likewise, those of a step or task."""
    with problems.at(f"{step._what} {step.name!r}"):
        return _right(step, _OF_STEPS, problems)


def right_ports(template: Any, problems: Problems) -> bool:
    """Likewise, those of the inputs and outputs of a template."""
    right = True
    for side in (template.inputs, template.outputs):
        for items in (side.parameters, side.artifacts):
            for name, item in items.data.items():
                with problems.at(f"template {template._shown_name()!r}: {items._called} {name!r}"):
                    right = _right(item, _OF_PORTS, problems) and right
    return right


def _right(thing: Any, kinds: Mapping[str, Kind], problems: Problems) -> bool:
    right = True
    for name, value in vars(thing).items():
        if value is None:
            continue
        if isinstance(value, (bytes, bytearray)) and name not in _VALUES:
            problems.add(f"{_SHOWN.get(name, name)} is {value!r}; it must be a text, not bytes")
            right = False
        elif name in kinds and not kinds[name][0](value):
            problems.add(f"{_SHOWN.get(name, name)} is {value!r}; it must be {kinds[name][1]}")
            right = False
    return right
