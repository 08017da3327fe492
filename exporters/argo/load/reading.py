"""Documents, checked by the linter, and which of them is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import CompileError
from dflow.exporters.argo.lint import Finding, Severity
from dflow.exporters.argo.lint.check import run
from dflow.exporters.argo.lint.findings import Notes
from dflow.exporters.argo.lint.library import Document, Library
from dflow.exporters.argo.lint.library import read as read_document
from dflow.exporters.argo.lint.schema import KINDS, checked
from dflow.exporters.argo.load.merging import merged_spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.exporters.argo.lint.yamltext import Text

__all__ = ["Choice", "Manifest", "chosen", "read", "read_text"]

_RUNNABLE = ("Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate")
_MOST_EXACT = 1 << 53
_SEEN_LATER = "X-02"
"""A condition that cannot be decided: the node is an Error here as it is there (WH-01)."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """What is chosen when a workflow is started, in place of what its manifest says."""

    entrypoint: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What is run.

    Attributes:
        main: its document.
        spec: with what it inherits from the document that it refers to.
        library: all documents.
        config_maps: the data of ConfigMaps, by name.
        remarks: what is to be noted.
    """

    main: Document
    spec: Fields
    library: Library
    config_maps: Mapping[str, Mapping[str, str]]
    remarks: tuple[str, ...] = ()


def read_text(text: str, choice: Choice) -> Manifest:
    """The manifest of a text.

    Raises:
        CompileError: it is no YAML, or the linter finds something.
    """
    from dflow.exporters.argo.lint.yamltext import TextError, load  # noqa: PLC0415 - yaml is imported where it is used

    try:
        parts = load(text)
    except TextError as exc:
        raise CompileError([f"DOC-02 line {exc.line or 1}: this is no YAML: {exc}"]) from None
    return _read([part.value for part in parts], choice, parts)


def read(documents: Iterable[object], choice: Choice) -> Manifest:
    """The manifest of some documents; errors are those of ``read_text``."""
    return _read(list(documents), choice, ())


def chosen(documents: Iterable[object], choice: Choice) -> tuple[Fields, tuple[Fields, ...]]:
    """The document that is run, with what is chosen, and the others; nothing is checked but that there is one.

    Raises:
        CompileError: there is none, or there are several.
    """
    bodies = [_plain(document) for document in documents]
    number = _main(bodies, choice)
    _choose(bodies, number, choice, [])
    return bodies[number], tuple(body for index, body in enumerate(bodies) if index != number)


def _read(documents: list[object], choice: Choice, parts: Iterable[Text]) -> Manifest:
    lines, remarks = [part.lines for part in parts], list[str]()
    bodies = [_plain(document) for document in documents]
    for body in bodies:
        _grouped(body, remarks)
    number = _main(bodies, choice)
    _choose(bodies, number, choice, remarks)
    repeated = [
        Finding("DOC-01", Severity.ERROR, path, "this field is given twice; remove one", index, part.lines.get(path))
        for index, part in enumerate(parts)
        for path in part.repeated
    ]
    found = [*repeated, *run(bodies, (), lines)]
    wrong = [finding for finding in found if finding.severity is Severity.ERROR]
    problems = [_shown(finding, len(bodies)) for finding in wrong if finding.rule != _SEEN_LATER]
    if problems:
        raise CompileError(problems)
    remarks += [_shown(finding, len(bodies)) for finding in wrong]
    library = Library([_document(index, body) for index, body in enumerate(bodies)])
    main = library.documents[number]
    return Manifest(main, merged_spec(main, library), library, _config_maps(bodies), tuple(remarks))


def _plain(value: object) -> Any:
    """A copy of plain values, numbers as JSON has them: ``1.0`` is ``1``."""
    match value:
        case Mapping():
            return {name: _plain(child) for name, child in value.items()}
        case list() | tuple():
            return [_plain(child) for child in value]
        case float() if value.is_integer() and abs(value) < _MOST_EXACT:
            return int(value)
    return value


def _spec(body: object) -> Fields:
    """The spec of the workflow in a document, wherever that is; what is no map is left for the linter."""
    outer = body.get("spec") if isinstance(body, dict) else None
    if isinstance(outer, dict) and isinstance(body, dict) and body.get("kind") == "CronWorkflow":
        outer = outer.get("workflowSpec")
    return outer if isinstance(outer, dict) else {}


def _grouped(body: object, remarks: list[str]) -> None:
    """A step that stands alone in a list of steps becomes a group of one."""
    templates = _spec(body).get("templates")
    for template in templates if isinstance(templates, list) else []:
        steps = template.get("steps") if isinstance(template, dict) else None
        for index, group in enumerate(steps if isinstance(steps, list) else []):
            if isinstance(group, dict) and isinstance(steps, list):
                steps[index] = [group]
                text = (
                    f"template {template.get('name')!r}: a cluster wants a list around the step {group.get('name')!r}"
                )
                remarks.append(text)


def _main(bodies: list[Any], choice: Choice) -> int:
    """Which document is run."""
    kinds = [body.get("kind") if isinstance(body, dict) else None for body in bodies]
    for kind in _RUNNABLE:
        numbers = [index for index, found in enumerate(kinds) if found == kind]
        if kind.endswith("Template") and len(numbers) > 1:
            numbers = [index for index in numbers if _can_start(bodies[index], choice)] or numbers
        if len(numbers) > 1:
            names = ", ".join(repr(_name(bodies[index])) for index in numbers)
            raise CompileError([f"these are several documents that can be run, {names}; give one {kind} of them"])
        if numbers:
            return numbers[0]
    wanted = f"{', '.join(_RUNNABLE[:-1])} or {_RUNNABLE[-1]}"
    found = f"among the {len(bodies)} documents" if bodies else "in a text that is empty"
    what = f"a workflow has a name and steps or tasks at its top, or is a manifest of the kind {wanted}"
    raise CompileError([f"there is no workflow {found}; {what}"])


def _can_start(body: object, choice: Choice) -> bool:
    spec = _spec(body)
    if choice.entrypoint is None:
        return bool(spec.get("entrypoint"))
    templates = spec.get("templates")
    rows = templates if isinstance(templates, list) else []
    return any(isinstance(row, dict) and row.get("name") == choice.entrypoint for row in rows)


def _name(body: Fields) -> str:
    metadata = body.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}
    return str(found.get("name") or found.get("generateName") or "")


def _choose(bodies: list[Any], number: int, choice: Choice, remarks: list[str]) -> None:
    """Write what is chosen into the document that is run."""
    spec = _spec(bodies[number])
    if choice.entrypoint is not None:
        spec["entrypoint"] = choice.entrypoint
    elif not spec.get("entrypoint") and "workflowTemplateRef" not in spec:
        raise CompileError(["the manifest names no entrypoint; say which template is to run first"])
    if not choice.parameters:
        return
    arguments = spec.setdefault("arguments", {})
    rows = arguments.setdefault("parameters", []) if isinstance(arguments, dict) else None
    if not isinstance(rows, list):
        return
    inherited = {row.get("name"): row for row in _inherited(bodies, spec) if isinstance(row, dict)}
    own = {row.get("name"): row for row in rows if isinstance(row, dict)}
    for name, text in choice.parameters.items():
        row = own.get(name)
        if row is None:
            rows.append(row := dict(inherited.get(name, {"name": name})))
            if name not in inherited:
                remarks.append(f"the workflow does not declare the parameter {name!r} that is given")
        row.pop("valueFrom", None)
        row["value"] = text


def _inherited(bodies: list[Any], spec: Fields) -> list[Any]:
    """The parameters of the document that a workflow refers to."""
    ref = spec.get("workflowTemplateRef")
    if not isinstance(ref, dict):
        return []
    kind = "ClusterWorkflowTemplate" if ref.get("clusterScope") else "WorkflowTemplate"
    for body in bodies:
        if isinstance(body, dict) and body.get("kind") == kind and _name(body) == ref.get("name"):
            arguments = _spec(body).get("arguments")
            rows = arguments.get("parameters") if isinstance(arguments, dict) else None
            return rows if isinstance(rows, list) else []
    return []


def _shown(finding: Finding, documents: int) -> str:
    where = f"document {finding.document + 1}, " if documents > 1 else ""
    line = f"line {finding.line}, " if finding.line is not None else ""
    return f"{finding.rule} {where}{line}{finding.path or 'document'}: {finding.message}"


def _document(index: int, body: Any) -> Document:
    kind = body.get("kind") if isinstance(body, dict) else None
    if kind not in KINDS:
        return read_document(index, "", {})
    return read_document(index, kind, checked(body, kind, Notes(index)))


def _config_maps(bodies: list[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for body in bodies:
        if isinstance(body, dict) and body.get("kind") == "ConfigMap" and isinstance(body.get("data"), dict):
            found[_name(body)] = {str(name): str(text) for name, text in body["data"].items()}
    return found
