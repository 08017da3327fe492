"""The verbs ``export`` and ``lint``, and the running of manifests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Dict

from dflow import manifests
from dflow.argo_uploads import upload
from dflow.cli.find import pairs
from dflow.cli.parsing import WrongOption
from dflow.cli.recording import refuse_arguments, workflow_of_script
from dflow.cli.show import acted, only_json, print_json, say
from dflow.config import configured_secrets, is_remote
from dflow.engine.errors import ConfigError
from dflow.engine.phase import Phase
from dflow.exporters.argo.lint import Finding, Severity, lint, lint_text
from dflow.storage.folder import FolderClient
from dflow.wiring.texts import from_text as wiring_from_text
from dflow.wiring.texts import is_wiring_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from dflow.exporters.argo.export import Export
    from dflow.workflow import Workflow

__all__ = ["export", "is_manifest", "lint_file", "run_manifest"]

_MANIFESTS = (".yaml", ".yml", ".json")


def is_manifest(file: Path) -> bool:
    """Whether a file is a manifest, and no script."""
    return file.suffix in _MANIFESTS


def export(options: argparse.Namespace) -> int:
    """Print the workflow of a script as a manifest, or write it with all that it needs; 1 when it is wrong."""
    made = _export(options.script, options.arguments, kind=options.kind, name=options.name, schedule=options.schedule)
    text = manifests.text_of(made)
    findings = [finding for finding in _findings(made) if finding.severity is Severity.ERROR]
    if options.output is None:
        sys.stdout.write(text)
    else:
        _write(options.output, text)
        if made.uploads:
            folder = manifests.uploads_folder(options.output)
            upload(made.uploads, FolderClient(folder))
            manifests.write_plan(made, folder)
            say(f"{options.output}, and {len(made.uploads)} objects for the artifact store in {folder}")
    for finding in findings:
        sys.stderr.write(f"{placed(finding, made)}\n")
    return 1 if findings else 0


def _export(script: Path, arguments: Sequence[str], **options: Any) -> Export:
    workflow = workflow_of_script(script, arguments)
    return manifests.export_workflow(workflow, **{k: v for k, v in options.items() if v is not None})


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot write {file}: {exc.strerror}") from exc


def _findings(made: Export) -> list[Finding]:
    return lint([made.manifest, *made.documents], secrets=configured_secrets())


def placed(finding: Finding, made: Export) -> str:
    """A finding with the place in the user's workflow that it comes from."""
    template = _template_at(finding.path, made)
    place = made.places.get(template) if template is not None else None
    return f"{place}: {finding}" if place is not None else str(finding)


def _template_at(path: str, made: Export) -> str | None:
    head, _, rest = path.partition("templates[")
    number = rest.partition("]")[0]
    spec = made.manifest["spec"]
    templates = spec.get("workflowSpec", spec).get("templates", [])
    if not head.startswith("spec") or not number.isdecimal() or int(number) >= len(templates):
        return None
    return str(templates[int(number)]["name"])


def lint_file(options: argparse.Namespace) -> int:
    """Say what is wrong with manifests, or with what a script would export; 1 for errors."""
    text = manifests.read_text(options.file) if is_manifest(options.file) else ""
    if is_manifest(options.file) and not is_wiring_text(text):
        if not any(_holds_something(line) for line in text.splitlines()):
            raise ConfigError(f"{options.file} holds no manifest: it is empty")
        refuse_arguments(options.file, options.arguments)
        shown = [(str(finding), finding) for finding in lint_text(text)]
    else:
        made = _export(options.file, options.arguments)
        shown = [(placed(finding, made), finding) for finding in _findings(made)]
    if options.json:
        print_json([_as_data(text, finding) for text, finding in shown])
    else:
        for text, _ in shown:
            say(text)
        errors = sum(finding.severity is Severity.ERROR for _, finding in shown)
        say(f"{options.file}: {errors} error{'' if errors == 1 else 's'}, {len(shown) - errors} other remarks")
    return 1 if any(finding.severity is Severity.ERROR for _, finding in shown) else 0


def _holds_something(line: str) -> bool:
    return line.strip() not in ("", "---", "...") and not line.lstrip().startswith("#")


def _as_data(text: str, finding: Finding) -> Dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.name.lower(),
        "path": finding.path,
        "line": finding.line,
        "message": text,
    }


def run_manifest(options: argparse.Namespace) -> int:
    """Run a manifest on this machine, or send it to the server when that is the mode; 1 when it failed."""
    workflow = _workflow(options)
    for note in workflow.notes:
        sys.stderr.write(f"note: {note}\n")
    if options.name is not None:
        workflow.id = options.name
    with only_json(options):
        workflow.submit(detach=options.detach)
    phase = workflow.query_status()
    acted(options, "", str(workflow.id), phase)
    return 1 if not options.detach and Phase(phase).is_failure else 0


def _workflow(options: argparse.Namespace) -> Workflow:
    text, file = manifests.read_text(options.file), options.file
    choice = {"entrypoint": options.entrypoint, "parameters": pairs(options.parameter, "-p")}
    if is_wiring_text(text):
        if options.entrypoint is not None:
            raise WrongOption("--entrypoint is for manifests; this workflow has one template")
        return wiring_from_text(text, file.parent, file=str(file), parameters=choice["parameters"])
    if is_remote():
        return manifests.for_a_server(text, manifests.upload_files(file), **choice)
    return manifests.from_text(text, manifests.found_uploads(file), **choice)
