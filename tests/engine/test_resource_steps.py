"""Resource templates where kubectl is set up for a cluster, here a look-alike."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from dflow.engine.errors import CompileError
from dflow.engine.model import (
    Call,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Pod,
    ResourceTemplate,
    Retry,
    StepsTemplate,
    WorkflowGraph,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


from cluster import FakeCluster

pytestmark = pytest.mark.waiting

SUCCESS, FAILURE = "status.phase == Done", "status.phase == Broken, status.failed > 1"
FOREVER = [[0, {"phase": "Running"}]]
RUN = "import sys; from dflow.engine.layout import RunLayout; from dflow.engine.runner import run; \
from dflow.executors import make_executor; from pathlib import Path; run(RunLayout(Path(sys.argv[1])), make_executor)"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster(tmp_path / "fake")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def manifest(statuses: list[list[object]], name: str = "generateName: job-") -> str:
    annotation = json.dumps(json.dumps(statuses))
    return f"apiVersion: batch/v1\nkind: Job\nmetadata:\n  {name}\n  annotations:\n    fake/statuses: {annotation}\n"


def job(statuses: list[list[object]], name: str = "generateName: job-", **fields: object) -> ResourceTemplate:
    given = {"success_condition": SUCCESS, "failure_condition": FAILURE, "manifest": manifest(statuses, name)}
    return ResourceTemplate("job", "create", **{**given, **fields})


def graph(template: ResourceTemplate, **fields: object) -> WorkflowGraph:
    main = StepsTemplate("main", ((Call("a", "job", **fields),),))
    return WorkflowGraph("wf", "main", (template, main))


def test_a_step_succeeds_when_the_object_does_and_gives_its_fields(argo, cluster):
    outputs = Outputs(
        (
            OutputParameter("phase", query="jsonPath={.status.phase}"),
            OutputParameter("made", query="jsonPath={.metadata.labels.for}"),
            OutputParameter("none", query="jsonPath={.status.nothing}", default=Literal("nothing")),
        )
    )
    statuses = [[0, {"phase": "Running"}], [0.5, {"phase": "Done"}]]
    template = job(statuses, outputs=outputs, inputs=Inputs((InputParameter("who"),)))
    text = template.manifest.replace("metadata:", "metadata:\n  labels: {for: '{{inputs.parameters.who}}'}")
    template = job(statuses, outputs=outputs, inputs=template.inputs, manifest=text)
    argo.go(graph(template, parameters=(("who", Literal("me")),)))
    assert argo.status == "Succeeded", argo.nodes
    values = argo.record("[0].a")["outputs"]["parameters"]
    step = argo.directory("[0].a")
    assert {name: (step / "outputs/parameters" / name).read_text() for name in values} == {
        "phase": "Done",
        "made": "me",
        "none": "nothing",
    }
    (key,) = cluster.objects  # what has succeeded stays
    assert f"Job '{key.partition('.')[2]}' in namespace 'default'" in (step / "log.txt").read_text()
    assert cluster.called("create") == 1


def test_without_conditions_the_step_is_done_when_the_object_is_there(argo, cluster):
    argo.go(graph(job(FOREVER, success_condition=None, failure_condition=None)))
    assert argo.status == "Succeeded"
    assert len(cluster.objects) == 1


@pytest.mark.parametrize("status", [{"phase": "Broken"}, {"failed": 2, "phase": "Done"}])
def test_a_failure_condition_fails_the_step_and_leaves_the_object_to_be_looked_at(argo, cluster, status):
    argo.go(graph(job([[0.3, status]])))
    assert (argo.status, argo.phases["[0].a"]) == ("Failed", "Failed")
    assert "met the failure condition" in argo.nodes["[0].a"]["message"]
    assert len(cluster.objects) == 1


def test_an_object_that_somebody_deletes_fails_the_step(argo, cluster):
    program = "import sys, time, pathlib; place = pathlib.Path(sys.argv[1])\n"
    program += "while not [f for f in place.iterdir() if f.suffix != '.tmp']: time.sleep(0.02)\n"
    program += "time.sleep(0.5); [f.unlink() for f in place.iterdir()]"
    watcher = subprocess.Popen([sys.executable, "-c", program, str(cluster.state / "objects")])
    argo.go(graph(job(FOREVER)))
    assert watcher.wait() == 0
    assert argo.phases["[0].a"] == "Failed"
    assert "was deleted before a condition was met" in argo.nodes["[0].a"]["message"]


def test_a_manifest_that_the_cluster_refuses_fails_the_step_with_its_words(argo, cluster):
    argo.go(graph(job([], manifest="metadata: {name: x}")))
    assert argo.phases["[0].a"] == "Failed"
    assert "kubectl create: error: error validating" in argo.nodes["[0].a"]["message"]
    assert cluster.objects == {}


def test_a_condition_that_is_none_is_an_error_before_anything_is_made(argo, cluster):
    argo.go(graph(job(FOREVER, success_condition="a && b")))
    assert argo.phases["[0].a"] == "Error"
    assert "is no requirement" in argo.nodes["[0].a"]["message"]
    assert cluster.objects == {}


@pytest.mark.parametrize("where", ["template", "step"])
def test_what_was_created_is_deleted_when_the_time_is_over(argo, cluster, where):
    more = {"pod": Pod(timeout=Literal("1"))} if where == "template" else {}
    call = {"timeout": Literal("1")} if where == "step" else {}
    argo.go(graph(job(FOREVER, **more), **call))
    assert argo.phases["[0].a"] == "Failed"
    assert argo.nodes["[0].a"]["message"] == "it was ended after its time limit of 1 s"
    assert cluster.called("create") == 1
    assert cluster.objects == {}


def test_what_was_created_is_deleted_when_the_workflow_is_ended(argo, cluster):
    made = graph(job(FOREVER))
    argo.go(WorkflowGraph(made.name, made.entrypoint, made.templates, deadline=Literal("1")))
    assert argo.status == "Failed"
    assert cluster.called("create") == 1
    assert cluster.objects == {}


def test_what_was_applied_stays_since_it_may_be_somebody_elses(argo, cluster):
    template = job(FOREVER, "name: shared", pod=Pod(timeout=Literal("1")))
    argo.go(graph(ResourceTemplate(**{**_fields(template), "action": "apply"})))
    assert argo.phases["[0].a"] == "Failed"
    assert list(cluster.objects) == ["job.shared"]


def _fields(template: ResourceTemplate) -> dict[str, object]:
    return {name: getattr(template, name) for name in template.__dataclass_fields__}


def test_a_cluster_that_does_not_answer_for_a_while_is_asked_again(argo, cluster):
    (cluster.bin / "kubectl").rename(cluster.bin / "real")
    script = '#!/bin/sh\ncase $1 in get) n=$(cat "$FAKE_KUBECTL/n" 2>/dev/null || echo 0); echo $((n+1)) > '
    script += '"$FAKE_KUBECTL/n"; [ $n -ge 3 ] || { echo unreachable >&2; exit 1; };; esac\n'
    (cluster.bin / "kubectl").write_text(f'{script}exec "{cluster.bin}/real" "$@"\n')
    (cluster.bin / "kubectl").chmod(0o755)
    argo.go(graph(job([[0.1, {"phase": "Done"}]])))
    assert argo.status == "Succeeded"
    assert (argo.directory("[0].a") / "log.txt").read_text().count("kubectl get: unreachable") == 3


def test_a_step_is_tried_again_with_another_object(argo, cluster):
    argo.go(graph(job([[0, {"phase": "Broken"}]], pod=Pod(retry=Retry(limit=1)))))
    assert argo.phases["[0].a"] == "Failed"
    assert cluster.called("create") == 2
    assert len(cluster.objects) == 2


def test_waiting_for_objects_takes_no_place_of_this_machine(argo, cluster):
    argo.settings["pool_workers"] = 1
    loop = Loop(Literal("[1, 2, 3, 4, 5, 6]"))
    argo.go(graph(job([[3.0, {"phase": "Done"}]]), loop=loop))
    assert argo.status == "Succeeded", argo.nodes
    born = [made["metadata"]["born"] for made in cluster.objects.values()]
    assert len(born) == 6
    assert max(born) - min(born) < 12  # one after another takes 15 s at least


@pytest.mark.parametrize(("action", "statuses"), [("get", [[0, {"phase": "Done"}]]), ("delete", [])])
def test_objects_that_are_there_are_looked_at_or_deleted(argo, cluster, action, statuses):
    made = json.loads(json.dumps({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "old", "born": 0}}))
    made["metadata"]["annotations"] = {"fake/statuses": json.dumps(statuses)}
    (cluster.state / "objects" / "job.old").write_text(json.dumps(made))
    more = {} if action == "get" else {"success_condition": None, "failure_condition": None}
    template = _fields(job([], "name: old", **more))
    argo.go(graph(ResourceTemplate(**{**template, "action": action})))
    assert argo.status == "Succeeded", argo.nodes
    assert bool(cluster.objects) == (action == "get")


def test_without_a_context_it_is_refused_before_anything_starts(argo, cluster):
    cluster.unset("context")
    with pytest.raises(CompileError, match=r"template 'job': .* needs a cluster, and kubectl is set up for no cluster"):
        argo.go(graph(job(FOREVER)))
    assert not argo.layout.root.exists()


@pytest.fixture
def killed(argo, cluster) -> Callable[[WorkflowGraph], str]:
    """Runs a graph until its object is there, and kills the engine; the object's kind and name."""

    def go(made: WorkflowGraph) -> str:
        argo.create(made)
        engine = subprocess.Popen([sys.executable, "-c", RUN, str(argo.layout.root)], start_new_session=True)
        key = cluster.wait_for_object()
        time.sleep(0.5)
        os.killpg(engine.pid, signal.SIGKILL)
        engine.wait()
        return key

    return go


def test_an_engine_that_comes_after_a_killed_one_goes_on_with_its_object(argo, cluster, killed):
    key = killed(graph(job([[0, {"phase": "Running"}], [2.5, {"phase": "Done"}]])))
    argo.go()
    assert argo.status == "Succeeded"
    assert list(cluster.objects) == [key]
    assert cluster.called("create") == 1


def test_an_object_that_was_announced_and_not_made_is_made_under_its_name(argo, cluster, killed):
    killed(graph(job([[0, {"phase": "Running"}], [2.0, {"phase": "Done"}]])))
    (key,) = cluster.objects
    (cluster.state / "objects" / key).unlink()
    argo.go()
    assert argo.status == "Succeeded"
    assert list(cluster.objects) == [key]


def test_a_step_that_was_ended_by_an_interrupt_leaves_nothing_and_begins_anew(argo, cluster):
    argo.create(graph(job([[0, {"phase": "Running"}], [3, {"phase": "Done"}]])))
    engine = subprocess.Popen([sys.executable, "-c", RUN, str(argo.layout.root)], start_new_session=True)
    first = cluster.wait_for_object()
    time.sleep(0.5)
    engine.send_signal(signal.SIGINT)
    engine.wait(20)
    assert cluster.objects == {}
    argo.go()
    assert argo.status == "Succeeded"
    assert first not in cluster.objects
    assert len(cluster.objects) == 1


def test_the_fingerprint_tells_what_was_asked_of_the_cluster(argo, cluster):
    argo.go(graph(job([[0, {"phase": "Done"}]], inputs=Inputs((InputParameter("n", default=Literal("1")),)))))
    found = argo.record("[0].a")["fingerprint"]
    assert set(found) == {"input parameter n", "program"}
