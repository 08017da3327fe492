"""Runs on an Argo server, where one is configured: the same answers from what its controller knows of the nodes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import dflow
from dflow.argo_mode import ArgoRun, argo_server
from dflow.argo_query import phase_of
from dflow.engine.errors import DflowError
from dflow.exporters.argo.load import load
from dflow.exporters.argo.server import ServerError
from dflow.exporters.argo.server.nodes import read_nodes, seconds
from dflow.live.calls import templates_of
from dflow.live.view import RunView
from dflow.ui.answers import Refused
from dflow.ui.detail import detail_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Template, WorkflowGraph
    from dflow.exporters.argo.server.nodes import ServerNode
    from dflow.live.view import LiveNode
    from dflow.ui.actions import Wish
    from dflow.ui.watched import Watched

__all__ = ["ArgoSource", "Server", "act_on_server", "detail", "log_text"]

_FRESH = 2.0
_LIST_FRESH = 5.0
_PATIENCE = 0.5
_MOST_LINES = 5000
_FINAL = ("Succeeded", "Failed", "Error")


class Server:
    """The workflows of the namespace; they are asked for every few seconds at most.

    Args:
        prefix: what their ids begin with in the addresses of the page.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        self._asking: threading.Thread | None = None
        self._asked = float("-inf")
        self._rows: list[dict[str, Any]] = []
        self._error: str | None = None

    def rows(self) -> tuple[list[dict[str, Any]], str | None]:
        """A line of the list for each, and why they are old, or none.

        A server that is slow is not waited for: what it says is in the list the next time.
        """
        with self._lock:
            if self._asking is None and time.monotonic() - self._asked > _LIST_FRESH:
                self._asking = threading.Thread(target=self._ask, daemon=True)
                self._asking.start()
            asking = self._asking
        if asking is not None:
            asking.join(_PATIENCE)
        with self._lock:
            return self._rows, self._error

    def _ask(self) -> None:
        rows, error = self._rows, None
        try:
            rows = [_row(self._prefix, raw) for raw in argo_server().list()]
        except DflowError as exc:
            error = str(exc)
        finally:
            with self._lock:
                self._rows, self._error = rows, error
                self._asking, self._asked = None, time.monotonic()

    def source(self, name: str) -> ArgoSource:
        """The workflow of that id."""
        return ArgoSource(name, name.removeprefix(self._prefix))


def _row(prefix: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    metadata, status = raw.get("metadata") or {}, raw.get("status") or {}
    done, slash, total = str(status.get("progress") or "").partition("/")
    is_told = bool(slash) and done.isdigit() and total.isdigit()
    return {
        "id": f"{prefix}{metadata.get('name')}",
        "name": metadata.get("name"),
        "source": "argo",
        "status": phase_of(raw),
        "started": seconds(status.get("startedAt")) or seconds(metadata.get("creationTimestamp")),
        "finished": seconds(status.get("finishedAt")),
        "done": int(done) if is_told else None,
        "total": int(total) if is_told else None,
        "failed": None,
        "running": None,
        "runner": None,
        "message": status.get("message") or "",
    }


class ArgoSource:
    """One workflow on the server."""

    kind = "argo"
    pause = 3.0
    layout = None

    def __init__(self, identity: str, name: str) -> None:
        self.id = identity
        self.nodes: dict[str, ServerNode] = {}
        self.run = ArgoRun(dflow.Workflow(id=name))
        self.view = RunView(self.run.name)
        self._raw: dict[str, Any] = {}
        self._asked = float("-inf")
        self._known: dict[str, dict[str, Any]] = {}
        self._graph: WorkflowGraph | None = None
        self._templates: Mapping[str, Template] | None = None

    @property
    def templates(self) -> Mapping[str, Template]:
        """The templates of its manifest, as far as it can be read."""
        if self._templates is None:
            manifest: dict[str, Any] = {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "metadata": {"name": self.run.name},
                "spec": self._raw.get("spec"),
            }
            try:
                self._graph = load(manifest).graph
            except DflowError:  # it may use what cannot be run here; then only what has begun is shown
                self._graph = None
            self._templates = templates_of(self._graph)
        return self._templates

    @property
    def entrypoint(self) -> str:
        """The template of its root."""
        return str((self._raw.get("spec") or {}).get("entrypoint") or "")

    def refresh(self) -> list[LiveNode]:
        """Ask the server, unless it was asked just now.

        Raises:
            ServerError: it does not answer, or has no such workflow.
        """
        if time.monotonic() - self._asked < _FRESH:
            return []
        self._raw = self.run._get(())
        self._asked = time.monotonic()
        found = read_nodes(self._raw)
        self.nodes = {node.id: node for node in found}
        self._take(self._workflow())  # first: when a workflow begins, none of its nodes runs
        root = self._root()
        changed = [self._take(event) for event in [*([root] if root else []), *map(_event, found)]]
        return [node for node in changed if node is not None]

    def forget(self) -> None:
        """Ask the server anew the next time."""
        self._asked = float("-inf")

    def status(self) -> str:
        """Its phase, as it was when the server was asked."""
        return phase_of(self._raw)

    def runner(self) -> dict[str, Any] | None:
        """The server, while it goes on."""
        if self.status() in _FINAL:
            return None
        return {"host": self.run.server.host, "pid": None, "silentFor": None}

    def can(self) -> list[str]:
        """What can be done now."""
        status, spec = self.status(), self._raw.get("spec") or {}
        if status in _FINAL:
            return [] if status == "Succeeded" else ["retry"]
        waits = spec.get("suspend") or any(node.type == "Suspend" for node in self.view.running.values())
        return ["terminate", "stop", *([] if spec.get("suspend") else ["suspend"]), *(["resume"] if waits else [])]

    def _take(self, event: dict[str, Any]) -> LiveNode | None:
        """Take in an event, unless it says what is known."""
        name = str(event.get("name", ""))
        if self._known.get(name) == event:
            return None
        self._known[name] = event
        return self.view.apply(event)

    def _workflow(self) -> dict[str, Any]:
        status = self._raw.get("status") or {}
        outputs = status.get("outputs") or {}
        phase = self.status()
        at = status.get("finishedAt") if phase in _FINAL else status.get("startedAt")
        if self.view.started is None:
            self.view.started = seconds(status.get("startedAt"))
        return {
            "event": "workflow",
            "phase": phase,
            "at": seconds(at),
            "outputs": {
                "parameters": {p.get("name"): p.get("value") for p in outputs.get("parameters") or ()},
                "artifacts": {a.get("name"): None for a in outputs.get("artifacts") or ()},
            },
        }

    def _root(self) -> dict[str, Any] | None:
        name = self.run.name
        found = (self._raw.get("status") or {}).get("nodes") or {}
        raw = next((node for node in found.values() if node.get("name") == name), None)
        if raw is None:
            return None
        return {
            "event": "node",
            "id": str(raw.get("id")),
            "name": name,
            "displayName": name,
            "type": raw.get("type"),
            "template": raw.get("templateName"),
            "phase": raw.get("phase") or "Pending",
            "message": raw.get("message"),
            "started": seconds(raw.get("startedAt")),
            "finished": seconds(raw.get("finishedAt")),
        }


def _event(node: ServerNode) -> dict[str, Any]:
    return {
        "event": "node",
        "id": node.id,
        "name": node.name,
        "displayName": node.display,
        "type": node.type,
        "template": node.template,
        "parent": node.parent,
        "key": node.key,
        "phase": node.phase,
        "message": node.message,
        "started": node.started,
        "finished": node.finished,
        "exitCode": node.exit_code,
        "retries": node.retries,
        "host": node.raw.get("hostNodeName"),
    }


def detail(run: Watched, node: LiveNode) -> dict[str, Any]:
    """What the panel of a node shows."""
    source = _source(run)
    found, raw = detail_json(run, node), source.nodes.get(node.id)
    if raw is not None:
        found |= {side: _side(getattr(raw, side)) for side in ("inputs", "outputs")}
        found["log"] = bool(raw.pods)
    return found


def _side(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    artifacts = values.get("artifacts", {})
    return {
        "parameters": dict(values.get("parameters", {})),
        "artifacts": {name: {"path": None, "key": fields.get("key")} for name, fields in artifacts.items()},
    }


def log_text(run: Watched, node: LiveNode, most: int) -> str:
    """The last lines that the pods of a step have printed.

    Raises:
        Refused: the server does not have them.
    """
    source = _source(run)
    raw = source.nodes.get(node.id)
    if raw is None or not raw.pods:
        return ""
    try:
        server = source.run.server
        lines = [line.text for pod in raw.pods for line in server.logs(source.run.name, pod, tail=_MOST_LINES)]
    except ServerError:
        lines = []
    if not lines:
        try:
            lines = list(source.run.log_lines(node.id))[-_MOST_LINES:]  # its pod is gone: the archived one
        except DflowError as exc:
            raise Refused(404, f"The server has no log of this step: {exc}") from exc
    return "".join(f"{line}\n" for line in lines)[-most:]


def act_on_server(run: Watched, verb: str, wish: Wish) -> str:
    """What the command line does for a run on a server; a sentence that says what was done."""
    source = _source(run)
    there = source.run
    match verb:
        case "resume":
            there.resume(wish.outputs, wish.steps)
        case "retry":
            there.retry(wish.steps)
        case "terminate":
            there.terminate()
        case "stop":
            there.stop()
        case _:
            there.suspend()
    source.forget()
    return f"The server was asked to {verb} {there.name}"


def _source(run: Watched) -> ArgoSource:
    if not isinstance(run.source, ArgoSource):
        raise TypeError(f"{run.id} is on no server")
    return run.source
