"""A client of the vendor's catalogue of metadata, for ``config["lineage"]``.

It speaks through the vendor's package ``dp``, which is on no public index; it was never tried with the service.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Union

from dflow.engine.errors import MissingExtra
from dflow.lineage import LineageClient

__all__ = ["MetadataClient", "config"]

config: Dict[str, Optional[str]] = {"gms_endpoint": "https://datahub-gms.dp.tech", "project": None, "token": None}
"""What clients take for arguments that are not given."""


class MetadataClient(LineageClient):
    """A client of the catalogue.

    Args:
        gms_endpoint: address of the server.
        project, token: whose entries they are, and who makes them.
    """

    def __init__(
        self, gms_endpoint: Optional[str] = None, project: Optional[str] = None, token: Optional[str] = None
    ) -> None:
        self.gms_endpoint = config["gms_endpoint"] if gms_endpoint is None else gms_endpoint
        self.project = config["project"] if project is None else project
        self.token = config["token"] if token is None else token

    def register_workflow(self, workflow_name: str) -> str:
        """Say that a workflow begins; its name there."""
        from_vendor = _vendor("entity.workflow")
        with self._context() as context:
            job = context.client.prepare_workflow(from_vendor.WorkFlow(workflow_name))
            context.client.begin_workflow(job)
        return str(job.urn)

    def register_artifact(
        self,
        namespace: str,
        name: str,
        uri: str,
        description: str = "",
        tags: Optional[List[str]] = None,
        properties: Optional[Dict[str, str]] = None,
        **kwargs: Any,
    ) -> str:
        """Say that an artifact is there; its name there."""
        more = {"description": description, "tags": tags or [], "properties": properties or {}}
        with self._context() as context:
            urn = self._dataset(context, namespace, name, uri, {**more, **kwargs})
        return str(urn)

    def register_task(
        self,
        task_name: str,
        input_urns: Dict[str, Union[str, List[str]]],
        output_uris: Dict[str, str],
        workflow_urn: str,
    ) -> Dict[str, str]:
        """Say which artifacts a task has made from which; the names there of those that it has made."""
        task = _vendor("entity.task").Task
        taken = [urn for given in input_urns.values() for urn in (given if isinstance(given, list) else [given])]
        with self._context() as context:
            job = context.client.begin_job(context.client.prepare_job(task(task_name, workflow_urn)), inputs=taken)
            made = {name: self._dataset(context, task_name, name, uri, {}) for name, uri in output_uris.items()}
            context.client.end_job(job, outputs=list(made.values()))
        return made

    def get_artifact_metadata(self, urn: str) -> Any:
        """What the catalogue has of an artifact."""
        with self._context() as context:
            return context.client.get_dataset(urn)

    @contextmanager
    def _context(self) -> Iterator[Any]:
        make = _vendor().MetadataContext
        with make(project=self.project, endpoint=self.gms_endpoint, token=self.token) as context:
            yield context

    def _dataset(self, context: Any, namespace: str, name: str, uri: str, more: Dict[str, Any]) -> Any:
        dataset = _vendor().Dataset
        urn = dataset.gen_urn(context, namespace, name)
        context.client.update_dataset(dataset(urn=urn, display_name=name, uri=uri, **more))
        return urn


def _vendor(module: str = "") -> Any:
    import importlib

    try:
        return importlib.import_module(f"dp.metadata.{module}" if module else "dp.metadata")
    except ImportError as exc:
        raise MissingExtra(
            "the metadata client needs the vendor's package dp (dp.metadata), which is on no public index; "
            "config['lineage'] takes any other LineageClient, too"
        ) from exc
