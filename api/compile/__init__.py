"""From the objects a script builds to the graph that the engine runs. Nothing of the script is changed.

The objects are read when the workflow is submitted. All problems are collected and reported in one go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.compile.check import check_graph
from dflow.compile.kinds import right_workflow
from dflow.compile.merge import merge
from dflow.compile.problems import Problems
from dflow.compile.templates import TemplateCompiler
from dflow.config import config
from dflow.engine.errors import CompileError
from dflow.engine.model import WorkflowGraph
from dflow.python.values import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.op_template import OPTemplate
    from dflow.workflow import Workflow

__all__ = ["compile_template", "compile_with_secrets", "compile_workflow"]


def compile_workflow(workflow: Workflow, *, on_cluster: bool = False) -> WorkflowGraph:
    """The graph of a workflow.

    Args:
        on_cluster: it is for a cluster, where nothing of the engine is: what executors render is in it, for those too
            that the engine uses itself.

    Raises:
        CompileError: the workflow cannot run as it is; the error lists everything that is wrong with it.
    """
    return compile_with_secrets(workflow, on_cluster=on_cluster)[0]


def compile_with_secrets(workflow: Workflow, *, on_cluster: bool = False) -> tuple[WorkflowGraph, dict[str, str]]:
    """The graph of a workflow, and what must not be in it: the values of secrets, by ``engine.secrets.address``.

    Raises:
        CompileError: as :func:`compile_workflow`.
    """
    if workflow.compiled is not None:  # it was read from a manifest
        return workflow.compiled, {}
    problems = Problems()
    if workflow.entrypoint is None:
        raise CompileError([f"workflow {workflow.name!r}: it has no steps; add some with wf.add(...)"])
    if not right_workflow(workflow, problems):
        raise CompileError(problems.found)
    compiler = TemplateCompiler(problems, workflow.context, on_cluster=on_cluster)
    entry, on_exit = compiler.compile(workflow.entrypoint, workflow.name, workflow.on_exit)
    templates, names = merge(compiler.templates)
    graph = WorkflowGraph(
        name=workflow.name,
        entrypoint=names[entry],
        templates=templates,
        parameters=_texts(workflow.parameters),
        parallelism=workflow.parallelism,
        on_exit=None if on_exit is None else names[on_exit],
        labels=_texts(workflow.labels),
        annotations=_texts({**(config["workflow_annotations"] or {}), **(workflow.annotations or {})}),
        kubernetes=_kubernetes(workflow, problems),
    )
    check_graph(graph, problems)
    if problems.found:
        raise CompileError(problems.found if workflow.places is None else workflow.places.placed(problems.found))
    return graph, compiler.secrets.values


def compile_template(template: OPTemplate) -> WorkflowGraph:
    """A graph of a template alone, to be looked at: values of its inputs may be missing.

    Raises:
        CompileError: lists what cannot be read.
    """
    problems = Problems()
    compiler = TemplateCompiler(problems)
    entry, _ = compiler.compile(template, template.name)
    templates, names = merge(compiler.templates)
    if problems.found:
        raise CompileError(problems.found)
    return WorkflowGraph(name=template.name, entrypoint=names[entry], templates=templates)


def _texts(values: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, encode(value)) for name, value in (values or {}).items())


def _kubernetes(workflow: Workflow, problems: Problems) -> str | None:
    """What only a cluster understands of a workflow, as JSON text; secrets are named, never told."""
    secrets = workflow.image_pull_secrets or []
    names = [_secret_name(given, problems) for given in (secrets if isinstance(secrets, (list, tuple)) else [secrets])]
    values = {
        "pod_gc_strategy": workflow.pod_gc_strategy,
        "image_pull_secrets": [name for name in names if name],
        "artifact_repo_key": workflow.artifact_repo_key,
    }
    values = {name: value for name, value in values.items() if value}
    return json.dumps(values, sort_keys=True) if values else None


def _secret_name(given: Any, problems: Problems) -> str | None:
    if isinstance(given, str):
        return given
    name = given.get("name") if isinstance(given, dict) else getattr(given, "name", None)
    if name is None:
        problems.add(f"image_pull_secrets: {type(given).__name__} has no name; give that of a secret of the cluster")
    return None if name is None else str(name)
