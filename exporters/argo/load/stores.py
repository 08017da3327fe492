"""Whether what is asked of the artifact store is there, or is put there by the workflow itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dflow.engine.model import DagTemplate, Expr, Literal, StepsTemplate, StoredArtifact, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.model import ArtifactSource, Template, Value, WorkflowGraph
    from dflow.exporters.argo.load.book import Book

__all__ = ["check_keys"]

_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def check_keys(graph: WorkflowGraph, book: Book) -> None:
    """A key that nothing gives and nothing makes is a problem; one with tags may be anything."""
    made = [artifact.key for template in graph.templates for artifact in template.outputs.artifacts]
    patterns = [_pattern(key) for key in made if key is not None]
    for place, source in _sources(graph):
        if isinstance(source, StoredArtifact) and isinstance(source.key, Literal):
            key = source.key.text.strip("/")
            if not any(_may_be(pattern, key) for pattern in patterns):
                with book.at(place):
                    book.problem(
                        f"the key {key!r} is in a store that is not reached from here, and no step makes it; "
                        "give it as an upload"
                    )


def _sources(graph: WorkflowGraph) -> Iterator[tuple[str, ArtifactSource | None]]:
    """All artifacts that must be there, and their places."""
    for name, source in graph.artifacts:
        yield f"workflow artifact {name!r}", source
    optional = {
        (template.name, artifact.name)
        for template in graph.templates
        for artifact in template.inputs.artifacts
        if artifact.optional
    }
    for template in graph.templates:
        for artifact in template.inputs.artifacts:
            if not artifact.optional:
                yield f"template {template.name!r}, input artifact {artifact.name!r}", artifact.source
        yield from _arguments(template, optional)


def _arguments(template: Template, optional: set[tuple[str, str]]) -> Iterator[tuple[str, ArtifactSource | None]]:
    groups = template.groups if isinstance(template, StepsTemplate) else ()
    calls = template.tasks if isinstance(template, DagTemplate) else [call for group in groups for call in group]
    for call in calls:
        for one in (call, *(hook.call for hook in call.hooks)):
            for name, source in one.artifacts:
                if (one.template, name) not in optional:
                    yield f"template {template.name!r}, {one.name!r}, artifact {name!r}", source


def _pattern(key: Value) -> list[str]:
    """The parts of a key between its tags."""
    match key:
        case Literal(text):
            return [text.strip("/")]
        case Text(source):
            return _TAG.split(source.strip("/"))
        case Expr():
            return ["", ""]
    return ["", ""]


def _may_be(pattern: list[str], key: str) -> bool:
    """Whether a key that is made can be this one, or something above or below it."""
    text = ".*".join(map(re.escape, pattern))
    if len(pattern) > 1:
        return re.match(rf"{text}(/.*)?\Z", key, re.DOTALL) is not None or key.startswith(pattern[0]) or not pattern[0]
    own = pattern[0]
    return key == own or key.startswith(f"{own}/") or own.startswith(f"{key}/")
