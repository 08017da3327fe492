"""Containers as scripts ask for them: ``Step(..., executor=ContainerExecutor(...))``."""

from __future__ import annotations

import pytest
from dflow import (
    ContainerExecutor,
    InputArtifact,
    OutputArtifact,
    ShellOPTemplate,
    Step,
    Workflow,
    upload_artifact,
)
from dflow.python import PythonOPTemplate, Slices
from image import containers

pytestmark = [pytest.mark.podman, pytest.mark.timeout(300)]

MODULE = """
import os
from pathlib import Path
from dflow.python import OP, Artifact

OUT = {"length": int, "copy": Artifact(Path)}

@OP.function
def measure(text: Artifact(Path), add: int) -> OUT:
    assert os.path.exists("/run/.containerenv")
    Path("copy.txt").write_text(text.read_text())
    return {"length": len(text.read_text()) + add, "copy": Path("copy.txt")}
"""


def test_steps_of_one_workflow_run_here_and_in_containers(image, tmp_path, monkeypatch):
    (tmp_path / "measures.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import measures

    (tmp_path / "text.txt").write_text("four")
    boxed = ContainerExecutor(podman="podman", image_pull_policy="Never", network=False)
    template = ShellOPTemplate(
        "join", image=image, script="cat /tmp/in.txt /tmp/in.txt > /tmp/out.txt; cat /etc/os-release"
    )
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in.txt")
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")
    wf = Workflow("boxes")
    first = Step("first", template, artifacts={"in": upload_artifact("text.txt")}, key="first")
    second = Step("second", template, artifacts={"in": first.outputs.artifacts["out"]}, key="second", executor=boxed)
    op = PythonOPTemplate(measures.measure, image=image, slices=Slices("{{item}}", input_parameter=["add"]))
    third = Step(
        "third",
        op,
        parameters={"add": [1, 2]},
        artifacts={"text": second.outputs.artifacts["out"]},
        with_param=[0, 1],
        key="third-{{item}}",
        executor=boxed,
    )
    for step in (first, second, third):
        wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded", [(s.name, s.message) for s in wf.query_step()]
    assert [wf.query_step(key=f"third-{i}")[0].outputs.parameters["length"].value for i in (0, 1)] == [17, 18]
    assert containers(tmp_path / wf.id) == []
    for path in (tmp_path / wf.id).rglob("*"):
        assert path.lstat().st_uid == tmp_path.stat().st_uid


def test_an_image_that_is_not_there_is_named(image, tmp_path):
    wf = Workflow("boxes")
    template = ShellOPTemplate("nothing", image="localhost/no-such-image:1", script="true")
    wf.add(Step("one", template, key="one", executor=ContainerExecutor(podman="podman", image_pull_policy="Never")))
    wf.submit()
    step = wf.query_step(key="one")[0]
    assert step.phase == "Error"
    assert "localhost/no-such-image:1" in step.message
