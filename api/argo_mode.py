"""Workflows on an Argo server: ``config["mode"] = "argo"``, or ``wf.submit(mode="argo")``."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any

import dflow
from dflow import report
from dflow.argo_query import phase_of, to_workflow
from dflow.argo_submit import submit_export
from dflow.config import config
from dflow.engine.errors import ConfigError, RunNotFound, StepFailed, UnsupportedError
from dflow.exporters.argo.server import ArgoServer, ServerConflict, ServerError, ServerUnavailable, WorkflowNotFound
from dflow.exporters.argo.server.nodes import read_nodes
from dflow.manifests import export_workflow
from dflow.python.values import encode
from dflow.run_ids import refuse_on_server
from dflow.stores import storage_client
from dflow.utils import randstr
from dflow.waiting import Waiting, choose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dflow.argo_objects import ArgoWorkflow
    from dflow.exporters.argo.server.nodes import ServerNode
    from dflow.workflow import Workflow

__all__ = ["ArgoRun", "argo_server", "list_workflows", "query_archived_workflows"]

_FINAL = ("Succeeded", "Failed", "Error")
_LONGEST_OUTAGE = 600.0
_LOG = "main-logs"


def argo_server(workflow: Workflow | None = None) -> ArgoServer:
    """The server of a workflow, or that of ``config``.

    Raises:
        ConfigError: that is no address of a server, or no namespace is set.
    """
    own = {name: getattr(workflow, name, None) for name in ("host", "namespace", "token")}
    namespace = own["namespace"] or config["namespace"]
    if not namespace:
        raise ConfigError(
            "no namespace is set for the workflows on the server; see config['namespace'] (DFLOW_NAMESPACE)"
        )
    return ArgoServer(
        str(own["host"] or config["host"] or ""),
        str(namespace),
        own["token"] or config["token"],
        headers={str(name): str(value) for name, value in dict(config["http_headers"] or {}).items()},
        verify=config["verify"],
    )


class ArgoRun:
    """A workflow on a server, as the object that ``Workflow`` hands its verbs to."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.server = argo_server(workflow)

    def submit(self, detach: bool, reuse: Any, *, strict: bool) -> None:
        """Send it to the server, and return at once.

        Raises:
            CompileError, ExportError: it cannot run there as it is.
            StorageError: what it needs cannot be brought there; nothing was created.
        """
        if reuse:
            raise UnsupportedError(
                "reuse_step needs ConfigMaps in the cluster, and an Argo server cannot make any; use wf.resubmit() or "
                "wf.retry(), which keep what has succeeded, or run with config['mode'] = 'debug'"
            )
        chosen = self.workflow.id
        if chosen is None:
            refuse_on_server()
        for attempt in range(3):
            name = chosen or f"{self.workflow.name}-{randstr()}"
            try:
                made = export_workflow(self.workflow, name=name)
                found = submit_export(made, self.server, storage_client, self.workflow.get_k8s_core_v1_api)
                break
            except ServerConflict:
                if chosen or attempt == 2:
                    raise
        metadata = found["metadata"]
        self.workflow.id, self.workflow.uid = str(metadata["name"]), metadata.get("uid")
        report.say(f"Workflow has been submitted (ID: {self.workflow.id}, UID: {self.workflow.uid})")
        report.say(f"Workflow link: {self.server.host}/workflows/{self.server.namespace}/{self.workflow.id}")

    def read(self, fields: Sequence[str] | None = None) -> ArgoWorkflow:
        """All that the server knows of it, or the archive when it is not in the cluster any more."""
        return to_workflow(self._get(tuple(fields or ())))

    def status(self) -> str:
        """Its phase: Pending, Running, Succeeded, Failed or Error."""
        return phase_of(self._get(("metadata", "status.phase")))

    def wait(self, interval: float) -> str:
        """Wait until it has ended; its phase. A server that does not answer is given ten minutes to come back."""
        silent_since: float | None = None
        while True:
            try:
                phase = self.status()
                if phase in _FINAL:
                    return phase
                silent_since = None
            except ServerUnavailable:
                silent_since = silent_since if silent_since is not None else time.monotonic()
                if time.monotonic() - silent_since > _LONGEST_OUTAGE:
                    raise
            time.sleep(interval)

    def first_failure(self) -> Exception | None:
        """The step that failed first, as an error; None after success, and while it runs."""
        raw = self._get(())
        if phase_of(raw) not in ("Failed", "Error"):
            return None
        failed = [node for node in read_nodes(raw) if node.phase in ("Failed", "Error")]
        leaves = [node for node in failed if node.type not in ("Steps", "DAG")] or failed
        if not leaves:
            why = (raw.get("status") or {}).get("message") or "the server does not say why"
            return StepFailed(f"workflow {self.name} {phase_of(raw)}: {why}")
        node = min(leaves, key=lambda node: node.finished or float("inf"))
        key = f" (key {node.key})" if node.key else ""
        return StepFailed(
            f"step {node.display!r}{key} {node.phase.lower()}: {node.message}\n"
            f"  log:   DFLOW_MODE=argo dflow logs {self.name} {node.key or node.display}"
        )

    def logs(self, step: str) -> str:
        """What the pods of a step have printed; of all steps of that key, id or name."""
        return "".join(f"{line}\n" for line in self.log_lines(step))

    def log_lines(self, step: str, *, follow: bool = False) -> Iterator[str]:
        """The same, line by line as it comes.

        Raises:
            RunNotFound: there is no such step.
        """
        found = [node for node in read_nodes(self._get(())) if step in (node.id, node.key, node.display, node.name)]
        if not found:
            raise RunNotFound(f"workflow {self.name} has no step {step!r}; its keys: wf.query_keys_of_steps()")
        for node in found:
            yield from self._lines_of(node, follow)

    def _lines_of(self, node: ServerNode, follow: bool) -> Iterator[str]:
        is_archived, count = _LOG in node.outputs["artifacts"], 0
        try:
            for line in chain.from_iterable(self.server.logs(self.name, pod, follow=follow) for pod in node.pods):
                count += 1
                yield line.text
        except ServerError:
            if count or not is_archived:
                raise
        if not count and is_archived:  # its pod is gone
            text = self.server.output(self.name, str(node.raw.get("id")), _LOG)
            yield from text.decode(errors="replace").splitlines()

    def terminate(self) -> None:
        """End it at once, without exit handlers."""
        self.server.terminate(self.name)

    def stop(self) -> None:
        """End it; exit handlers run."""
        self.server.stop(self.name)

    def suspend(self) -> None:
        """Start no more pods."""
        self.server.suspend(self.name)

    def resume(self, outputs: Mapping[str, Any], steps: Sequence[str]) -> None:
        """Go on after ``suspend``, and with steps that wait for it; or with some of these, with values for them.

        Raises:
            StateError: a step does not wait.
            ConfigError: no step that waits takes such an output, or one needs another output, too.
        """
        if not outputs and not steps:
            self.server.resume(self.name)
            return
        for step, names in choose(_waiting(read_nodes(self._get(()))), outputs, steps, self.name):
            self.server.resume(self.name, {"id": step.id}, {name: encode(outputs[name]) for name in names})

    def retry(self, steps: Sequence[str]) -> None:
        """Run what failed once more, and steps of these ids, keys or names; it is not waited for.

        Raises:
            RunNotFound: there is no such step.
            UnsupportedError: more than one of them has not failed; a server takes one.
        """
        nodes = read_nodes(self._get(())) if steps else []
        wanted = []
        for word in steps:
            fitting = [node for node in nodes if word in (node.id, node.key, node.display, node.name)]
            if not fitting:
                raise RunNotFound(f"workflow {self.name} has no step {word!r}; see wf.query_step()")
            wanted += [node for node in fitting if node.phase not in ("Failed", "Error")]
        if len(wanted) > 1:
            names = ", ".join(node.display for node in wanted)
            raise UnsupportedError(f"an Argo server runs one successful step again in a retry, not several: {names}")
        if wanted:
            self.server.retry(self.name, {"id": wanted[0].id}, restart_successful=True)
        else:
            self.server.retry(self.name)

    def resubmit(self) -> Workflow:
        """Submit the same workflow anew; the new one."""
        metadata = self.server.resubmit(self.name)["metadata"]
        report.say(f"Workflow has been submitted (ID: {metadata['name']}, UID: {metadata.get('uid')})")
        old = self.workflow
        anew = dflow.Workflow(
            name=old.name, id=metadata["name"], uid=metadata.get("uid"), host=old.host, token=old.token,
            namespace=old.namespace,
        )  # fmt: skip
        anew._mode = "argo"
        return anew

    def delete(self) -> None:
        """Delete it from the cluster; what is in the archive stays."""
        self.server.delete(self.name)

    @property
    def name(self) -> str:
        """What the server calls it.

        Raises:
            RunNotFound: it was not submitted.
        """
        if self.workflow.id is None:
            raise RunNotFound(f"workflow {self.workflow.name!r} was not submitted yet")
        return self.workflow.id

    def _get(self, fields: tuple[str, ...]) -> dict[str, Any]:
        if self.workflow.id is None and self.workflow.uid:
            found = self.server.archived(self.workflow.uid)
            self.workflow.id = str(found["metadata"]["name"])
            return found
        try:
            return self.server.get(self.name, fields)
        except WorkflowNotFound:
            uid = self.workflow.uid or self._archived_uid()
            if uid is None:
                raise
            return self.server.archived(uid)

    def _archived_uid(self) -> str | None:
        """The newest workflow of this name in the archive; None where there is no archive, too."""
        try:
            found = [w["metadata"] for w in self.server.list_archived(prefix=self.name)]
        except ServerUnavailable:  # what servers without an archive answer
            return None
        own = [metadata for metadata in found if metadata.get("name") == self.name]
        newest = max(own, key=lambda metadata: str(metadata.get("creationTimestamp")), default=None)
        return str(newest["uid"]) if newest else None


def _waiting(nodes: Iterable[ServerNode]) -> list[Waiting]:
    """The steps that wait for somebody."""
    return [Waiting.of(node, _supplied(node)) for node in nodes if node.type == "Suspend" and node.phase == "Running"]


def _supplied(node: ServerNode) -> dict[str, bool]:
    """The outputs that somebody may give a step, and whether it needs them."""
    found = {}
    for parameter in (node.raw.get("outputs") or {}).get("parameters") or ():
        source = parameter.get("valueFrom") or {}
        if "supplied" in source:
            found[str(parameter["name"])] = parameter.get("value") is None and source.get("default") is None
    return found


def list_workflows(labels: Mapping[str, str] | None = None, fields: Sequence[str] | None = None) -> list[ArgoWorkflow]:
    """All workflows of the namespace, newest first; without their nodes unless ``fields`` says so."""
    server = argo_server()
    return _newest_first(server.list(labels, fields=tuple(fields)) if fields else server.list(labels))


def query_archived_workflows(labels: Mapping[str, str] | None = None, id: str | None = None) -> list[ArgoWorkflow]:
    """The workflows of the namespace in the archive, newest first, without their nodes.

    Args:
        id: only those of this name.
    """
    found = argo_server().list_archived(labels, prefix=id)
    return _newest_first(w for w in found if id is None or (w.get("metadata") or {}).get("name") == id)


def _newest_first(found: Iterable[dict[str, Any]]) -> list[ArgoWorkflow]:
    made = [to_workflow(raw) for raw in found]
    return sorted(made, key=lambda workflow: str(workflow.metadata.get("creationTimestamp")), reverse=True)
