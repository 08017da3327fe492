"""The graph of a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.model import Literal, WorkflowGraph
from dflow.exporters.argo.load.artifacts import source_of
from dflow.exporters.argo.load.book import Book
from dflow.exporters.argo.load.calls import CallReader
from dflow.exporters.argo.load.context import Context
from dflow.exporters.argo.load.ignored import note_spec
from dflow.exporters.argo.load.ports import given_text
from dflow.exporters.argo.load.stores import check_keys
from dflow.exporters.argo.load.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import ArtifactSource, Hook, Value
    from dflow.exporters.argo.load.calls import Target
    from dflow.exporters.argo.load.reading import Manifest

__all__ = ["graph_of"]

_DEFAULT_NAME = "workflow"

Fields = dict[str, Any]


def graph_of(manifest: Manifest, uploads: Mapping[str, str]) -> tuple[WorkflowGraph, tuple[str, ...]]:
    """The graph of what is run, and what is not used of its manifest.

    Raises:
        CompileError: it cannot be run here.
    """
    book, spec = Book(), manifest.spec
    for remark in manifest.remarks:
        book.note(remark)
    parameters = _parameters(spec, Context(book, {}, uploads, manifest.config_maps))
    labels, annotations = _marks(manifest, "labels"), _marks(manifest, "annotations")
    names = {f"workflow.parameters.{name}": text for name, text in parameters}
    context = Context(book, names, uploads, manifest.config_maps)
    templates = Templates(manifest, context)
    note_spec(spec, context)
    _note_document(manifest, book)
    entry, on_exit = templates.named(spec.get("entrypoint", "")), _on_exit(spec, templates)
    name = _name(manifest)
    hooks = _hooks(manifest, templates, context, name)
    graph = WorkflowGraph(
        name=name,
        entrypoint=entry.name if entry is not None else "",
        templates=templates.all(),
        parameters=parameters,
        parallelism=spec.get("parallelism"),
        on_exit=on_exit.name if on_exit is not None else None,
        labels=labels,
        annotations=annotations,
        artifacts=_artifacts(spec, context),
        hooks=hooks,
        deadline=_deadline(spec),
    )
    check_keys(graph, book)
    book.check()
    return graph, book.notes


def _name(manifest: Manifest) -> str:
    metadata = manifest.main.metadata
    return metadata.get("name") or metadata.get("generateName", "").rstrip("-.") or _DEFAULT_NAME


def _parameters(spec: Fields, context: Context) -> tuple[tuple[str, str], ...]:
    """The parameters of the workflow; each must have a value when it starts (SPEC-05)."""
    found = []
    for row in spec.get("arguments", {}).get("parameters", []):
        name = row.get("name", "")
        with context.book.at(f"workflow parameter {name!r}"):
            text = given_text(row, context)
            if text is None:
                context.book.problem(f"it has no value; give one, as with -p {name}=VALUE")
        found.append((name, text or ""))
    return tuple(found)


def _artifacts(spec: Fields, context: Context) -> tuple[tuple[str, ArtifactSource], ...]:
    found = []
    for row in spec.get("arguments", {}).get("artifacts", []):
        with context.book.at(f"workflow artifact {row.get('name', '')!r}"):
            source = source_of(row, context)
        if source is not None:
            found.append((row.get("name", ""), source))
    return tuple(found)


def _marks(manifest: Manifest, side: str) -> tuple[tuple[str, str], ...]:
    """Labels or annotations: those of the document, and those that are set on the workflows it makes."""
    own: dict[str, str] = dict(manifest.main.metadata.get(side, {})) if manifest.main.kind == "Workflow" else {}
    return tuple({**manifest.spec.get("workflowMetadata", {}).get(side, {}), **own}.items())


def _hooks(manifest: Manifest, templates: Templates, context: Context, name: str) -> tuple[Hook, ...]:
    main = manifest.main
    reader = CallReader(context, lambda call, path: templates.find(call, main.index, path))
    rows = {hook: row for hook, row in manifest.spec.get("hooks", {}).items() if hook != "exit" or not _is_plain(row)}
    return tuple(reader.hook(hook, fields, name, f"{main.path}.hooks.{hook}") for hook, fields in rows.items())


def _is_plain(hook: Fields) -> bool:
    """Whether a hook says no more than which template is called."""
    return bool(hook.get("template")) and not any(hook.get(name) for name in ("arguments", "expression", "templateRef"))


def _on_exit(spec: Fields, templates: Templates) -> Target | None:
    """The template of the exit handler; the hook ``exit`` is one, and comes before ``onExit``."""
    hook = spec.get("hooks", {}).get("exit")
    if hook is None:
        return templates.named(spec.get("onExit", ""))
    return templates.named(hook["template"]) if _is_plain(hook) else None


def _deadline(spec: Fields) -> Value | None:
    seconds = spec.get("activeDeadlineSeconds")
    return None if seconds is None else Literal(str(seconds))


def _note_document(manifest: Manifest, book: Book) -> None:
    body = manifest.main.body
    if manifest.main.kind == "CronWorkflow":
        spec = body.get("spec", {})
        times = ", ".join(spec.get("schedules", []) or [spec.get("schedule", "")])
        book.note(f"the schedule {times!r} is not followed: the workflow is run once, now")
    if manifest.spec.get("workflowMetadata", {}).get("labelsFrom"):
        book.note("workflowMetadata.labelsFrom is not used here")
