"""``memoize_key`` from scripts: what a user writes, and what ``explain`` says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import InputParameter, Inputs, OutputParameter, Outputs, ShellOPTemplate, Step, Steps, Workflow
from dflow.cli.main import main
from dflow.engine.errors import CompileError
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate


class Double(OP):
    """Doubles a number and says in a file that it ran."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int, "ran": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int, "file": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        with Path(op_in["ran"]).open("a") as stream:
            stream.write(f"{op_in['n']} ")
        Path("file.txt").write_text(str(op_in["n"]))
        return OPIO({"n": 2 * op_in["n"], "file": Path("file.txt")})


def doubled(n, memoize_key="n-{{inputs.parameters.n}}"):
    wf = Workflow("memo")
    template = PythonOPTemplate(Double, memoize_key=memoize_key)
    wf.add(Step("double", template, parameters={"n": n, "ran": str(Path("ran").absolute())}, key="double"))
    wf.submit()
    return wf


def test_an_op_takes_its_typed_outputs_and_artifacts_from_the_cache():
    first = doubled(3)
    second = doubled(3)
    assert Path("ran").read_text().split() == ["3"]
    step = second.query_step(key="double")
    assert step.memoized == first.id
    assert step.outputs.parameters["n"].value == 6
    assert Path(step.outputs.artifacts["file"].local_path, "file.txt").read_text() == "3"


def test_nothing_is_said_to_be_ignored(caplog):
    doubled(3)
    assert "ignored" not in caplog.text


def test_explain_says_where_the_outputs_are_from(capsys):
    first = doubled(3)
    second = doubled(3)
    capsys.readouterr()
    assert main(["explain", second.id, "double"]) in (0, None)
    assert f"it did not run: its outputs were kept by {first.id} under memoize_key 'n-3'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("a_b", "'a_b' must consist of letters, digits and '-'"),
        ("{{inputs.parameters.m}}", "has no input parameter 'm'"),
        ("{{steps.x.outputs.parameters.y}}", "step 'x' is not in"),
        ("{{item}}", "it exists only in loops"),
    ],
)
def test_a_key_that_cannot_be_is_refused_before_anything_runs(key, problem):
    with pytest.raises(CompileError) as caught:
        doubled(3, key)
    assert problem in str(caught.value)
    assert "memoize_key" in str(caught.value)


def test_a_key_can_be_a_reference_to_an_input():
    outputs = Outputs(parameters={"x": OutputParameter(value_from_path="/tmp/x")})
    for _ in range(2):
        template = ShellOPTemplate(
            "say", script=f"echo x >> {Path('ran').absolute()}; echo 1 > /tmp/x", outputs=outputs
        )
        template.inputs.parameters["name"] = InputParameter()
        template.memoize_key = template.inputs.parameters["name"]
        wf = Workflow("memo")
        wf.add(Step("say", template, parameters={"name": "k"}))
        wf.submit()
        assert wf.query_status() == "Succeeded"
    assert Path("ran").read_text().split() == ["x"]


def test_a_steps_can_have_a_key():
    for _ in range(2):
        inner = Steps("inner", memoize_key="all", inputs=Inputs())
        inner.add(Step("say", ShellOPTemplate("say", script=f"echo x >> {Path('ran').absolute()}")))
        wf = Workflow("memo")
        wf.add(Step("inner", inner))
        wf.submit()
    assert Path("ran").read_text().split() == ["x"]
