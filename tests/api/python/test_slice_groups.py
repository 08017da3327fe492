"""Slices in groups: several elements in one step, one after another or in a pool."""

# ruff: noqa: UP006, UP035, UP045 - signs are written as users of all Python versions write them

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import List, Optional

import pytest
from dflow import OutputParameter, Step, Steps, Workflow, argo_range, argo_sequence, config, upload_artifact
from dflow.engine.errors import CompileError, StepFailed
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices, TransientError


def meet() -> None:
    """Go on when three elements of the group are here at the same time."""
    Path("..", f"here-{Path.cwd().name}").touch()
    end = time.monotonic() + 60
    while len(list(Path("..").glob("here-*"))) < 3:
        if time.monotonic() > end:
            raise TimeoutError("the others did not come")
        time.sleep(0.01)


class Label(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int, "data": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"r": int, "where": str, "log": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        n = op_in["n"]
        if n < 0:
            raise ValueError("negative")
        if n == 99:
            os._exit(7)
        if n >= 1000:
            meet()
        log = Path("same" if n == 7 else f"log{n}")
        log.write_text(str(n) + op_in["data"].read_text())
        return OPIO({"r": 10 * n, "where": f"{Path.cwd().name} {os.getpid()}", "log": log})


class Lists(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": List[int], "data": Artifact(List[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"r": List[int], "where": List[str], "log": Artifact(List[Path])})

    @OP.exec_sign_check
    def execute(self, op_in):
        logs = [Path(f"log{n}") for n in op_in["n"]]
        for log, n, data in zip(logs, op_in["n"], op_in["data"], strict=True):
            log.write_text(str(n) + data.read_text())
        return OPIO({"r": [10 * n for n in op_in["n"]], "where": [f"{op_in['n']}"] * len(logs), "log": logs})


class Gather(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"r": List[int], "log": Artifact(List[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"text": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"text": f"{op_in['r']} " + " ".join(log.read_text() for log in op_in["log"])})


def run(numbers: list[int], op: type[OP] = Label, **arguments: object) -> Workflow:
    for index in range(len(numbers)):
        Path(f"f{index}").write_text(f"<{index}>")
    on_step = ("with_param", "key", "continue_on_num_success", "continue_on_success_ratio")
    of_step = {name: arguments.pop(name) for name in on_step if name in arguments}
    retries = arguments.pop("retries", None)
    slices = Slices(
        input_parameter=["n"],
        input_artifact=["data"],
        output_parameter=["r", "where"],
        output_artifact=["log"],
        **arguments,
    )
    wf = Workflow("groups")
    data = upload_artifact([f"f{index}" for index in range(len(numbers))])
    template = PythonOPTemplate(op, slices=slices, retry_on_transient_error=retries)
    step = Step("s", template, parameters={"n": numbers}, artifacts={"data": data}, **of_step)
    outputs = step.outputs
    gather = Step(
        "g",
        PythonOPTemplate(Gather),
        parameters={"r": outputs.parameters["r"]},
        artifacts={"log": outputs.artifacts["log"]},
    )
    wf.add(step)
    wf.add(gather)
    wf.submit()
    return wf


def result(wf: Workflow) -> str:
    wf.raise_for_status()
    return wf.query_step("g").outputs.parameters["text"].value


def where(wf: Workflow) -> list[list[str]]:
    """Directory and process of every element, by group."""
    steps = [wf.query_step(key=key)[0] for key in sorted(wf.query_keys_of_steps())]
    texts = [Path(step.path, "outputs/parameters/where").read_text() for step in steps]
    return [[item["dflow_list_item"] for item in json.loads(text)] for text in texts]


ALL = "[10, 20, 30, 40, 50] 1<0> 2<1> 3<2> 4<3> 5<4>"


@pytest.mark.parametrize("op", [Label, Lists])
@pytest.mark.parametrize(
    "arguments",
    [
        {"with_param": argo_range(5), "key": "k-{{item}}"},
        {"sub_path": True, "key": "k-{{item}}"},
        {"sub_path": True, "key": "k-{{item.order}}"},
        {"with_param": argo_range(5), "shuffle": True, "random_seed": 3, "key": "k-{{item}}"},
    ],
)
def test_the_elements_are_dealt_in_groups_and_come_back_in_order(op, arguments):
    wf = run([1, 2, 3, 4, 5], op, group_size=2, **arguments)
    assert result(wf) == ALL
    assert sorted(wf.query_keys_of_steps()) == ["k-0", "k-1", "k-2"]
    inputs = Path(wf.query_step(key="k-0").path, "inputs")
    assert len(json.loads((inputs / "parameters/n").read_text())) == 2
    assert len([p for p in (inputs / "artifacts/data").iterdir() if p.name != ".dflow"]) == 2


def test_each_element_has_its_own_directory_in_one_process():
    places = where(run([1, 2, 3, 4, 5], group_size=2, key="k-{{item}}"))
    assert [[text.split()[0] for text in group] for group in places] == [["0", "1"], ["2", "3"], ["4"]]
    assert [len({text.split()[1] for text in group}) for group in places] == [1, 1, 1]


def test_an_op_of_lists_is_executed_once_for_each_group():
    assert where(run([1, 2, 3], Lists, group_size=2, key="k-{{item}}")) == [["[1, 2]", "[1, 2]"], ["[3]"]]


def test_a_pool_works_on_the_elements_of_a_group_side_by_side():
    wf = run([1000, 1001, 1002], group_size=3, pool_size=3, key="k-{{item}}")
    assert result(wf).startswith("[10000, 10010, 10020] 1000<0>")
    assert len({text.split()[1] for text in where(wf)[0]}) == 3


def test_the_same_seed_deals_alike_and_as_upstream():
    wf = run([1, 2, 3, 4, 5], group_size=2, shuffle=True, key="k-{{item}}")
    places = where(wf)
    assert [[int(text.split()[0]) for text in group] for group in places] == [[2, 1], [0, 4], [3]]
    assert result(wf) == ALL


@pytest.mark.parametrize("pool_size", [None, 2])
def test_a_group_of_which_an_element_fails_fails_after_all_have_run(pool_size):
    wf = run([1, -2, 3], group_size=3, pool_size=pool_size, key="k-{{item}}")
    assert wf.query_status() == "Failed"
    with pytest.raises(StepFailed, match=r"1 of 3 slices failed; slice 1: ValueError: negative"):
        wf.raise_for_status()
    step = wf.query_step(key="k-0")
    assert sorted(p.name for p in Path(step.path, "workdir").iterdir()) == ["0", "1", "2"]
    assert "slice 1 failed: Traceback" in Path(step.path, "log.txt").read_text()


@pytest.mark.parametrize("rule", [{"continue_on_num_success": 4}, {"continue_on_success_ratio": 0.8}])
def test_where_some_may_fail_an_element_is_left_out_and_elements_are_counted(rule):
    wf = run([1, -2, 3, 4, 5], group_size=2, key="k-{{item}}", **rule)
    assert result(wf) == "[10, 30, 40, 50] 1<0> 3<2> 4<3> 5<4>"
    assert wf.query_step(key="k-0").phase == "Succeeded"


def test_too_few_elements_of_groups_are_a_failure():
    wf = run([1, -2, -3, 4, 5], group_size=2, continue_on_num_success=4)
    assert wf.query_status() == "Failed"
    assert wf.query_step("s", type="StepGroup").message == "2 of 5 elements failed"


@pytest.mark.parametrize("how", ["slices", "config"])
def test_raise_for_group_fails_the_group_all_the_same(how, monkeypatch):
    monkeypatch.setitem(config, "raise_for_group", how == "config")
    own = {"raise_for_group": True} if how == "slices" else {}
    wf = run([1, -2, 3, 4, 5], group_size=2, key="k-{{item}}", continue_on_num_success=3, **own)
    assert wf.query_step(key="k-0").phase == "Failed"
    assert result(wf) == "[30, 40, 50] 3<2> 4<3> 5<4>"


def test_an_element_that_takes_too_long_is_ended_and_the_others_are_kept():
    wf = run([1, 60000, 3], group_size=3, pool_size=2, pool_timeout=0.5, continue_on_num_success=2)
    assert result(wf) == "[10, 30] 1<0> 3<2>"


def test_an_element_whose_process_dies_takes_no_other_with_it():
    wf = run([1, 99, 3], group_size=3, pool_size=2, continue_on_num_success=2, key="k-{{item}}")
    assert result(wf) == "[10, 30] 1<0> 3<2>"
    assert "exit code 7" in Path(wf.query_step(key="k-0").path, "log.txt").read_text()


def test_two_elements_of_a_group_with_one_path_are_an_error_that_names_both():
    wf = run([7, 7], group_size=2)
    with pytest.raises(StepFailed, match=r"slices 0 and 1 both have 'same'.*create_dir=True"):
        wf.raise_for_status()


def test_with_create_dir_they_stand_side_by_side():
    assert result(run([7, 7, 7], group_size=2, create_dir=True)) == "[70, 70, 70] 7<0> 7<1> 7<2>"


class Flaky(Label):
    def execute(self, op_in):
        mark = Path(__file__).name + ".mark"
        flag = Path(os.environ["FLAKY"], mark)
        if op_in["n"] == 2 and not flag.exists():
            flag.touch()
            raise TransientError("once")
        return super().execute(op_in)


def test_a_transient_error_of_an_element_is_a_reason_to_try_the_group_again(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAKY", str(tmp_path))
    assert result(run([1, 2, 3], Flaky, group_size=2, retries=1)) == "[10, 20, 30] 1<0> 2<1> 3<2>"


def test_an_op_of_lists_must_give_an_element_for_each_slice():
    class Short(Lists):
        def execute(self, op_in):
            return OPIO({**super().execute(op_in), "r": [1]})

    with pytest.raises(StepFailed, match="sliced output 'r' of a group must be a list of 2"):
        run([1, 2], Short, group_size=2).raise_for_status()


@pytest.mark.parametrize("wrong", [{"group_size": 0}, {"group_size": 2, "pool_size": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(CompileError, match="must be a positive integer"):
        run([1], **wrong)


class Word(OP):
    """Gives back a text, or None."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"word": Optional[str]})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"word": Optional[str]})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"word": op_in["word"]})


@pytest.mark.parametrize("groups", [{}, {"group_size": 2}])
def test_texts_that_look_like_numbers_stay_texts_in_a_list(groups):
    slices = Slices(input_parameter=["word"], output_parameter=["word"], **groups)
    step = Step("w", PythonOPTemplate(Word, slices=slices), parameters={"word": ["5", None, "null", "x"]})
    outer = Steps("outer")
    outer.add(step)
    outer.outputs.parameters["words"] = OutputParameter(type=list, value_from_parameter=step.outputs.parameters["word"])
    wf = Workflow("words")
    wf.add(Step("all", outer))
    wf.submit()
    wf.raise_for_status()
    words = wf.query_step("all").outputs.parameters["words"].value
    assert words[0] == "5"
    assert words[1] is None
    assert words[3] == "x"


@pytest.mark.parametrize(("form", "keys"), [("%03d", ["k--000", "k--001"]), (None, ["k--0", "k--1"])])
def test_the_index_of_a_group_is_written_in_the_format_of_the_sequence(form, keys):
    Path("data").write_text("x")
    slices = Slices("int('{{item}}')", input_parameter=["n"], output_parameter=["r"], group_size=2, pool_size=1)
    step = Step(
        "label",
        PythonOPTemplate(Label, slices=slices),
        parameters={"n": [10, 11, 12]},
        artifacts={"data": upload_artifact("data")},
        with_sequence=argo_sequence(3, format=form),
        key="k--{{item}}",
    )
    wf = Workflow("formatted")
    wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert wf.query_keys_of_steps() == keys
    assert [e["order"] for e in wf.query_step(key=keys[1]).outputs.parameters["r"].value] == [2]
