"""What templates take and give, and where artifacts come from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine.model import (
    ArtifactFrom,
    ArtifactList,
    CustomArtifact,
    DagTemplate,
    Expr,
    HttpArtifact,
    Literal,
    LocalArtifact,
    PythonOpTemplate,
    RawArtifact,
    Ref,
    ResourceTemplate,
    ScriptTemplate,
    StepsTemplate,
    StoredArtifact,
    SuspendTemplate,
)
from dflow.exporters.argo.export.big import big_input, big_output
from dflow.exporters.argo.export.flows import count_name, key_name
from dflow.exporters.argo.export.hoisting import renamed
from dflow.exporters.argo.export.python_ops import part_name
from dflow.exporters.argo.export.records import ANNOTATION, KEY, ROOT, Upload, filled
from dflow.exporters.argo.export.texts import as_expression, guarded, name_of, refuse_tags, text_of
from dflow.exporters.argo.export.trees import tree_digest

if TYPE_CHECKING:
    from dflow.engine.model import (
        ArtifactSource,
        InputArtifact,
        InputParameter,
        OutputArtifact,
        OutputParameter,
        Template,
    )
    from dflow.exporters.argo.export.context import Context

__all__ = [
    "artifact_path",
    "inputs_of",
    "members_of",
    "outputs_of",
    "parameter_path",
    "source_of",
    "types_of",
    "whole_of",
]

_IN_PODS = (ScriptTemplate, PythonOpTemplate)
_POD_OF_KEY = {
    "name": "dflow_global",
    "value": "{{pod.name}}",
    "globalName": "dflow_key_{{inputs.parameters." + KEY + "}}",
}
_ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")
"""Endings of keys whose object is unpacked for a pod."""


def parameter_path(side: str, name: str) -> str:
    """Where the pod of a Python OP has a parameter."""
    return f"{ROOT}/{side}/parameters/{name}"


def artifact_path(side: str, name: str) -> str:
    """Where the pod of a Python OP has an artifact."""
    return f"{ROOT}/{side}/artifacts/{name}"


def types_of(template: Template) -> dict[str, str]:
    """The annotation with the types of the parameters; none where all are texts."""
    sides = {
        side: {p.name: p.type for p in ports.parameters if p.type is not None}
        for side, ports in (("inputs", template.inputs), ("outputs", template.outputs))
    }
    sides = {side: types for side, types in sides.items() if types}
    return {ANNOTATION: json.dumps(sides, sort_keys=True)} if sides else {}


def inputs_of(template: Template, context: Context) -> dict[str, Any]:
    """The ``inputs`` of a template."""
    parameters = [_input_parameter(p, context) for p in template.inputs.parameters if not p.big]
    if template.name in context.keyed and KEY not in {p.name for p in template.inputs.parameters}:
        parameters.append({"name": KEY, "value": ""})
    with_count = [a.name for a in template.inputs.artifacts if (template.name, a.name) in context.flows.counted_inputs]
    parameters += [{"name": count_name(name)} for name in with_count]
    artifacts = [_input_artifact(a, template, context) for a in template.inputs.artifacts]
    files = [_file_of_parameter(parameter, template) for parameter in template.inputs.parameters if not parameter.big]
    artifacts += [file for file in files if file is not None]
    artifacts += [big_input(parameter, template) for parameter in template.inputs.parameters if parameter.big]
    return filled(parameters=parameters, artifacts=artifacts)


def _input_parameter(parameter: InputParameter, context: Context) -> dict[str, Any]:
    if parameter.source is not None:
        context.problems.append(f"input parameter {parameter.name!r}: a value from an artifact cannot be exported yet")
    if parameter.default is not None:
        refuse_tags(f"the default of input parameter {parameter.name!r} has", parameter.default, context)
    return filled(
        name=parameter.name,
        description=parameter.description,
        value=None if parameter.default is None else text_of(parameter.default),
    )


def _file_of_parameter(parameter: InputParameter, template: Template) -> dict[str, Any] | None:
    """A parameter as a file of the pod: nothing of it is ever part of a program's text."""
    if isinstance(template, PythonOpTemplate):
        path: str | None = parameter_path("inputs", parameter.name)
    else:
        path = parameter.path
    if path is None:
        return None
    data = "{{inputs.parameters." + parameter.name + "}}"
    return {"name": f"dflow_parameter_{parameter.name}", "path": path, "raw": {"data": data}}


def _input_artifact(artifact: InputArtifact, template: Template, context: Context) -> dict[str, Any]:
    is_group = isinstance(template, (StepsTemplate, DagTemplate))
    path = None if is_group else _path(artifact, "inputs", template)
    if artifact.sub_path:
        context.problems.append(f"input artifact {artifact.name!r}: sub_path of an input cannot be exported yet")
    made = filled(name=artifact.name, path=path, optional=artifact.optional or None, mode=artifact.mode)
    if artifact.source is not None:
        made |= source_of(artifact.source, context)
    return made


def _path(artifact: InputArtifact | OutputArtifact, side: str, template: Template) -> str:
    """Where a leaf has an artifact; the runtime of Python OPs looks in one place only."""
    own = None if isinstance(template, PythonOpTemplate) else artifact.path
    return own or artifact_path(side, artifact.name)


def outputs_of(template: Template, context: Context) -> dict[str, Any]:
    """The ``outputs`` of a template."""
    parameters = [_output_parameter(p, template) for p in template.outputs.parameters if not p.big or p.save_both]
    parameters += _companions(template, context)
    if context.options.save_keys and template.name in context.keyed and isinstance(template, _IN_PODS):
        parameters.append(_POD_OF_KEY)
    keyed = context.flows.keyed
    artifacts = [
        _output_artifact(a, template, context)
        for a in template.outputs.artifacts
        if (template.name, a.name) not in keyed
    ]
    artifacts += [big_output(p, template, context) for p in template.outputs.parameters if p.big]
    return filled(parameters=parameters, artifacts=artifacts)


def _companions(template: Template, context: Context) -> list[dict[str, Any]]:
    """What goes along with output artifacts: keys and numbers of elements."""
    made = []
    for artifact in template.outputs.artifacts:
        port = (template.name, artifact.name)
        if port in context.flows.keyed and artifact.source is not None:
            key = context.flows.key_of(template.name, artifact.source) or ""
            if isinstance(artifact.source, ArtifactFrom) and isinstance(artifact.source.value, Expr):
                value = {"expression": _chosen(artifact.name, artifact.source.value, template, context)}
            else:
                value = {"parameter": key} if key.startswith("{{") and key.endswith("}}") else _constant(key)
            made.append({"name": key_name(artifact.name), "valueFrom": value})
        if port in context.flows.counted_outputs:
            if isinstance(template, PythonOpTemplate):
                value = {"path": parameter_path("outputs", count_name(artifact.name)), "default": "0"}
            else:
                count = context.flows.count_of(artifact.source) if artifact.source is not None else None
                if count is None:
                    context.problems.append(f"output artifact {artifact.name!r}: nobody knows how many elements it has")
                value = {"expression": as_expression(count or Literal("0"))}
            made.append({"name": count_name(artifact.name), "valueFrom": value})
    return made


def _chosen(name: str, choice: Expr, template: Template, context: Context) -> str:
    """An expression that chooses between keys as one of the user's does between artifacts."""
    keys = context.flows.keys_in(template.name, choice)
    if None in keys.values():
        context.problems.append(
            f"output artifact {name!r}: an expression that chooses between what slices put together and what one step "
            "made cannot be exported"
        )
    places = {path: f"dflow_place_{number}" for number, path in enumerate(keys)}
    source = as_expression(renamed(choice, lambda path: places.get(".".join(path))))
    for path, place in reversed(places.items()):
        source = source.replace(place, _key_inside(keys[path] or ""))
    return source


def _key_inside(key: str) -> str:
    """A key as a part of an expression."""
    return name_of(key[2:-2]) if key.startswith("{{") and key.endswith("}}") else f"'{key}'"


def _constant(text: str) -> dict[str, Any]:
    """A text with tags that are known when the template starts, as an expression."""
    return {"expression": f"'{text}'"}


def _output_parameter(parameter: OutputParameter, template: Template) -> dict[str, Any]:
    """OU-02, OU-04: a leaf has a file of it, a Steps or DAG takes it from a child."""
    value: dict[str, Any] = {}
    if isinstance(template, (StepsTemplate, DagTemplate)):
        source = parameter.source
        if isinstance(source, Ref):
            value["parameter"] = text_of(source)
        elif source is not None:
            value["expression"] = as_expression(source)
        else:
            value["expression"] = as_expression(parameter.default or Literal(""))
    elif isinstance(template, SuspendTemplate) or parameter.supplied:
        value["supplied"] = {}
    elif isinstance(template, ResourceTemplate):
        kind, _, query = (parameter.query or "").partition("=")
        value[kind or "jsonPath"] = query
    elif isinstance(template, PythonOpTemplate):
        value["path"] = parameter_path("outputs", parameter.name)
    else:
        value["path"] = parameter.path or f"/tmp/dflow-no-output-{parameter.name}"  # noqa: S108 - in a pod
    if parameter.default is not None:
        value["default"] = text_of(parameter.default)
    return filled(
        name=parameter.name, description=parameter.description, globalName=parameter.global_name, valueFrom=value
    )


def _output_artifact(artifact: OutputArtifact, template: Template, context: Context) -> dict[str, Any]:
    made = filled(name=artifact.name, globalName=artifact.global_name, optional=artifact.optional or None)
    if isinstance(template, (StepsTemplate, DagTemplate)):
        if isinstance(artifact.source, ArtifactFrom) and isinstance(artifact.source.value, Expr):
            return made | {"fromExpression": guarded(artifact.source.value.source)}
        return made | (source_of(artifact.source, context) if artifact.source is not None else {})
    made["path"] = _path(artifact, "outputs", template)
    if isinstance(template, PythonOpTemplate) or artifact.archive is None:
        made["archive"] = {"none": {}}
    elif artifact.archive == "tar":
        made["archive"] = {"tar": {"compressionLevel": 0}}
    if artifact.key is not None:
        made["s3"] = {"key": text_of(artifact.key)}
    return made


def members_of(name: str, source: ArtifactSource, context: Context) -> list[dict[str, Any]]:
    """The arguments that an artifact is: one, or one for each member of a list or dict of artifacts."""
    if isinstance(source, ArtifactList):
        members = [member for _, member in source.members]
        return [{"name": part_name(name, at), **source_of(whole_of(m), context)} for at, m in enumerate(members)]
    return [{"name": name, **source_of(whole_of(source), context)}]


def whole_of(source: ArtifactSource) -> ArtifactSource:
    """The artifact that an element is taken of."""
    if isinstance(source, (ArtifactFrom, LocalArtifact, StoredArtifact)):
        return replace(source, element=None)
    return source


def source_of(source: ArtifactSource, context: Context) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """Where an artifact comes from, as fields of it."""
    match source:
        case ArtifactFrom(value, sub_path, element):
            key = context.flows.key_of(context.inside, source)
            if key is not None:
                return {"s3": {"key": f"{key}/{sub_path}" if sub_path else key}, "archive": {"none": {}}}
            _refuse_element(element, context)
            return filled(**{"from": text_of(value)}, subPath=sub_path)
        case LocalArtifact(path, sub_path, element):
            _refuse_element(element, context)
            key = context.upload(Upload(context.key("upload", tree_digest(path)), path=path))
            return {"s3": {"key": f"{key}/{sub_path}" if sub_path else key}, "archive": {"none": {}}}
        case StoredArtifact(key_value, sub_path):
            key = text_of(key_value)
            if not key.endswith(_ARCHIVES):
                return {"s3": {"key": f"{key}/{sub_path}" if sub_path else key}, "archive": {"none": {}}}
            if sub_path:
                context.problems.append(
                    f"a part ({sub_path!r}) of the archive {key!r} cannot be taken; upload it with archive=None"
                )
            return {"s3": {"key": key}}
        case RawArtifact(data):
            return {"raw": {"data": text_of(data)}}
        case HttpArtifact(url):
            return {"http": {"url": text_of(url)}}
        case CustomArtifact() | ArtifactList():
            context.problems.append(_why_not(source))
    return {}


def _why_not(source: CustomArtifact | ArtifactList) -> str:
    if isinstance(source, CustomArtifact):
        return (
            f"an artifact of the class {source.loader.name!r} cannot be exported: it is brought by a process beside "
            "the step; write its render(template, name), which says how a pod gets it, have its OP get it, or set its "
            "redirect to an artifact of a store"
        )
    return "a list or dict of artifacts can be given to a Python OP only, by its step"


def _refuse_element(element: tuple[str, ...] | None, context: Context) -> None:
    if element:
        context.problems.append("an element of an artifact (artifact[i]) can be given to a Python OP only, by its step")
