"""Verbs of the command line where workflows are on an Argo server."""

from __future__ import annotations

import json
import time

import pytest
from argo_nodes import Nodes, node_id
from argo_server import ArgoTestServer
from dflow import config
from dflow.cli import main

TOKEN = "a token of tests"  # noqa: S105


@pytest.fixture
def argo(monkeypatch):
    """A server with a workflow that has failed."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArgoTestServer(token=TOKEN) as server:
        for name, value in {"mode": "argo", "host": server.url, "token": TOKEN}.items():
            monkeypatch.setitem(config, name, value)
        server.put("wf-1", labels={"team": "a"})
        nodes = Nodes("wf-1", phase="Failed")
        group = nodes.group("wf-1", 0)
        nodes.pod("wf-1", group, "a", "main", phase="Failed")
        server.set_status("wf-1", {**nodes.as_status(), "startedAt": _ago(7200)})
        server.logs[f"wf-1-main-{node_id('wf-1', 'wf-1[0].a').rpartition('-')[2]}"] = ["one", "two"]
        server.put("wf-2", {"phase": "Running", "startedAt": _ago(60)})
        yield server


def _ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


@pytest.fixture
def said(capsys):
    def run(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == status, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], {"wf-1", "wf-2"}),
        (["--phase", "failed"], {"wf-1"}),
        (["--newer", "1h"], {"wf-2"}),
        (["--older", "1h"], {"wf-1"}),
        (["--name", "*-2"], {"wf-2"}),
        (["-l", "team=a"], {"wf-1"}),
    ],
)
def test_list_has_the_same_filters(argo, said, words, wanted):
    assert {row["id"] for row in json.loads(said("list", *words, "--json"))} == wanted


def test_acting_verbs_print_the_same_documents(argo, said):
    for verb, name in (
        ("suspend", "wf-2"),
        ("resume", "wf-2"),
        ("terminate", "wf-2"),
        ("retry", "wf-1"),
        ("stop", "wf-1"),
    ):
        answer = json.loads(said(verb, name, "--json"))
        assert (answer["id"], answer["verb"]) == (name, verb)
        assert answer["status"] in ("Running", "Failed", "Pending")
    answer = json.loads(said("resubmit", "wf-1", "--json"))
    assert (answer["verb"], answer["of"]) == ("resubmit", "wf-1")
    assert answer["id"] in argo.workflows
    assert json.loads(said("delete", "wf-1", "--json")) == {"id": "wf-1", "verb": "delete", "status": None}


def test_wait_prints_a_document_too(argo, said):
    assert json.loads(said("wait", "wf-1", "--json", status=1)) == {"id": "wf-1", "verb": "wait", "status": "Failed"}


def test_steps_by_id(argo, said):
    steps = json.loads(said("getsteps", "wf-1", "-i", node_id("wf-1", "wf-1[0].a"), "--json"))
    assert [step["displayName"] for step in steps] == ["a"]
    assert json.loads(said("getsteps", "wf-1", "-i", "other", "--json")) == []


def test_logs(argo, said):
    assert said("logs", "wf-1", "a") == "one\ntwo\n"
    assert said("logs", "wf-1", "a", "--tail", "1") == "two\n"
    assert said("logs", "wf-1", "a", "-f") == "one\ntwo\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["logs", "wf-1"], "on a server, name a step: dflow logs wf-1 STEP"),
        (["debug", "wf-1", "a"], "dflow debug is for runs on this machine; unset DFLOW_MODE"),
        (["explain", "wf-1", "a"], "dflow explain is for runs on this machine; unset DFLOW_MODE"),
        (["get", "wf-1", "--resources"], "what steps of a server have used is not known here"),
        (["download", "wf-1", "a"], "downloaded by their keys: dflow download --key KEY"),
    ],
)
def test_what_is_not_done_there_is_said(argo, capsys, words, error):
    assert main(words) == 1
    assert error in capsys.readouterr().err
