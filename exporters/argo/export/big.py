"""Big parameters: texts that may not fit into a manifest or a pod's description, and go as artifacts of one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.model import DagTemplate, Literal, PythonOpTemplate, Ref, StepsTemplate
from dflow.exporters.argo.export.flows import calls_of
from dflow.exporters.argo.export.records import ROOT, Upload
from dflow.exporters.argo.export.texts import text_of
from dflow.exporters.argo.export.trees import text_digest

if TYPE_CHECKING:
    from dflow.engine.model import InputParameter, OutputParameter, Template, Value
    from dflow.exporters.argo.export.context import Context

__all__ = ["big_argument", "big_input", "big_name", "big_output", "big_source", "refuse_big"]

_LONGEST = 64 * 1024
"""Characters of a constant that may stand in the manifest."""


def big_name(parameter: str) -> str:
    """The artifact that a big parameter is."""
    return f"dflow_bigpar_{parameter}"


def big_source(value: Value, context: Context) -> str | None:
    """The artifact that a value of the template inside is, when it names a big parameter."""
    if not isinstance(value, Ref):
        return None
    path = value.path.split(".")
    template = context.template(context.inside)
    if path[:2] == ["inputs", "parameters"] and len(path) == 3:
        is_big = any(p.big and p.name == path[2] for p in template.inputs.parameters)
    elif path[2:4] == ["outputs", "parameters"] and len(path) == 5:
        called = next((call.template for call in calls_of(template) if call.name == path[1]), None)
        is_big = called is not None and any(
            p.big and not p.save_both and p.name == path[4] for p in context.template(called).outputs.parameters
        )
    else:
        return None
    return "{{" + ".".join((*path[:-2], "artifacts", big_name(path[-1]))) + "}}" if is_big else None


def refuse_big(what: str, value: Value, context: Context) -> None:
    """Report a small parameter that is given a big one."""
    if big_source(value, context) is not None:
        context.problems.append(
            f"{what} takes the big parameter {text_of(value)}, which goes as an artifact; declare it BigParameter "
            "(or save_as_artifact=True) as well"
        )


def big_argument(parameter: InputParameter, value: Value, context: Context) -> dict[str, Any]:
    """The artifact that a step gives for a big input."""
    name = {"name": big_name(parameter.name)}
    source = big_source(value, context)
    if source is not None:
        return {**name, "from": source}
    if isinstance(value, Literal) and len(value.text) > _LONGEST:
        key = context.upload(Upload(context.key("parameters", text_digest(value.text)), text=value.text))
        return {**name, "s3": {"key": key}, "archive": {"none": {}}}
    return {**name, "raw": {"data": text_of(value)}}


def big_input(parameter: InputParameter, template: Template) -> dict[str, Any]:
    """The declaration of a big input."""
    made: dict[str, Any] = {"name": big_name(parameter.name)}
    if isinstance(template, PythonOpTemplate):
        made["path"] = f"{ROOT}/inputs/parameters/{parameter.name}"
    elif not isinstance(template, (StepsTemplate, DagTemplate)):
        made["path"] = parameter.path or f"/tmp/inputs/parameters/{parameter.name}"  # noqa: S108 - in a pod
    if parameter.default is not None:
        made["raw"] = {"data": text_of(parameter.default)}
    return made


def big_output(parameter: OutputParameter, template: Template, context: Context) -> dict[str, Any]:
    """The declaration of a big output."""
    made: dict[str, Any] = {"name": big_name(parameter.name)}
    if isinstance(template, (StepsTemplate, DagTemplate)):
        source = None if parameter.source is None else big_source(parameter.source, context)
        if source is None:
            context.problems.append(f"output parameter {parameter.name!r} is big, and must come from one that is, too")
        return {**made, "from": source or ""}
    own = None if isinstance(template, PythonOpTemplate) else parameter.path
    made["path"] = own or f"{ROOT}/outputs/parameters/{parameter.name}"
    return {**made, "archive": {"none": {}}}
