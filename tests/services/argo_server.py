"""A small Argo server for tests: real HTTP, the paths of its REST interface, workflows in memory.

It checks what the real one checks (the token, the manifest by the linter and the closed schema, the phase before a
retry), gives answers and errors in the same form, and can be told to fail. Nothing is run: a test sets the status.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
import uuid
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from argo_answers import Answer, Refusal, by_fields, changed, fits_labels
from dflow.exporters.argo.lint import Severity, lint

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

__all__ = ["ArgoTestServer", "Fault", "Request"]


@dataclass(frozen=True)
class Request:
    """What has arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Fault:
    """What happens to the next requests instead of an answer.

    Attributes:
        times: to how many.
        status, body, headers: what is answered.
        cut: close the connection: ``"before"`` an answer, or ``"inside"`` of it.
        done: do what was asked before.
        delay: seconds to wait before anything else.
        only: a part of ``"PUT /the/path"``; other requests are answered.
    """

    times: int = 1
    status: int = 0
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    done: bool = False
    delay: float = 0.0
    only: str = ""


class ArgoTestServer:
    """An Argo server on a free port of this machine.

    Attributes:
        requests: all that have arrived.
        workflows, archive: by name, and by uid.
        logs: the lines of each pod.
        files: output artifacts, by node id and name.
    """

    def __init__(self, token: str | None = None, namespace: str = "argo", certificate: Path | None = None) -> None:
        self.token = token
        self.namespace = namespace
        self.requests: list[Request] = []
        self.workflows: dict[str, dict[str, Any]] = {}
        self.archive: dict[str, dict[str, Any]] = {}
        self.logs: dict[str, list[str]] = {}
        self.files: dict[tuple[str, str], bytes] = {}
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        owner = self

        class Handler(_Handler):
            server_of_test = owner

        self._http = _Http(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self._http.server_address[1])
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    # -- what tests do ----------------------------------------------------------------------------------------

    def fail(self, times: int = 1, **fields: Any) -> None:
        """Let the next requests fail; see :class:`Fault`."""
        self._faults.append(Fault(times, **fields))

    def set_status(self, name: str, status: dict[str, Any]) -> None:
        """What the controller would write."""
        workflow = self.workflows[name]
        workflow["status"] = deepcopy(status)
        workflow["metadata"].setdefault("labels", {})["workflows.argoproj.io/phase"] = status.get("phase", "")

    def put(self, name: str, status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
        """A workflow that somebody else has submitted."""
        spec = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "a"}}]}
        self.workflows[name] = _stored({"metadata": {"name": name, **metadata}, "spec": spec}, self.namespace)
        if status:
            self.set_status(name, status)
        return self.workflows[name]

    def move_to_archive(self, name: str) -> str:
        """Take a workflow out of the cluster; its uid in the archive."""
        workflow = self.workflows.pop(name)
        self.archive[workflow["metadata"]["uid"]] = workflow
        return str(workflow["metadata"]["uid"])

    def seen(self, method: str, end: str) -> list[Request]:
        """The requests of a method whose path ends so."""
        return [r for r in self.requests if r.method == method and r.path.endswith(end)]

    # -- what the server does ---------------------------------------------------------------------------------

    def fault_for(self, method: str, path: str) -> Fault | None:
        """What is to happen to a request."""
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and fault.only in f"{method} {path}":
                    fault.times -= 1
                    return fault
        return None

    def answer(self, request: Request) -> Answer:
        """The answer to a request."""
        given = request.headers.get("authorization", "")
        if self.token is not None and given != f"Bearer {self.token}":
            raise Refusal(401, 16, "token not valid. see https://argo-workflows.readthedocs.io/en/latest/faq/")
        with self._lock:
            for method, pattern, name in _ROUTES:
                match = pattern.fullmatch(request.path)
                if match and method == request.method:
                    return getattr(self, f"_{name}")(request, **{k: unquote(v) for k, v in match.groupdict().items()})
        raise Refusal(404, 5, "Not Found")

    def _info(self, request: Request) -> Answer:
        return Answer({"managedNamespace": self.namespace})

    def _create(self, request: Request, ns: str) -> Answer:
        self._check_namespace(ns)
        workflow = _checked(request.body)
        metadata = workflow["metadata"]
        name = metadata.get("name") or f"{metadata['generateName']}{uuid.uuid4().hex[:5]}"
        if name in self.workflows:
            raise Refusal(409, 6, f'workflows.argoproj.io "{name}" already exists')
        self.workflows[name] = _stored({**workflow, "metadata": {**metadata, "name": name}}, ns)
        return Answer(self.workflows[name])

    def _lint(self, request: Request, ns: str) -> Answer:
        return Answer(_checked(request.body))

    def _list(self, request: Request, ns: str) -> Answer:
        self._check_namespace(ns)
        return self._page(self.workflows.values(), request)

    def _get(self, request: Request, ns: str, name: str) -> Answer:
        return Answer(by_fields(self._found(ns, name), request.query.get("fields", "")))

    def _delete(self, request: Request, ns: str, name: str) -> Answer:
        self._found(ns, name)
        del self.workflows[name]
        return Answer({})

    def _change(self, request: Request, ns: str, name: str, verb: str) -> Answer:
        workflow = self._found(ns, name)
        if verb == "resubmit":
            anew = {"metadata": {"name": f"{name.rpartition('-')[0]}-{uuid.uuid4().hex[:5]}"}, "spec": workflow["spec"]}
            made = self.workflows[anew["metadata"]["name"]] = _stored(deepcopy(anew), ns)
            return Answer(made)
        changed(workflow, verb, request.body or {})
        phase = workflow["status"].get("phase", "")
        workflow["metadata"].setdefault("labels", {})["workflows.argoproj.io/phase"] = phase
        return Answer(workflow)

    def _log(self, request: Request, ns: str, name: str) -> Answer:
        self._found(ns, name)
        wanted, tail = request.query.get("podName"), request.query.get("logOptions.tailLines")
        lines = []
        for pod, texts in self.logs.items():
            if wanted in (None, pod):
                chosen = texts[-int(tail) :] if tail else texts
                lines += [json.dumps({"result": {"content": text, "podName": pod}}) for text in chosen]
        return Answer("".join(f"{line}\n" for line in lines), stream=True)

    def _archived(self, request: Request, uid: str) -> Answer:
        if uid not in self.archive:
            raise Refusal(404, 5, "not found")
        return Answer(self.archive[uid])

    def _archived_list(self, request: Request) -> Answer:
        prefix = request.query.get("namePrefix", "")
        found = [w for w in self.archive.values() if w["metadata"]["name"].startswith(prefix)]
        return self._page(
            [{**w, "status": {k: v for k, v in w["status"].items() if k != "nodes"}} for w in found], request
        )

    def _artifact(self, request: Request, ns: str, name: str, node: str, artifact: str) -> Answer:
        self._found(ns, name)
        if (node, artifact) not in self.files:
            raise Refusal(404, 5, "artifact not found")
        return Answer(self.files[node, artifact])

    def _check_namespace(self, ns: str) -> None:
        if ns != self.namespace:
            raise Refusal(403, 7, f'workflows.argoproj.io is forbidden: User "me" cannot do that in namespace "{ns}"')

    def _found(self, ns: str, name: str) -> dict[str, Any]:
        self._check_namespace(ns)
        if name not in self.workflows:
            raise Refusal(404, 5, f'workflows.argoproj.io "{name}" not found')
        return self.workflows[name]

    def _page(self, items: Any, request: Request) -> Answer:
        found = [w for w in items if fits_labels(w, request.query.get("listOptions.labelSelector", ""))]
        start, limit = int(request.query.get("listOptions.continue") or 0), int(request.query["listOptions.limit"])
        part, rest = found[start : start + limit], len(found) > start + limit
        metadata = {"resourceVersion": "1", **({"continue": str(start + limit)} if rest else {})}
        return Answer(by_fields({"metadata": metadata, "items": part or None}, request.query.get("fields", "")))


def _stored(workflow: dict[str, Any], namespace: str) -> dict[str, Any]:
    """A workflow as it is kept, before any controller has seen it."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    own = {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": now, "generation": 1}
    status = {"startedAt": None, "finishedAt": None, **workflow.get("status", {})}
    return {**deepcopy(workflow), "metadata": {**workflow["metadata"], **own}, "status": status}


def _checked(body: Any) -> dict[str, Any]:
    """The workflow of a request.

    Raises:
        Refusal: the linter does not like it.
    """
    if not isinstance(body, dict) or not isinstance(body.get("workflow"), dict):
        raise Refusal(400, 3, "workflow body not specified")
    workflow = body["workflow"]
    errors = [str(finding) for finding in lint(workflow) if finding.severity is Severity.ERROR]
    if errors:
        raise Refusal(400, 3, "; ".join(errors))
    return dict(workflow)


_NS, _ONE = r"/api/v1/workflows/(?P<ns>[^/]+)", r"/(?P<name>[^/]+)"
_ROUTES = [
    ("GET", re.compile(r"/api/v1/(info|version)"), "info"),
    ("POST", re.compile(_NS), "create"),
    ("POST", re.compile(_NS + "/lint"), "lint"),
    ("GET", re.compile(_NS), "list"),
    ("GET", re.compile(_NS + _ONE), "get"),
    ("DELETE", re.compile(_NS + _ONE), "delete"),
    ("GET", re.compile(_NS + _ONE + "/log"), "log"),
    ("PUT", re.compile(_NS + _ONE + r"/(?P<verb>terminate|stop|suspend|resume|retry|set|resubmit)"), "change"),
    ("GET", re.compile(r"/api/v1/archived-workflows"), "archived_list"),
    ("GET", re.compile(r"/api/v1/archived-workflows/(?P<uid>[^/]+)"), "archived"),
    ("GET", re.compile(r"/artifacts/(?P<ns>[^/]+)" + _ONE + "/(?P<node>[^/]+)/(?P<artifact>[^/]+)"), "artifact"),
]


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_test: ArgoTestServer

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text, parts = self.rfile.read(length), urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, query, headers, json.loads(text) if text else None)
        test = self.server_of_test
        test.requests.append(request)
        fault = test.fault_for(self.command, parts.path)
        if fault and fault.delay:
            time.sleep(fault.delay)
        answer = None if fault and not (fault.done or _only_delays(fault)) else self._answered(request)
        if fault and not _only_delays(fault):
            self._fail(fault, answer)
        elif answer:
            self._send(answer)

    def _answered(self, request: Request) -> Answer:
        try:
            return self.server_of_test.answer(request)
        except Refusal as refusal:
            return refusal.answer()

    def _fail(self, fault: Fault, answer: Answer | None) -> None:
        if fault.status:
            self._send(Answer(fault.body or "", fault.status, headers=fault.headers))
            return
        if fault.cut == "inside":
            whole = (answer or Answer({"result": {"content": "x" * 100}})).bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Answer) -> None:
        whole = answer.bytes()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.stream:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(whole), 50):
                piece = whole[start : start + 50]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole)

    def log_message(self, *args: Any) -> None:
        """Silence."""


for _method in ("GET", "POST", "PUT", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler._do)


def _only_delays(fault: Fault) -> bool:
    return not fault.status and not fault.cut
