"""A small Argo server, and a client of it that does not wait long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from argo_server import ArgoTestServer
from dflow.exporters.argo.server import ArgoServer
from dflow.exporters.argo.server.connection import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN = "sesame-open-the-door"  # noqa: S105 - of the server of the tests
QUICK = Limits(connect=5.0, read=5.0, attempts=4, pause=0.01, longest=0.05)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def argo() -> Iterator[ArgoTestServer]:
    """The server."""
    with ArgoTestServer(token=TOKEN) as server:
        yield server


@pytest.fixture
def client(argo: ArgoTestServer) -> Callable[..., ArgoServer]:
    """Makes clients of it; what is given replaces what is right."""

    def make(**changes: Any) -> ArgoServer:
        given = {"host": argo.url, "namespace": "argo", "token": TOKEN, "limits": QUICK, **changes}
        return ArgoServer(given.pop("host"), given.pop("namespace"), **given)

    return make


@pytest.fixture
def manifest() -> dict[str, Any]:
    """A workflow of one container."""
    container = {"image": "alpine", "command": ["echo"], "args": ["hello, wörld"]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "one-x3k9a", "labels": {"who": "me"}},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "container": container}]},
    }
