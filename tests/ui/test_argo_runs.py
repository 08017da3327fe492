"""Runs on an Argo server, as the page tells of them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from until import until

sys.path.insert(0, str(Path(__file__).parent))

from argo_nodes import Nodes
from argo_server import ArgoTestServer

TOKEN = "sesame-open-the-door"  # noqa: S105 - of the server of the tests
RUN = "argo:train-x3k9a"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def argo():
    with ArgoTestServer(token=TOKEN) as server:
        workflow = server.put("train-x3k9a", creationTimestamp="2026-01-31T12:00:00Z")
        workflow["spec"] = {
            "entrypoint": "main",
            "templates": [
                {
                    "name": "main",
                    "steps": [
                        [{"name": "fit", "template": "fit"}],
                        [{"name": "copies", "template": "fit", "withItems": ["0", "1"]}],
                        [{"name": "last", "template": "fit"}],
                    ],
                },
                {"name": "fit", "container": {"image": "alpine", "command": ["echo", "hi"]}},
            ],
        }
        server.set_status("train-x3k9a", status())
        yield server


def status(phase="Running"):
    nodes = Nodes("train-x3k9a", phase=phase)
    first = nodes.add("train-x3k9a[0].fit", "Pod", template="fit", inside="train-x3k9a", display="fit")
    nodes.found[node_id(nodes, first)]["outputs"] = {"parameters": [{"name": "loss", "value": "0.5"}], "exitCode": "0"}
    for index, ended in ((0, "Succeeded"), (1, "Failed" if phase == "Failed" else "Running")):
        name = f"train-x3k9a[1].copies({index}:{index})"
        nodes.add(name, "Pod", ended, template="fit", inside="train-x3k9a", display=f"copies({index}:{index})")
    return nodes.as_status(phase, progress="2/3")


def node_id(nodes, name):
    return next(key for key, node in nodes.found.items() if node["name"] == name)


@pytest.fixture
def site(argo, runs, start_site):
    return start_site(runs, env={"DFLOW_HOST": argo.url, "DFLOW_TOKEN": TOKEN, "DFLOW_NAMESPACE": "argo"})


def test_they_are_in_the_list_beside_those_of_the_folder(site):
    until(lambda: len(site.json("/api/runs")["runs"]) == 4)
    rows = {row["id"]: row for row in site.json("/api/runs")["runs"]}
    assert set(rows) == {"good-1", "bad-1", "dag-1", RUN}
    row = rows[RUN]
    assert (row["source"], row["name"], row["status"]) == ("argo", "train-x3k9a", "Running")
    assert (row["done"], row["total"]) == (2, 3)
    assert site.json("/api/session")["server"] is True


def test_they_have_a_graph_with_what_will_come(site):
    root = site.json(f"/api/runs/{RUN}/graph")["root"]
    found = {call["call"]: call for call in root["calls"]}
    assert {name: (call["kind"], call["phase"], call["after"]) for name, call in found.items()} == {
        "fit": ("step", "Succeeded", []),
        "copies": ("loop", "Running", ["fit"]),
        "last": ("step", "Pending", ["copies"]),
    }
    assert found["copies"]["strip"] == "21"
    page = site.json(f"/api/runs/{RUN}/graph?node={root['id']}&call=copies")
    assert [copy["title"] for copy in page["copies"]] == ["copies(0:0)", "copies(1:1)"]


def test_a_node_has_values_and_a_log_and_says_what_it_has_not(site, argo):
    node = site.json(f"/api/runs/{RUN}/nodes?text=fit")["nodes"][0]
    pod = "train-x3k9a-fit-" + node["id"].rpartition("-")[2]
    argo.logs[pod] = ["hello", "wörld"]
    detail = site.json(f"/api/runs/{RUN}/nodes/{node['id']}")
    assert detail["outputs"]["parameters"] == {"loss": {"value": "0.5", "type": None}}
    assert (detail["log"], detail["script"], detail["directory"]) == (True, False, None)
    address = f"/api/runs/{RUN}/nodes/{node['id']}"
    assert site.json(f"{address}/log")["text"] == "hello\nwörld\n"
    with site.stream(f"{address}/log/stream?offset=6") as events:
        assert list(events) == [("text", {"text": "wörld\n", "offset": 13, "skipped": 0}), ("end", {})]
    for rest in ("/files?side=workdir", "/script", "/log/download"):
        reply = site.get(address + rest)
        assert reply.status == 404
        assert "artifact store" in reply.error


@pytest.mark.waiting
def test_changes_come_as_they_are_seen(site, argo):
    version = site.json(f"/api/runs/{RUN}/graph")["version"]
    argo.set_status("train-x3k9a", status("Failed"))
    with site.stream(f"/api/runs/{RUN}/stream?since={version}") as events:
        name, data = next(events)
    assert (name, data["status"], data["counts"]) == ("change", "Failed", {"Succeeded": 2, "Failed": 1})
    found = site.json(f"/api/runs/{RUN}")
    assert (found["source"], found["can"], found["directory"]) == ("argo", ["retry"], None)


@pytest.mark.parametrize("verb", ["terminate", "stop", "suspend"])
def test_the_server_is_asked_to_do_it(site, argo, verb):
    reply = site.post(f"/api/runs/{RUN}/{verb}")
    assert reply.json == {"said": f"The server was asked to {verb} train-x3k9a"}
    assert argo.seen("PUT", f"/train-x3k9a/{verb}")


def test_what_the_server_refuses_is_said(site, argo):
    reply = site.post(f"/api/runs/{RUN}/retry")
    assert reply.status == 409
    assert "retry" in reply.error
    missing = site.get("/api/runs/argo:nothing/graph")
    assert missing.status in (404, 500)
    assert "nothing" in missing.error


@pytest.mark.waiting
def test_a_server_that_does_not_answer_does_not_hide_the_runs_of_the_folder(runs, start_site):
    site = start_site(runs, env={"DFLOW_HOST": "http://127.0.0.1:9", "DFLOW_NAMESPACE": "argo"})
    begun = time.monotonic()
    found = site.json("/api/runs")
    assert time.monotonic() - begun < 3
    assert {row["id"] for row in found["runs"]} == {"good-1", "bad-1", "dag-1"}
    until(lambda: "127.0.0.1:9" in (site.json("/api/runs")["serverError"] or ""))
