"""Outputs of nodes: what a group gives, what a skipped node gives, and how siblings see them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.results import gives_result, results_of_copies
from dflow.engine.scope import resolve, resolve_artifact
from dflow.engine.texts import list_of_texts

if TYPE_CHECKING:
    from dflow.engine.model import OutputParameter, Template
    from dflow.engine.node import Node
    from dflow.engine.scope import Scope

__all__ = ["declare_skipped", "group_outputs", "loop_outputs", "offer"]


def group_outputs(node: Node, template: Template, scope: Scope) -> None:
    """Compute the outputs of a Steps or DAG node that succeeded (OU-04).

    Raises:
        ExpressionError: an output that cannot be resolved and has no default.
    """
    for parameter in template.outputs.parameters:
        node.outputs[parameter.name] = _parameter(parameter, scope)
    for artifact in template.outputs.artifacts:
        try:
            value = None if artifact.source is None else resolve_artifact(artifact.source, scope)
        except ExpressionError as exc:
            if not artifact.optional:
                raise ExpressionError(f"output artifact {artifact.name!r}: {exc}") from exc
            value = None
        node.output_artifacts[artifact.name] = value


def loop_outputs(node: Node, template: Template, good: list[Node], scope: Scope, prefix: str) -> None:
    """Gather the outputs of the copies that succeeded, in the order of their items (LP-04, LP-05)."""
    maps = [{name: text for name, text in copy.outputs.items() if text is not None} for copy in good]
    if node.call is not None:
        scope.values[f"{prefix}.{node.call.name}.outputs.parameters"] = json.dumps(maps, ensure_ascii=False)
    if gives_result(template):
        node.result = results_of_copies(good)
    for parameter in template.outputs.parameters:
        texts = [texts[parameter.name] for texts in maps if parameter.name in texts]
        if texts:
            node.outputs[parameter.name] = list_of_texts(texts)


def declare_skipped(node: Node, template: Template) -> None:
    """The outputs of a node that does not run: defaults where they are declared, else absent (OU-05, OU-06)."""
    for parameter in template.outputs.parameters:
        node.outputs[parameter.name] = None if parameter.default is None else resolve(parameter.default, {})
    for artifact in template.outputs.artifacts:
        node.output_artifacts[artifact.name] = None


def offer(node: Node, template: Template, scope: Scope, prefix: str) -> None:
    """Make what a node gives known to its siblings, as ``steps.NAME.…`` or ``tasks.NAME.…`` (TG-12)."""
    call = node.call
    if call is None:
        return
    stem = f"{prefix}.{call.name}"
    values = scope.values
    values[f"{stem}.id"] = node.id
    values[f"{stem}.status"] = node.phase.value
    values[f"{stem}.startedAt"] = _rfc3339(node.started)
    values[f"{stem}.finishedAt"] = _rfc3339(node.finished)
    if node.exit_code is not None:
        values[f"{stem}.exitCode"] = str(node.exit_code)
    if gives_result(template):
        values[f"{stem}.outputs.result"] = node.result
    for parameter in template.outputs.parameters:
        if parameter.name in node.outputs:
            values[f"{stem}.outputs.parameters.{parameter.name}"] = node.outputs[parameter.name]
    for artifact in template.outputs.artifacts:
        scope.artifacts[f"{stem}.outputs.artifacts.{artifact.name}"] = node.output_artifacts.get(artifact.name)


def _parameter(parameter: OutputParameter, scope: Scope) -> str | None:
    problem = "it has neither a source nor a default"
    if parameter.source is not None:
        try:
            text = resolve(parameter.source, scope.values)
        except ExpressionError as exc:
            problem = str(exc)
        else:
            if text is not None:
                return text
            problem = "its source was skipped, and it has no default"
    if parameter.default is not None:
        return resolve(parameter.default, scope.values)
    raise ExpressionError(f"output parameter {parameter.name!r}: {problem}")


def _rfc3339(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
