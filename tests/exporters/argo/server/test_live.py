"""Against a live Argo server: ``ARGO_SERVER=https://… ARGO_TOKEN=… ARGO_NAMESPACE=argo pytest -m argo``.

``ARGO_INSECURE=1`` trusts any certificate. The workflows need no artifact store, and the image ``busybox``.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

import pytest
from dflow.exporters.argo.server import ArgoServer, RequestRefused, WorkflowNotFound
from dflow.exporters.argo.server.nodes import read_nodes

HOST = os.environ.get("ARGO_SERVER")
pytestmark = [
    pytest.mark.argo,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not HOST, reason="no live Argo server; set ARGO_SERVER (and ARGO_TOKEN, ARGO_NAMESPACE)"),
]


@pytest.fixture
def live():
    verify = os.environ.get("ARGO_INSECURE") != "1"
    namespace = os.environ.get("ARGO_NAMESPACE", "argo")
    return ArgoServer(HOST, namespace, os.environ.get("ARGO_TOKEN"), verify=verify)


@pytest.fixture
def named(live):
    """Gives a name, and deletes what was made under it."""
    made = []

    def name(kind):
        made.append(f"dflow-live-{kind}-{time.time_ns() % 10**8}")
        return made[-1]

    yield name
    for one in made:
        with suppress(WorkflowNotFound):
            live.delete(one)


def manifest(name, *steps, **templates):
    container = {"image": os.environ.get("ARGO_IMAGE", "busybox"), "command": ["sh", "-c"]}
    leaves = [{"name": n, "container": {**container, "args": [text]}} for n, text in templates.items() if text]
    pauses = [{"name": n, "suspend": {}} for n, text in templates.items() if not text]
    main = {"name": "main", "steps": [[{"name": s, "template": s}] for s in steps]}
    spec = {"entrypoint": "main", "templates": [main, *leaves, *pauses]}
    if os.environ.get("ARGO_SERVICE_ACCOUNT"):
        spec["serviceAccountName"] = os.environ["ARGO_SERVICE_ACCOUNT"]
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": spec}


def wait_for(live, name, *phases):
    for _ in range(300):
        phase = live.get(name, ("status.phase",)).get("status", {}).get("phase")
        if phase in phases:
            return phase
        time.sleep(1)
    raise AssertionError(f"{name} is not {phases} after five minutes")


def test_a_workflow_runs_and_tells_its_steps_and_logs(live, named):
    name = named("run")
    live.create(manifest(name, "hello", hello="echo hello from $0"))
    assert wait_for(live, name, "Succeeded", "Failed", "Error") == "Succeeded"
    raw = live.get(name)
    (step,) = read_nodes(raw)
    assert (step.display, step.type, step.phase) == ("hello", "Pod", "Succeeded")
    assert any("hello from" in line.text for line in live.logs(name, step.pods[0]))
    assert name in [w["metadata"]["name"] for w in live.list(prefix=name, page=2)]


def test_a_step_that_waits_goes_on(live, named):
    name = named("wait")
    live.create(manifest(name, "pause", "after", pause=None, after="true"))
    wait_for(live, name, "Running")
    live.suspend(name)
    live.resume(name, {"displayName": "pause"})
    live.resume(name)
    assert wait_for(live, name, "Succeeded", "Failed", "Error") == "Succeeded"


def test_failing_retrying_resubmitting_terminating(live, named):
    name = named("fail")
    live.create(manifest(name, "bad", bad="exit 3"))
    assert wait_for(live, name, "Succeeded", "Failed", "Error") == "Failed"
    assert read_nodes(live.get(name))[0].exit_code == 3
    live.retry(name)
    anew = live.resubmit(name)["metadata"]["name"]
    live.terminate(anew)
    assert wait_for(live, anew, "Failed", "Error") == "Failed"
    live.delete(anew)


def test_a_wrong_manifest_is_refused(live):
    wrong = manifest("dflow-live-wrong", "a", a="true")
    wrong["spec"]["entrypoint"] = "nowhere"
    for verb in (live.lint, live.create):
        with pytest.raises(RequestRefused, match="nowhere"):
            verb(wrong)
    with pytest.raises(WorkflowNotFound):
        live.get("dflow-live-wrong")
