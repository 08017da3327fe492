"""The inputs and outputs of templates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.engine.model import Expr, InputParameter, Inputs, OutputParameter, Outputs
from dflow.exporters.argo.load.artifacts import input_artifact, output_artifact, path_of

if TYPE_CHECKING:
    from dflow.engine.model import Value
    from dflow.exporters.argo.load.context import Context

__all__ = ["annotations_of", "given_text", "inputs_of", "outputs_of"]

_TYPES = "dflow/parameters"

Fields = dict[str, Any]


def annotations_of(template: Fields) -> dict[str, str]:
    """The annotations of a template."""
    found: dict[str, str] = template.get("metadata", {}).get("annotations", {})
    return found


def _types(template: Fields, side: str, context: Context) -> dict[str, str]:
    """The declared types of parameters, which manifests have no field for."""
    text = annotations_of(template).get(_TYPES)
    if text is None:
        return {}
    try:
        found = json.loads(text).get(side, {})
        return {str(name): str(kind) for name, kind in found.items()}
    except (ValueError, TypeError, AttributeError):
        context.book.problem(f"the annotation {_TYPES} must be JSON with inputs and outputs: {text[:60]!r}")
        return {}


def given_text(row: Fields, context: Context) -> str | None:
    """The text that a parameter has of itself; None when it has none.

    It is its value or its default; or that of a ConfigMap, or what stands in for something that nobody gives here.
    """
    for name in ("value", "default"):
        if name in row:
            return str(row[name])
    source = row.get("valueFrom", {})
    found = context.from_config_map(source["configMapKeyRef"]) if "configMapKeyRef" in source else None
    if found is not None:
        return found
    default: str | None = source.get("default")
    if default is None and source:
        kind = next((name for name in source if name != "default"), "valueFrom")
        named = source[kind].get("name", "") if kind == "configMapKeyRef" else ""
        hint = f"give the ConfigMap {named!r} as a document, or a default" if named else "give it a value, or a default"
        context.book.problem(f"nobody gives the value of {kind} here; {hint}")
        return ""
    return default


def inputs_of(template: Fields, context: Context) -> Inputs:
    """What a template takes."""
    declared = template.get("inputs", {})
    types = _types(template, "inputs", context)
    parameters = []
    for row in declared.get("parameters", []):
        with context.book.at(f"input parameter {row.get('name', '')!r}"):
            text = given_text(row, context)
            parameters.append(
                InputParameter(
                    row.get("name", ""),
                    types.get(row.get("name", "")),
                    None if text is None else context.value(text),
                    description=row.get("description") or None,
                )
            )
    return Inputs(tuple(parameters), tuple(input_artifact(row, context) for row in declared.get("artifacts", [])))


_POD_OF_KEY = "dflow_key_{{"
"""How the global name begins of what says in which pod the step of a key is; here a key is the name of a directory."""


def outputs_of(template: Fields, context: Context) -> Outputs:
    """What a template gives."""
    declared = template.get("outputs", {})
    types = _types(template, "outputs", context)
    parameters = []
    for row in declared.get("parameters", []):
        if str(row.get("globalName", "")).startswith(_POD_OF_KEY):
            continue
        with context.book.at(f"output parameter {row.get('name', '')!r}"):
            parameters.append(_output(row, types.get(row.get("name", "")), context))
    return Outputs(tuple(parameters), tuple(output_artifact(row, context) for row in declared.get("artifacts", [])))


def _output(row: Fields, kind: str | None, context: Context) -> OutputParameter:
    source = row.get("valueFrom", {})
    default = source.get("default", row.get("value", row.get("default")))
    return OutputParameter(
        row.get("name", ""),
        kind,
        path=path_of(source, context),
        source=_source(source, context),
        default=None if default is None else context.value(default),
        global_name=context.fixed(row.get("globalName", ""), "globalName") or None,
        description=row.get("description") or None,
        supplied="supplied" in source,
        query=_query(source),
    )


def _source(source: Fields, context: Context) -> Value | None:
    if source.get("expression"):
        return Expr(source["expression"].strip())
    return context.reference(source["parameter"]) if source.get("parameter") else None


def _query(source: Fields) -> str | None:
    for name in ("jsonPath", "jqFilter"):
        if source.get(name):
            return f"{name}={source[name]}"
    return None
