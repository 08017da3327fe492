"""Where an OP finds the element of a sliced artifact, and the root of an artifact."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import Step, Workflow, argo_range
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices


class Make(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign()

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"tasks": Artifact(list[Path])})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        tasks = [Path(f"confs/c{number}/task") for number in range(2)]
        for task in tasks:
            task.mkdir(parents=True)
            (task / "which").write_text(str(task))
        return OPIO({"tasks": tasks})


class Use(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"task": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"where": str, "done": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        where = str(op_in["task"]).partition("inputs/artifacts/")[2]
        return OPIO({"where": where, "done": op_in["task"]})


class Root(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"whole": Artifact(Path, sub_path=False), "only": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"where": list[str]})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"where": [str(op_in[name]).partition("inputs/artifacts/")[2] for name in ("whole", "only")]})


@pytest.mark.parametrize("sub_path", [False, True])
def test_an_element_keeps_its_path_inside_of_the_list_and_so_does_what_is_made_of_it(sub_path):
    names = {"input_artifact": ["task"], "output_artifact": ["done"], "output_parameter": ["where"]}
    slices = Slices(sub_path=True, **names) if sub_path else Slices("{{item}}", **names)
    loop = {} if sub_path else {"with_param": argo_range(2)}
    workflow = Workflow("elements")
    made = Step("make", PythonOPTemplate(Make, image="none"))
    used = Step(
        "use",
        PythonOPTemplate(Use, image="none", slices=slices),
        artifacts={"task": made.outputs.artifacts["tasks"]},
        **loop,
    )
    workflow.add(made)
    workflow.add(used)
    workflow.add(
        Step(
            "again",
            PythonOPTemplate(Use, image="none", slices=slices),
            artifacts={"task": used.outputs.artifacts["done"]},
            **loop,
        )
    )
    workflow.submit()
    workflow.raise_for_status()
    for name in ("use", "again"):  # the lists of slices of one name do not clash, and go on as they are
        found = {s.outputs.parameters["where"].value for s in workflow.query_step(name=name, type="Pod")}
        assert found == {"task/confs/c0/task", "task/confs/c1/task"}


def test_an_artifact_that_is_asked_for_without_sub_path_is_its_root(tmp_path):
    from dflow import upload_artifact

    Path("deep/in").mkdir(parents=True)
    Path("deep/in/data.txt").write_text("x")
    data = upload_artifact("deep/in/data.txt")
    workflow = Workflow("roots")
    workflow.add(Step("root", PythonOPTemplate(Root, image="none"), artifacts={"whole": data, "only": data}))
    workflow.submit()
    workflow.raise_for_status()
    whole, only = workflow.query_step(name="root")[0].outputs.parameters["where"].value
    assert whole == "whole"
    assert only.startswith("only/")
    assert only.endswith("data.txt")
