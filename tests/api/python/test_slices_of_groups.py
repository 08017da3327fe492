"""Slices of Steps and DAG templates: inputs dealt out, outputs stacked; and slices inside of slices."""

# ruff: noqa: UP006, UP035 - signs are written as users of all Python versions write them

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    download_artifact,
    upload_artifact,
)
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices

SLICES = {
    "input_parameter": ["n"],
    "input_artifact": ["data"],
    "output_parameter": ["r"],
    "output_artifact": ["log"],
}


class Double(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int, "data": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"r": int, "log": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        log = Path(f"log{op_in['n']}")
        log.write_text(f"{op_in['n']}{op_in['data'].read_text()}")
        return OPIO({"r": 2 * op_in["n"], "log": log})


def around(kind: type, slices: Slices | None = None, *, many: bool = False) -> Steps | DAG:
    """A template that hands its inputs to one Double, sliced or not, and gives what that gives."""
    template = kind("inner")
    template.inputs.parameters["n"] = InputParameter(type=List[int] if many else int)
    template.inputs.artifacts["data"] = InputArtifact()
    step_class = Step if kind is Steps else Task
    step = step_class(
        "double",
        PythonOPTemplate(Double, slices=slices),
        parameters={"n": template.inputs.parameters["n"]},
        artifacts={"data": template.inputs.artifacts["data"]},
    )
    template.add(step)
    template.outputs.parameters["r"] = OutputParameter(
        type=List[int] if many else int, value_from_parameter=step.outputs.parameters["r"]
    )
    template.outputs.artifacts["log"] = OutputArtifact(_from=step.outputs.artifacts["log"])
    return template


def files(*names: str) -> list[str]:
    for name in names:
        Path(name).write_text(f"<{name}>")
    return list(names)


def run(template: Steps | DAG, numbers: object, data: object, **arguments: object) -> tuple[Workflow, object]:
    """The workflow, and the values of the stacked parameter."""
    outer = Steps("outer")
    step = Step("s", template, parameters={"n": numbers}, artifacts={"data": data}, **arguments)
    outer.add(step)
    outer.outputs.parameters["r"] = OutputParameter(type=list, value_from_parameter=step.outputs.parameters["r"])
    outer.outputs.artifacts["log"] = OutputArtifact(_from=step.outputs.artifacts["log"])
    wf = Workflow("nested")
    wf.add(Step("all", outer))
    wf.submit()
    wf.raise_for_status()
    return wf, wf.query_step("all").outputs.parameters["r"].value


def texts(found: object) -> object:
    """The texts of downloaded files."""
    return [texts(item) for item in found] if isinstance(found, list) else Path(str(found)).read_text()


@pytest.mark.parametrize("kind", [Steps, DAG])
@pytest.mark.parametrize("loop", [{"with_param": argo_range(3)}, {}])
def test_a_template_of_several_steps_is_run_once_for_each_element(kind, loop):
    wf, values = run(around(kind), [1, 2, 3], upload_artifact(files("x", "y", "z")), slices=Slices(**SLICES), **loop)
    assert values == [2, 4, 6]
    found = download_artifact(wf.query_step("all").outputs.artifacts["log"], path="got")
    assert texts(found) == ["1<x>", "2<y>", "3<z>"]


def test_slices_can_be_added_to_the_template():
    for kind in (Steps, DAG):
        template = around(kind)
        template.add_slices(Slices(**SLICES))
        assert run(template, [1, 2], upload_artifact(files("x", "y")))[1] == [2, 4]


@pytest.mark.parametrize("groups", [{}, {"group_size": 2}, {"group_size": 2, "pool_size": 2}])
def test_a_sliced_step_inside_of_a_sliced_template(groups):
    inner = around(Steps, Slices(**SLICES, **groups), many=True)
    data = {"rows": [files("a", "b", "c"), files("d")]}
    slices = Slices(**{**SLICES, "input_artifact": []})
    wf, values = run(inner, [[1, 2, 3], [4, 5, 6]], upload_artifact(data["rows"][0]), slices=slices)
    assert values == [[2, 4, 6], [8, 10, 12]]
    found = download_artifact(wf.query_step("all").outputs.artifacts["log"], path="got")
    assert texts(found) == [["1<a>", "2<b>", "3<c>"], ["4<a>", "5<b>", "6<c>"]]


def test_slices_of_an_op_template_can_be_set_and_added():
    template = PythonOPTemplate(Double)
    template.set_slices(Slices(**SLICES))
    assert template.slices.input_parameter == ["n"]
    other = PythonOPTemplate(Double)
    other.add_slices(Slices(**SLICES))
    assert other.slices.output_artifact == ["log"]
    with pytest.raises(ValueError, match="slices already"):
        other.add_slices(Slices(**SLICES))
