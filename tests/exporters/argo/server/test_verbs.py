"""What each verb sends, and what it gives back."""

from __future__ import annotations

import json
from importlib import import_module
from types import SimpleNamespace

import argo_workflows
import pytest
from argo_nodes import Nodes, node_id
from dflow.engine.errors import ConfigError
from dflow.exporters.argo.lint import lint
from dflow.exporters.argo.server import LogLine, RequestRefused, ServerConflict, ServerError, WorkflowNotFound
from dflow.exporters.argo.server.client import SUBMISSION


def fits_the_model(name, body):
    """The SDK's own model of a body takes it; an exception says what it does not like."""
    module = import_module(f"argo_workflows.model.{name}")
    words = name.replace("io_argoproj_workflow_v1alpha1_", "").split("_")
    model = getattr(module, "IoArgoprojWorkflowV1alpha1" + "".join(word.title() for word in words))
    api = argo_workflows.ApiClient(argo_workflows.Configuration())
    found = api.deserialize(SimpleNamespace(data=json.dumps(body)), (model,), _check_type=True)
    assert api.sanitize_for_serialization(found) == body


def waiting(argo, name="w"):
    """A workflow with a step that waits to be resumed, and one that has failed."""
    argo.put(name)
    nodes = Nodes(name, phase="Running")
    group = nodes.group(name, 0, "Running")
    outputs = {"parameters": [{"name": "answer", "valueFrom": {"supplied": {}}}]}
    nodes.suspended(name, group, "approve", "wait", outputs=outputs)
    nodes.suspended(name, group, "a,b", "wait")
    argo.set_status(name, nodes.as_status())
    return node_id(name, f"{name}[0].approve")


def failed(argo, name="w"):
    argo.put(name)
    nodes = Nodes(name, phase="Failed")
    group = nodes.group(name, 0, "Failed")
    nodes.pod(name, group, "good", "t")
    nodes.pod(name, group, "bad", "t", "Failed")
    argo.set_status(name, nodes.as_status())


def test_a_workflow_is_sent_as_it_is_and_comes_back_as_it_is_stored(argo, client, manifest):
    made = client().create(manifest)
    assert made["metadata"]["name"] == "one-x3k9a"
    assert made["metadata"]["uid"]
    assert made["spec"] == manifest["spec"]
    sent = argo.seen("POST", "/workflows/argo")[0]
    assert sent.headers["authorization"] == "Bearer sesame-open-the-door"
    assert sent.body["namespace"] == "argo"
    mark = sent.body["workflow"]["metadata"]["annotations"].pop(SUBMISSION)
    assert len(mark) == 36
    assert sent.body["workflow"] == {**manifest, "metadata": {**manifest["metadata"], "annotations": {}}}


def test_requests_fit_the_models_of_the_sdk(argo, client, manifest):
    server = client()
    server.create(manifest)
    server.lint(manifest)
    waiting(argo)
    server.suspend("w")
    server.resume("w", {"displayName": "approve"}, {"answer": "yes"})
    server.stop("w", "displayName=a\\,b", "no")
    failed(argo)
    server.retry("w", {"displayName": "good"}, restart_successful=True, parameters={"x": "1"})
    server.resubmit("w", memoized=True, parameters={"x": "1"})
    server.terminate("w")
    prefix = "io_argoproj_workflow_v1alpha1_workflow_"
    verbs = {r.path.rpartition("/")[2] for r in argo.requests if r.method == "PUT"}
    assert verbs == {"suspend", "resume", "set", "stop", "retry", "resubmit", "terminate"}
    for request in argo.requests:
        verb = request.path.rpartition("/")[2]
        fits_the_model(f"{prefix}{'create' if verb == 'argo' else verb}_request", request.body)
        assert request.body["namespace"] == "argo"
        assert verb in ("argo", "lint") or request.body["name"] == "w"


def test_what_the_model_of_the_sdk_refuses_and_argo_takes_is_sent_all_the_same(argo, client, manifest):
    """Numbers in withItems, a deadline that is a number: known faults of the generated models."""
    step = {"name": "a", "template": "leaf", "withItems": [1, 2.5, True, {"k": [None]}]}
    leaf = {"name": "leaf", "container": {"image": "a"}, "activeDeadlineSeconds": 10}
    manifest["spec"]["templates"] = [{"name": "main", "steps": [[step]]}, leaf]
    assert client().create(manifest)["spec"] == manifest["spec"]
    with pytest.raises(argo_workflows.exceptions.ApiTypeError):
        fits_the_model("io_argoproj_workflow_v1alpha1_workflow_create_request", argo.requests[0].body)


def test_the_name_may_be_left_to_the_server(client, manifest):
    manifest["metadata"] = {"generateName": "one-"}
    made = client().create(manifest)["metadata"]["name"]
    assert made.startswith("one-")
    assert len(made) > len("one-")


def test_a_manifest_that_is_wrong_is_refused_with_the_reason(argo, client, manifest):
    manifest["spec"]["entrypoint"] = "nowhere"
    for verb in (client().create, client().lint):
        with pytest.raises(RequestRefused, match="SPEC-02"):
            verb(manifest)
    manifest["spec"] = {**manifest["spec"], "entrypoint": "main", "shoe": 46}
    with pytest.raises(RequestRefused, match="shoe"):
        client().create(manifest)
    assert argo.workflows == {}


def test_lint_says_nothing_of_a_good_workflow_and_stores_nothing(argo, client, manifest):
    assert lint(manifest) == []
    assert client().lint(manifest)["spec"] == manifest["spec"]
    assert argo.workflows == {}


def test_a_name_that_is_taken_is_a_conflict(argo, client, manifest):
    argo.put("one-x3k9a")
    with pytest.raises(ServerConflict, match=r"'one-x3k9a'.*already exists.*another name"):
        client().create(manifest)


def test_parts_of_a_workflow_can_be_asked_for(argo, client):
    failed(argo)
    assert client().get("w", ["metadata.name", "status.phase"]) == {
        "metadata": {"name": "w"},
        "status": {"phase": "Failed"},
    }
    assert {n["displayName"] for n in client().nodes("w").values()} == {"w", "[0]", "good", "bad"}


def test_a_workflow_that_is_not_there_is_named_with_its_namespace(client):
    with pytest.raises(WorkflowNotFound, match=r"get workflow 'gone'.*namespace 'argo'"):
        client().get("gone")
    with pytest.raises(WorkflowNotFound, match="delete workflow 'gone'"):
        client().delete("gone")


def test_lists_are_read_page_by_page(argo, client):
    for index in range(7):
        argo.put(f"w{index}", {"phase": "Running"})
    assert [w["metadata"]["name"] for w in client().list(page=3)] == [f"w{i}" for i in range(7)]
    pages = argo.seen("GET", "/workflows/argo")
    assert [p.query.get("listOptions.continue") for p in pages] == [None, "3", "6"]
    assert {p.query["listOptions.limit"] for p in pages} == {"3"}


def test_an_empty_list_is_empty(client):
    assert list(client().list()) == []
    assert list(client().list_archived()) == []


def test_a_list_can_be_of_labels_phases_and_beginnings_of_names(argo, client):
    argo.put("a1", {"phase": "Running"}, labels={"who": "me", "x": "1"})
    argo.put("a2", {"phase": "Failed"}, labels={"who": "me"})
    argo.put("b1", {"phase": "Failed"}, labels={"who": "you"})
    argo.put("b2", labels={"who": "me"})

    def names(*arguments, **options):
        return [w["metadata"]["name"] for w in client().list(*arguments, **options)]

    assert names({"who": "me"}) == ["a1", "a2", "b2"]
    assert names({"who": "me", "x": None}) == ["a1"]
    assert names(phases=["Failed", "Running"]) == ["a1", "a2", "b1"]
    assert names(phases=["Pending"]) == ["b2"]
    assert names({"who": "me"}, ["Failed"]) == ["a2"]
    assert names(prefix="b") == ["b1", "b2"]


def test_lists_leave_out_what_takes_long_unless_it_is_wanted(argo, client):
    failed(argo)
    assert "nodes" not in next(client().list())["status"]
    assert "spec" not in next(client().list())
    assert "nodes" in next(client().list(fields=["status.nodes"]))["status"]
    assert "spec" in next(client().list(fields=()))


def test_a_label_that_nothing_can_have_is_refused_here(argo, client):
    for labels in ({"who": "a b"}, {"who=x,y": "1"}, {"who": "a,b"}):
        with pytest.raises(ConfigError, match="label"):
            list(client().list(labels))
    assert argo.requests == []


def test_logs_come_line_by_line_with_their_pod(argo, client):
    argo.put("w")
    argo.logs = {"w-a-1": ["one", "  two: {}", ""], "w-b-2": ["drei ü" * 30]}
    assert list(client().logs("w", "w-a-1")) == [LogLine("w-a-1", t) for t in ("one", "  two: {}", "")]
    assert [line.pod for line in client().logs("w")] == ["w-a-1"] * 3 + ["w-b-2"]
    assert [line.text for line in client().logs("w", tail=1)] == ["", "drei ü" * 30]
    query = argo.requests[0].query
    assert query["podName"] == "w-a-1"
    assert query["logOptions.container"] == "main"
    assert query["logOptions.follow"].lower() == "false"


def test_a_log_that_breaks_off_gives_what_has_come_and_then_the_reason(argo, client):
    argo.put("w")
    good = json.dumps({"result": {"content": "one", "podName": "p"}})
    argo.fail(status=200, body=f'{good}\n{{"error": {{"message": "pod p is gone"}}}}\n')
    lines = client().logs("w", "p")
    assert next(lines).text == "one"
    with pytest.raises(ServerError, match=r"log of pod 'p' of workflow 'w'.*pod p is gone"):
        next(lines)
    argo.fail(cut="inside")
    with pytest.raises(ServerError, match="cut"):
        list(client().logs("w"))


def test_following_a_log_waits_longer_than_other_requests(argo, client):
    argo.put("w")
    argo.logs = {"p": ["late"]}
    quick = client(limits=argo_limits(read=0.2))
    argo.fail(delay=0.6)
    with pytest.raises(ServerError, match="did not answer in time"):
        list(quick.logs("w"))
    argo.fail(delay=0.6)
    assert [line.text for line in quick.logs("w", follow=True)] == ["late"]


def argo_limits(**fields):
    from dflow.exporters.argo.server.connection import Limits

    return Limits(**{"attempts": 1, **fields})


def test_an_artifact_of_a_node_is_read_as_bytes(argo, client):
    argo.put("w")
    argo.files["w-1", "main-logs"] = b"\x00\xffraw"
    assert client().output("w", "w-1", "main-logs") == b"\x00\xffraw"
    with pytest.raises(WorkflowNotFound, match="artifact 'nothing' of node 'w-1'"):
        client().output("w", "w-1", "nothing")


def test_terminate_and_stop_end_a_workflow(argo, client):
    for verb in ("terminate", "stop"):
        waiting(argo)
        getattr(client(), verb)("w")
        assert argo.workflows["w"]["status"]["phase"] == "Failed"
        assert argo.workflows["w"]["spec"]["shutdown"] == verb.title()


def test_stop_of_selected_nodes_fails_only_these(argo, client):
    identity = waiting(argo)
    client().stop("w", {"displayName": "approve"}, message="no, thanks")
    nodes = argo.workflows["w"]["status"]["nodes"]
    assert (nodes[identity]["phase"], nodes[identity]["message"]) == ("Failed", "no, thanks")
    assert "shutdown" not in argo.workflows["w"]["spec"]


def test_suspend_and_resume(argo, client):
    waiting(argo)
    client().suspend("w")
    assert argo.workflows["w"]["spec"]["suspend"] is True
    client().resume("w")
    assert "suspend" not in argo.workflows["w"]["spec"]


def test_resume_of_a_waiting_step_can_give_it_its_outputs(argo, client):
    identity = waiting(argo)
    client().resume("w", {"displayName": "approve"}, {"answer": 'ü "42", yes'})
    nodes = argo.workflows["w"]["status"]["nodes"]
    assert nodes[identity]["phase"] == "Succeeded"
    assert nodes[identity]["outputs"]["parameters"][0]["value"] == 'ü "42", yes'
    assert [n["phase"] for n in nodes.values() if n["displayName"] == "a,b"] == ["Running"]
    assert [r.path.rpartition("/")[2] for r in argo.requests] == ["set", "resume"]


def test_a_comma_in_the_name_of_a_node_is_no_end_of_the_selector(argo, client):
    waiting(argo)
    client().resume("w", {"displayName": "a,b"})
    nodes = argo.workflows["w"]["status"]["nodes"].values()
    assert {n["displayName"]: n["phase"] for n in nodes if n["type"] == "Suspend"} == {
        "approve": "Running",
        "a,b": "Succeeded",
    }


def test_nobody_waits_is_said(argo, client):
    waiting(argo)
    with pytest.raises(RequestRefused, match="no suspend nodes matching"):
        client().resume("w", {"displayName": "other"})


def test_retry_runs_what_failed_and_with_a_selector_more(argo, client):
    failed(argo)
    client().retry("w")
    assert argo.workflows["w"]["status"]["phase"] == "Running"
    assert {n["displayName"] for n in argo.workflows["w"]["status"]["nodes"].values()} == {"w", "[0]", "good"}
    failed(argo)
    client().retry("w", {"displayName": "good"}, restart_successful=True)
    assert {n["displayName"] for n in argo.workflows["w"]["status"]["nodes"].values()} == {"w", "[0]"}
    with pytest.raises(RequestRefused, match=r"retry workflow 'w'.*must be Failed/Error"):
        client().retry("w")


def test_resubmit_gives_the_new_workflow(argo, client):
    failed(argo, "old-12345")
    made = client().resubmit("old-12345")["metadata"]["name"]
    assert made != "old-12345"
    assert argo.workflows[made]["spec"] == argo.workflows["old-12345"]["spec"]


def test_delete_takes_it_away(argo, client):
    failed(argo)
    client().delete("w", force=True)
    assert argo.workflows == {}
    assert argo.requests[-1].query["force"].lower() == "true"


def test_the_archive_is_asked_by_uid_and_by_name(argo, client):
    failed(argo, "old-1")
    failed(argo, "older-1")
    uid = argo.move_to_archive("old-1")
    argo.move_to_archive("older-1")
    assert client().archived(uid)["metadata"]["name"] == "old-1"
    assert client().archived(uid)["status"]["nodes"]
    assert [w["metadata"]["name"] for w in client().list_archived(page=1)] == ["old-1", "older-1"]
    assert [w["metadata"]["name"] for w in client().list_archived(prefix="older")] == ["older-1"]
    assert argo.seen("GET", "/archived-workflows")[0].query["namespace"] == "argo"
    with pytest.raises(WorkflowNotFound, match="archived workflow 'no-such-uid'"):
        client().archived("no-such-uid")


def test_odd_names_stay_in_their_part_of_the_path(argo, client):
    for name in ("a/../b", "a?x=1", "a b", "ü#"):
        with pytest.raises(WorkflowNotFound):
            client().get(name)
    assert all("/api/v1/workflows/argo/" in request.path for request in argo.requests)
    assert all(request.query == {} for request in argo.requests)
