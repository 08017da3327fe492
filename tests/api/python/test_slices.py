"""Slices: an element for each copy, and the lists of what they give."""

# ruff: noqa: UP006, UP035 - signs are written as users of all Python versions write them

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from dflow import Step, Workflow, argo_len, argo_range, download_artifact, upload_artifact
from dflow.engine.errors import CompileError, StepFailed
from dflow.python import OP, OPIO, Artifact, OPIOSign, Parameter, PythonOPTemplate, Slices


class Label(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"msg": str, "data": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"size": int, "log": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        if op_in["msg"] == "fail":
            raise ValueError("as asked")
        log = Path("logs") / ("same" if op_in["msg"] == "same" else op_in["data"].name)
        log.parent.mkdir()
        log.write_text(op_in["msg"] + op_in["data"].read_text())
        return OPIO({"size": len(op_in["msg"]), "log": log})


class Gather(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"sizes": List[int], "logs": Artifact(List[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"text": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"text": f"{op_in['sizes']} " + " ".join(log.read_text() for log in op_in["logs"])})


def files(*names: str) -> list[str]:
    for name in names:
        Path(name).write_text(f"<{name}>")
    return list(names)


def label(messages: object, data: object, **arguments: object) -> Step:
    own = {n: arguments.pop(n) for n in ("sub_path", "create_dir") if n in arguments}
    slices = Slices(
        input_parameter=["msg"], input_artifact=["data"], output_parameter=["size"], output_artifact=["log"], **own
    )
    template = PythonOPTemplate(Label, slices=slices)
    return Step("label", template, parameters={"msg": messages}, artifacts={"data": data}, **arguments)


def run(step: Step) -> Workflow:
    wf = Workflow("slices")
    wf.add(step)
    gather = {"sizes": step.outputs.parameters["size"]}
    wf.add(
        Step("gather", PythonOPTemplate(Gather), parameters=gather, artifacts={"logs": step.outputs.artifacts["log"]})
    )
    wf.submit()
    return wf


@pytest.mark.parametrize(
    "arguments",
    [
        {"with_param": argo_range(3), "key": "label-{{item}}"},
        {"sub_path": True, "key": "label-{{item.order}}"},
        {"create_dir": True, "key": "label-{{item.order}}"},
    ],
)
def test_every_copy_gets_its_own_element_and_the_results_are_lists(arguments):
    wf = run(label(["a", "bb", "ccc"], upload_artifact(files("x", "y", "z")), **arguments))
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("gather").outputs.parameters["text"].value == "[1, 2, 3] a<x> bb<y> ccc<z>"
    assert wf.query_keys_of_steps() == ["label-0", "label-1", "label-2"]
    copy = wf.query_step(key="label-1")
    assert copy.inputs.parameters["msg"].value == "bb"
    assert sorted(p.name for p in Path(copy.path, "inputs/artifacts/data").iterdir()) == [".dflow", "y"]


def test_some_slices_of_a_longer_list():
    wf = run(label(["a", "b", "c"], upload_artifact(files("x", "y", "z")), with_param=[2, 0]))
    assert wf.query_step("gather").outputs.parameters["text"].value == "[1, 1] c<z> a<x>"


def test_elements_of_a_dict_are_dealt_out_by_key():
    data = upload_artifact({"k": files("x")[0], "l": files("y")[0]})
    wf = run(label({"k": "a", "l": "b"}, data, with_param=["l", "k"]))
    assert wf.query_step("gather").outputs.parameters["text"].value == "[1, 1] b<y> a<x>"


def test_slices_that_failed_leave_no_hole():
    step = label(
        ["a", "fail", "c"], upload_artifact(files("x", "y", "z")), with_param=argo_range(3), continue_on_num_success=2
    )
    wf = run(step)
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("gather").outputs.parameters["text"].value == "[1, 1] a<x> c<z>"


def test_files_of_one_path_are_an_error_that_names_both_slices():
    wf = run(label(["same", "same"], upload_artifact(files("x", "y")), with_param=argo_range(2)))
    assert wf.query_status() == "Failed"
    with pytest.raises(StepFailed, match=r"'label\(0:0\)' and 'label\(1:1\)' both have 'logs/same'.*create_dir=True"):
        wf.raise_for_status()


def test_files_of_one_path_are_the_cause_also_where_failed_slices_are_allowed(capfd):
    step = label(
        ["same", "fail", "same"],
        upload_artifact(files("x", "y", "z")),
        with_param=argo_range(3),
        continue_on_failed=True,
    )
    wf = run(step)
    assert wf.query_status() == "Failed"
    assert "both have 'logs/same'" in capfd.readouterr().err
    with pytest.raises(StepFailed, match=r"'label\(0:0\)' and 'label\(2:2\)' both have 'logs/same'"):
        wf.raise_for_status()


def test_with_a_directory_for_each_slice_they_stand_side_by_side():
    wf = run(label(["same", "same"], upload_artifact(files("x", "y")), with_param=argo_range(2), create_dir=True))
    assert wf.query_step("gather").outputs.parameters["text"].value == "[4, 4] same<x> same<y>"


def test_lists_of_different_length_are_an_error():
    wf = run(label(["a", "b", "c"], upload_artifact(files("x", "y")), sub_path=True))
    assert wf.query_status() == "Error"


def test_an_index_that_is_not_there_is_an_error_of_that_copy():
    wf = run(label(["a"], upload_artifact(files("x")), with_param=argo_range(2)))
    phases = {s.displayName: s.phase for s in wf.query_step("label")}
    assert phases == {"label(0:0)": "Succeeded", "label(1:1)": "Error"}
    assert "there is no slice '1' of 'msg'" in wf.query_step(phase="Error").message


def test_slices_can_be_given_by_the_step(tmp_path):
    step = Step(
        "label",
        PythonOPTemplate(Label),
        parameters={"msg": ["a", "b"]},
        artifacts={"data": upload_artifact(files("x", "y"))},
        slices=Slices(input_parameter=["msg"], input_artifact=["data"], output_artifact=["log"]),
    )
    wf = Workflow("slices")
    wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"


class Shapes(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"named": Artifact(Dict[str, Path])})

    @OP.exec_sign_check
    def execute(self, op_in):
        path = Path(f"f{op_in['n']}")
        path.write_text(str(op_in["n"]))
        return OPIO({"named": {"only": path}})


def test_an_artifact_of_several_members_keeps_them_apart():
    template = PythonOPTemplate(Shapes, slices=Slices(input_parameter=["n"], output_artifact=["named"]))
    dag_step = Step("s", template, parameters={"n": [1, 2]})
    wf = Workflow("slices")
    wf.entrypoint = None
    from dflow import Steps

    inner = Steps("inner", steps=[dag_step])
    from dflow import OutputArtifact

    inner.outputs.artifacts["all"] = OutputArtifact(_from=dag_step.outputs.artifacts["named"])
    wf.add(Step("outer", inner))
    wf.submit()
    found = download_artifact(wf.query_step("outer").outputs.artifacts["all"], path="got")
    assert [Path(item["only"]).read_text() for item in found] == ["1", "2"]


@pytest.mark.parametrize(
    "named",
    [
        {"input_parameter_slices": {"msg": "{{item}}"}, "input_artifact_slices": {"data": "{{item}}"}},
        {"input_artifact_slices": {"data": "{{item}}"}, "input_parameter_slices": {"msg": "{{item}}"}},
    ],
)
def test_slices_can_be_given_by_name(named):
    data = upload_artifact(files("x", "y"))
    outputs = {"output_parameter_slices": {"size": "{{item}}"}, "output_artifact_slices": {"log": "{{item}}"}}
    template = PythonOPTemplate(Label, **named, **outputs)
    arguments = {"parameters": {"msg": ["a", "bb"]}, "artifacts": {"data": data}}
    wf = run(Step("label", template, **arguments, with_param=[1, 0]))
    assert wf.query_step("gather").outputs.parameters["text"].value == "[2, 1] bb<y> a<x>"


def test_slices_by_name_have_one_index_and_no_slices_beside_them():
    with pytest.raises(ValueError, match=r"sliced at different indices \(0, \{\{item\}\}\)"):
        PythonOPTemplate(Label, input_parameter_slices={"msg": "0"}, output_parameter_slices={"size": "{{item}}"})
    with pytest.raises(TypeError, match="give slices= or input_parameter_slices=, not both"):
        PythonOPTemplate(Label, slices=Slices(input_parameter=["msg"]), input_parameter_slices={"msg": "{{item}}"})


# -- what is known to be wrong before anything runs -------------------------------------------------------------------


class Area(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": float, "y": Parameter(float, default=1.0)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"a": float})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"a": op_in["x"] * op_in["y"]})


def areas(slices: Slices, **parameters: object) -> Workflow:
    wf = Workflow("areas")
    wf.add(Step("area", PythonOPTemplate(Area, slices=slices), parameters=parameters, key="area-{{item.order}}"))
    wf.submit()
    return wf


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"x": [1, 2], "y": [1, 2, 3]}, "slices: the sliced inputs differ in length: 'x' has 2, 'y' has 3"),
        ({"x": 5, "y": [1]}, "parameter 'x': it is sliced, so it must be a list, not 5"),
        ({"x": "a text", "y": [1]}, "parameter 'x': it is sliced, so it must be a list, not 'a text'"),
    ],
)
def test_constants_that_cannot_be_dealt_out_are_refused_before_anything_runs(parameters, problem):
    with pytest.raises(CompileError) as caught:
        areas(Slices(input_parameter=["x", "y"], output_parameter=["a"]), **parameters)
    assert caught.value.problems == (f"steps 'areas': step 'area': {problem}",)
    assert not list(Path().glob("areas-*"))


def test_a_misspelt_name_in_slices_is_one_problem():
    with pytest.raises(CompileError) as caught:
        areas(Slices(input_parameter=["xx"], output_parameter=["a"]), x=[1, 2])
    (problem,) = caught.value.problems
    assert problem.endswith("the template 'area' has no input parameter 'xx'; did you mean 'x'?")


@pytest.mark.parametrize("x", [range(1, 4), (1, 2, 3), "[1, 2, 3]"])
@pytest.mark.parametrize("index", [None, "{{item}}", "{{item.order}}"])
def test_elements_of_what_is_plainly_a_list_are_dealt_out_with_the_usual_index(x, index):
    wf = areas(Slices(index, input_parameter=["x"], output_parameter=["a"]), x=x, y=2)
    assert [s.outputs.parameters["a"].value for s in wf.query_step(key=[f"area-{n}" for n in range(3)])] == [2, 4, 6]


class Empty(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"msgs": List[str], "data": Artifact(List[Path], archive=None)})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"msgs": [], "data": []})


@pytest.mark.parametrize("loop", ["range", "elements", "groups"])
def test_slices_over_nothing_give_empty_lists(loop):
    empty = Step("empty", PythonOPTemplate(Empty))
    group = {"group_size": 2, "pool_size": 1} if loop == "groups" else {}
    slices = Slices(
        sub_path=loop == "elements",
        input_parameter=["msg"],
        input_artifact=["data"],
        output_parameter=["size"],
        output_artifact=["log"],
        **group,
    )
    label = Step(
        "label",
        PythonOPTemplate(Label, slices=slices),
        parameters={"msg": empty.outputs.parameters["msgs"]},
        artifacts={"data": empty.outputs.artifacts["data"]},
        with_param=None if loop == "elements" else argo_range(argo_len(empty.outputs.parameters["msgs"])),
    )
    gather = Step(
        "gather",
        PythonOPTemplate(Gather),
        parameters={"sizes": label.outputs.parameters["size"]},
        artifacts={"logs": label.outputs.artifacts["log"]},
    )
    wf = Workflow("nothing")
    for step in (empty, label, gather):
        wf.add(step)
    wf.submit()
    assert wf.query_step(name="label")[0].phase == "Skipped"
    assert wf.query_step(name="gather")[0].outputs.parameters["text"].value == "[] "
