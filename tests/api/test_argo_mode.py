"""Workflows are sent to an Argo server, and asked for there, with the methods that local ones have."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from argo_nodes import Nodes, node_id
from argo_server import ArgoTestServer
from dflow import (
    OutputArtifact,
    Step,
    Steps,
    Workflow,
    argo_range,
    config,
    query_archived_workflows,
    query_workflows,
    s3_config,
    upload_artifact,
    upload_packages,
)
from dflow.argo_submit import submit_export
from dflow.argo_uploads import upload
from dflow.artifacts import download_artifact
from dflow.cli import main
from dflow.engine.errors import (
    ConfigError,
    ExportError,
    RunNotFound,
    StateError,
    StepFailed,
    StorageError,
    UnsupportedError,
)
from dflow.exporters.argo.export import Export, Upload
from dflow.exporters.argo.server import ArgoServer, ServerConflict, ServerUnavailable, WorkflowNotFound
from dflow.exporters.argo.server.connection import Limits
from dflow.io import InputParameter
from dflow.manifests import export_workflow
from dflow.op_template import ShellOPTemplate
from dflow.python import OP, Artifact, PythonOPTemplate, Slices, TransientError
from dflow.storage import StorageClient
from dflow.storage.archives import pack

TOKEN = "sesame-open-the-door"  # noqa: S105 - of the server of the tests
QUICK = Limits(connect=2.0, read=2.0, attempts=3, pause=0.01, longest=0.05)


@pytest.fixture
def argo(monkeypatch):
    """A server that ``config`` names, with mode ``argo``."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArgoTestServer(token=TOKEN) as server:
        config.update(mode="argo", host=server.url, token=TOKEN)
        monkeypatch.setattr("dflow.exporters.argo.server.client.Limits", lambda: QUICK)
        yield server


class Store(StorageClient):
    """An object store in memory."""

    def __init__(self):
        self.objects = {}

    def upload(self, key, path):
        self.objects[key] = Path(path).read_bytes()

    def download(self, key, path):
        Path(path).write_bytes(self.objects[key])

    def list(self, prefix, recursive=False):
        return sorted(key for key in self.objects if key.startswith(prefix))

    def copy(self, src, dst):
        self.objects[dst] = self.objects[src]

    def get_md5(self, key):
        return ""


def shell(script="echo hi", **more):
    return ShellOPTemplate("say", image="alpine", script=script, **more)


def one_step(name="wf", key="k", **more):
    wf = Workflow(name, **more)
    wf.add(Step("a", shell(), key=key))
    return wf


def submitted(argo, **more):
    wf = one_step(**more)
    wf.submit()
    return wf


# -- submitting -----------------------------------------------------------------------------------------------


def test_without_any_setting_workflows_run_here(tmp_path):
    assert config["mode"] == "debug"
    wf = one_step()
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert (tmp_path / wf.id / "k" / "phase").is_file()


@pytest.mark.parametrize("mode", ["argo", "default"])
def test_submit_sends_the_workflow_and_returns_at_once(argo, mode, tmp_path, capsys):
    config["mode"] = mode
    wf = one_step(labels={"who": "me"}).submit()
    stored = argo.workflows[wf.id]
    assert stored["metadata"]["uid"] == wf.uid
    assert stored["metadata"]["labels"] == {"who": "me"}
    assert wf.id.startswith("wf-")
    assert wf.query_status() == "Pending"
    assert wf.query_step() == []
    said = capsys.readouterr().out
    assert f"(ID: {wf.id}, UID: {wf.uid})" in said
    assert f"{argo.url}/workflows/argo/{wf.id}" in said
    assert TOKEN not in said
    assert list(tmp_path.iterdir()) == []


def test_the_mode_of_one_submit_stays_with_its_workflow(argo):
    config["mode"] = "debug"
    wf = one_step()
    wf.submit(mode="argo")
    assert list(argo.workflows) == [wf.id]
    assert wf.query_status() == "Pending"
    config["mode"] = "argo"
    local = one_step()
    local.submit(mode="debug")
    assert local.query_status() == "Succeeded"
    assert len(argo.workflows) == 1


def test_a_mode_that_there_is_not_is_refused_with_those_there_are(argo):
    with pytest.raises(UnsupportedError, match=r"'slurm'; use 'debug'.*'argo'"):
        one_step().submit(mode="slurm")
    config["mode"] = "kubernetes"
    with pytest.raises(UnsupportedError, match="'kubernetes'"):
        one_step().submit()
    assert argo.requests == []


def test_a_workflow_may_have_a_server_a_namespace_and_a_token_of_its_own(argo):
    with ArgoTestServer(token=TOKEN[::-1], namespace="mine") as other:
        wf = one_step(host=other.url, token=TOKEN[::-1], namespace="mine")
        wf.submit()
        assert list(other.workflows) == [wf.id]
        assert other.workflows[wf.id]["metadata"]["namespace"] == "mine"
        again = Workflow(id=wf.id, host=other.url, token=TOKEN[::-1], namespace="mine")
        assert again.query_status() == "Pending"
    assert argo.requests == []


def test_an_id_is_the_name_and_a_taken_one_is_a_conflict(argo):
    wf = submitted(argo, id="chosen-1")
    assert wf.id == "chosen-1"
    with pytest.raises(ServerConflict, match="chosen-1"):
        one_step(id="chosen-1").submit()


def test_a_name_that_was_made_up_is_made_up_again_when_it_is_taken(argo, monkeypatch):
    texts = iter(["aaaaa", "aaaaa", "bbbbb"])
    monkeypatch.setattr("dflow.argo_mode.randstr", lambda: next(texts))
    assert [submitted(argo).id, submitted(argo).id] == ["wf-aaaaa", "wf-bbbbb"]


def test_an_answer_that_was_lost_makes_no_second_workflow(argo):
    argo.fail(1, cut="before", done=True)
    wf = submitted(argo)
    assert list(argo.workflows) == [wf.id]


def test_headers_and_verify_come_from_the_settings(argo, tmp_path):
    config["http_headers"] = {"X-Project": "42"}
    submitted(argo)
    assert argo.requests[0].headers["x-project"] == "42"
    config["verify"] = str(tmp_path / "no.pem")
    with pytest.raises(ConfigError, match=r"no\.pem"):
        one_step().submit()


def test_reuse_step_is_refused_before_anything_is_sent(argo):
    wf = submitted(argo)
    argo.set_status(wf.id, nodes_of(wf).as_status())
    before = len(argo.requests)
    with pytest.raises(UnsupportedError, match=r"reuse_step.*wf\.resubmit"):
        one_step().submit(reuse_step=wf.query_step())
    assert len(argo.requests) == before + 1


# -- what must be uploaded ------------------------------------------------------------------------------------


NUMBER, LISTS = {"y": int}, {"y": list, "n": dict}


@OP.function
def add(x: int) -> NUMBER:
    return {"y": x + 1}


def with_python(name="wf"):
    wf = Workflow(name)
    wf.add(Step("a", PythonOPTemplate(add, image="python:3.11"), parameters={"x": 1}, key="k"))
    return wf


@pytest.mark.waiting
def test_without_a_store_that_answers_nothing_is_created(argo):
    s3_config["endpoint"] = "127.0.0.1:1"
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:1"):
        with_python().submit()
    assert argo.requests == []


def test_uploads_come_before_the_workflow_and_only_once(argo):
    store = s3_config["storage_client"] = Store()
    seen = []
    argo_answer = argo.answer
    argo.answer = lambda request: (seen.append(len(store.objects)), argo_answer(request))[1]
    with_python().submit()
    made = dict(store.objects)
    assert seen == [len(made)]
    assert len(made) >= 2
    with_python("again").submit()
    assert store.objects == made
    assert len(argo.workflows) == 2


def test_packages_of_the_whole_session_are_brought_along(argo, tmp_path):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1\n")
    upload_packages.append(str(package))
    plan = export_workflow(with_python(), name="wf-1").uploads
    assert str(package) in [item.path for item in plan]


def test_a_failing_store_leaves_no_workflow_behind(argo):
    class Broken(Store):
        def upload(self, key, path):
            raise OSError("the store is full")

    s3_config["storage_client"] = Broken()
    with pytest.raises(StorageError, match=r"Broken cannot upload .*: OSError: the store is full"):
        with_python().submit()
    assert argo.workflows == {}


def test_texts_files_directories_and_packed_ones(tmp_path):
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("")
    (folder / "link.txt").symlink_to("a.txt")
    store = Store()
    store.objects["dir/a.txt"] = b"it is there"
    plan = [
        Upload("text", text="wörld"),
        Upload("file", path=str(folder / "a.txt")),
        Upload("dir", path=str(folder)),
        Upload("packed.tgz", path=str(folder), packed=True),
        Upload("packed-file.tgz", path=str(folder / "a.txt"), packed=True),
    ]
    upload(plan, store)
    assert store.objects["text"] == "wörld".encode()
    assert store.objects["file"] == b"a"
    assert {k: v for k, v in store.objects.items() if k.startswith("dir/") and "pycache" not in k} == {
        "dir/a.txt": b"it is there",
        "dir/link.txt": b"a",
        "dir/sub/b.txt": b"b",
    }
    (tmp_path / "x.tgz").write_bytes(store.objects["packed.tgz"])
    with tarfile.open(tmp_path / "x.tgz") as archive:
        files = {m.name: archive.extractfile(m).read() for m in archive if not m.isdir()}
    assert files == {"data/a.txt": b"a", "data/link.txt": b"a", "data/sub/b.txt": b"b"}
    (tmp_path / "y.tgz").write_bytes(store.objects["packed-file.tgz"])
    with tarfile.open(tmp_path / "y.tgz") as archive:
        assert archive.getnames() == ["a.txt"]


def test_an_export_with_other_objects_or_with_errors_is_not_sent(argo):
    good = export_workflow(one_step(), name="wf-1").manifest
    server = ArgoServer(argo.url, "argo", TOKEN)
    cache = {"kind": "ConfigMap", "metadata": {"name": "dflow-cache"}}
    with pytest.raises(UnsupportedError, match=r"ConfigMap 'dflow-cache'.*kubectl"):
        submit_export(Export(good, (cache,)), server, None)
    with pytest.raises(ExportError, match="SPEC-02"):
        submit_export(Export({**good, "spec": {**good["spec"], "entrypoint": "x"}}), server, None)
    assert argo.requests == []
    assert submit_export(Export(good), server, None)["metadata"]["name"] == "wf-1"


def test_a_token_in_the_manifest_is_noticed(argo):
    wf = Workflow("wf")
    wf.add(Step("a", shell(f"curl -H 'Authorization: {TOKEN}'")))
    with pytest.raises(ExportError, match="X-17"):
        wf.submit()
    assert argo.requests == []


# -- asking ---------------------------------------------------------------------------------------------------


def nodes_of(wf, phase="Succeeded", **more):
    """One step, ``a``, that has the key ``k``."""
    nodes = Nodes(wf.id, entrypoint="wf", phase=phase)
    inputs = {"parameters": [{"name": "dflow_key", "value": "k"}]}
    nodes.pod(wf.id, nodes.group(wf.id, 0), "a", "say", phase, inputs=inputs, **more)
    return nodes


def test_the_status_is_what_the_controller_says(argo):
    wf = submitted(argo)
    for phase in ("Running", "Succeeded", "Failed", "Error"):
        argo.set_status(wf.id, nodes_of(wf, phase).as_status())
        assert wf.query_status() == phase
        assert Workflow(id=wf.id).query_status() == phase
    assert argo.requests[-1].query["fields"] == "metadata,status.phase"


@OP.function
def flaky(x: int) -> NUMBER:
    if not Path("../../seen").exists():
        Path("../../seen").touch()
        raise TransientError("not yet")
    return {"y": x}


@OP.function
def lists(x: list) -> LISTS:
    return {"y": [*x, 1], "n": {"a": None}}


def rich_workflow(**more):
    inner = Steps("inner")
    inner.inputs.parameters["x"] = InputParameter()
    inner.add(Step("deep", PythonOPTemplate(add), parameters={"x": 5}, key="deep"))
    loop = PythonOPTemplate(add, slices=Slices(input_parameter=["x"], output_parameter=["y"]))
    wf = Workflow("both", **more)
    wf.add(Step("loop", loop, parameters={"x": [1, 2]}, with_param=argo_range(2), key="loop-{{item}}"))
    wf.add(Step("never", PythonOPTemplate(add), parameters={"x": 1}, when="1 == 2", key="never"))
    wf.add(Step("nest", inner, parameters={"x": 1}))
    wf.add(Step("flaky", PythonOPTemplate(flaky, retry_on_transient_error=2), parameters={"x": 3}, key="flaky"))
    wf.add(Step("lists", PythonOPTemplate(lists), parameters={"x": ["ü", {"k": 1.5}]}, key="lists"))
    return wf


def rich_nodes(name):
    """What Argo's controller would write for it."""

    def ports(key, x, **outputs):
        values = [{"name": n, "value": v} for n, v in (("dflow_key", key), ("x", x))]
        return {
            "inputs": {"parameters": values},
            "outputs": {"parameters": [{"name": n, "value": v} for n, v in outputs.items()], "exitCode": "0"},
        }

    nodes = Nodes(name, entrypoint="both")
    group = nodes.group(name, 0)
    for index, found in enumerate(nodes.loop(name, group, "loop", "add", ["0", "1"])):
        nodes.found[node_id(name, found)].update(ports(f"loop-{index}", str(index + 1), y=str(index + 2)))
    nodes.skipped(name, nodes.group(name, 1), "never", "add")
    inner = nodes.nested(name, nodes.group(name, 2), "nest", "inner")
    nodes.pod(inner, nodes.group(inner, 0), "deep", "add", **ports("deep", "5", y="6"))
    retried = ports("flaky", "3", y="3")
    nodes.retried(name, nodes.group(name, 3), "flaky", "flaky", ["Failed", "Succeeded"], **retried)
    nodes.pod(
        name,
        nodes.group(name, 4),
        "lists",
        "lists",
        **ports("lists", '["ü", {"k": 1.5}]', y='["ü", {"k": 1.5}, 1]', n='{"a": null}'),
    )
    return nodes


def test_steps_are_those_of_a_local_run(argo):
    """The same workflow, run here, and as a controller would report it: the same steps, values and types."""
    local = rich_workflow(id="both-1")
    local.submit(mode="debug")
    assert local.query_status() == "Succeeded"
    number = '{"inputs": {"x": "int"}, "outputs": {"y": "int"}}'
    types = {"add": number, "flaky": number, "inner": "{}"}
    types["lists"] = '{"inputs": {"x": "list"}, "outputs": {"y": "list", "n": "dict"}}'
    argo.put("both-1")["spec"]["templates"] += [
        {"name": name, "metadata": {"annotations": {"dflow/parameters": text}}} for name, text in types.items()
    ]
    argo.set_status("both-1", rich_nodes("both-1").as_status())
    remote = Workflow(id="both-1")
    same = ("name", "displayName", "id", "type", "phase", "boundaryID", "retries")
    here = {step.name: {field: step[field] for field in same} for step in local.query_step()}
    there = {step.name: {field: step[field] for field in same} for step in remote.query_step()}
    assert len(here) == 7
    assert there == here
    assert remote.query_keys_of_steps() == local.query_keys_of_steps() == ["loop-0", "loop-1", "deep", "flaky", "lists"]
    for key in ("deep", "flaky", "lists"):
        mine, theirs = local.query_step(key=key), remote.query_step(key=key)
        assert len(theirs) == 1
        for side in ("inputs", "outputs"):
            wanted = {n: (p.value, p.type) for n, p in mine[0][side].parameters.items()}
            found = {n: (p.value, p.type) for n, p in theirs[0][side].parameters.items() if n != "dflow_key"}
            assert found == wanted, (key, side)
    assert [step.displayName for step in remote.query_step(name="lo")] == ["loop(0:0)", "loop(1:1)"]
    assert remote.query_step(type="Skipped").phase == "Skipped"
    assert [s.displayName for s in remote.query_step(parent_id=node_id("both-1", "both-1[2].nest"))] == ["deep"]
    assert remote.query_step(key="deep").outputs.parameters["y"].value == 6
    assert set(remote.query_step(key="deep")[0]) == set(local.query_step(key="deep")[0])


def test_a_step_tells_what_the_server_knows(argo):
    wf = submitted(argo)
    outputs = {"artifacts": [{"name": "log", "path": "/tmp/log", "s3": {"key": "wf/log.tgz"}}], "exitCode": "137"}
    argo.set_status(wf.id, nodes_of(wf, "Failed", outputs=outputs, message="OOM", progress="3/10").as_status())
    step = wf.query_step_by_key("k")[0]
    assert (step.message, step.exitCode, step.progress, step["phase"]) == ("OOM", 137, "3/10", "Failed")
    assert step.outputs.artifacts["log"].key == "wf/log.tgz"
    assert step.get_duration() == 60.0
    assert step.path is None
    s3_config["storage_client"] = Store()
    with pytest.raises(FileNotFoundError, match=r"nothing under the key 'wf/log.tgz' in the store of Store"):
        download_artifact(step.outputs.artifacts["log"])


def test_global_outputs_have_their_types(argo):
    wf = submitted(argo)
    text = '{"outputs": {"y": "int"}}'
    template = {"name": "t", "metadata": {"annotations": {"dflow/parameters": text}}}
    template["outputs"] = {"parameters": [{"name": "y", "globalName": "best"}]}
    argo.workflows[wf.id]["spec"]["templates"].append(template)
    outputs = {"parameters": [{"name": "best", "value": "42"}], "artifacts": [{"name": "a", "s3": {"key": "x/a"}}]}
    argo.set_status(wf.id, nodes_of(wf).as_status(outputs=outputs))
    found = wf.query_global_outputs()
    assert found.parameters["best"].value == 42
    assert found.artifacts["a"].key == "x/a"


def test_wait_ends_with_the_workflow(argo, monkeypatch):
    wf = submitted(argo)
    phases = iter(["Running", "Running", "Succeeded"])

    def sleep(seconds):
        argo.set_status(wf.id, nodes_of(wf, next(phases)).as_status())

    monkeypatch.setattr("dflow.argo_mode.time.sleep", sleep)
    assert wf.wait() == "Succeeded"
    assert list(phases) == []


def test_wait_survives_a_server_that_is_away_for_a_while(argo, monkeypatch):
    wf = submitted(argo)
    argo.fail(12, status=503)
    away = []

    def sleep(seconds):
        away.append(seconds)
        argo.set_status(wf.id, nodes_of(wf).as_status() if len(away) > 3 else {"phase": "Running"})

    monkeypatch.setattr("dflow.argo_mode.time.sleep", sleep)
    assert wf.wait(interval=7) == "Succeeded"
    assert set(away) >= {7}


def test_wait_gives_up_on_a_server_that_does_not_come_back(argo, monkeypatch):
    wf = submitted(argo)
    argo.fail(999, status=503)
    monkeypatch.setattr("dflow.argo_mode._LONGEST_OUTAGE", 0.1)
    with pytest.raises(ServerUnavailable, match="503"):
        wf.wait(interval=0.05)


def test_raise_for_status_names_the_step_that_failed_first(argo):
    wf = submitted(argo)
    argo.set_status(wf.id, nodes_of(wf, "Running").as_status())
    with pytest.raises(StateError, match=r"has not ended \(Running\)"):
        wf.raise_for_status()
    argo.set_status(wf.id, nodes_of(wf).as_status())
    wf.raise_for_status()
    argo.set_status(wf.id, nodes_of(wf, "Failed", message="main: Error (exit code 1)").as_status())
    with pytest.raises(StepFailed, match=rf"(?s)step 'a' \(key k\) failed: main: Error.*dflow logs {wf.id} k"):
        wf.raise_for_status()
    argo.set_status(wf.id, {"phase": "Error", "message": "quota exceeded"})
    with pytest.raises(StepFailed, match="quota exceeded"):
        wf.raise_for_status()


def test_logs_are_found_by_key_name_and_id(argo):
    wf = submitted(argo)
    nodes = nodes_of(wf)
    nodes.retried(wf.id, nodes.group(wf.id, 1), "b", "say", ["Failed", "Succeeded"])
    argo.set_status(wf.id, nodes.as_status())
    assert [step.displayName for step in wf.query_step()] == ["a", "b"]
    pods = {node["displayName"]: identity for identity, node in nodes.found.items()}
    for name in ("a", "b(0)", "b(1)"):
        argo.logs[f"{wf.id}-say-{pods[name].rpartition('-')[2]}"] = [f"this is {name}", "ü"]
    for word in ("k", "a", pods["a"]):
        assert wf.logs(word) == "this is a\nü\n"
    assert wf.logs("b") == "this is b(0)\nü\nthis is b(1)\nü\n"
    with pytest.raises(RunNotFound, match="no step 'c'"):
        wf.logs("c")


def test_logs_of_pods_that_are_gone_come_from_the_archive_of_logs(argo):
    wf = submitted(argo)
    nodes = nodes_of(wf, outputs={"artifacts": [{"name": "main-logs", "s3": {"key": "x"}}]})
    argo.set_status(wf.id, nodes.as_status())
    argo.files[node_id(wf.id, f"{wf.id}[0].a"), "main-logs"] = "früher\n".encode()
    assert wf.logs("k") == "früher\n"
    argo.fail(status=500, body='{"message": "pod not found"}', only="/log")
    assert wf.logs("k") == "früher\n"
    argo.set_status(wf.id, nodes_of(wf).as_status())
    assert wf.logs("k") == ""
    argo.fail(status=500, body='{"message": "pod not found"}', only="/log")
    with pytest.raises(ServerUnavailable, match="pod not found"):
        wf.logs("k")


def test_a_local_workflow_has_logs_too():
    wf = one_step()
    wf.submit()
    assert wf.logs("k") == wf.logs("a") == "hi\n"
    with pytest.raises(RunNotFound, match="no step 'b'"):
        wf.logs("b")


def test_a_workflow_that_has_left_the_cluster_is_found_in_the_archive(argo):
    wf = submitted(argo)
    argo.set_status(wf.id, nodes_of(wf).as_status())
    argo.put(f"{wf.id}-2", {"phase": "Failed"})
    argo.move_to_archive(f"{wf.id}-2")
    uid = argo.move_to_archive(wf.id)
    assert wf.query_status() == "Succeeded"
    assert Workflow(id=wf.id).query_step(key="k").phase == "Succeeded"
    by_uid = Workflow(uid=uid)
    assert by_uid.query_status() == "Succeeded"
    assert by_uid.id == wf.id
    assert [w.id for w in query_archived_workflows(id=wf.id)] == [wf.id]
    assert len(query_archived_workflows()) == 2
    with pytest.raises(WorkflowNotFound, match="'gone'"):
        Workflow(id="gone").query_status()


def test_a_server_without_an_archive_says_that_the_workflow_is_not_there(argo):
    argo.fail(9, status=501, body='{"code":12,"message":"no archive"}', only="archived")
    with pytest.raises(WorkflowNotFound, match="'gone'"):
        Workflow(id="gone").query_status()


def test_what_was_not_submitted_cannot_be_asked_for(argo):
    for ask in (Workflow("w").query_status, Workflow("w").terminate, Workflow("w").query_step):
        with pytest.raises(RunNotFound, match="was not submitted yet"):
            ask()


def test_workflows_of_the_namespace_are_listed(argo):
    first, second = submitted(argo, labels={"who": "me"}), submitted(argo, labels={"who": "you"})
    argo.workflows[second.id]["metadata"]["creationTimestamp"] = "2099-01-01T00:00:00Z"
    argo.set_status(first.id, nodes_of(first).as_status())
    assert [w.id for w in query_workflows()] == [second.id, first.id]
    (mine,) = query_workflows(labels={"who": "me"})
    assert (mine.id, mine.status.phase) == (first.id, "Succeeded")
    assert mine.get_step() == []
    (mine,) = query_workflows(labels={"who": "me"}, fields=["status.nodes", "spec.templates"])
    assert mine.get_step(key="k").phase == "Succeeded"


# -- ending ---------------------------------------------------------------------------------------------------


def test_ending_and_going_on(argo):
    wf = submitted(argo)
    stored = argo.workflows[wf.id]
    wf.suspend()
    assert stored["spec"]["suspend"] is True
    wf.resume()
    assert "suspend" not in stored["spec"]
    wf.stop()
    assert (wf.query_status(), stored["spec"]["shutdown"]) == ("Failed", "Stop")
    wf.retry()
    assert wf.query_status() == "Running"
    wf.terminate()
    assert stored["spec"]["shutdown"] == "Terminate"
    wf.delete()
    assert argo.workflows == {}


def asking(wf):
    """Two steps that wait: one for a decision, one for nothing; and one that has ended."""
    nodes, group = nodes_of(wf, "Running"), f"{wf.id}[0]"
    supplied = [
        {"name": "decision", "valueFrom": {"supplied": {}}},
        {"name": "why", "value": "none", "valueFrom": {"supplied": {}, "default": "none"}},
        {"name": "fixed", "value": "1", "valueFrom": {"path": "/tmp/x"}},
    ]
    nodes.suspended(wf.id, group, "approve", "approve", outputs={"parameters": supplied})
    nodes.suspended(wf.id, group, "pause", "pause")
    return nodes


def test_values_go_to_the_steps_that_wait_for_them(argo):
    wf = submitted(argo)
    argo.set_status(wf.id, asking(wf).as_status())
    with pytest.raises(ConfigError, match=r"step 'approve' of .* needs a value for 'decision', too"):
        wf.resume(steps=["approve"])
    with pytest.raises(ConfigError, match="takes a value for 'fixed'; steps that wait take: 'decision', 'why'"):
        wf.resume(outputs={"fixed": 2})
    with pytest.raises(StateError, match=r"no step 'k' of .* waits for somebody; steps that wait: 'approve', 'pause'"):
        wf.resume(steps=["k"])
    assert argo.seen("PUT", "/resume") == argo.seen("PUT", "/set") == []
    wf.resume(outputs={"decision": [1, "ü"]})
    (body,) = [request.body for request in argo.seen("PUT", "/set")]
    assert body["nodeFieldSelector"] == f"id={node_id(wf.id, f'{wf.id}[0].approve')}"
    assert wf.query_step("approve").phase == "Succeeded"
    assert wf.query_step("approve").outputs.parameters["decision"].value == '[1, "\\u00fc"]'
    assert wf.query_step("pause").phase == "Running"
    wf.resume(steps=["pause"])
    assert wf.query_step("pause").phase == "Succeeded"
    with pytest.raises(StateError, match=r"no step of .* waits for somebody"):
        wf.resume(outputs={"decision": 1})


def test_the_command_gives_values_to_steps_of_a_server(argo, capsys):
    wf = submitted(argo)
    argo.set_status(wf.id, asking(wf).as_status())
    assert main(["resume", wf.id, "--output", "decision=yes=no", "--step", "approve", "--step", "pause"]) == 0
    assert f"{wf.id} goes on" in capsys.readouterr().out
    assert wf.query_step("approve").outputs.parameters["decision"].value == "yes=no"
    assert {step.phase for step in wf.query_step(type="Suspend")} == {"Succeeded"}
    assert main(["resume", wf.id, "--output", "decision"]) == 2
    assert "--output decision: it must be NAME=VALUE" in capsys.readouterr().err


def test_resubmit_gives_a_workflow_of_the_same_server(argo):
    wf = submitted(argo)
    config["mode"] = "debug"
    wf._mode = "argo"
    anew = wf.resubmit()
    assert anew.id != wf.id
    assert anew.query_status() == "Pending"
    assert anew.uid == argo.workflows[anew.id]["metadata"]["uid"]


def test_retry_of_steps_restarts_the_one_that_has_succeeded(argo):
    wf = submitted(argo)
    nodes = nodes_of(wf, "Failed")
    nodes.pod(wf.id, f"{wf.id}[0]", "b", "say")
    nodes.pod(wf.id, f"{wf.id}[0]", "c", "say")
    argo.set_status(wf.id, nodes.as_status())
    with pytest.raises(UnsupportedError, match="not several: b, c"):
        wf.retry_steps(["b", "c"])
    with pytest.raises(RunNotFound, match="no step 'x'"):
        wf.retry_steps(["x"])
    wf.retry_steps(["k", "b"])
    body = argo.seen("PUT", "/retry")[-1].body
    assert body["nodeFieldSelector"] == f"id={node_id(wf.id, f'{wf.id}[0].b')}"
    assert body["restartSuccessful"] is True
    assert {n["displayName"] for n in argo.workflows[wf.id]["status"]["nodes"].values()} == {wf.id, "[0]", "c"}


# -- the command line -----------------------------------------------------------------------------------------


def test_verbs_of_the_command_line_work_on_the_server(argo, capsys):
    wf = submitted(argo, id="wf-12345")
    argo.put("other-1")
    argo.set_status(wf.id, nodes_of(wf, "Failed", message="it broke").as_status())
    argo.logs[f"{wf.id}-say-{node_id(wf.id, f'{wf.id}[0].a').rpartition('-')[2]}"] = ["a line"]

    def said(*words):
        capsys.readouterr()
        return main(words), capsys.readouterr().out

    assert [line.split()[::2][:2] for line in said("list")[1].splitlines()[1:]] == [
        ["wf-12345", "Failed"],
        ["other-1", "Pending"],
    ]
    assert "it broke" in said("getsteps", "wf")[1]
    assert said("getkeys", "wf-1") == (0, "k\n")
    assert said("logs", "wf-12345", "k") == (0, "a line\n")
    assert '"status": "Failed"' in said("get", "wf", "--json")[1]
    assert f"{argo.url}/workflows/argo/wf-12345" in said("get", "wf")[1]
    assert said("wait", "wf")[0] == 1
    assert said("retry", "wf")[0] == 0
    assert said("suspend", "wf")[0] == 0
    assert said("resume", "wf")[0] == 0
    assert said("terminate", "wf")[0] == 0
    assert said("resubmit", "wf-12345")[0] == 0
    assert said("delete", "wf-12")[0] == 1
    assert said("delete", "wf-12345") == (0, "deleted wf-12345\n")
    assert said("get", "wf-12345")[0] == 1
    assert len(argo.workflows) == 2


def test_verbs_that_are_local_say_so(argo, capsys):
    for words in (["doctor", "x"], ["explain", "x", "y"]):
        assert main(words) == 1
        assert f"dflow {words[0]} is for runs on this machine" in capsys.readouterr().err


VERBS = [
    ["list"], ["get", "x"], ["get", "@latest"], ["getsteps", "x"], ["getkeys", "x"], ["logs", "x", "s"], ["wait", "x"],
    ["suspend", "x"], ["resume", "x"], ["retry", "x"], ["resubmit", "x"], ["terminate", "x"], ["stop", "x"],
    ["delete", "x"],
]  # fmt: skip


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("host", "http://127.0.0.1:1", "is the server running"),
        ("host", "nonsense", "config['host']"),
        ("host", "", "config['host']"),
        ("namespace", "", "namespace"),
        ("mode", "slurm", "config['mode'] is 'slurm'"),
    ],
)
def test_without_a_server_each_verb_says_so_in_one_line(argo, capsys, words, setting, value, said):
    config[setting] = value
    assert main(words) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n"), shown.err[:7]) == ("", 1, "dflow: ")
    assert said in shown.err
    assert argo.requests == []


def test_errors_of_the_server_are_one_line_on_the_command_line(argo, capsys):
    config["token"] = "wrong-token-here"  # noqa: S105
    assert main(["list"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("dflow: cannot list workflows: http://127.0.0.1")
    assert error.count("\n") == 1
    assert "wrong-token-here" not in error


def test_the_newest_and_the_ambiguous(argo, capsys):
    first, second = submitted(argo, id="wf-a1"), submitted(argo, id="wf-a2")
    argo.workflows[second.id]["metadata"]["creationTimestamp"] = "2099-01-01T00:00:00Z"
    assert main(["get", "@latest", "--json"]) == 0
    assert '"id": "wf-a2"' in capsys.readouterr().out
    assert main(["get", "wf-a"]) == 1
    assert "the beginning of 2 names: wf-a1, wf-a2" in capsys.readouterr().err
    assert first.id == "wf-a1"


@pytest.mark.parametrize("mode", ["debug", "argo"])
def test_artifacts_reach_the_store_whenever_they_were_uploaded(argo, tmp_path, mode):
    config["mode"] = mode
    store = s3_config["storage_client"] = Store()
    (tmp_path / "foo.txt").write_text("foo")
    artifact = upload_artifact(tmp_path / "foo.txt")

    @OP.function
    def read(foo: Artifact(Path)) -> NUMBER:
        return {"y": 1}

    wf = Workflow("wf")
    wf.add(Step("a", PythonOPTemplate(read, image="python:3.11"), artifacts={"foo": artifact}))
    assert bool(store.objects) == (mode == "argo")
    wf.submit(mode="argo")
    keys = [key for key in store.objects if "upload" in key]
    assert any(store.objects[key] == b"foo" or key.endswith(".tgz") for key in keys)
    assert list(argo.workflows) == [wf.id]


def test_the_archive_is_that_of_a_server():
    with pytest.raises(
        UnsupportedError, match=r"config\['mode'\] is 'debug'; set it to 'argo', or use query_workflows"
    ):
        query_archived_workflows()
    config["mode"] = "slurm"
    with pytest.raises(UnsupportedError, match="'slurm'"):
        query_archived_workflows()


def test_the_archive_can_be_asked_for_labels(argo):
    for name, who in (("one", "me"), ("two", "you")):
        argo.put(name, {"phase": "Succeeded"}, labels={"who": who})
        argo.move_to_archive(name)
    assert [w.id for w in query_archived_workflows(labels={"who": "you"})] == ["two"]


def test_a_step_whose_files_are_in_the_cluster_is_not_reused_here_until_they_are(argo, tmp_path):
    wf = submitted(argo)
    outputs = {"artifacts": [{"name": "log", "path": "/tmp/log", "s3": {"key": "wf/log.tgz"}}]}
    argo.set_status(wf.id, nodes_of(wf, outputs=outputs).as_status())
    step = wf.query_step(key="k")[0]
    with_log = shell("echo ran > /tmp/log")
    with_log.outputs.artifacts["log"] = OutputArtifact(path="/tmp/log")
    local = Workflow("local")
    local.add(Step("a", with_log, key="k"))
    store = s3_config["storage_client"] = Store()
    text = r"step 'k' of .* output artifact 'log', nothing is under the key 'wf/log.tgz'"
    with pytest.raises(StorageError, match=text):
        local.submit(mode="debug", reuse_step=[step])
    with pytest.raises(StorageError, match=text):
        export_workflow(local, reuse_step=[step], name="wf-1")
    (tmp_path / "fetched").write_text("fetched")
    assert store.objects == {}
    step.modify_output_artifact("log", upload_artifact("fetched"))
    local.id = None
    local.submit(mode="debug", reuse_step=[step])
    found = local.query_step(key="k")
    assert (found.phase, found.reusedFrom) == ("Succeeded", wf.id)
    assert Path(found.outputs.artifacts["log"].local_path, "fetched").read_text() == "fetched"


def test_what_a_step_left_in_the_store_of_its_cluster_is_fetched_for_reuse_and_download(argo, tmp_path):
    wf = submitted(argo)
    outputs = {"artifacts": [{"name": "log", "path": "/tmp/log", "s3": {"key": "wf/log.tgz"}}]}
    argo.set_status(wf.id, nodes_of(wf, outputs=outputs).as_status())
    (tmp_path / "log").write_text("of the pod")
    store = s3_config["storage_client"] = Store()
    store.upload("wf/log.tgz", pack(tmp_path / "log", tmp_path / "packed.tgz"))
    step = wf.query_step(key="k")[0]
    (copy,) = download_artifact(step.outputs.artifacts["log"], path="copies")
    assert (Path(copy).name, Path(copy).read_text()) == ("log", "of the pod")
    with_log = shell("echo ran > /tmp/log")
    with_log.outputs.artifacts["log"] = OutputArtifact(path="/tmp/log")
    local = Workflow("local")
    local.add(Step("a", with_log, key="k"))
    local.submit(mode="debug", reuse_step=[step])
    assert Path(local.query_step(key="k").outputs.artifacts["log"].local_path).read_text() == "of the pod"
