"""What templates take and give, from the arguments of a script to the graph."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dflow.common import key_of
from dflow.compile.values import RawText, artifact_source, parameter_value, text_value
from dflow.engine import model
from dflow.engine.errors import WrongType
from dflow.expression import MISSING
from dflow.io import ArgoVar, InputArtifact, InputParameter, OutputArtifact, OutputParameter, type_to_str

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.op_template import OPTemplate

__all__ = ["as_json", "inputs_of", "outputs_of", "port_of"]


def inputs_of(template: OPTemplate, problems: Problems) -> model.Inputs:
    """The declared inputs of a template."""
    return model.Inputs(
        tuple(_input_parameter(item, problems) for item in template.inputs.parameters.data.values()),
        tuple(_input_artifact(item, problems) for item in template.inputs.artifacts.data.values()),
    )


def port_of(item: Any, problems: Problems) -> Any:
    """The record of one parameter or artifact, whatever it is declared in."""
    makers: dict[type, Any] = {
        InputParameter: _input_parameter,
        InputArtifact: _input_artifact,
        OutputParameter: _output_parameter,
        OutputArtifact: _output_artifact,
    }
    return next(make for kind, make in makers.items() if isinstance(item, kind))(item, problems)


def _input_parameter(item: Any, problems: Problems) -> model.InputParameter:
    with problems.at(f"input parameter {item.name!r}"):
        given = getattr(item, "value", MISSING)
        default = None if given is MISSING else parameter_value(given, item.type, problems)
        return model.InputParameter(
            name=item.name,
            type=_type_text(item.type),
            default=default,
            path=_path(item.path),
            big=bool(item.save_as_artifact),
            description=item.description,
            source=artifact_source(item.source, problems),
        )


def _input_artifact(item: Any, problems: Problems) -> model.InputArtifact:
    with problems.at(f"input artifact {item.name!r}"):
        return model.InputArtifact(
            name=item.name,
            path=_path(item.path),
            optional=bool(item.optional),
            type=_type_text(item.type),
            source=artifact_source(item.source, problems),
            mode=item.mode,
            sub_path=item._sub_path,
            archive=item.archive,
            save_as_parameter=bool(item.save_as_parameter),
        )


def outputs_of(template: OPTemplate, problems: Problems) -> model.Outputs:
    """The declared outputs of a template."""
    return model.Outputs(
        tuple(_output_parameter(item, problems) for item in template.outputs.parameters.data.values()),
        tuple(_output_artifact(item, problems) for item in template.outputs.artifacts.data.values()),
    )


def _output_parameter(item: Any, problems: Problems) -> model.OutputParameter:
    with problems.at(f"output parameter {item.name!r}"):
        source: model.Value | None = None
        if item.value_from_parameter is not None:
            source = parameter_value(item.value_from_parameter, item.type, problems)
        elif item.value_from_expression is not None:
            source = _expression(item.value_from_expression, problems)
        given = vars(item).get("default", MISSING)
        default = None if given is MISSING else parameter_value(given, item.type, problems)
        return model.OutputParameter(
            name=item.name,
            type=_type_text(item.type),
            path=_path(item.value_from_path),
            source=source,
            default=default,
            global_name=item.global_name,
            big=bool(item.save_as_artifact),
            save_both=bool(item.save_both),
            description=item.description,
        )


def _output_artifact(item: Any, problems: Problems) -> model.OutputArtifact:
    with problems.at(f"output artifact {item.name!r}"):
        given = item._from
        if given is None and item.from_expression is not None:
            given = item.from_expression
            given = ArgoVar(given) if isinstance(given, str) else given
        return model.OutputArtifact(
            name=item.name,
            path=_path(item.path),
            source=artifact_source(given, problems),
            optional=bool(item.optional),
            type=_type_text(item.type),
            archive=item.archive,
            global_name=item.global_name,
            save=None if not item.save else as_json(item.save),
            key=_key_of(item, problems),
        )


def _key_of(item: OutputArtifact, problems: Problems) -> model.Value | None:
    """Where an output artifact is kept as well: the first key that ``save`` names."""
    given = getattr(item, "_key", None)
    if given is None:
        saved = item.save if isinstance(item.save, (list, tuple)) else [item.save]
        given = next((key for key in map(key_of, saved) if key is not None), None)
    return None if given is None else text_value(given, problems)


def _path(given: Any) -> str | None:
    return None if given is None else os.fspath(given)


def _type_text(kind: Any) -> str | None:
    return None if kind is None else type_to_str(kind)


def _expression(given: Any, problems: Problems) -> model.Value:
    """``value_from_expression``: an expression object, or the text of one with or without braces."""
    if isinstance(given, (ArgoVar, RawText)) or "{{" in str(given):
        return text_value(given, problems)
    return model.Expr(str(given))


def as_json(values: Any) -> str:
    """JSON text of objects of the API or of the SDK of Argo."""
    return json.dumps(values, default=_fields, sort_keys=True)


def _fields(thing: Any) -> Any:
    if hasattr(thing, "to_dict"):
        return thing.to_dict()
    if hasattr(thing, "__dict__"):
        return vars(thing)
    raise WrongType(f"{thing!r} cannot be written in a manifest; give a dict, or an object of the SDK of Argo")
