"""All checks of some documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dflow.engine.near import near
from dflow.exporters.argo.lint import (
    calls,
    containers,
    cron,
    dags,
    document,
    library,
    names,
    parameters,
    references,
    resources,
    schema,
    secrets,
    skipped,
    spec,
    templates,
)
from dflow.exporters.argo.lint.findings import Finding, Notes
from dflow.exporters.argo.lint.shapes import calls_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

__all__ = ["run"]

_VERSION = "argoproj.io/v1alpha1"
_OTHERS = ("WorkflowEventBinding", "WorkflowTaskSet", "WorkflowArtifactGCTask", "WorkflowTaskResult")


def run(documents: Iterable[object], found_secrets: Collection[str], lines: Sequence[dict[str, int]]) -> list[Finding]:
    """The findings of all documents, in order; ``lines`` has the lines of the fields of each where they are known."""
    read: list[library.Document] = []
    originals: list[object] = []
    notes: list[Notes] = []
    for index, original in enumerate(documents):
        own = Notes(index)
        notes.append(own)
        body, kind = _body(original, own)
        originals.append(original)
        read.append(library.read(index, kind, body))
    shared = library.Library(read)
    found: list[Finding] = []
    for own, parsed, original in zip(notes, read, originals, strict=True):
        if parsed.kind:
            _document(parsed, original, shared, own)
            secrets.check(original, found_secrets, own)
        places = lines[own.document] if own.document < len(lines) else {}
        found.extend(own.placed(places) if places else own.found)
    return found


def _body(original: object, notes: Notes) -> tuple[dict[str, Any], str]:
    """The checked fields and the kind; an empty kind where it is no document to look at."""
    if not isinstance(original, Mapping):
        notes.error("DOC-01", "", f"a document is a map, this is a {type(original).__name__}")
        return {}, ""
    version, kind = original.get("apiVersion"), original.get("kind")
    if isinstance(version, str) and version and not version.startswith("argoproj.io/"):
        return {}, ""
    if version != _VERSION:
        notes.error(
            "DOC-01",
            "apiVersion",
            f"{'it is missing' if version is None else f'{version!r} is not known'}; write {_VERSION}",
        )
    if isinstance(kind, str) and kind in schema.KINDS:
        return schema.checked(dict(original), kind, notes), kind
    if not isinstance(kind, str) or kind not in _OTHERS:
        known = near(kind, schema.KINDS) if isinstance(kind, str) else ""
        notes.error("DOC-01", "kind", f"{kind!r} is no kind that is checked here: {', '.join(schema.KINDS)}{known}")
    return {}, ""


def _document(parsed: library.Document, original: object, shared: library.Library, notes: Notes) -> None:
    document.check(parsed, original, notes)
    names.check_document(parsed, notes)
    spec.check(parsed, shared, notes)
    if parsed.kind == "CronWorkflow":
        cron.check(parsed, notes)
    waiting = list(reversed(parsed.listed))
    while waiting:
        template = waiting.pop()
        _template(template, parsed, shared, notes)
        waiting.extend(
            library.Template(call["inline"], f"{path}.inline", template.owner)
            for call, path in calls_of(template.fields, template.path)
            if "inline" in call
        )
    references.check(parsed, shared, notes)


def _template(template: library.Template, parsed: library.Document, shared: library.Library, notes: Notes) -> None:
    names.check_template(template, notes)
    templates.check_template(template, parsed, notes)
    containers.check_template(template, parsed, notes)
    resources.check_template(template, notes)
    parameters.check_template(template, notes)
    calls.check_template(template, shared, notes)
    dags.check_template(template, notes)
    skipped.check_template(template, shared, notes)
    for kind in ("container", "script"):
        if kind in template.fields:
            secrets.check_environment(template.fields[kind], f"{template.path}.{kind}", notes)
