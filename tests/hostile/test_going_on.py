"""What a run finds of itself when it goes on: nothing is there twice, and nothing stands in its way."""

# ruff: noqa: F821 - names of outputs, not annotations

import os
from pathlib import Path

import pytest
from dflow import InputParameter, OutputArtifact, OutputParameter, ShellOPTemplate, Step, Steps, Workflow, argo_range
from dflow.python import OP, Artifact, PythonOPTemplate, Slices


@OP.function
def write(n: int) -> {"file": Artifact(Path)}:
    file = Path(f"{n}.txt")
    file.write_text(str(n))
    return {"file": file}


@OP.function
def count(files: Artifact(list[Path]), marker: str) -> {"n": int}:
    if not Path(marker).exists():
        raise ValueError("not yet")
    return {"n": len(files)}


def test_a_retry_gathers_the_files_of_a_loop_once(tmp_path):
    slices = Slices(input_parameter=["n"], output_artifact=["file"])
    fan = Step("fan", PythonOPTemplate(write, slices=slices), parameters={"n": [1, 2, 3]}, with_param=argo_range(3))
    marker = tmp_path / "marker"
    files = {"files": fan.outputs.artifacts["file"]}
    wf = Workflow("gather")
    wf.add(fan)
    wf.add(Step("count", PythonOPTemplate(count), parameters={"marker": str(marker)}, artifacts=files))
    wf.submit()
    assert wf.query_status() == "Failed"
    marker.touch()
    wf.retry()
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("count")[0].outputs.parameters["n"].value == 3


def keyed_group(name: str, script: str) -> Workflow:
    """A group of steps with a key, whose outputs are a number and a file, and a step with this script after it."""
    template = ShellOPTemplate("make", script="echo 1 > /tmp/x; echo made > /tmp/f; echo ran >> ../../../ran")
    template.outputs.parameters["x"] = OutputParameter(value_from_path="/tmp/x")
    template.outputs.artifacts["f"] = OutputArtifact(path="/tmp/f")
    inner = Steps("inner")
    made = Step("made", template)
    inner.add(made)
    inner.outputs.parameters["x"] = OutputParameter(value_from_parameter=made.outputs.parameters["x"])
    inner.outputs.artifacts["f"] = OutputArtifact(_from=made.outputs.artifacts["f"])
    last = ShellOPTemplate("last", script=script)
    last.inputs.parameters["x"] = InputParameter()
    wf = Workflow(name, id=name)
    group = Step("group", inner, key="group")
    wf.add(group)
    wf.add(Step("last", last, parameters={"x": group.outputs.parameters["x"]}))
    return wf


def test_a_group_that_was_reused_is_reused_again_by_a_retry():
    first = keyed_group("first", "true")
    first.submit()
    second = keyed_group("second", "test -e ../../go")
    second.submit(reuse_step=first.query_step(key="group"))
    assert second.query_status() == "Failed"
    Path("second/go").touch()
    second.retry()
    assert second.query_status() == "Succeeded"
    assert Path("second/group/outputs/artifacts/f").read_text() == "made\n"
    assert Path("ran").read_text() == "ran\n"


class Killed(BaseException):
    """Stands for a kill: nothing handles it."""


@pytest.mark.parametrize("name", ["status", "type", "settings.json", "graph.json"])
def test_a_submit_that_was_killed_leaves_no_half_run_and_can_be_repeated(chain, monkeypatch, dflow_cli, name):
    replace = os.replace

    def killed(source, target):
        if Path(target).name == name:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            chain().submit()
    assert not Path("hostile").exists()
    assert "hostile" not in dflow_cli("list").stdout
    wf = chain()
    wf.submit()
    assert wf.query_status() == "Succeeded"
