"""What all parts of one export share."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.export.flows import Flows, calls_of

if TYPE_CHECKING:
    from dflow.engine.model import Template, WorkflowGraph
    from dflow.exporters.argo.export.records import Options, Upload

__all__ = ["Context", "digest"]


class Context:
    """The graph, what is collected while it is exported, and what is known of its templates.

    Attributes:
        uploads: by key.
        templates: the manifest's templates by name.
        problems: what cannot be exported, each with its place.
        keyed: templates with calls that have a key.
        timed: templates that get their time limit from a call.
        flows: which artifacts need help.
        inside: the template of the graph that is being exported.
        cache: what the names of the caches of reused steps begin with.
    """

    def __init__(self, graph: WorkflowGraph, options: Options) -> None:
        self.graph = graph
        self.options = options
        self.uploads: dict[str, Upload] = {}
        self.templates: dict[str, dict[str, Any]] = {}
        self.places: dict[str, str] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.flows = Flows(graph)
        self.inside = ""
        self.cache = ""
        self._by_name = {template.name: template for template in graph.templates}
        calls = [call for template in graph.templates for call in calls_of(template)]
        self.keyed = {call.template for call in calls if call.key is not None}
        self.timed = {call.template for call in calls if call.timeout is not None}

    def template(self, name: str) -> Template:
        """A template of the graph."""
        return self._by_name[name]

    def add(self, template: dict[str, Any], place: str) -> str:
        """Put a template into the manifest; its name."""
        name = str(template["name"])
        if self.templates.setdefault(name, template) != template:
            self.problems.append(f"{place}: two different templates of the manifest would have the name {name!r}")
        self.places[name] = place
        return name

    def upload(self, upload: Upload) -> str:
        """Put something on the list of uploads; its key."""
        self.uploads[upload.key] = upload
        return upload.key

    def key(self, *parts: str) -> str:
        """A key in the artifact store."""
        return "/".join(part for part in (self.options.key_prefix, *parts) if part)


def digest(*parts: Any) -> str:
    """A short text that tells what is in the parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:10]
