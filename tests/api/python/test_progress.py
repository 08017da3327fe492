"""Progress of an OP, and outputs that are given before it returns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dflow import Step, Workflow
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate


class Slow(OP):
    progress_total = 100

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"stop": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"best": float, "log": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        for step in range(10):
            self.progress_current = 10 * (step + 1)
            Path("log").write_text(f"step {step}")
            self.set_output("best", 1.0 / (step + 1))
            self.set_output("log", Path("log"))
            if step == op_in["stop"]:
                raise RuntimeError("stopped")
        Path("final").write_text("done")
        return OPIO({"log": Path("final")})


def run(stop: int) -> Workflow:
    wf = Workflow("progress")
    wf.add(Step("s", PythonOPTemplate(Slow), parameters={"stop": stop}))
    wf.submit()
    return wf


def log_of(wf: Workflow) -> list[str]:
    root = Path(wf.query_step("s").outputs.artifacts["log"].local_path)
    return [p.read_text() for p in root.iterdir() if p.name != ".dflow"]


def test_progress_and_early_outputs_are_there_after_a_failure():
    wf = run(3)
    step = wf.query_step("s")
    assert (step.phase, step.progress) == ("Failed", "40/100")
    assert step.get("progress") == step[0]["progress"] == "40/100"
    assert step.outputs.parameters["best"].value == 0.25
    assert log_of(wf) == ["step 3"]


def test_what_is_returned_takes_the_place_of_what_was_set_early():
    wf = run(-1)
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("s").progress == "100/100"
    assert wf.query_step("s").outputs.parameters["best"].value == 0.1
    assert log_of(wf) == ["done"]


def test_progress_goes_to_the_file_that_argo_names(tmp_path, monkeypatch):
    monkeypatch.setenv("ARGO_PROGRESS_FILE", str(tmp_path / "progress"))
    run(0)
    assert (tmp_path / "progress").read_text() == "10/100\n"


class Quiet(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign()

    @classmethod
    def get_output_sign(cls):
        return OPIOSign()

    @OP.exec_sign_check
    def execute(self, op_in):
        self.unrelated = os.getpid()
        return OPIO()


def test_a_step_that_says_nothing_is_one_piece_of_work():
    wf = Workflow("progress")
    wf.add(Step("s", PythonOPTemplate(Quiet)))
    wf.submit()
    assert wf.query_step("s").progress == "1/1"
    assert not Path(wf.query_step("s").path, ".progress").exists()


def test_an_output_that_is_not_declared_is_an_error():
    with pytest.raises(KeyError, match="OP Slow: output 'bset' is not declared"):
        Slow().set_output("bset", 1.0)
