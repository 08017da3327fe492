"""Single objects of the API from pieces of an Argo manifest: ``from_dict(...)``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dflow import building
from dflow.code_gen.refuse import unsayable
from dflow.compile.ports import as_json
from dflow.decompile import add_calls, port_of, step_of, task_of, template_of
from dflow.engine import model
from dflow.engine.errors import UnsupportedError, WrongName, WrongType
from dflow.engine.near import near_or_all
from dflow.exporters.argo.load.pieces import fitting, read_call, read_inputs, read_outputs, read_template
from dflow.names import by_name
from dflow.op_template import OPTemplate
from dflow.pieces.graphs import known_templates
from dflow.task import Task

__all__ = ["to_call", "to_group", "to_port", "to_side", "to_template"]

_PORTS = {
    "InputParameter": ("inputs", "parameters"),
    "InputArtifact": ("inputs", "artifacts"),
    "OutputParameter": ("outputs", "parameters"),
    "OutputArtifact": ("outputs", "artifacts"),
}
_OF_TEMPLATE = {
    "nodeSelector": "node_selector",
    "tolerations": "tolerations",
    "affinity": "affinity",
    "volumes": "volumes",
    "initContainers": "init_containers",
    "sidecars": "sidecars",
}
_OF_CONTAINER = {"volumeMounts": "mounts", "imagePullPolicy": "image_pull_policy"}
_PROGRESS = "workflows.argoproj.io/progress"
_ADVICE = "Workflow.from_dict runs a whole manifest with it as it is"

Fields = dict[str, Any]


def to_port(cls: Any, d: Any) -> Any:
    """The parameter or artifact that a template of a manifest declares."""
    side, kind = next(_PORTS[c.__name__] for c in cls.__mro__ if c.__name__ in _PORTS)
    fields = fitting(by_name(d, f"{cls.__name__}.from_dict: the piece"), f"{side}.{kind}[]")
    made: Any = (read_inputs if side == "inputs" else read_outputs)({kind: [fields]})
    return _port(getattr(made, kind)[0])


def to_side(cls: Any, d: Any) -> Any:
    """The inputs or outputs of a template of a manifest."""
    side = cls.__name__.lower()
    fields = fitting(by_name(d, f"{cls.__name__}.from_dict: the piece"), side)
    made: Any = (read_inputs if side == "inputs" else read_outputs)(fields)
    return cls(
        parameters={port.name: _port(port) for port in made.parameters},
        artifacts={port.name: _port(port) for port in made.artifacts},
    )


def to_template(cls: Any, d: Any) -> Any:
    """A leaf template of a manifest; ``OPTemplate`` takes one that says only what goes in and out, too."""
    fields = fitting(by_name(d, f"{cls.__name__}.from_dict: the piece"), "")
    if cls is OPTemplate and set(fields) <= {"name", "inputs", "outputs", "metadata"}:
        made: Any = OPTemplate(fields.get("name") or None)
        made.inputs = _sides("Inputs", fields.get("inputs", {}))
        made.outputs = _sides("Outputs", fields.get("outputs", {}))
        _mark(made, fields)
        return made
    return _template(cls, fields)[0]


def to_group(cls: Any, d: Any, templates: Any) -> Any:
    """The Steps or DAG of a template of a manifest; ``templates`` by name, or a list of them."""
    fields = fitting(by_name(d, f"{cls.__name__}.from_dict: the piece"), "")
    made, record = _template(cls, fields)
    known = {**known_templates(templates), record.name: made}
    with building.nothing_open():
        add_calls(made, _with_known_arguments(record, known), known)
    return made


def to_call(cls: Any, d: Any, templates: Any) -> Any:
    """The step or task of a template of a manifest; ``templates`` as for :func:`to_group`."""
    is_task = issubclass(cls, Task)
    fields = fitting(by_name(d, f"{cls.__name__}.from_dict: the piece"), "dag.tasks[]" if is_task else "steps[][]")
    record = read_call(fields, is_task=is_task)
    _refuse(model.StepsTemplate("piece", ((record,),)), f"{cls._what} {record.name!r}")
    known = known_templates(templates)
    made: Any = (task_of if is_task else step_of)(_known_arguments(record, known), known)
    return made


# -- parts --------------------------------------------------------------------------------------------------------


def _port(record: Any) -> Any:
    made = port_of(record)
    if isinstance(record, model.OutputArtifact) and isinstance(record.key, model.Literal):
        made._key = record.key.text
    elif isinstance(record, model.OutputArtifact) and record.key is not None:
        made._key = "{{" + record.key.path + "}}" if isinstance(record.key, model.Ref) else record.key.source  # type: ignore[union-attr]
    return made


def _sides(name: str, fields: Fields) -> Any:
    from dflow.io import Inputs, Outputs

    return to_side({"Inputs": Inputs, "Outputs": Outputs}[name], fields)


def _template(cls: Any, fields: Fields) -> tuple[Any, Any]:
    record: Any = read_template(fields)
    _refuse(record, f"template {record.name!r}")
    container: Fields = fields.get("script") or fields.get("container") or {}
    kubernetes = _kubernetes(fields, container)
    if kubernetes and isinstance(record, model.ScriptTemplate):
        record = replace(record, pod=replace(record.pod, kubernetes=as_json(kubernetes)))
    made: Any = template_of(record)
    if not isinstance(made, cls):
        raise WrongType(f"{cls.__name__}.from_dict: template {record.name!r} is a {type(made).__name__}")
    for port in record.outputs.artifacts:
        made.outputs.artifacts.data[port.name].__dict__.update(
            {"_key": value} if (value := getattr(_port(port), "_key", None)) is not None else {}
        )
    _mark(made, fields)
    return made, record


def _kubernetes(fields: Fields, container: Fields) -> Fields:
    """What only a cluster understands, by the names of the API."""
    found = {name: fields[field] for field, name in _OF_TEMPLATE.items() if fields.get(field)}
    found |= {name: container[field] for field, name in _OF_CONTAINER.items() if container.get(field)}
    resources = container.get("resources", {})
    return found | {name: resources[name] for name in ("requests", "limits") if resources.get(name)}


def _mark(made: Any, fields: Fields) -> None:
    """Labels and annotations, without those that say what the object itself says."""
    metadata = fields.get("metadata", {})
    made.labels = dict(metadata.get("labels", {}))
    made.annotations = {
        name: text
        for name, text in metadata.get("annotations", {}).items()
        if name != _PROGRESS and not name.startswith("dflow/")
    }


def _refuse(record: Any, what: str) -> None:
    """Raise UnsupportedError when the API has no words for all that a record says."""
    outputs = tuple(replace(port, key=None) for port in record.outputs.artifacts)
    shown = replace(record, outputs=replace(record.outputs, artifacts=outputs))
    found = unsayable(model.WorkflowGraph("piece", "", (shown,)))
    if found:
        said = "; ".join(text.removeprefix(f"template {record.name!r} ") for text in found)
        raise UnsupportedError(f"{what}: the API has no words for it: it {said}; {_ADVICE}")


def _known_arguments(call: model.Call, known: dict[str, Any]) -> model.Call:
    """A call with the arguments that its template takes; the others mean nothing, as on a cluster."""
    if call.template not in known:
        raise WrongName(
            f"{call.name!r} calls {call.template!r}, which is not among templates{near_or_all(call.template, known)}"
        )
    inputs = known[call.template].inputs
    return replace(
        call,
        parameters=tuple(item for item in call.parameters if item[0] in inputs.parameters.data),
        artifacts=tuple(item for item in call.artifacts if item[0] in inputs.artifacts.data),
        hooks=tuple(replace(hook, call=_known_arguments(hook.call, known)) for hook in call.hooks),
    )


def _with_known_arguments(record: Any, known: dict[str, Any]) -> Any:
    if isinstance(record, model.StepsTemplate):
        groups = tuple(tuple(_known_arguments(call, known) for call in group) for group in record.groups)
        return replace(record, groups=groups)
    return replace(record, tasks=tuple(_known_arguments(call, known) for call in record.tasks))
