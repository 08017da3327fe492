"""Reusing finished steps: in another run, in the same run, and after a change."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from dflow import DAG, InputParameter, OutputParameter, Step, Steps, Task, Workflow, upload_artifact
from dflow.engine.errors import RunNotFound, StateError
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate


class Add(OP):
    """Adds one, writes it into a file, and says in the file ``ran`` of the test that it ran."""

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
        if Path(op_in["ran"]).with_name("broken").exists() and op_in["n"] == 2:
            raise ValueError("broken")
        Path("file.txt").write_text(str(op_in["n"]))
        return OPIO({"n": op_in["n"] + 1, "file": Path("file.txt")})


def three_steps(**arguments: object) -> Workflow:
    """0 → 1 → 2 → 3."""
    wf, n = Workflow("reuse", **arguments), 0
    for key in "abc":
        step = Step(
            f"step-{key}", PythonOPTemplate(Add), parameters={"n": n, "ran": str(Path("ran").absolute())}, key=key
        )
        wf.add(step)
        n = step.outputs.parameters["n"]
    return wf


def ran() -> list[str]:
    return Path("ran").read_text().split()


def failed_run() -> Workflow:
    Path("broken").touch()
    wf = three_steps()
    wf.submit()
    assert wf.query_status() == "Failed"
    Path("broken").unlink()
    Path("ran").write_text("")
    return wf


def test_steps_of_the_same_key_take_the_outputs_instead_of_running():
    steps = failed_run().query_step(phase="Succeeded")
    wf = three_steps()
    wf.submit(reuse_step=steps)
    assert wf.query_status() == "Succeeded"
    assert ran() == ["2"]
    assert [s.outputs.parameters["n"].value for s in wf.query_step()] == [1, 2, 3]
    reused = wf.query_step(key="a")
    assert reused.reusedFrom.startswith("reuse-")
    assert Path(reused.outputs.artifacts["file"].local_path, "file.txt").read_text() == "0"


def test_outputs_can_be_changed_before_they_are_reused():
    Path("other.txt").write_text("other")
    step = failed_run().query_step(key="b")
    step.modify_output_parameter("n", 10)
    step.modify_output_artifact("file", upload_artifact("other.txt"))
    wf = three_steps()
    wf.submit(reuse_step=[step])
    assert ran() == ["0", "10"]
    assert wf.query_step(key="c").outputs.parameters["n"].value == 11
    assert Path(wf.query_step(key="b").outputs.artifacts["file"].local_path, "other.txt").read_text() == "other"


def test_a_reuse_that_was_made_from_something_else_is_said(caplog):
    step = failed_run().query_step(key="b")
    wf = Workflow("other")
    wf.add(Step("b", PythonOPTemplate(Add), parameters={"n": 5, "ran": str(Path("ran").absolute())}, key="b"))
    with caplog.at_level(logging.WARNING, "dflow"):
        wf.submit(reuse_step=[step])
    assert "although it differs in: input parameter n" in caplog.text
    assert wf.query_step(key="b").outputs.parameters["n"].value == 2


def test_a_step_without_a_key_cannot_be_reused_and_that_is_said(caplog):
    first = Workflow("first")
    first.add(Step("x", PythonOPTemplate(Add), parameters={"n": 0, "ran": str(Path("ran").absolute())}))
    first.submit()
    with caplog.at_level(logging.WARNING, "dflow"):
        three_steps().submit(reuse_step=first.query_step())
    assert "step 'x' has no key" in caplog.text


def test_a_whole_group_is_reused_without_its_steps():
    def build() -> Workflow:
        template = Steps("inner")
        template.inputs.parameters["n"] = InputParameter(type=int)
        add = Step(
            "add",
            PythonOPTemplate(Add),
            parameters={"n": template.inputs.parameters["n"], "ran": str(Path("ran").absolute())},
        )
        template.add(add)
        template.outputs.parameters["n"] = OutputParameter(type=int, value_from_parameter=add.outputs.parameters["n"])
        group = Task("group", template, parameters={"n": 4}, key="group")
        after = Task(
            "after",
            PythonOPTemplate(Add),
            parameters={"n": group.outputs.parameters["n"], "ran": str(Path("ran").absolute())},
        )
        return Workflow("groups", dag=DAG(tasks=[group, after]))

    first = build()
    first.submit()
    Path("ran").write_text("")
    second = build()
    second.submit(reuse_step=[first.query_step(key="group")])
    assert second.query_status() == "Succeeded"
    assert ran() == ["5"]


def test_an_artifact_that_is_gone_is_an_error_of_the_step():
    step = failed_run().query_step(key="a")
    step.outputs.artifacts["file"].data["local_path"] = "/nowhere"
    wf = three_steps()
    wf.submit(reuse_step=[step])
    assert "is to be reused, but /nowhere is gone" in wf.query_step(key="a").message


def test_the_same_script_with_the_same_id_goes_on_where_it_failed():
    failed = failed_run()
    wf = three_steps(id=failed.id)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert ran() == ["2"]


def test_a_succeeded_run_is_not_run_again_under_its_id():
    wf = three_steps()
    wf.submit()
    with pytest.raises(StateError, match="has succeeded: choose another id"):
        three_steps(id=wf.id).submit()


def test_retry_runs_what_failed():
    wf = failed_run()
    wf.retry()
    assert wf.query_status() == "Succeeded"
    assert ran() == ["2"]


def test_retry_steps_runs_them_again_and_what_they_changed():
    wf = three_steps()
    wf.submit()
    Path("ran").write_text("")
    wf.retry_steps(["b"])
    assert wf.query_status() == "Succeeded"
    assert ran() == ["1"]
    with pytest.raises(RunNotFound, match="has no step 'zz'"):
        wf.retry_steps(["zz"])


def test_resubmit_is_a_new_run_of_the_same_workflow():
    wf = three_steps()
    wf.submit()
    again = wf.resubmit()
    assert again.id != wf.id
    assert again.query_status() == "Succeeded"
    assert ran() == ["0", "1", "2"] * 2
