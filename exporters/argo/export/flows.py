"""How artifacts go through a workflow, where Argo needs help to pass them on.

Two kinds are followed. What the copies of a loop have put together lies under a key of the store and is no artifact of
Argo's (LP-06): whoever uses it is told the key. And where a loop goes over the elements of an artifact, their number
goes along with it, as a parameter: no pod has to fetch the artifact in order to count.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.catalog import read_catalog
from dflow.engine.model import (
    ArtifactFrom,
    ArtifactList,
    DagTemplate,
    Expr,
    Literal,
    LocalArtifact,
    Ref,
    StepsTemplate,
    StoredArtifact,
)
from dflow.exporters.argo.export.hoisting import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.model import ArtifactSource, Call, Template, Value, WorkflowGraph

__all__ = ["Flows", "calls_of", "count_name", "counted_source", "key_name", "store_of"]

Port = tuple[str, str]
"""The name of a template, and of an artifact of it."""


def count_name(artifact: str) -> str:
    """The parameter that carries how many elements an artifact has."""
    return f"dflow_count_{artifact}"


def key_name(artifact: str) -> str:
    """The output parameter of a Steps or DAG that carries the key of an artifact."""
    return f"dflow_key_{artifact}"


def store_of(call_name: str) -> str:
    """The key under which the copies of a loop leave what is stacked, as a text that its siblings can use too."""
    return "{{workflow.name}}/{{=sprig.sha256sum(node.name)}}/" + call_name


def calls_of(template: Template) -> Iterator[Call]:
    """The calls of a template, with their hooks."""
    groups = template.groups if isinstance(template, StepsTemplate) else ()
    calls = [call for group in groups for call in group]
    calls += template.tasks if isinstance(template, DagTemplate) else ()
    for call in calls:
        yield call
        yield from (hook.call for hook in call.hooks)


class Flows:
    """Which artifacts need help.

    Attributes:
        keyed: output artifacts of Steps and DAGs that are stacked somewhere inside.
        counted_inputs, counted_outputs: artifacts whose number of elements somebody needs.
    """

    def __init__(self, graph: WorkflowGraph) -> None:
        self._templates = {template.name: template for template in graph.templates}
        self._calls = {t.name: {call.name: call for call in calls_of(t)} for t in graph.templates}
        self.keyed: set[Port] = set()
        self.counted_inputs: set[Port] = set()
        self.counted_outputs: set[Port] = set()
        while self._find_keyed():
            pass
        for template in graph.templates:
            for call in calls_of(template):
                source = counted_source(call)
                if source is not None:
                    self._want_count(template.name, source)

    def key_of(self, template: str, source: ArtifactSource) -> str | None:
        """The key of an artifact that a call in this template names; None where Argo passes it on."""
        if isinstance(source, ArtifactFrom) and isinstance(source.value, Expr):
            return next((key for key in self.keys_in(template, source.value).values() if key is not None), None)
        child, artifact = _child_output(source)
        call = self._calls[template].get(child) if child else None
        if call is None:
            return None
        if self.is_stacked(call, artifact):
            return f"{store_of(child)}/{artifact}"
        if (call.template, artifact) in self.keyed:
            prefix = "steps" if isinstance(self._templates[template], StepsTemplate) else "tasks"
            return "{{" + f"{prefix}.{child}.outputs.parameters.{key_name(artifact)}" + "}}"
        return None

    def keys_in(self, template: str, choice: Expr) -> dict[str, str | None]:
        """The artifacts of steps that an expression chooses between, with their keys."""
        paths = sorted(".".join(path) for path in names_of(choice))
        return {
            path: self.key_of(template, ArtifactFrom(Ref(path)))
            for path in paths
            if _child_output(ArtifactFrom(Ref(path)))[0]
        }

    def is_stacked(self, call: Call, artifact: str) -> bool:
        """Whether the copies of a call put this artifact together."""
        slices = call.loop.slices if call.loop else None
        return slices is not None and artifact in slices.output_artifacts

    def count_of(self, source: ArtifactSource) -> Value | None:
        """How many elements an artifact has, as a value of the template that names it; None where nobody can tell."""
        if isinstance(source, LocalArtifact):
            return Literal(str(_elements(Path(source.path))))
        if isinstance(source, ArtifactList):
            return Literal(str(len(source.members)))
        if isinstance(source, StoredArtifact):
            return None if source.count is None else Literal(str(source.count))
        if isinstance(source, ArtifactFrom) and isinstance(source.value, Ref) and not source.element:
            *path, kind, name = source.value.path.split(".")
            return Ref(".".join((*path, "parameters", count_name(name)))) if kind == "artifacts" else None
        return None

    def _find_keyed(self) -> bool:
        before = len(self.keyed)
        for template in self._templates.values():
            for artifact in template.outputs.artifacts:
                if artifact.source is not None and self.key_of(template.name, artifact.source) is not None:
                    self.keyed.add((template.name, artifact.name))
        return len(self.keyed) > before

    def _want_count(self, template: str, source: ArtifactSource) -> None:
        child, artifact = _child_output(source)
        if child:
            call = self._calls[template].get(child)
            if call is None or (call.template, artifact) in self.counted_outputs:
                return
            self.counted_outputs.add((call.template, artifact))
            for output in self._templates[call.template].outputs.artifacts:
                if output.name == artifact and output.source is not None:
                    self._want_count(call.template, output.source)
            return
        name = _own_input(source)
        if name is None or (template, name) in self.counted_inputs:
            return
        self.counted_inputs.add((template, name))
        for other, calls in self._calls.items():
            for call in calls.values():
                given = dict(call.artifacts).get(name) if call.template == template else None
                if given is not None:
                    self._want_count(other, given)


def counted_source(call: Call) -> ArtifactSource | None:
    """The artifact that a call goes over, where only the artifact tells how many copies there are."""
    slices = call.loop.slices if call.loop else None
    if slices is None or call.loop is None or call.loop.items is not None:
        return None
    if any(name in slices.input_parameters for name, _ in call.parameters):
        return None
    return next((source for name, source in call.artifacts if name in slices.input_artifacts), None)


def _child_output(source: ArtifactSource) -> tuple[str, str]:
    """The step and the output artifact that a source names; two empty texts for any other."""
    if isinstance(source, ArtifactFrom) and isinstance(source.value, Ref):
        path = source.value.path.split(".")
        if path[0] in ("steps", "tasks") and path[2:4] == ["outputs", "artifacts"] and len(path) == 5:
            return path[1], path[4]
    return "", ""


def _own_input(source: ArtifactSource) -> str | None:
    if isinstance(source, ArtifactFrom) and isinstance(source.value, Ref):
        path = source.value.path.split(".")
        if path[:2] == ["inputs", "artifacts"]:
            return path[2]
    return None


def _elements(path: Path) -> int:
    catalog = read_catalog(path)
    if catalog is None:
        return len(list(path.iterdir())) if path.is_dir() else 1
    return len({str(item["order"]).partition(".")[0] for item in catalog})
