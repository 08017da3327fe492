"""Templates whose steps are completed by objects of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine import model
from dflow.engine.errors import ExpressionError
from dflow.engine.resource_conditions import requirements
from dflow.io import InputArtifact, InputParameter, Inputs, Outputs
from dflow.op_template import ScriptOPTemplate

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.op_template import OPTemplate

__all__ = ["check_resource", "resource_of", "resource_template"]

_ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")


def resource_template(shown: ScriptOPTemplate, resource: Any) -> OPTemplate:
    """The template of a step that a resource completes.

    Args:
        shown: a copy of the step's template.

    Raises:
        TypeError: it is no resource, or its manifest none.
    """
    if not callable(getattr(resource, "get_manifest", None)):
        raise TypeError(f"{resource!r} is no Resource: it has no method get_manifest(template)")
    inputs, outputs = Inputs(), Outputs(dict(shown.outputs.parameters.data), dict(shown.outputs.artifacts.data))
    for name, parameter in shown.inputs.parameters.items():
        given = {"value": parameter.value} if hasattr(parameter, "value") else {}
        inputs.parameters[name] = InputParameter(type=parameter.type, description=parameter.description, **given)
    for name, artifact in shown.inputs.artifacts.items():
        inputs.artifacts[name] = InputArtifact(path=artifact.path, optional=artifact.optional, type=artifact.type)
    manifest = resource.get_manifest(shown)
    made = ScriptOPTemplate(
        shown.name,
        inputs,
        outputs,
        memoize_key=shown.memoize_key,
        annotations=shown.annotations,
        labels=shown.labels,
        timeout=shown.timeout,
        retry_strategy=shown.retry_strategy,
        resource={
            "action": resource.action or "create",
            "manifest": manifest if isinstance(manifest, (str, type(None))) else _as_yaml(manifest),
            "success_condition": resource.success_condition,
            "failure_condition": resource.failure_condition,
            "flags": list(getattr(resource, "flags", None) or []),
        },
    )
    made._named = shown._named
    return made


def _as_yaml(manifest: Any) -> str:
    from dflow.manifest_texts import dumped

    if not isinstance(manifest, dict):
        raise TypeError(f"get_manifest returned {manifest!r}; it must be YAML text or a dict")
    return dumped(manifest)


def resource_of(template: Any, name: str, inputs: model.Inputs, outputs: model.Outputs, **more: Any) -> model.Template:
    """The template of the graph, from what a script template has as its ``resource``."""
    given: Any = template.resource

    def field(*names: str) -> Any:
        found = (given.get(n) if isinstance(given, dict) else getattr(given, n, None) for n in names)
        return next((value for value in found if value is not None), None)

    def text(*names: str) -> str | None:
        found = field(*names)
        return None if found is None else str(found)

    queried = tuple(_queried(parameter) for parameter in outputs.parameters)
    return model.ResourceTemplate(
        name,
        text("action") or "create",
        text("manifest"),
        text("success_condition", "successCondition"),
        text("failure_condition", "failureCondition"),
        tuple(str(flag) for flag in field("flags") or ()),
        inputs=inputs,
        outputs=replace(outputs, parameters=queried),
        **more,
    )


def _queried(parameter: model.OutputParameter) -> model.OutputParameter:
    """An output that is a field of the object: ``{.status.phase}``."""
    path = parameter.path
    if path is None or not (path.startswith("{") and path.endswith("}")):
        return parameter
    return replace(parameter, path=None, query=f"jsonPath={path}")


def check_resource(template: model.ResourceTemplate, problems: Problems) -> None:
    """Add to ``problems`` what no cluster could do."""
    if template.action not in _ACTIONS:
        problems.add(f"its resource has the action {template.action!r}; it must be one of {', '.join(_ACTIONS)}")
    if not (template.manifest or template.action in ("get", "delete")):
        problems.add(f"its resource has no manifest, which {template.action!r} needs")
    for parameter in template.outputs.parameters:
        if parameter.query is None:
            problems.add(
                f"output parameter {parameter.name!r}: a resource writes no files; name a field of the object, as in "
                "value_from_path='{.status.phase}'"
            )
    for artifact in template.outputs.artifacts:
        problems.add(f"output artifact {artifact.name!r}: a resource writes no files")
    for what in ("success_condition", "failure_condition"):
        text = getattr(template, what)
        if text is not None and "{{" not in text:
            try:
                requirements(text)
            except ExpressionError as exc:
                problems.add(f"{what}: {exc}")
