"""Workflows as manifests of Argo, and manifests as workflows that run here."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict

import dflow
from dflow.compile import compile_workflow
from dflow.config import config, s3_config
from dflow.engine.errors import ConfigError, ExportError
from dflow.engine.model import PythonOpTemplate
from dflow.executors.bundle import packages
from dflow.exporters.argo.export import Export, Options, Upload, export, to_yaml
from dflow.exporters.argo.load import documents_of, load, load_text
from dflow.exporters.argo.load.reading import Choice, chosen
from dflow.k8s import DockerSecret
from dflow.names import listed
from dflow.python import upload_packages
from dflow.python.own import own_module
from dflow.reusable import reusable
from dflow.storage.archives import unpack
from dflow.stores import repo_type
from dflow.wiring.texts import from_text as wiring_from_text
from dflow.wiring.texts import is_wiring_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Template
    from dflow.exporters.argo.load import Loaded
    from dflow.workflow import Workflow

__all__ = [
    "Given",
    "bundle",
    "export_workflow",
    "for_a_server",
    "found_uploads",
    "from_documents",
    "from_file",
    "from_text",
    "read_text",
    "text_of",
    "upload_files",
    "uploads_folder",
    "write_plan",
]

_log = logging.getLogger("dflow")


def export_workflow(workflow: Workflow, reuse_step: Any = None, **options: Any) -> Export:
    """A workflow as manifests.

    Args:
        reuse_step: steps of other runs, from ``query_step``; a step of the same key takes their outputs.
        options: fields of ``dflow.exporters.argo.export.Options``, such as ``kind="WorkflowTemplate"``.

    Raises:
        CompileError: it cannot run as it is.
        ExportError: something in it has no words in a manifest.
    """
    if workflow.given is not None:
        return _as_given(workflow, **options)
    graph = compile_workflow(workflow, on_cluster=True)
    graph = replace(graph, templates=tuple(_with_packages(template) for template in graph.templates))
    prefix = "/".join(part.strip("/") for part in (str(s3_config["prefix"]), "dflow") if part.strip("/"))
    reused = tuple(reusable(reuse_step)) if reuse_step else ()
    given = {
        "reused": reused,
        "namespace": workflow.namespace or None,
        "library": bundle(),
        "key_prefix": prefix,
        "store": repo_type(),
        "repo_prefix": str(s3_config["repo_prefix"] or ""),
        "repository": s3_config["repo_key"],
        "util_image": str(config["util_image"]),
        "util_image_pull_policy": config["util_image_pull_policy"],
        "pod_env": _store_of_links(),
        "save_keys": bool(config["save_keys_in_global_outputs"]),
        **options,
    }
    made = export(graph, Options(**given))
    made = replace(made, documents=(*made.documents, *_registries(workflow)))
    for note in made.notes:
        _log.warning("%s", note)
    return made


def _registries(workflow: Workflow) -> list[dict[str, Any]]:
    """The secrets of image registries that the workflow has itself."""
    given = workflow.image_pull_secrets
    several = given if isinstance(given, (list, tuple)) else [given]
    return [secret.manifest(workflow.namespace or None) for secret in several if isinstance(secret, DockerSecret)]


def _store_of_links() -> Dict[str, str]:
    """What OPs in pods must know of the store for links to their artifacts, where it is not what they think anyway."""
    usual = {"console": "http://127.0.0.1:9001", "bucket_name": "my-bucket"}
    told = {name: str(s3_config[name]) for name, value in usual.items() if s3_config[name] not in (value, None)}
    return {f"DFLOW_S3_{name.upper()}": text for name, text in told.items()}


def _as_given(workflow: Workflow, name: str | None = None, kind: str = "Workflow", **options: Any) -> Export:
    """The manifest that a workflow was read from, with what was chosen then, as a Workflow."""
    given: Given = workflow.given
    if kind != "Workflow" or options.get("schedule"):
        raise ExportError([f"workflow {workflow.name!r} was read from a manifest, and is exported as a Workflow only"])
    main, others = chosen(given.documents, Choice(given.entrypoint, given.parameters))
    spec = main.get("spec") or {}
    metadata = {n: v for n, v in (main.get("metadata") or {}).items() if n in ("labels", "annotations")}
    metadata |= {"name": name} if name is not None else {"generateName": f"{workflow.name}-"}
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": spec.get("workflowSpec", spec) if main.get("kind") == "CronWorkflow" else spec,
    }
    uploads = tuple(Upload(key, path=str(path)) for key, path in sorted(given.files.items()))
    return Export(manifest, others, uploads)


def bundle() -> tuple[str, ...]:
    """What Python OPs bring along into their pods: this package, and what it uses there."""
    return (str(next(iter(dflow.__path__))), *packages())


def _with_packages(template: Template) -> Template:
    """A Python OP brings ``upload_packages`` along, too, and the module that it is imported from."""
    if not isinstance(template, PythonOpTemplate):
        return template
    given = [*template.packages, *(os.path.abspath(str(path)) for path in upload_packages)]
    own = own_module(template.op.module) if template.op.kind == "import" else None
    if own is not None and Path(own).name not in {Path(package).name for package in given}:
        given.append(own)
    return replace(template, packages=tuple(dict.fromkeys(given)))


def text_of(made: Export) -> str:
    """An export as YAML."""
    return to_yaml([made.manifest, *made.documents])


@dataclass(frozen=True)
class Given:
    """What a workflow was read from.

    Attributes:
        documents: as plain data.
        entrypoint, parameters: what was chosen in place of what they say.
        files: keys of the artifact store, and the files of these keys.
    """

    documents: tuple[Any, ...]
    entrypoint: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def from_text(text: str, uploads: Mapping[str, str] | None = None, **choice: Any) -> Workflow:
    """The workflow of a manifest in YAML or JSON, to be run here.

    Args:
        uploads: keys of the artifact store, and where their content is on this machine.
        choice: ``entrypoint=`` and ``parameters=``, in place of what the manifest says.

    Raises:
        CompileError: it is wrong, or needs a cluster; lists all of that.
    """
    loaded = load_text(text, uploads=uploads or {}, **choice)
    return _workflow(loaded.graph.name, Given(documents_of(text), **choice), loaded)


def from_file(path: Any) -> Workflow:
    """The workflow of a file with a manifest, or with a mapping (see :mod:`dflow.wiring`).

    Raises:
        ConfigError: it cannot be read.
        CompileError: it is wrong; lists all of that.
    """
    file = Path(path)
    text = read_text(file)
    if is_wiring_text(text):
        return wiring_from_text(text, file.parent, file=str(file))
    return from_text(text, found_uploads(file))


def read_text(file: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"cannot read {file}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"cannot read {file}: line {line} is not UTF-8; save the file as UTF-8") from exc


def from_documents(documents: Any, uploads: Mapping[str, str] | None = None, **choice: Any) -> Workflow:
    """Likewise, of manifests as plain data."""
    given = (
        (documents,)
        if isinstance(documents, dict)
        else tuple(listed(documents, "from_dict: the manifest, or several of them,"))
    )
    loaded = load(given, uploads=uploads or {}, **choice)
    return _workflow(loaded.graph.name, Given(given, **choice), loaded)


def for_a_server(text: str, files: Mapping[str, str], **choice: Any) -> Workflow:
    """The workflow of a manifest that is to be sent as it is: what cannot be run here may be in it.

    Args:
        files: keys of the artifact store, and the files of these keys.

    Raises:
        CompileError: there is no workflow in it.
    """
    given = Given(documents_of(text), **choice, files=files)
    main, _ = chosen(given.documents, Choice(given.entrypoint, given.parameters))
    metadata = main.get("metadata") or {}
    return _workflow(str(metadata.get("name") or metadata.get("generateName") or "workflow").rstrip("-"), given)


def _workflow(name: str, given: Given, loaded: Loaded | None = None) -> Workflow:
    from dflow.workflow import Workflow

    made = Workflow(name=name)
    made.given = given
    if loaded is not None:
        made.compiled, made.notes = loaded.graph, loaded.notes
    return made


# -- uploads as a folder ------------------------------------------------------------------------------------------


def uploads_folder(manifest: Path) -> Path:
    """Where the uploads of a manifest are, when they are beside it: ``wf.yaml`` has them in ``wf.uploads``."""
    return manifest.with_suffix(".uploads")


def found_uploads(manifest: Path) -> Dict[str, str]:
    """The keys of what is in the folder beside a manifest, with their places; packed packages are unpacked there."""
    folder = uploads_folder(manifest)
    plan = folder / "plan.json"
    if not plan.is_file():
        return {}
    found = {}
    for key, is_packed in json.loads(plan.read_text(encoding="utf-8")).items():
        found[key] = _unpacked(folder / key) if is_packed else str((folder / key).absolute())
    return found


def upload_files(manifest: Path) -> Dict[str, str]:
    """The keys of what is in the folder beside a manifest, with the files as they are to be uploaded."""
    folder = uploads_folder(manifest)
    plan = folder / "plan.json"
    keys = json.loads(plan.read_text(encoding="utf-8")) if plan.is_file() else {}
    return {key: str((folder / key).absolute()) for key in keys}


def write_plan(made: Export, folder: Path) -> None:
    """Say which keys are in a folder."""
    plan = {item.key: item.packed for item in made.uploads}
    (folder / "plan.json").write_text(json.dumps(plan, indent=1, sort_keys=True), encoding="utf-8")


def _unpacked(archive: Path) -> str:
    """The content of a packed package, unpacked once beside its archive."""
    target = archive.with_suffix("")
    if not target.exists():
        unpack(archive, target, as_is=True)
    return str(next(target.absolute().iterdir()))
