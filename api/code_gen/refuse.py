"""What a graph can say and the API of this version cannot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.engine import model
from dflow.engine.errors import UnsupportedError
from dflow.engine.records import records_in
from dflow.step import HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FOR_KUBERNETES", "refuse_what_cannot_be_written", "unsayable"]

_RECORDS = {
    model.SuspendTemplate: "is a suspend template",
    model.ResourceTemplate: "is a resource template",
    model.RawArtifact: "has a raw artifact",
}
_FIELDS = {
    model.Call: ("depends",),
    model.DagTemplate: ("targets", "memoize_age", "helper", "around_loop"),
    model.Loop: ("helper",),
    model.OutputParameter: ("supplied", "query"),
    model.HttpTemplate: ("pod",),
    model.ScriptTemplate: ("memoize_age", "result", "helper"),
    model.StepsTemplate: ("memoize_age", "helper"),
    model.WorkflowGraph: ("artifacts", "hooks", "deadline"),
}
FOR_KUBERNETES = ("pod_gc_strategy", "image_pull_secrets", "artifact_repo_key")
"""Arguments of a workflow that are in the JSON of its graph."""

_LANGUAGES = ("shell", "python", "container")


def refuse_what_cannot_be_written(graph: model.WorkflowGraph) -> None:
    """Do nothing when the API can say all that the graph says.

    Raises:
        UnsupportedError: it cannot; lists everything.
    """
    found = [*unsayable(graph), *_classes(graph)]
    if found:
        raise UnsupportedError("\n".join(["the API cannot say everything that this workflow says:", *_listed(found)]))


def unsayable(graph: model.WorkflowGraph) -> list[str]:
    """What the graph says and the API has no words for, each with its place."""
    found = [f"the workflow {text}" for text in _own(graph)]
    for template in graph.templates:
        found += [f"template {template.name!r} {text}" for text in dict.fromkeys(_offences(template))]
    return found


def _classes(graph: model.WorkflowGraph) -> list[str]:
    """Artifacts of classes that are in the graph as a whole, and in no script."""
    found = {record.loader.name: None for record in records_in(graph) if isinstance(record, model.CustomArtifact)}
    return [f"the workflow has an artifact of the class {name!r}" for name in found]


def _listed(lines: list[str]) -> list[str]:
    return [f"  - {line}" for line in lines]


def _offences(record: Any) -> Iterator[str]:
    for one in records_in(record):
        yield from _own(one)


def _own(record: Any) -> Iterator[str]:
    if type(record) in _RECORDS:
        yield _RECORDS[type(record)]
    for name in _FIELDS.get(type(record), ()):
        if getattr(record, name) != type(record).__dataclass_fields__[name].default:
            yield f"has {name!r}" if not isinstance(record, model.Call) else f"has a task with {name!r}"
    match record:
        case model.StoredArtifact(key) if not isinstance(key, model.Literal):
            yield "has an artifact of an object store whose key has tags"
        case model.OutputArtifact(key=key, save=None) if key is not None:
            yield "has 'key'"
        case model.Call(hooks=hooks):
            yield from (f"has a hook {h.name!r}" for h in hooks if HOOKS.get(h.name, ("", None))[1] != h.phases)
            yield from (f"has a hook of the hook {h.name!r}" for h in hooks if h.call.hooks)
        case model.WorkflowGraph(kubernetes=str(text)):
            unknown = sorted(set(json.loads(text)) - set(FOR_KUBERNETES))
            yield from (f"has {name!r} for a cluster" for name in unknown)
        case model.ScriptTemplate():
            yield from _of_script(record)


def _of_script(record: model.ScriptTemplate) -> Iterator[str]:
    match record:
        case model.ScriptTemplate(language=language) if language not in _LANGUAGES:
            yield f"is a script in {language!r}"
        case model.ScriptTemplate(language="container", script=script) if script is not None:
            yield "is a container with a script"
        case model.ScriptTemplate(language=language, args=args, script=script) if language != "container":
            if args or script is None:
                yield "is a program without a script, or with arguments, that is no container"
