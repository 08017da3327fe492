"""Templates as sliced loops call them: with the inputs that say which elements a copy has, and what it stacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dflow.engine.model import ArtifactFrom, DagTemplate, Literal, PythonOpTemplate, Ref, Slices, StepsTemplate
from dflow.exporters.argo.export.context import digest
from dflow.exporters.argo.export.flows import calls_of
from dflow.exporters.argo.export.leaves import leaf_of
from dflow.exporters.argo.export.python_ops import PART, driver_of, part_name
from dflow.exporters.argo.export.records import SPEC, shortened
from dflow.exporters.argo.export.stacking import SUCCESS
from dflow.exporters.argo.export.texts import text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import Template
    from dflow.exporters.argo.export.context import Context

__all__ = ["AT", "ORDERS", "STORE", "Wanted", "variant_of"]

ORDERS, AT, STORE = "dflow_orders", "dflow_at", "dflow_store"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a loop wants of its template beside what it is.

    Attributes:
        in_groups: a copy has several elements.
        picks: sliced artifacts, of which a copy takes its elements.
        stacked: output artifacts of which all copies leave theirs in one place.
        counted: each copy says how many of its elements succeeded.
        inputs: the sliced parameters that the call gives.
        parts: artifacts that are given as several, with the keys of the members, the elements meant of them, and
            whether they are a dict.
        fixed: artifacts of which an element is meant, with its place.
    """

    in_groups: bool = False
    picks: tuple[str, ...] = ()
    stacked: tuple[str, ...] = ()
    counted: bool = False
    inputs: tuple[str, ...] = ()
    parts: tuple[tuple[str, tuple[str, ...], tuple[str | None, ...], bool], ...] = ()
    fixed: tuple[tuple[str, str], ...] = ()

    @property
    def by_runtime(self) -> bool:
        """Whether the runtime in the pod must know."""
        return self.sliced or bool(self.parts or self.fixed)

    @property
    def sliced(self) -> bool:
        """Whether the runtime must know which elements a copy has."""
        return self.in_groups or bool(self.picks or self.stacked)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The inputs that are added."""
        names = [ORDERS] if self.sliced else []
        names += [AT] if self.picks else []
        return (*names, *([STORE] if self.stacked else []))


def variant_of(
    target: Template,
    wanted: Wanted,
    slices: Slices | None,
    context: Context,
    group_template: Callable[[Any, Context], dict[str, Any]],
) -> str:
    """The name of the template to call; that of the target where nothing is wanted of it."""
    if not wanted.by_runtime and not wanted.counted:
        return target.name
    is_group = isinstance(target, (StepsTemplate, DagTemplate))
    made = (
        group_template(target, context)
        if isinstance(target, (StepsTemplate, DagTemplate))
        else leaf_of(target, context)
    )
    if wanted.by_runtime:
        slices = slices or Slices(Literal("0"))
        if isinstance(target, PythonOpTemplate):
            _for_runtime(made, target, wanted, slices, context)
        elif _is_told(target, wanted, context):
            _for_script(made, target, wanted, slices)
        else:
            context.problems.append(
                f"elements and lists of artifacts are for Python OPs in an export; template {target.name!r} is none"
            )
            return target.name
    if wanted.counted and SUCCESS not in {parameter.name for parameter in target.outputs.parameters}:
        outputs = made.setdefault("outputs", {}).setdefault("parameters", [])
        path = {"path": f"/tmp/dflow/outputs/parameters/{SUCCESS}", "default": "1"}  # noqa: S108 - in a pod
        outputs.append({"name": SUCCESS, "valueFrom": {"expression": "'1'"} if is_group else path})
    made["name"] = shortened(target.name, digest(made))
    return context.add(made, f"template {target.name!r}")


def _for_runtime(
    made: dict[str, Any], target: PythonOpTemplate, wanted: Wanted, slices: Slices, context: Context
) -> None:
    inputs = made.setdefault("inputs", {}).setdefault("parameters", [])
    inputs.extend({"name": name} for name in wanted.parameters)
    parts = {name for name, *_ in wanted.parts}
    artifacts = [artifact for artifact in made["inputs"]["artifacts"] if artifact["name"] not in parts]
    for name, keys, *_ in wanted.parts:
        artifacts += [{"name": part_name(name, at), "path": f"{PART}/{name}/{at}"} for at in range(len(keys))]
    made["inputs"]["artifacts"] = artifacts
    script = made["script"]
    script["source"] = driver_of(target, context, _spec(wanted, slices))
    env = script.setdefault("env", [])
    if wanted.sliced:
        env.append({"name": "DFLOW_ORDERS", "value": "{{inputs.parameters." + ORDERS + "}}"})
    if wanted.picks:
        env.append({"name": "DFLOW_AT", "value": "{{inputs.parameters." + AT + "}}"})
    _stack(made, wanted)
    if wanted.in_groups:
        _as_lists(made, wanted, slices, target)


def _is_told(target: Template, wanted: Wanted, context: Context) -> bool:
    """Whether a template is what an executor made of a Python OP, with inputs that tell it what the runtime must know.

    Of a Steps, what its steps leave must go to the same place.
    """
    names = {parameter.name for parameter in target.inputs.parameters}
    if not {SPEC, *wanted.parameters} <= names or wanted.parts:
        return False
    return all(_has_key(target, name, context) for name in wanted.stacked)


def _has_key(target: Template, name: str, context: Context) -> bool:
    artifact = next((artifact for artifact in target.outputs.artifacts if artifact.name == name), None)
    if artifact is None or not isinstance(target, (StepsTemplate, DagTemplate)):
        return artifact is not None
    source = artifact.source
    if not isinstance(source, ArtifactFrom) or not isinstance(source.value, Ref):
        return False
    path = source.value.path.split(".")
    call = next((call for call in calls_of(target) if path[1:2] == [call.name]), None)
    child = None if call is None else context.template(call.template)
    made = None if child is None else next((a for a in child.outputs.artifacts if a.name == path[-1]), None)
    return made is not None and made.key is not None


def _for_script(made: dict[str, Any], target: Template, wanted: Wanted, slices: Slices) -> None:
    """Tell the script what the runtime must know, by way of its inputs."""
    text = json.dumps(_spec(wanted, slices), sort_keys=True)
    for parameter in made["inputs"]["parameters"]:
        if parameter["name"] == SPEC:
            parameter["value"] = text_of(Literal(text))
    if "steps" not in made and "dag" not in made:
        _stack(made, wanted)
    if wanted.in_groups:
        _as_lists(made, wanted, slices, target)


def _stack(made: dict[str, Any], wanted: Wanted) -> None:
    """All copies leave what is stacked in one place."""
    for artifact in made.get("outputs", {}).get("artifacts", []):
        if artifact["name"] in wanted.stacked:
            artifact["archive"] = {"none": {}}
            artifact["s3"] = {"key": "{{inputs.parameters." + STORE + "}}/" + artifact["name"]}


def _spec(wanted: Wanted, slices: Slices) -> dict[str, Any]:
    """What the runtime in the pod must know."""
    spec: dict[str, Any] = {}
    if wanted.parts:
        spec["parts"] = {
            name: {"keys": list(keys), "elements": list(elements), "dict": is_dict}
            for name, keys, elements, is_dict in wanted.parts
        }
    if wanted.picks or wanted.fixed:
        spec["picks"] = {**dict.fromkeys(wanted.picks), **{name: [place] for name, place in wanted.fixed}}
    if wanted.in_groups or wanted.stacked:
        sliced = [name for name in slices.input_parameters if wanted.in_groups and name in wanted.inputs]
        spec["slices"] = {
            "input_parameters": sliced,
            "input_artifacts": list(wanted.picks) if wanted.in_groups else [],
            "output_parameters": list(slices.output_parameters) if wanted.in_groups else [],
            "output_artifacts": list(wanted.stacked),
            "create_dir": slices.create_dir,
            "pool_size": slices.pool_size if wanted.in_groups else 1,
            "pool_timeout": slices.pool_timeout if wanted.in_groups else None,
            "raise_for_group": slices.raise_for_group,
            "in_group": wanted.in_groups,
        }
    return spec


def _as_lists(made: dict[str, Any], wanted: Wanted, slices: Slices, target: Template) -> None:
    """The types of sliced parameters are those of lists now."""
    del wanted
    types = {
        "inputs": {
            p.name: p.type for p in target.inputs.parameters if p.type and p.name not in slices.input_parameters
        },
        "outputs": {
            p.name: p.type for p in target.outputs.parameters if p.type and p.name not in slices.output_parameters
        },
    }
    annotations = made.get("metadata", {}).get("annotations", {})
    if "dflow/parameters" in annotations:
        annotations["dflow/parameters"] = json.dumps({k: v for k, v in types.items() if v}, sort_keys=True)
