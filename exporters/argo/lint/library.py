"""The documents that are checked together, and what a call in one of them calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Callee", "Document", "Library", "Template"]

Fields = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Template:
    """A template and its place.

    Attributes:
        fields: what it says.
        path: where it stands in its document.
        owner: which document.
    """

    fields: Fields
    path: str
    owner: int


@dataclass(frozen=True)
class Document:
    """A document whose fields have their types.

    Attributes:
        index: which one, counted from 0.
        kind: such as ``Workflow``.
        body: all of it.
        spec: that of the workflow; for a cron workflow the one inside.
        path: where ``spec`` stands.
        templates: those with a name; the first one of a name.
    """

    index: int
    kind: str
    body: Fields
    spec: Fields
    path: str
    templates: dict[str, Template] = field(default_factory=dict)

    @property
    def metadata(self) -> Fields:
        """The metadata of the document itself."""
        return self.body.get("metadata") or {}

    @property
    def is_template(self) -> bool:
        """Whether other workflows use the templates of it, with settings that are not here."""
        return self.kind in {"WorkflowTemplate", "ClusterWorkflowTemplate"}

    @property
    def listed(self) -> list[Template]:
        """All templates of the list, also those without a name."""
        rows = self.spec.get("templates", [])
        return [Template(row, f"{self.path}.templates[{index}]", self.index) for index, row in enumerate(rows)]


def read(index: int, kind: str, body: Fields) -> Document:
    """A document from its checked fields."""
    outer = body.get("spec", {})
    spec, path = (outer.get("workflowSpec", {}), "spec.workflowSpec") if kind == "CronWorkflow" else (outer, "spec")
    document = Document(index, kind, body, spec, path)
    for template in document.listed:
        document.templates.setdefault(template.fields.get("name", ""), template)
    document.templates.pop("", None)
    return document


@dataclass(frozen=True)
class Callee:
    """What is called.

    Attributes:
        template: None when it is not known before the workflow runs, or missing.
        missing: what does not exist; empty when it exists or cannot be known.
    """

    template: Template | None
    missing: str = ""


class Library:
    """All documents, by name."""

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self.by_name: dict[tuple[str, str], Document] = {}
        for document in documents:
            name = document.metadata.get("name", "")
            self.by_name.setdefault((document.kind, name), document)

    def referenced(self, ref: Fields) -> Document | None:
        """The document that a ``templateRef`` or ``workflowTemplateRef`` names."""
        kind = "ClusterWorkflowTemplate" if ref.get("clusterScope") else "WorkflowTemplate"
        return self.by_name.get((kind, ref.get("name", "")))

    def base(self, document: Document) -> Document | None:
        """The document that ``workflowTemplateRef`` of another one names."""
        ref = document.spec.get("workflowTemplateRef")
        return self.referenced(ref) if ref else None

    def named(self, document: Document, name: str) -> Template | None:
        """A template by name, also one that is inherited."""
        own = document.templates.get(name)
        base = None if own else self.base(document)
        return base.templates.get(name) if base is not None else own

    def callee(self, call: Fields, owner: int, path: str) -> Callee:
        """What a step, task or hook calls."""
        if "inline" in call:
            return Callee(Template(call["inline"], f"{path}.inline", owner))
        if "templateRef" in call:
            return self._by_reference(call["templateRef"])
        name = call.get("template", "")
        if not name or "{{" in name:
            return Callee(None)
        document = self.documents[owner]
        found = self.named(document, name)
        if found is None and "workflowTemplateRef" in document.spec and self.base(document) is None:
            return Callee(None)
        return Callee(found, "" if found else f"a template {name!r}")

    def _by_reference(self, ref: Fields) -> Callee:
        name, template = ref.get("name", ""), ref.get("template", "")
        if not name or not template or "{{" in name or "{{" in template:
            return Callee(None)
        document = self.referenced(ref)
        if document is None:
            kind = "ClusterWorkflowTemplate" if ref.get("clusterScope") else "WorkflowTemplate"
            return Callee(None, f"a {kind} {name!r} among the given documents")
        found = document.templates.get(template)
        return Callee(found, "" if found else f"a template {template!r} in {document.kind} {name!r}")
