"""Where the artifacts of a manifest are."""

from __future__ import annotations

import pytest
from dflow import (
    InputArtifact,
    OutputArtifact,
    S3Artifact,
    ShellOPTemplate,
    Step,
    Workflow,
    s3_config,
)
from dflow.engine.errors import ExportError
from dflow.exporters.argo.lint import Severity, lint
from dflow.python import OP, Artifact, PythonOPTemplate, Slices

pytestmark = pytest.mark.usefixtures("own_settings")
NUMBER = {"n": int}


def workflow(source, **arguments):
    template = ShellOPTemplate("read", image="alpine", script="cat /tmp/in")
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out")
    wf = Workflow("wf", **arguments)
    wf.add(Step("read", template, artifacts={"in": source}))
    return wf


def given(wf):
    manifest = wf.to_dict()
    assert [f for f in lint(manifest) if f.severity is Severity.ERROR] == []
    (call,) = [s for t in manifest["spec"]["templates"] for g in t.get("steps", ()) for s in g]
    return call["arguments"]["artifacts"], manifest


def test_a_key_is_where_it_is_and_an_archive_is_unpacked():
    assert given(workflow(S3Artifact(key="a/b")))[0] == [
        {"name": "in", "s3": {"key": "a/b"}, "archive": {"none": {}}},
    ]
    assert given(workflow(S3Artifact(key="a/b").sub_path("c")))[0] == [
        {"name": "in", "s3": {"key": "a/b/c"}, "archive": {"none": {}}},
    ]
    assert given(workflow(S3Artifact(key="a/b.tgz")))[0] == [{"name": "in", "s3": {"key": "a/b.tgz"}}]
    with pytest.raises(ExportError, match=r"a part \('c'\) of the archive 'a/b.tgz' cannot be taken"):
        workflow(S3Artifact(key="a/b.tgz").sub_path("c")).to_dict()


def test_a_repository_of_aliyun_has_its_keys_there():
    s3_config["repo_type"] = "oss"
    artifacts, _ = given(workflow(S3Artifact(key="a")))
    assert artifacts == [{"name": "in", "oss": {"key": "a"}, "archive": {"none": {}}}]


def test_the_repository_of_the_settings_is_named_where_the_workflow_names_none():
    s3_config["repo_key"] = "main"
    assert given(workflow(S3Artifact(key="a")))[1]["spec"]["artifactRepositoryRef"] == {"key": "main"}
    named = workflow(S3Artifact(key="a"), artifact_repo_key="own")
    assert given(named)[1]["spec"]["artifactRepositoryRef"] == {"key": "own"}


def test_slices_of_a_list_in_a_store_are_as_many_as_it_has():
    @OP.function
    def size(x: Artifact(str)) -> NUMBER:
        return {"n": 1}

    items = [{"dflow_list_item": name, "order": index} for index, name in enumerate("abc")]
    template = PythonOPTemplate(size, image="python:3.11", slices=Slices(sub_path=True, input_artifact=["x"]))
    wf = Workflow("wf")
    wf.add(Step("sizes", template, artifacts={"x": S3Artifact("k", items)}))
    text = wf.to_yaml()
    assert "key: k" in text
    wf = Workflow("wf")
    wf.add(Step("sizes", template, artifacts={"x": S3Artifact("k")}))
    with pytest.raises(ExportError, match="how many elements this artifact has is not known"):
        wf.to_yaml()
