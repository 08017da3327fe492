"""Workflows of this machine whose artifacts are in the buckets of a real server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    OutputArtifact,
    S3Artifact,
    ShellOPTemplate,
    Step,
    Workflow,
    config,
    copy_artifact,
    download_artifact,
    path_list_of_artifact,
    s3_config,
    upload_artifact,
    upload_s3,
)
from dflow.engine.errors import StorageError
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from dflow.testing.storage import StorageConformance
from dflow.utils import MinioClient

pytestmark = [pytest.mark.s3, pytest.mark.timeout(300)]
TEXT = {"out": Artifact(Path)}
PARTS = {"out": Artifact(list[Path], archive=None)}


@pytest.fixture
def configured(settings, own_settings) -> None:
    """The server, as a user configures it."""
    config["debug_s3"] = True
    s3_config.update(
        endpoint=settings.endpoint,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        bucket_name=settings.bucket,
        prefix="team/",
    )


class TestConformance(StorageConformance):
    """The kit, through the client that scripts name."""

    @pytest.fixture
    def client(self, configured):
        """The client of the guide."""
        return MinioClient()


@OP.function
def split(text: Artifact(Path)) -> PARTS:
    for word in text.read_text().split():
        Path(word).write_text(word)
    return {"out": [Path(word) for word in text.read_text().split()]}


@OP.function
def shout(text: Artifact(Path)) -> TEXT:
    Path(f"{text.name}.txt").write_text(text.read_text().upper())
    return {"out": Path(f"{text.name}.txt")}


def joined() -> ShellOPTemplate:
    template = ShellOPTemplate("join", image="alpine", script="cat /tmp/in/* > /tmp/out.txt")
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")
    return template


def test_each_artifact_of_a_run_is_in_the_bucket(configured, client, tmp_path):
    (tmp_path / "text").write_text("one two three")
    data = upload_artifact("text")
    wf = Workflow("run")
    words = Step("split", PythonOPTemplate(split, image="i"), artifacts={"text": data}, key="split")
    slices = Slices(sub_path=True, input_artifact=["text"], output_artifact=["out"])
    loud = Step("shout", PythonOPTemplate(shout, image="i", slices=slices), key="shout-{{item.order}}",
                artifacts={"text": words.outputs.artifacts["out"]})  # fmt: skip
    last = Step("join", joined(), artifacts={"in": loud.outputs.artifacts["out"]}, key="join")
    for step in (words, loud, last):
        wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    steps = wf.query_step(type="Pod")
    assert len(steps) == 5
    for step in steps:
        for name, artifact in step.outputs.artifacts.items():
            assert artifact.key.startswith(f"team/{wf.id}/{step.id}/{name}")
            assert client.list(artifact.key, recursive=True), artifact.key
    keys = set(client.list("", recursive=True))
    assert all(key.startswith("team/") for key in keys)
    result = wf.query_step(key="join")[0].outputs.artifacts["out"]
    del result.data["local_path"]  # as on another machine
    (file,) = download_artifact(result, path="down")
    assert sorted(Path(file).read_text().replace("ONE", "1").replace("TWO", "2").replace("THREE", "3")) == list("123")


def test_artifacts_are_merged_and_reach_workflows_without_debug_s3(configured, tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(name)
    both = S3Artifact(key="both")
    copy_artifact(upload_artifact(["a", "b"], archive=None), both)
    copy_artifact(upload_artifact(["c"], archive=None), both, sort=True)
    assert path_list_of_artifact(both) == ["a", "b", "c"]
    config["debug_s3"] = False
    wf = Workflow("run")
    wf.add(Step("join", joined(), artifacts={"in": both}, key="join"))
    wf.submit()
    assert Path(wf.query_step(key="join")[0].outputs.artifacts["out"].local_path).read_text() == "abc"


def test_a_thousand_small_files_go_up_and_down(configured, tmp_path):
    folder = tmp_path / "many"
    for index in range(1000):
        place = folder / str(index // 100) / f"{index}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(index))
    os.chdir(tmp_path)
    artifact = upload_artifact("many", archive=None)
    (got,) = download_artifact(artifact, path="down")
    assert {p.relative_to(got).as_posix(): p.read_text() for p in Path(got).rglob("*.txt")} == {
        f"{i // 100}/{i}.txt": str(i) for i in range(1000)
    }


def test_what_is_wrong_with_the_settings_is_said(configured, tmp_path):
    (tmp_path / "a").write_text("a")
    s3_config["bucket_name"] = "no-such-bucket"
    with pytest.raises(StorageError, match=r"no-such-bucket.*s3_config\['bucket_name'\]"):
        upload_s3("a", key="k")
    s3_config["secret_key"] = "wrong-and-long-enough"  # noqa: S105
    with pytest.raises(StorageError, match=r"s3_config\['secret_key'\]") as caught:
        upload_s3("a", key="k")
    assert "wrong-and-long-enough" not in str(caught.value)
