"""What of a graph cannot be run on this machine, said before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import CompileError, ExpressionError
from dflow.engine.model import ArtifactList, DagTemplate, Literal, ResourceTemplate, StepsTemplate, StoredArtifact
from dflow.engine.store import stored_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import ArtifactSource, Call, Template, WorkflowGraph

__all__ = ["from_elsewhere", "problems", "refuse", "stored_artifacts"]


def refuse(graph: WorkflowGraph, layout: RunLayout | None = None, *, reaches_store: bool = False) -> None:
    """Raise CompileError when a graph cannot be run here; the arguments are those of :func:`problems`."""
    found = problems(graph, layout, reaches_store=reaches_store)
    if found:
        raise CompileError(found)


def problems(graph: WorkflowGraph, layout: RunLayout | None = None, *, reaches_store: bool = False) -> list[str]:
    """What cannot be run here, one line for each, with its place.

    Args:
        layout: the run's directory, when it has one: what is in its artifact store is there.
        reaches_store: an object store is asked for keys that nothing in the workflow makes.
    """
    return [*_resources(graph), *([] if reaches_store else _keys(graph, layout))]


def _resources(graph: WorkflowGraph) -> list[str]:
    found = {t.name: t for t in graph.templates if isinstance(t, ResourceTemplate)}
    if not found:
        return []
    reached = sorted(_reached(graph) & found.keys())
    if not reached:
        return []
    from dflow.engine.kubectl import why_no_cluster  # noqa: PLC0415 - few workflows make objects of a cluster

    why = why_no_cluster()
    if why is None:
        return []
    return [
        f"template {name!r}: a resource template ({found[name].action}) needs a cluster, and {why}; submit the "
        "workflow to an Argo server, or set up kubectl, or replace the template"
        for name in reached
    ]


def _reached(graph: WorkflowGraph) -> set[str]:
    """The names of the templates that a run may come to."""
    templates = {template.name: template for template in graph.templates}
    waiting = [graph.entrypoint, *(hook.call.template for hook in graph.hooks)]
    waiting += [] if graph.on_exit is None else [graph.on_exit]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached and name in templates:
            reached.add(name)
            for call in _calls(templates[name]):
                waiting += [call.template, *(hook.call.template for hook in call.hooks)]
    return reached


def _calls(template: Template) -> Iterator[Call]:
    if isinstance(template, StepsTemplate):
        for group in template.groups:
            yield from group
    elif isinstance(template, DagTemplate):
        yield from template.tasks


def _keys(graph: WorkflowGraph, layout: RunLayout | None) -> list[str]:
    """Keys of the artifact store that are looked up, and that nothing can have put there."""
    found = []
    for place, key in dict.fromkeys(
        (place, key) for place, key, is_optional in from_elsewhere(graph) if not is_optional
    ):
        try:
            is_there = layout is not None and layout.root.joinpath(stored_at(str(layout.store), key)).exists()
        except ExpressionError as exc:
            found.append(f"{place}: {exc}")
            continue
        if not is_there:
            found.append(f"{place}: no step keeps anything under the key {key!r}, and there is no upload of this name")
    return found


def _overlap(one: str, other: str) -> bool:
    one, other = f"{one.strip('/')}/", f"{other.strip('/')}/"
    return one.startswith(other) or other.startswith(one)


def stored_artifacts(graph: WorkflowGraph) -> Iterator[tuple[str, str, bool]]:
    """Places, the keys of the artifact store that are named there, and whether the steps can do without.

    Only what is known before the run.
    """
    for name, source in graph.artifacts:
        for key in _keys_of(source):
            yield f"workflow artifact {name!r}", key, False
    for template in graph.templates:
        for artifact in template.inputs.artifacts:
            for key in _keys_of(artifact.source):
                yield f"input artifact {artifact.name!r} of template {template.name!r}", key, artifact.optional
        for call in _calls(template):
            for name, source in call.artifacts:
                for key in _keys_of(source):
                    place = f"artifact {name!r} of {call.name!r} in template {template.name!r}"
                    yield place, key, _is_optional(graph, call, name)


def from_elsewhere(graph: WorkflowGraph) -> list[tuple[str, str, bool]]:
    """Of :func:`stored_artifacts`, those under keys that no step of the workflow itself can make."""
    kept = [artifact.key for template in graph.templates for artifact in template.outputs.artifacts if artifact.key]
    if not all(isinstance(key, Literal) for key in kept):
        return []
    known = [key.text for key in kept if isinstance(key, Literal)]
    return [found for found in stored_artifacts(graph) if not any(_overlap(found[1], key) for key in known)]


def _is_optional(graph: WorkflowGraph, call: Call, name: str) -> bool:
    callee = next((template for template in graph.templates if template.name == call.template), None)
    return callee is not None and any(a.name == name and a.optional for a in callee.inputs.artifacts)


def _keys_of(source: ArtifactSource | None) -> Iterator[str]:
    """The keys that a source is made of, as far as they are known."""
    if isinstance(source, ArtifactList):
        for _, member in source.members:
            yield from _keys_of(member)
    elif isinstance(source, StoredArtifact) and isinstance(source.key, Literal):
        yield source.key.text
