"""Sending a workflow to an Argo server: its manifest, and the files that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.argo_uploads import upload
from dflow.config import configured_secrets
from dflow.engine.errors import ExportError, UnsupportedError
from dflow.exporters.argo.lint import Severity, lint
from dflow.k8s import create_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.exporters.argo.export import Export
    from dflow.exporters.argo.server import ArgoServer
    from dflow.storage import StorageClient

__all__ = ["submit_export"]


def submit_export(
    made: Export, server: ArgoServer, store: Callable[[], StorageClient], cluster: Callable[[], Any] | None = None
) -> dict[str, Any]:
    """Upload what is missing, and create the workflow; it as the server has it.

    Args:
        store: gives the client of the artifact store, where anything is to be uploaded.
        cluster: gives a ``kubernetes.client.CoreV1Api``, where the secret of an image registry is to be made.

    Raises:
        ExportError: the linter refuses the manifest.
        ConfigError, MissingExtra: a secret cannot be made; the workflow was not created.
        StorageError: there is something to upload, and the store refuses or does not answer; nothing was created.
        UnsupportedError: there are other objects to be created.
    """
    problems = [str(f) for f in lint(made.manifest, secrets=configured_secrets()) if f.severity is Severity.ERROR]
    if problems:
        raise ExportError(problems)
    secrets = [document for document in made.documents if document.get("kind") == "Secret"] if cluster else []
    others = [document for document in made.documents if document not in secrets]
    if others:
        names = ", ".join(f"{d.get('kind')} {(d.get('metadata') or {}).get('name')!r}" for d in others)
        raise UnsupportedError(
            f"the workflow needs {names}, and an Argo server cannot make these; apply what wf.to_yaml() gives with "
            "kubectl instead"
        )
    if made.uploads:
        upload(made.uploads, store())
    if secrets and cluster is not None:
        api = cluster()
        for secret in secrets:
            create_secret(api, server.namespace, secret)
    return server.create(made.manifest)
