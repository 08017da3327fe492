"""Slices that give files of one name: it is said before anything runs, or as soon as the second of them has ended."""

# ruff: noqa: F821, UP037 - the outputs of an OP stand in its annotation

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    ShellOPTemplate,
    Step,
    Task,
    Workflow,
    upload_artifact,
)
from dflow.engine.errors import CompileError, StepFailed
from dflow.python import OP, Artifact, PythonOPTemplate, Slices


@OP.function
def write(n: int) -> {"log": Artifact(Path)}:
    time.sleep(0.05)
    name = "same.txt" if n in (0, 3) else f"{n}.txt"
    Path(name).write_text(str(n))
    return {"log": Path(name)}


def run(numbers: list[int], kind: Any = Workflow, **arguments: Any) -> Workflow:
    own = {name: arguments.pop(name) for name in ("group_size", "pool_size", "create_dir") if name in arguments}
    template = PythonOPTemplate(write, slices=Slices(input_parameter=["n"], output_artifact=["log"], **own))
    wf = Workflow("clash", parallelism=1)
    call = (Task if kind is DAG else Step)(
        "write", template, parameters={"n": numbers}, key="write-{{item.order}}", **arguments
    )
    if kind is DAG:
        inner = DAG("inner")
        inner.add(call)
        call = Step("inner", inner)
    wf.add(call)
    wf.submit()
    return wf


def ran(wf: Workflow) -> list[str]:
    return sorted(path.name for path in Path(str(wf.id)).glob("write-*"))


@pytest.mark.parametrize("kind", [Workflow, DAG])
def test_slices_behind_the_second_of_one_name_are_not_run(kind):
    wf = run([0, 1, 2, 3, *range(10, 90)], kind)
    assert ran(wf) == ["write-0", "write-1", "write-2", "write-3"]
    with pytest.raises(
        StepFailed, match=r"'write\(0:.*' and 'write\(3:.*' both have 'same.txt'.*create_dir.*80 of 84 slices were not"
    ):
        wf.raise_for_status()


def test_a_retry_after_that_runs_only_what_was_on_its_way_when_the_two_were_read():
    wf = run([0, 3, *range(10, 90)])
    assert ran(wf) == ["write-0", "write-1"]
    Workflow(id=str(wf.id)).retry()
    assert wf.query_status() == "Failed"
    assert len(ran(wf)) <= 2 + 4


def test_slices_that_may_fail_are_no_reason_to_go_on():
    wf = run([0, 3, *range(10, 30)], continue_on_success_ratio=0.1)
    assert ran(wf) == ["write-0", "write-1"]
    assert wf.query_status() == "Failed"


@OP.function
def fail(n: int) -> {"log": Artifact(Path)}:
    if n == 2:
        raise ValueError("no two")
    Path("same.txt").write_text(str(n))
    return {"log": Path("same.txt")}


@pytest.mark.parametrize("numbers", [[2, 0, 1], [0, 2, 1]])
@pytest.mark.parametrize("kind", [Step, Task])
def test_element_that_failed_is_shown_before_the_clash_of_the_others(numbers, kind, capfd):
    template = PythonOPTemplate(fail, slices=Slices(input_parameter=["n"], output_artifact=["log"]))
    wf = Workflow("clash")
    wf.add(kind("fail", template, parameters={"n": numbers}, key="fail-{{item.order}}"))
    wf.submit()
    element = rf"failed: ValueError: no two\n  log:   .*/fail-{numbers.index(2)}/log.txt\n"
    pattern = rf"(?s){element}.*step 'fail' ended Error: .*both have"
    assert re.search(pattern, capfd.readouterr().err)
    with pytest.raises(StepFailed, match=pattern):
        wf.raise_for_status()


def test_element_that_was_free_to_fail_is_not_shown_in_place_of_the_clash(capfd):
    template = PythonOPTemplate(fail, slices=Slices(input_parameter=["n"], output_artifact=["log"]))
    wf = Workflow("clash")
    wf.add(Step("fail", template, parameters={"n": [2, 0, 1]}, continue_on_num_success=1))
    wf.submit()
    assert re.search("1 more step failed.*\nstep 'fail' ended Error: .*both have", capfd.readouterr().err)
    with pytest.raises(StepFailed, match=r"^step 'fail' ended Error: .*both have"):
        wf.raise_for_status()


def test_with_a_directory_for_each_all_are_run():
    wf = run([0, 3, 10], create_dir=True)
    assert (wf.query_status(), len(ran(wf))) == ("Succeeded", 3)


@pytest.mark.parametrize("own", [{}, {"pool_size": 2}])
def test_elements_of_a_group_behind_the_second_of_one_name_are_not_run(own):
    wf = run([0, 3, *range(10, 30)], group_size=22, **own)
    work = Path(str(wf.id), "write-0", "workdir")
    assert 2 <= len(list(work.iterdir())) <= 4
    with pytest.raises(StepFailed, match=r"slices 0 and 1 both have 'same.txt'.*create_dir=True"):
        wf.raise_for_status()


def test_groups_of_which_two_give_one_name_end_the_loop():
    wf = run([0, 1, 3, 4, *range(10, 90)], group_size=2)
    assert ran(wf) == ["write-0", "write-1"]
    with pytest.raises(StepFailed, match=r"both have 'same.txt'"):
        wf.raise_for_status()


# -- scripts ------------------------------------------------------------------------------------------------------


def of_script(numbers: Any = (1, 2), *, optional: bool = False, **arguments: Any) -> Workflow:
    template = ShellOPTemplate("say", script="echo {{inputs.parameters.n}} > /tmp/out.txt")
    template.inputs.parameters["n"] = InputParameter()
    template.outputs.artifacts["text"] = OutputArtifact(path="/tmp/out.txt", optional=optional)
    own = {name: arguments.pop(name) for name in ("create_dir",) if name in arguments}
    slices = Slices(input_parameter=["n"], output_artifact=["text"], **own)
    wf = Workflow("scripts")
    wf.add(Step("say", template, parameters={"n": list(numbers)}, slices=slices, **arguments))
    return wf


def test_slices_of_a_script_clash_before_anything_runs():
    wf = of_script()
    with pytest.raises(CompileError, match=r"step 'say': slices: .* gives 'text' under the same name.*create_dir=True"):
        wf.submit()
    assert not list(Path.cwd().glob("scripts-*"))


@pytest.mark.parametrize("arguments", [{"numbers": [1]}, {"create_dir": True}, {"continue_on_num_success": 1}])
def test_slices_of_a_script_that_may_not_clash_are_run(arguments):
    wf = of_script(**arguments)
    wf.submit()
    assert wf.query_step(name="say")
    assert arguments == {"continue_on_num_success": 1} or wf.query_status() == "Succeeded"


def test_two_inputs_of_a_script_at_one_path_are_refused():
    Path("a").write_text("a")
    template = ShellOPTemplate("read", script="cat /tmp/in")
    template.inputs.artifacts["a"] = InputArtifact(path="/tmp/in")
    template.inputs.artifacts["b"] = InputArtifact(path="/tmp/in")
    wf = Workflow("inputs")
    wf.add(Step("read", template, artifacts={"a": upload_artifact("a"), "b": upload_artifact("a")}))
    with pytest.raises(CompileError, match="template 'read': the input artifacts 'a' and 'b' have the same path"):
        wf.submit()
