"""Outputs that are recorded once and replayed: what lies beside the test, and when it is refused."""

# ruff: noqa: F821, UP037 - outputs of function OPs are named in annotations

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dflow.engine.errors import StateError, WrongType
from dflow.python import OP
from dflow.testing import run_op
from dflow.testing.plain import from_plain, to_plain

pytest_plugins = "pytester"
TEST = """
def test_it(run_op):
    outputs = run_op(repeat, n=2, data="line\\n", record=True)
    assert_outputs(outputs, count=2, out="line\\nline\\n")
"""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """A file with a line for each time that the OP really ran."""
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return lambda: (tmp_path / "calls").read_text().split() if (tmp_path / "calls").exists() else []


def test_an_op_runs_once_and_is_replayed_from_then_on(check, pytester, calls):
    check(TEST).assert_outcomes(passed=1)
    check(None).assert_outcomes(passed=1)
    check(None, "--dflow-record=none").assert_outcomes(passed=1)
    assert calls() == ["2"]
    (record,) = (pytester.path / "__dflow__" / "test_it" / "test_it" / "repeat").glob("*/record.json")
    data = json.loads(record.read_text())
    assert data["outputs"] == {"count": 2, "out": {"$file": "out-2.txt"}}
    assert data["sign"]["inputs"] == {"n": "int", "data": "Artifact(pathlib.Path)"}
    assert (record.parent / "files" / "out" / "out-2.txt").read_text() == "line\nline\n"


def test_all_runs_it_again(check, calls):
    check(TEST).assert_outcomes(passed=1)
    check(None, "--dflow-record").assert_outcomes(passed=1)
    check(None, "--dflow-record=all").assert_outcomes(passed=1)
    assert calls() == ["2", "2", "2"]


def test_nothing_is_recorded_where_that_is_not_wanted(check, calls, monkeypatch):
    lines = ["*RecordingMismatch: recording 'repeat' of test_it.py::test_it is not there: *", "*--dflow-record=all *"]
    check(TEST, "--dflow-record=none").stdout.fnmatch_lines(lines)
    monkeypatch.setenv("CI", "true")
    check(None).stdout.fnmatch_lines(lines)
    check(None, "--dflow-record=missing").assert_outcomes(passed=1)
    check(None).assert_outcomes(passed=1)
    assert calls() == ["2"]


def test_other_inputs_fail_and_are_named(check, calls):
    check(TEST).assert_outcomes(passed=1)
    result = check(TEST.replace("n=2", "n=3").replace('data="line', 'data="Line'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       *RecordingMismatch: recording 'repeat' of test_it.py::test_it is of other inputs (- recorded*",
            "E       - data/data: sha256 *",
            "E       + data/data: sha256 *",
            "E       - n: 2",
            "E       + n: 3",
            "E       record it anew with: pytest --dflow-record=all test_it.py::test_it",
        ]
    )
    assert calls() == ["2"]


def test_another_signature_fails_and_is_named(check):
    check(TEST).assert_outcomes(passed=1)
    changed = "\nrepeat.get_output_sign()['extra'] = int\n"
    result = check(changed + TEST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*is of another signature (- recorded, + now):", "E       + outputs/extra: int"])


def test_a_damaged_recording_fails(check, pytester):
    check(TEST).assert_outcomes(passed=1)
    (record,) = pytester.path.rglob("record.json")
    record.write_text("{")
    check(None).stdout.fnmatch_lines(["*is damaged: *record.json is no JSON*"])
    record.write_text('{"format": 99}')
    check(None).stdout.fnmatch_lines(["*is of another format (99)*"])


def test_one_test_may_record_several_inputs_under_one_name(check, calls):
    source = """
def test_it(run_op):
    for n in (1, 2):
        assert run_op(repeat, n=n, data="", record="runs")["count"] == n
"""
    check(source).assert_outcomes(passed=1)
    check(None).assert_outcomes(passed=1)
    assert calls() == ["1", "2"]
    result = check(source.replace("(1, 2)", "(1, 3)"))
    result.stdout.fnmatch_lines(["*is of other inputs; 2 are recorded, the one most like it differs so (*"])


def test_slices_and_isolated_ops_are_recorded(check, calls):
    source = """
def test_it(run_op):
    outputs = run_op(repeat, n=[1, 2], data="a", slices=["n"], isolated=True, record=True)
    assert_outputs(outputs, count=[1, 2], out=["a", "aa"])
"""
    check(source).assert_outcomes(passed=1)
    check(None).assert_outcomes(passed=1)
    assert calls() == ["1", "2"]


WORKFLOW = """
from dflow import config

def test_it(run_workflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("x\\n")
    wf = Workflow("w")
    step = Step("loop", PythonOPTemplate(repeat, slices=Slices(input_parameter=["n"], output_parameter=["count"],
        output_artifact=["out"])), parameters={"n": [1, 2]}, artifacts={"data": upload_artifact("in.txt")},
        with_param=argo_range(2))
    wf.add(step)
    template = step.template
    run = run_workflow(wf, replay=["loop"])
    assert step.template is template
    assert_outputs(run.outputs_of("loop"), count=[1, 2], out=["x\\n", "x\\nx\\n"])
"""


def test_steps_of_a_workflow_are_recorded_and_replayed(check, calls):
    check(WORKFLOW).assert_outcomes(passed=1)
    check(None, "--dflow-record=none").assert_outcomes(passed=1)
    assert sorted(calls()) == ["1", "2"]


def test_a_step_with_other_inputs_fails_with_what_changed(check):
    check(WORKFLOW).assert_outcomes(passed=1)
    result = check(WORKFLOW.replace('write_text("x', 'write_text("y'))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       *RecordingMismatch: recording 'loop' of test_it.py::test_it is of other inputs*",
            "E       - data/in.txt: sha256 *",
            "E       + data/in.txt: sha256 *",
        ]
    )


def test_a_step_that_is_not_there_or_no_op_is_named(check):
    result = check("""
from dflow import ShellOPTemplate

def test_name(run_workflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_workflow(repeating(), replay=["repeta"])

def test_kind(run_workflow):
    wf = Workflow("w")
    wf.add(Step("sh", ShellOPTemplate("sh", script="true")))
    run_workflow(wf, replay=["sh"])
""")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*replay: the workflow has no step 'repeta'*repeat*",
            "*replay: step 'sh' runs no Python OP but ShellOPTemplate; only OPs are recorded",
        ]
    )


def test_large_recordings_are_warned_of(check):
    result = check("""
@OP.function
def large() -> {"out": Artifact(Path)}:
    with open("large", "wb") as stream:
        stream.truncate(20_000_000)
    return {"out": Path("large")}

def test_it(run_op):
    with pytest.warns(UserWarning, match=r"the recording .* has 20 MB: think of a smaller input"):
        run_op(large, record=True)
""")
    result.assert_outcomes(passed=1)


@OP.function
def answer() -> {"x": object}:
    return {"x": answer}


def test_outside_of_a_test_of_the_plugin_nothing_is_recorded(monkeypatch):
    monkeypatch.setattr("dflow.testing.current._running", [])
    with pytest.raises(StateError, match="run it with pytest and the plugin"):
        run_op(answer, record=True)


def test_values_that_json_cannot_keep_are_refused():
    with pytest.raises(WrongType, match="output 'x' holds FunctionOP, which JSON cannot keep"):
        to_plain([answer], "output 'x'")


@pytest.mark.parametrize(
    "value",
    [
        None, 1, 1.5, "text", [1, [2]], {"a": {"b": 1}}, {1: 2, (1, 2): "x"}, (1, (2,)), {1, 2}, b"\xff", Path("a/b"),
        {"$path": "not one"}, {"$tuple": [1], "$x": 2}, [{"$": 1}],
    ],
)  # fmt: skip
def test_values_come_back_as_they_were(value):
    found = from_plain(json.loads(json.dumps(to_plain(value, "x"))))
    assert found == value
    assert type(found) is type(value)
