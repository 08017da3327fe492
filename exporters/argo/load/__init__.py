"""Argo manifests as graphs, to run them here.

What is wrong with a manifest, and what cannot be run without a cluster, is collected and raised before anything
starts; what is merely not used here (images, resources, volumes …) is noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.engine.model import WorkflowGraph

__all__ = ["Loaded", "documents_of", "load", "load_text"]

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A workflow that was read.

    Attributes:
        graph: what is run.
        notes: what the manifest says and is not used here, one line each.
    """

    graph: WorkflowGraph
    notes: tuple[str, ...] = ()


def load(
    documents: Mapping[str, object] | Iterable[object],
    *,
    uploads: Mapping[str, str] = _NOTHING,
    entrypoint: str | None = None,
    parameters: Mapping[str, str] = _NOTHING,
) -> Loaded:
    """The graph of one manifest, or of several that belong together.

    Args:
        documents: a Workflow, CronWorkflow, WorkflowTemplate or ClusterWorkflowTemplate, and what it refers to;
            ConfigMaps among them give the values of ``configMapKeyRef``.
        uploads: keys of the artifact store, and the local paths of what is there.
        entrypoint: the template that runs first, in place of what the manifest says.
        parameters: workflow parameters by name, in place of what the manifest says.

    Raises:
        CompileError: what the linter finds, with the ids of its rules; else what is no workflow that can be run here.
    """
    from dflow.exporters.argo.load.reading import Choice, read  # noqa: PLC0415 - many modules, and not always used
    from dflow.exporters.argo.load.spec import graph_of  # noqa: PLC0415

    given = [documents] if isinstance(documents, Mapping) else list(documents)
    return Loaded(*graph_of(read(given, Choice(entrypoint, parameters)), uploads))


def load_text(
    text: str,
    *,
    uploads: Mapping[str, str] = _NOTHING,
    entrypoint: str | None = None,
    parameters: Mapping[str, str] = _NOTHING,
) -> Loaded:
    """The graph of the manifests of a YAML or JSON text; the rest is as in ``load``, with the lines of problems."""
    from dflow.exporters.argo.load.reading import Choice, read_text  # noqa: PLC0415
    from dflow.exporters.argo.load.spec import graph_of  # noqa: PLC0415

    return Loaded(*graph_of(read_text(text, Choice(entrypoint, parameters)), uploads))


def documents_of(text: str) -> tuple[Any, ...]:
    """The documents of a YAML or JSON text as plain data, read as Argo reads them.

    Raises:
        CompileError: it is no YAML.
    """
    from dflow.engine.errors import CompileError  # noqa: PLC0415
    from dflow.exporters.argo.lint.yamltext import TextError  # noqa: PLC0415
    from dflow.exporters.argo.lint.yamltext import load as read_yaml  # noqa: PLC0415

    try:
        return tuple(part.value for part in read_yaml(text))
    except TextError as exc:
        raise CompileError([f"DOC-02 line {exc.line or 1}: this is no YAML: {exc}"]) from None
