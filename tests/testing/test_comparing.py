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


def test_arrays_of_other_shapes_are_not_equal():
    numpy = pytest.importorskip("numpy")
    zeros = numpy.zeros
    for value, wanted in [
        (numpy.array([]), numpy.array([5.0])),
        (zeros(()), zeros(3)),
        (0.0, zeros(3)),
        (zeros((1, 3)), zeros((1000, 3))),
        ([zeros(1)], [zeros((1, 1))]),
        ({"a": zeros(1)}, {"a": zeros(2)}),
        (zeros(3), "text"),
    ]:
        assert message(assert_outputs, {"a": value}, a=wanted)
        assert OPResult(a=value) != {"a": wanted}
    assert message(assert_outputs, {"a": zeros(2)}, a=zeros(3)).splitlines()[1:] == [
        "a:",
        "- shape (3,)",
        "+ shape (2,)",
    ]
    large = zeros(2000)
    large[7] = 1.0
    shown = message(assert_outputs, {"a": large}, a=zeros(2000)).splitlines()[1:]
    assert shown == ["a:", "1 of 2000 elements differ; at (7,):", "- 0.0", "+ 1.0"]


def test_equal_arrays_are_equal_in_lists_and_dicts_too():
    numpy = pytest.importorskip("numpy")
    given = {"a": numpy.arange(3), "many": [numpy.zeros(2)], "deep": {"x": (numpy.ones(1), "y")}, "n": numpy.float64(2)}
    assert_outputs(
        given, a=numpy.arange(3), many=[numpy.zeros(2)], deep={"x": (numpy.ones(1), "y")}, n=pytest.approx(2.0)
    )
    assert_outputs(given, a=[0, 1, 2], n=2)
    assert_outputs(given, a=pytest.approx(numpy.array([0.0, 1.0, 2.0])))
    assert OPResult(given) == {**given, "a": numpy.arange(3)}
    assert message(assert_outputs, given, many=[numpy.ones(2)], a=pytest.approx(numpy.zeros(3)))


def test_empty_linked_and_dangling_parts_of_folders_are_compared(tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    for folder in (out, other):
        folder.mkdir()
        (folder / "a.txt").write_text("a")
    (other / "sub").mkdir()
    assert "- out/sub/" in message(assert_outputs, {"out": out}, out=other)
    assert "- out/sub/" in message(assert_outputs, {"out": out}, out={"a.txt": "a", "sub": {}})
    assert "+ out/sub/" in message(assert_outputs, {"out": other}, out={"a.txt": "a"})
    assert_outputs({"out": other}, out={"a.txt": ..., "sub": {}})
    assert_outputs({"out": other}, out=other)
    (out / "sub").symlink_to(other)
    (out / "gone").symlink_to("nowhere")
    (other / "round").symlink_to("..")
    shown = message(assert_outputs, {"out": out}, out={"a.txt": "a"})
    assert "+ out/sub/a.txt" in shown
    assert "+ out/gone -> nowhere" in shown
    assert_outputs({"out": out}, out=out)
    assert OPResult(out=out).files("out").keys() >= {"a.txt", "sub/a.txt"}


def test_nested_artifacts_are_compared_by_content_and_their_keys_as_texts(tmp_path):
    (tmp_path / "x").write_text("x")
    file = tmp_path / "x"
    assert_outputs({"out": {"a": {"b": file}, "l": [file]}}, out={"a": {"b": "x"}, "l": ["x"]})
    shown = message(assert_outputs, {"out": {"a": {"b": file}}}, out={"a": {"b": "y"}})
    assert "+++ out['a']['b']" in shown
    assert_outputs({"out": {"1": file}}, out={1: "x"})
    assert "-y" in message(assert_outputs, {"out": {"1": file}}, out={1: "y"})
    assert "several keys are one" in message(assert_outputs, {"out": {"1": file}}, out={1: "x", "1": "y"})


@OP.function
def nothing(n: int) -> {"n": int}:
    return {"n": n}


def test_a_step_that_is_none_must_be_one_of_the_workflow():
    wf = Workflow("w")
    template = PythonOPTemplate(nothing)
    wf.add(Step("train", template, parameters={"n": 1}))
    wf.add(Step("test", template, parameters={"n": 1}, when="1 == 2", key="checked"))
    wf.add(Step("loop", template, parameters={"n": "{{item}}"}, with_param=argo_range(0), key="loop-{{item}}"))
    run = run_workflow(wf, folder=".")
    assert_phases(run, {"loop(0)": None, "loop-3": None})
    shown = message(assert_phases, run, {"trian": None, "tset": None, "chekced": None})
    assert "no such step; did you mean 'train'?" in shown
    assert "did you mean 'test'?" in shown
    assert "did you mean 'checked'?" in shown
