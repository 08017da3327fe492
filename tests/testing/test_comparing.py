"""assert_outputs and assert_phases say all that differs."""

# ruff: noqa: F821, UP037 - outputs of function OPs are named in annotations

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from dflow import Step, Workflow, argo_range
from dflow.engine.errors import RunNotFound
from dflow.python import OP, PythonOPTemplate, Slices
from dflow.testing import OPResult, RunResult, StepResult, assert_outputs, assert_phases, run_workflow


@pytest.fixture
def outputs(tmp_path):
    (tmp_path / "log.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "data").write_bytes(b"\x00\xff\x01")
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "a.txt").write_text("a")
    (tmp_path / "folder" / "sub" / "b.txt").write_text("b")
    return OPResult(
        loss=0.25,
        name="Cu",
        log=tmp_path / "log.txt",
        data=tmp_path / "data",
        folder=tmp_path / "folder",
        many=[tmp_path / "log.txt", tmp_path / "data"],
    )


def message(function, *arguments, **more):
    with pytest.raises(AssertionError) as caught:
        function(*arguments, **more)
    return str(caught.value)


def test_what_is_as_expected_passes(outputs, tmp_path):
    assert_outputs(
        outputs,
        loss=pytest.approx(0.25),
        name="Cu",
        log="one\ntwo\nthree\n",
        data=b"\x00\xff\x01",
        folder={"a.txt": "a", "sub": {"b.txt": ...}},
        many=["one\ntwo\nthree\n", ...],
    )
    assert_outputs(outputs, log=tmp_path / "log.txt", folder=tmp_path / "folder")


def test_all_differences_are_shown_at_once(outputs):
    assert message(assert_outputs, outputs, loss=0.5, log="one\n2\nthree\n", los=1).splitlines() == [
        "outputs differ (- expected, + as they are)",
        "loss:",
        "- 0.5",
        "+ 0.25",
        "--- expected",
        "+++ log",
        "@@ -1,3 +1,3 @@",
        " one",
        "-2",
        "+two",
        " three",
        "los: there is no such output; there are 'loss', 'name', 'log', 'data', 'folder', 'many'; did you mean 'loss'?",
    ]


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ({"data": b"\x00\xfe\x01"}, r"- 3 bytes; at 1: b'\x00\xfe\x01'"),
        ({"data": "text"}, "data: expected was text, but data holds 3 bytes that are none"),
        ({"folder": {"a.txt": "a", "sub/c.txt": "b"}}, "- folder/sub/c.txt; did you mean 'sub/b.txt'?"),
        ({"folder": {"a.txt": "a", "sub/c.txt": "b"}}, "+ folder/sub/b.txt"),
        ({"folder": {"a.txt": "b", "sub": {"b.txt": "b"}}}, "+++ folder/a.txt"),
        ({"folder": "text"}, "folder: expected was a file, but it is a folder with a.txt, sub/b.txt"),
        ({"log": {"a": "b"}}, "log: expected was a folder, but it is the file log.txt"),
        ({"log": "one\ntwo\nthree"}, "\\ no newline at the end"),
        ({"log": None}, "log: expected was none, but there is log.txt"),
        ({"many": ["one\ntwo\nthree\n"]}, "+ many/1"),
        ({"many": ["x", ...]}, "+++ many[0]"),
        ({"log": Path("/nowhere")}, "log: /nowhere, which it is compared with, does not exist"),
    ],
)
def test_each_kind_of_difference_is_named(outputs, expected, line):
    assert line in message(assert_outputs, outputs, expected).splitlines()


def test_arrays_are_compared_as_a_whole():
    numpy = pytest.importorskip("numpy")
    assert_outputs(OPResult(x=numpy.arange(3)), x=numpy.arange(3))
    assert "x:" in message(assert_outputs, OPResult(x=numpy.arange(3)), x=numpy.ones(3))


def run_of(*steps):
    made = []
    for name, key, phase, kind in steps:
        step = SimpleNamespace(displayName=name, key=key, id=name, phase=phase, type=kind, message="", path=None)
        step.name = name
        made.append(StepResult(step, {}))
    return RunResult("w-1", "Failed", Path(), made, "")


LOOP = run_of(
    ("train", None, "Failed", "StepGroup"),
    ("train(1:b)", "t-1", "Failed", "Pod"),
    ("train(0:a)", "t-0", "Succeeded", "Pod"),
    ("again", None, "Succeeded", "Retry"),
    ("again(0)", None, "Failed", "Pod"),
    ("again(1)", None, "Succeeded", "Pod"),
)


def test_phases_of_loops_are_those_of_the_elements_in_order():
    assert_phases(LOOP, {"train": ["Succeeded", "Failed"], "t-0": "Succeeded", "other": None})


def test_the_phase_of_a_step_that_was_tried_again_is_that_of_the_last_attempt():
    assert_phases(LOOP, {"again": "Succeeded"})


def test_phases_that_differ_are_named_with_what_was_perhaps_meant():
    assert message(assert_phases, LOOP, {"train": "Succeeded", "agian": "Succeeded"}).splitlines() == [
        "phases of w-1 (- expected, + as they are)",
        "- t-1: Succeeded",
        "+ t-1: Failed",
        "- agian: Succeeded",
        "+ agian: no such step; did you mean 'again'?",
    ]
    assert "+ train: 2 steps" in message(assert_phases, LOOP, {"train": ["Succeeded"]})


@OP.function
def double(n: int) -> {"m": int}:
    return {"m": 2 * n}


def test_steps_of_a_run_and_of_a_workflow_can_be_checked():
    wf = Workflow("w")
    one = Slices(input_parameter=["n"], output_parameter=["m"])
    wf.add(Step("loop", PythonOPTemplate(double, slices=one), parameters={"n": [1, 2]}, with_param=argo_range(2)))
    run = run_workflow(wf, folder=".")
    assert_phases(run, {"loop": "Succeeded"})
    assert_phases(wf, {"loop": ["Succeeded", "Succeeded"]})
    assert_outputs(run.step("loop(1)"), m=4)
    assert [step.outputs["m"] for step in run.named("loop")] == [2, 4]
    assert run.outputs_of("loop") == {"m": [2, 4]}
    assert run.outputs_of("loop(1)") == {"m": 4}
    with pytest.raises(RunNotFound, match=r"has 2 steps 'loop': loop\(0:0\), loop\(1:1\)"):
        run.step("loop")
    assert run.step("loop(1)").inputs["n"] == 2
    assert_outputs(wf.query_step(name="loop", type="Pod")[0], m=2)
    assert "outputs of StepResult('loop(1:1)', Succeeded) differ" in message(assert_outputs, run.step("loop(1)"), m=5)
