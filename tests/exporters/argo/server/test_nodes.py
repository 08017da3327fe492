"""Nodes of a server become the steps that a user has written."""

from __future__ import annotations

import json
import time

import pytest
from argo_nodes import Nodes, node_id
from dflow.exporters.argo.export import records
from dflow.exporters.argo.server import nodes as module
from dflow.exporters.argo.server.nodes import global_types, pod_name, read_nodes, seconds

TYPED = {"dflow/parameters": json.dumps({"inputs": {"x": "int"}, "outputs": {"y": "typing.List[int]"}})}
KEYED = {"parameters": [{"name": "dflow_key", "value": "iter-0"}, {"name": "x", "value": "3"}]}


def workflow(nodes, *templates, annotations=None, **status):
    """A workflow as a server gives it."""
    return {
        "metadata": {"name": nodes.workflow, "annotations": annotations or {}},
        "spec": {"entrypoint": "main", "templates": list(templates)},
        "status": nodes.as_status(**status),
    }


def by_name(found):
    return {node.name: node for node in found}


def test_the_words_are_those_of_the_exporter():
    assert (module.KEY, module.TYPES, module.HELPER) == (records.KEY, records.ANNOTATION, records.HELPER)


def test_a_workflow_that_no_controller_has_seen_has_no_steps():
    assert read_nodes({"metadata": {"name": "w"}, "spec": {}}) == []
    assert read_nodes({"metadata": {"name": "w"}, "spec": {}, "status": {"startedAt": None}}) == []


def test_groups_and_the_first_node_are_no_steps():
    nodes = Nodes("w")
    group = nodes.group("w", 0)
    nodes.pod("w", group, "a", "leaf")
    nodes.loop("w", group, "many", "leaf", ["x", "y"])
    inner = nodes.nested("w", nodes.group("w", 1), "sub", "inner")
    nodes.pod(inner, nodes.group(inner, 0), "b", "leaf")
    nodes.skipped("w", nodes.group("w", 2), "c", "leaf")
    found = read_nodes(workflow(nodes))
    assert [(n.display, n.type, n.phase) for n in found] == [
        ("a", "Pod", "Succeeded"),
        ("many(0:x)", "Pod", "Succeeded"),
        ("many(1:y)", "Pod", "Succeeded"),
        ("sub", "Steps", "Succeeded"),
        ("b", "Pod", "Succeeded"),
        ("c", "Skipped", "Skipped"),
    ]
    parents = {n.display: n.parent for n in found}
    assert parents == {**dict.fromkeys(parents, "w"), "b": node_id("w", "w[1].sub")}


def test_a_loop_that_could_not_begin_is_the_step_that_failed():
    nodes = Nodes("w", phase="Error")
    nodes.add("w[0].many", "TaskGroup", "Error", template="t", inside="w", display="many", message="bad list")
    (found,) = read_nodes(workflow(nodes))
    assert (found.display, found.phase, found.message) == ("many", "Error", "bad list")


def test_attempts_are_one_step_with_what_the_last_one_said():
    nodes = Nodes("w", phase="Failed")
    phases = ["Failed", "Error", "Failed"]
    nodes.retried("w", nodes.group("w", 0, "Failed"), "a", "leaf", phases, inputs=KEYED)
    (found,) = read_nodes(workflow(nodes, {"name": "leaf", "metadata": {"annotations": TYPED}}))
    assert (found.display, found.type, found.phase, found.retries) == ("a", "Pod", "Failed", 2)
    assert (found.key, found.exit_code, found.message) == ("iter-0", 3, "main: Error (exit code 3)")
    assert found.id == node_id("w", "w[0].a")
    assert found.pods == tuple(f"w-leaf-{node_id('w', f'w[0].a({i})').rpartition('-')[2]}" for i in range(3))


def test_attempts_are_ordered_by_number_and_hooks_are_none_of_them():
    nodes = Nodes("w")
    retry = nodes.add("w[0].a", "Retry", template="t", inside="w", display="a")
    for index in (10, 9, 2):
        nodes.add(f"{retry}({index})", "Pod", template="t", inside="w", below=retry, message=f"number {index}")
    nodes.add(f"{retry}.hooks.x", "Pod", template="hook", inside="w", below=retry, display="a.hooks.x")
    found = by_name(read_nodes(workflow(nodes)))
    assert set(found) == {"w[0].a", "w[0].a.hooks.x"}
    assert (found["w[0].a"].retries, found["w[0].a"].message) == (2, "number 10")


def test_steps_below_an_attempt_are_in_the_step_that_was_tried():
    nodes = Nodes("w")
    retry = nodes.add("w[0].sub", "Retry", template="inner", inside="w", display="sub")
    first = nodes.add(f"{retry}(0)", "Steps", template="inner", inside="w", below=retry, display="sub(0)")
    nodes.pod(first, nodes.group(first, 0), "b", "leaf")
    found = {n.display: n for n in read_nodes(workflow(nodes))}
    assert (found["sub"].type, found["b"].parent) == ("Steps", found["sub"].id)


def test_what_the_exporter_has_added_is_not_shown_and_the_steps_in_it_are_outside():
    helper = {"name": "around", "metadata": {"annotations": {"dflow/helper": "true"}}}
    nodes = Nodes("w")
    group = nodes.group("w", 0)
    outer = nodes.nested("w", group, "wrap", "around")
    inner = nodes.nested(outer, nodes.group(outer, 0), "again", "around")
    nodes.pod(inner, nodes.group(inner, 0), "a", "leaf")
    nodes.pod(inner, nodes.group(inner, 1), "check", "around")
    (found,) = read_nodes(workflow(nodes, helper, {"name": "leaf"}))
    assert (found.display, found.parent) == ("a", "w")


def test_templates_of_workflow_templates_tell_types_too():
    nodes = Nodes("w")
    nodes.pod("w", nodes.group("w", 0), "a", "leaf", inputs=KEYED)
    typed = {"name": "leaf", "metadata": {"annotations": TYPED}}
    for status in (
        {"storedTemplates": {"namespaced/t/leaf": typed}},
        {"storedWorkflowTemplateSpec": {"templates": [typed]}},
    ):
        (found,) = read_nodes(workflow(nodes, **status))
        assert found.inputs["parameters"]["x"] == {"value": "3", "type": "int"}


@pytest.mark.parametrize("text", ["{", "[1]", '{"inputs": 5}', ""])
def test_a_damaged_annotation_tells_no_types(text):
    nodes = Nodes("w")
    nodes.pod("w", nodes.group("w", 0), "a", "leaf", inputs=KEYED)
    template = {"name": "leaf", "metadata": {"annotations": {"dflow/parameters": text}}}
    assert read_nodes(workflow(nodes, template))[0].inputs["parameters"]["x"] == {"value": "3", "type": None}


def test_artifacts_have_the_key_of_their_object():
    artifacts = [
        {"name": "a", "path": "/tmp/a", "s3": {"key": "w/a.tgz"}},
        {"name": "b", "oss": {"key": "w/b"}},
        {"name": "c", "azure": {"blob": "w/c"}},
        {"name": "d", "raw": {"data": "text"}},
    ]
    nodes = Nodes("w")
    nodes.pod("w", nodes.group("w", 0), "a", "leaf", outputs={"artifacts": artifacts, "exitCode": "0"})
    (found,) = read_nodes(workflow(nodes))
    keys = {name: fields.get("key") for name, fields in found.outputs["artifacts"].items()}
    assert keys == {"a": "w/a.tgz", "b": "w/b", "c": "w/c", "d": None}
    assert found.exit_code == 0


def test_values_that_are_no_texts_become_their_json_and_defaults_stand_for_missing_ones():
    parameters = [{"name": "a", "value": 3}, {"name": "b", "default": "d"}, {"name": "c"}, {"name": "e", "value": None}]
    nodes = Nodes("w")
    nodes.pod("w", nodes.group("w", 0), "a", "leaf", outputs={"parameters": parameters})
    found = read_nodes(workflow(nodes))[0].outputs["parameters"]
    assert {name: fields["value"] for name, fields in found.items()} == {"a": "3", "b": "d", "c": None, "e": None}


def test_an_empty_key_is_none():
    nodes = Nodes("w")
    inputs = {"parameters": [{"name": "dflow_key", "value": ""}]}
    nodes.pod("w", nodes.group("w", 0), "a", "leaf", inputs=inputs)
    assert read_nodes(workflow(nodes))[0].key is None


def test_types_of_global_outputs_are_found_by_their_global_names():
    parameters = [{"name": "y", "globalName": "best"}, {"name": "z", "globalName": "other"}]
    template = {"name": "leaf", "metadata": {"annotations": TYPED}, "outputs": {"parameters": parameters}}
    assert global_types(workflow(Nodes("w"), template)) == {"best": "typing.List[int]"}


def test_names_of_pods():
    nodes = Nodes("w")
    nodes.pod("w", nodes.group("w", 0), "a", "leaf")
    data = workflow(nodes)
    node = data["status"]["nodes"][node_id("w", "w[0].a")]
    digits = node["id"].rpartition("-")[2]
    assert pod_name(data, node) == f"w-leaf-{digits}"
    assert pod_name(data, {**node, "templateName": "", "templateRef": {"template": "other"}}) == f"w-other-{digits}"
    assert pod_name(data, {"id": "w", "name": "w"}) == "w"
    old = workflow(nodes, annotations={"workflows.argoproj.io/pod-name-format": "v1"})
    assert pod_name(old, node) == node["id"]
    long = pod_name(data, {**node, "templateName": "t" * 300})
    assert len(long) == 242 + 1 + len(digits)


def test_times():
    assert seconds("2026-01-31T12:00:00Z") == seconds("2026-01-31T12:00:00.5Z") == 1769860800.0
    assert seconds(None) is None
    assert seconds("") is None
    assert seconds("soon") is None


def test_ten_thousand_nodes_are_read_in_no_time():
    nodes = Nodes("w")
    items = [str(index) for index in range(10_000)]
    nodes.loop("w", nodes.group("w", 0), "many", "leaf", items, inputs=KEYED)
    data = workflow(nodes)
    before = time.process_time()
    assert len(read_nodes(data)) == 10_000
    assert time.process_time() - before < 3.0
