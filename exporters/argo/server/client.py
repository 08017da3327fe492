"""The verbs of an Argo server, through the package ``argo-workflows``; workflows are plain dicts."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.server.answers import LogLine, log_line, pages
from dflow.exporters.argo.server.connection import Connection, Limits, place_of
from dflow.exporters.argo.server.errors import RequestRefused, ServerConflict, WorkflowNotFound
from dflow.exporters.argo.server.requests import body, field_selector, item_fields, label_selector

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

__all__ = ["SUBMISSION", "ArgoServer"]

SUBMISSION = "dflow/submission"
"""The annotation that tells a workflow which we have made from another one of that name."""
_PAGE = 200
_LIST_FIELDS = (
    "metadata",
    "status.phase",
    "status.startedAt",
    "status.finishedAt",
    "status.progress",
    "status.message",
)


class ArgoServer:
    """An Argo server, and the workflows of one namespace.

    Requests that can be repeated without harm are repeated after 429, 502, 503, 504 and cut connections. All methods
    raise a :class:`ServerError` that says what was asked, of whom, and what to do.

    Args:
        host: ``https://argo.example.org:2746``; a path behind it is kept.
        token: what ``argo auth token`` prints, with or without ``Bearer``.
        headers: sent with every request.
        verify: False trusts any certificate; a text is the file of the certificate authority.
    """

    def __init__(
        self,
        host: str,
        namespace: str,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        limits: Limits | None = None,
    ) -> None:
        token = token.strip() if token else None
        place = place_of(host, namespace, token, headers or {})
        self.host = place.host
        self.namespace = namespace
        self._connection = Connection(
            place, token=token, headers=headers or {}, verify=verify, limits=limits or Limits()
        )

    def __repr__(self) -> str:
        return f"ArgoServer({self.host!r}, {self.namespace!r})"

    # -- making -----------------------------------------------------------------------------------------------

    def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Submit a Workflow; it as the server has stored it.

        With a fixed ``metadata.name`` a lost answer does no harm: the request is repeated, and a workflow that it has
        made already is recognised by an annotation. With ``generateName`` the request is sent once.

        Raises:
            ServerConflict: there is another workflow of that name.
        """
        metadata = dict(manifest.get("metadata") or {})
        mark = str(uuid.uuid4())
        metadata["annotations"] = {**(metadata.get("annotations") or {}), SUBMISSION: mark}
        sent = {**manifest, "metadata": metadata}
        name = metadata.get("name")
        what = f"create workflow {name or metadata.get('generateName')!r}"
        try:
            return self._workflow(what, "create", {"workflow": sent}, safe=bool(name))
        except ServerConflict:
            found = self._made_before(str(name), mark) if name else None
            if found is None:
                raise
            return found

    def lint(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Have a Workflow checked by the server.

        Raises:
            RequestRefused: it is wrong; says why.
        """
        return self._workflow("lint the workflow", "lint", {"workflow": dict(manifest)}, safe=True)

    # -- asking -----------------------------------------------------------------------------------------------

    def get(self, name: str, fields: Sequence[str] = (), *, uid: str | None = None) -> dict[str, Any]:
        """A workflow.

        Args:
            fields: only these parts: ``("metadata", "status.phase")``.
            uid: of which of several workflows that had this name, one after the other.

        Raises:
            WorkflowNotFound: there is none.
        """
        wanted = {"fields": ",".join(fields)} if fields else {}
        if uid:
            wanted["uid"] = uid
        service = self._connection.service("workflow")

        def send(options: Mapping[str, Any]) -> Any:
            return service.get_workflow(self.namespace, name, **wanted, **options)

        return self._connection.ask(f"get workflow {name!r}", send, safe=True)

    def nodes(self, name: str) -> dict[str, Any]:
        """``status.nodes`` of a workflow: what its controller knows of each node, by id."""
        found = self.get(name, ("status.nodes",))
        return dict((found.get("status") or {}).get("nodes") or {})

    def list(
        self,
        labels: Mapping[str, str | None] | None = None,
        phases: Collection[str] = (),
        *,
        prefix: str | None = None,
        fields: Sequence[str] = _LIST_FIELDS,
        page: int = _PAGE,
    ) -> Iterator[dict[str, Any]]:
        """The workflows of the namespace, page by page.

        Args:
            labels: those that have these labels; None for any value.
            phases: those in one of these phases.
            prefix: those whose name begins so.
            fields: of each; none for all of it.
        """
        options: dict[str, Any] = {}
        if fields:
            options["fields"] = item_fields({*fields, "metadata", "status.phase"})
        selector = label_selector(labels or {}, phases)
        service = self._connection.service("workflow")

        def send(given: Mapping[str, Any]) -> Any:
            return service.list_workflows(self.namespace, **options, **given)

        for item in pages(self._connection, "list workflows", send, selector, page):
            phase = (item.get("status") or {}).get("phase") or "Pending"
            named = str((item.get("metadata") or {}).get("name", ""))
            if (not phases or phase in phases) and named.startswith(prefix or ""):
                yield item

    def archived(self, uid: str) -> dict[str, Any]:
        """A workflow of the archive, which outlives the one in the cluster."""
        service = self._connection.service("archived_workflow")
        return self._connection.ask(
            f"get archived workflow {uid!r}", lambda options: service.get_archived_workflow(uid, **options), safe=True
        )

    def list_archived(
        self, labels: Mapping[str, str | None] | None = None, *, prefix: str | None = None, page: int = _PAGE
    ) -> Iterator[dict[str, Any]]:
        """The workflows of the namespace that are in the archive; without their nodes."""
        options = {"namespace": self.namespace, **({"name_prefix": prefix} if prefix else {})}
        service = self._connection.service("archived_workflow")

        def send(given: Mapping[str, Any]) -> Any:
            return service.list_archived_workflows(**options, **given)

        yield from pages(self._connection, "list archived workflows", send, label_selector(labels or {}, ()), page)

    def logs(
        self,
        name: str,
        pod: str | None = None,
        *,
        container: str = "main",
        follow: bool = False,
        tail: int | None = None,
    ) -> Iterator[LogLine]:
        """What pods of a workflow print, line by line as it comes; of all pods when none is named.

        Args:
            follow: wait for more until the pods have ended.
            tail: only that many of the last lines of each.
        """
        service = self._connection.service("workflow")
        wanted: dict[str, Any] = {"log_options_container": container, "log_options_follow": follow}
        if pod:
            wanted["pod_name"] = pod
        if tail is not None:
            wanted["log_options_tail_lines"] = str(tail)
        what = f"read the log of {f'pod {pod!r} of ' if pod else ''}workflow {name!r}"

        def send(options: Mapping[str, Any]) -> Any:
            return service.workflow_logs(self.namespace, name, **wanted, **options)

        for line in self._connection.stream(what, send, endless=follow):
            if line.strip():
                yield log_line(line, what, self.host)

    def output(self, name: str, node: str, artifact: str) -> bytes:
        """The file of an output artifact of a node, such as ``main-logs`` where logs are archived."""
        service = self._connection.service("artifact")
        what = f"read artifact {artifact!r} of node {node!r} of workflow {name!r}"

        def send(options: Mapping[str, Any]) -> Any:
            return service.get_output_artifact(self.namespace, name, node, artifact, **options)

        return self._connection.read(what, send, safe=True)[0]

    # -- changing ---------------------------------------------------------------------------------------------

    def terminate(self, name: str) -> dict[str, Any]:
        """End all pods at once, without exit handlers."""
        return self._change("terminate", name, {}, safe=True)

    def stop(self, name: str, nodes: str | Mapping[str, str] = "", message: str | None = None) -> dict[str, Any]:
        """End all pods, and run the exit handlers; or make suspended nodes Failed, when a selector is given."""
        return self._change("stop", name, {**_selected(nodes), **({"message": message} if message else {})}, safe=True)

    def suspend(self, name: str) -> dict[str, Any]:
        """Start no more pods until ``resume``."""
        return self._change("suspend", name, {}, safe=True)

    def resume(
        self, name: str, nodes: str | Mapping[str, str] = "", outputs: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Take back a suspend, or let suspended nodes go on.

        Args:
            nodes: which: ``{"displayName": "approve"}``, or a text as ``argo resume --node-field-selector`` takes it.
            outputs: values for parameters of these nodes whose value is ``supplied``.
        """
        if outputs:
            self.set_outputs(name, nodes, outputs)
        return self._change("resume", name, _selected(nodes), safe=True)

    def set_outputs(
        self,
        name: str,
        nodes: str | Mapping[str, str],
        outputs: Mapping[str, str],
        *,
        phase: str | None = None,
        message: str | None = None,
    ) -> dict[str, Any]:
        """Give suspended nodes output parameters, a message, or a phase that ends them."""
        fields: dict[str, Any] = {**_selected(nodes), "output_parameters": json.dumps(dict(outputs))}
        fields |= {key: value for key, value in (("phase", phase), ("message", message)) if value}
        return self._change("set", name, fields, safe=False)

    def retry(
        self,
        name: str,
        nodes: str | Mapping[str, str] = "",
        *,
        restart_successful: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Run what failed once more; with ``restart_successful`` the selected nodes too, whatever their phase."""
        fields = {**_selected(nodes), **_overrides(parameters)}
        if restart_successful:
            fields["restart_successful"] = True
        return self._change("retry", name, fields, safe=False)

    def resubmit(
        self, name: str, *, memoized: bool = False, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Submit the same workflow anew; the new one. ``memoized`` takes over the steps that have succeeded."""
        fields = {"memoized": True, **_overrides(parameters)} if memoized else _overrides(parameters)
        return self._change("resubmit", name, fields, safe=False)

    def delete(self, name: str, *, force: bool = False) -> None:
        """Delete a workflow with its pods; ``force`` without waiting for its finalizers.

        Raises:
            WorkflowNotFound: there was none.
        """
        service, sent = self._connection.service("workflow"), []

        def send(options: Mapping[str, Any]) -> Any:
            sent.append(name)
            return service.delete_workflow(self.namespace, name, **({"force": True} if force else {}), **options)

        try:
            self._connection.ask(f"delete workflow {name!r}", send, safe=True)
        except WorkflowNotFound:
            if len(sent) == 1:
                raise  # else it was deleted by a request whose answer was lost

    # -- how --------------------------------------------------------------------------------------------------

    def _made_before(self, name: str, mark: str) -> dict[str, Any] | None:
        """The workflow of a name, if the request with this mark has made it."""
        try:
            found = self.get(name)
        except WorkflowNotFound:
            return None
        annotations = (found.get("metadata") or {}).get("annotations") or {}
        return found if annotations.get(SUBMISSION) == mark else None

    def _workflow(self, what: str, verb: str, fields: dict[str, Any], *, safe: bool) -> dict[str, Any]:
        service, sent = self._connection.service("workflow"), body(verb, {"namespace": self.namespace, **fields})
        call = getattr(service, f"{verb}_workflow")
        return self._connection.ask(what, lambda options: call(self.namespace, sent, **options), safe=safe)

    def _change(self, verb: str, name: str, fields: dict[str, Any], *, safe: bool) -> dict[str, Any]:
        record, tries = body(verb, {"name": name, "namespace": self.namespace, **fields}), []
        call = getattr(self._connection.service("workflow"), f"{verb}_workflow")

        def send(options: Mapping[str, Any]) -> Any:
            tries.append(verb)
            return call(self.namespace, name, record, **options)

        try:
            return self._connection.ask(f"{verb} workflow {name!r}", send, safe=safe)
        except RequestRefused:
            found = self.get(name) if len(tries) > 1 else {}
            if (found.get("spec") or {}).get("shutdown") == verb.title():
                return found  # a request whose answer was lost has ended it
            raise


def _selected(nodes: str | Mapping[str, str]) -> dict[str, str]:
    text = field_selector(nodes)
    return {"node_field_selector": text} if text else {}


def _overrides(parameters: Mapping[str, str] | None) -> dict[str, Any]:
    return {"parameters": [f"{name}={value}" for name, value in parameters.items()]} if parameters else {}
