"""The template of a step, from its fields: that of an OP, or of a script."""

from __future__ import annotations

from typing import Any

from dflow.engine.errors import ConfigError
from dflow.io import InputArtifact, InputParameter, Inputs, OutputArtifact, OutputParameter, Outputs
from dflow.names import check_label
from dflow.op_template import PythonScriptOPTemplate, ShellOPTemplate
from dflow.python.python_op_template import PythonOPTemplate
from dflow.python.registered import load_op
from dflow.wiring.shape import OF_LEAVES, OF_OPS

__all__ = ["template_of"]

Fields = dict[str, Any]


def template_of(fields: Fields) -> Any:
    """The template; None where there is neither an OP nor a script.

    Raises:
        ConfigError: there is no such OP, or the outputs are none.
    """
    if "op" in fields:
        return _op(fields)
    return _script(fields) if "script" in fields else None


def _leaf(fields: Fields) -> Fields:
    found = {name: fields[name] for name in OF_LEAVES if name in fields and name != "retries"}
    if "envs" in found:
        found["envs"] = {name: _shell_text(value) for name, value in found["envs"].items()}
    return found


def _shell_text(value: Any) -> Any:
    """A value as programs read it: nothing is empty, and true is not Python's ``True``."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


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
