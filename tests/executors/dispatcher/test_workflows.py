"""Workflows whose steps run as a user's ``DispatcherExecutor`` says, with a simulated scheduler of this machine."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Workflow,
    argo_range,
    download_artifact,
    upload_artifact,
)
from dflow.plugins.dispatcher import DispatcherExecutor
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices

if find_spec("dpdispatcher") is None:  # to import it is what is not done here
    pytest.skip("dpdispatcher is not installed", allow_module_level=True)

pytestmark = pytest.mark.waiting
WORD = "very-secret-word"


class Grow(OP):
    """Adds a line to a file."""

    @classmethod
    def get_input_sign(cls):
        """Inputs."""
        return OPIOSign({"number": int, "start": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        """Outputs."""
        return OPIOSign({"next": int, "grown": Artifact(Path), "same": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        """Add the line."""
        grown = Path(f"grown-{op_in['number']}.txt")
        grown.write_text(op_in["start"].read_text() + f"{op_in['number']}\n")
        print("ran", op_in["number"])
        return OPIO({"next": op_in["number"] + 1, "grown": grown, "same": op_in["start"]})


@pytest.fixture(params=["LazyLocalContext", "LocalContext"])
def machine(request, fake, tmp_path):
    """The machine of the executor: this one, with shared files or with a directory of its own."""
    found = {"batch_type": "Slurm", "context_type": request.param, "local_root": "./"}
    return found if request.param == "LazyLocalContext" else {**found, "remote_root": str(tmp_path / "remote")}


def _shell(script, **more):
    template = ShellOPTemplate("shell", image="alpine", script=script, **more)
    template.inputs.parameters["word"] = InputParameter()
    template.inputs.artifacts["all"] = InputArtifact(path="/tmp/all", optional=True)
    template.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said")
    template.outputs.artifacts["sum"] = OutputArtifact(path="/tmp/sum.txt")
    return template


def _submitted(*steps):
    wf = Workflow("wf")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def test_python_and_shell_steps_with_artifacts(machine, fake, tmp_path):
    Path("start.txt").write_text("begin\n")
    executor = DispatcherExecutor(machine_dict=machine, queue_name="long", resources_dict={"envs": {"MINE": "5"}})
    slices = Slices(input_parameter=["number"], output_parameter=["next"], output_artifact=["grown"])
    grow = Step(
        "grow",
        PythonOPTemplate(Grow, slices=slices),
        parameters={"number": [1, 2, 3]},
        artifacts={"start": upload_artifact("start.txt")},
        with_param=argo_range(3),
        key="grow-{{item}}",
        executor=executor,
    )
    script = "cat /tmp/all/* > /tmp/sum.txt; echo {{inputs.parameters.word}} $MINE > /tmp/said"
    together = Step(
        "sum",
        _shell(script),
        parameters={"word": "hello"},
        artifacts={"all": grow.outputs.artifacts["grown"]},
        key="sum",
        executor=executor,
    )
    wf = _submitted(grow, together)
    assert wf.query_status() == "Succeeded"
    [done] = wf.query_step(key="sum")
    assert done.outputs.parameters["said"].value.strip() == "hello 5"
    [place] = download_artifact(done.outputs.artifacts["sum"], path=tmp_path / "down")
    assert Path(place).read_text() == "begin\n1\nbegin\n2\nbegin\n3\n"
    assert [wf.query_step(key=f"grow-{n}")[0].outputs.parameters["next"].value for n in range(3)] == [2, 3, 4]
    assert "ran 2" in Path(wf.id, "grow-1", "log.txt").read_text()
    calls = (fake / "calls").read_text().split()
    assert calls.count("sbatch") == 2, "the slices are one array"
    left = list((tmp_path / "remote").glob("wf-*")) if (tmp_path / "remote").exists() else []
    assert left == []


def test_the_head_and_what_surrounds_the_program(machine, fake):
    resources = {
        "custom_flags": ["#SBATCH --mem=8G"],
        "prepend_script": ["A=1; export A"],
        "append_script": ["echo end"],
    }
    executor = DispatcherExecutor(machine_dict=machine, queue_name="long", resources_dict=resources)
    step = Step(
        "a", _shell("echo $A > /tmp/said; touch /tmp/sum.txt"), parameters={"word": 1}, key="a", executor=executor
    )
    wf = _submitted(step)
    assert wf.query_step(key="a")[0].outputs.parameters["said"].value.strip() == "1"
    assert Path(wf.id, "a", "log.txt").read_text() == "end\n"
    [script] = fake.glob("script.*")
    assert {"#SBATCH --mem=8G", "#SBATCH --partition long"} <= set(script.read_text().splitlines())


def test_a_failing_program_ends_with_its_own_code(machine, fake, capsys):
    executor = DispatcherExecutor(machine_dict=machine, resources_dict={"append_script": ["true"]})
    wf = _submitted(Step("a", _shell("echo oh; exit 7"), parameters={"word": 1}, key="a", executor=executor))
    assert wf.query_status() == "Failed"
    record = json.loads(Path(wf.id, "a", ".step").read_text())
    assert record["exitCode"] == 7
    assert "oh" in capsys.readouterr().err


def test_another_command_runs_the_script_there(machine, fake):
    executor = DispatcherExecutor(machine_dict=machine, remote_command=["sh", "-x"])
    step = Step(
        "a", _shell("true > /tmp/sum.txt; true > /tmp/said"), parameters={"word": 1}, key="a", executor=executor
    )
    wf = _submitted(step)
    assert wf.query_status() == "Succeeded"
    assert "+ true" in Path(wf.id, "a", "log.txt").read_text()


def test_resources_that_dpdispatcher_does_not_take_fail_the_step_in_its_words(machine, fake, capsys):
    executor = DispatcherExecutor(machine_dict=machine, resources_dict={"cpu_per_node": "five"})
    wf = _submitted(Step("a", _shell("true"), parameters={"word": 1}, executor=executor))
    assert wf.query_status() in ("Error", "Failed")
    assert "dpdispatcher does not take the resources" in capsys.readouterr().err


def test_no_secret_is_in_the_files_of_a_run(fake, tmp_path):
    machine = {"batch_type": "Shell", "context_type": "SSHContext", "remote_profile": {"timeout": 0.1}}
    executor = DispatcherExecutor("nowhere.invalid", username="me", password=WORD, machine_dict=machine)
    wf = Workflow("wf")
    wf.add(Step("a", _shell("true"), parameters={"word": 1}, executor=executor))
    from dflow.compile import compile_workflow
    from dflow.engine import codec

    assert WORD not in codec.dumps(compile_workflow(wf))
