"""``reuse="strict"``: a step that would be made from something else is an Error that says what differs."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    Inputs,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    upload_artifact,
)


def flow(n, script="echo {{inputs.parameters.n}} > /tmp/x", **arguments):
    inputs, outputs = (
        Inputs(parameters={"n": InputParameter()}),
        Outputs(parameters={"x": OutputParameter(value_from_path="/tmp/x")}),
    )
    wf = Workflow("strict", **arguments)
    wf.add(
        Step("s", ShellOPTemplate("leaf", script=script, inputs=inputs, outputs=outputs), parameters={"n": n}, key="k")
    )
    return wf


@pytest.fixture
def made():
    wf = flow("1")
    wf.submit()
    return wf.query_step(key="k")


def test_what_is_the_same_is_reused(made):
    wf = flow("1")
    wf.submit(reuse_step=[made], reuse="strict")
    assert wf.query_step(key="k").reusedFrom == made.workflow


@pytest.mark.parametrize(
    ("arguments", "what"),
    [({"n": "2"}, "input parameter n"), ({"n": "1", "script": "echo 3 > /tmp/x"}, "program")],
)
def test_what_differs_is_refused_and_named(made, arguments, what):
    wf = flow(**arguments)
    wf.submit(reuse_step=[made], reuse="strict")
    step = wf.query_step(key="k")
    assert (wf.query_status(), step.phase) == ("Failed", "Error")
    assert step.message == (
        f"step 'k' of {made.workflow} is not reused, as it differs in: {what}; "
        "leave it out of reuse_step to run the step, or take it as it is with reuse='warn'"
    )
    assert step.reusedFrom is None


def test_it_is_still_refused_after_a_retry(made):
    wf = flow("2")
    wf.submit(reuse_step=[made], reuse="strict")
    wf.retry()
    assert wf.query_step(key="k").phase == "Error"


def test_another_try_with_warn_takes_it(made):
    wf = flow("2")
    wf.submit(reuse_step=[made], reuse="strict")
    again = flow("2", id=wf.id)
    again.submit(reuse_step=[made])
    assert again.query_status() == "Succeeded"
    assert again.query_step(key="k").outputs.parameters["x"].value == "1"


def test_another_try_without_it_runs_the_step(made):
    wf = flow("2")
    wf.submit(reuse_step=[made], reuse="strict")
    again = flow("2", id=wf.id)
    again.submit(reuse_step=[])
    assert again.query_step(key="k").outputs.parameters["x"].value == "2"


def test_a_group_of_other_inputs_is_refused():
    def build(n):
        inner = Steps("inner", inputs=Inputs(parameters={"n": InputParameter()}))
        inner.add(Step("s", ShellOPTemplate("leaf", script="true")))
        wf = Workflow("groups")
        wf.add(Step("g", inner, parameters={"n": n}, key="g"))
        return wf

    first = build("1")
    first.submit()
    second = build("2")
    second.submit(reuse_step=[first.query_step(key="g")], reuse="strict")
    assert "differs in: input parameter n" in second.query_step(key="g").message


def test_another_word_is_refused():
    with pytest.raises(ValueError, match="must be 'warn' or 'strict'"):
        flow("1").submit(reuse="always")


def test_a_reused_script_is_not_run_by_a_retry_of_the_run(made):
    wf = flow("1")
    wf.add(Step("bad", ShellOPTemplate("bad", script="test -e ../../../go")))
    wf.submit(reuse_step=[made])
    wf.retry()
    assert wf.query_step(key="k").reusedFrom == made.workflow


def _reading(text: str, folder: str, **how: object) -> Workflow:
    """A workflow of one step that reads a list of two files."""
    for name, content in (("a.txt", text), ("b.txt", "b")):
        Path(folder).mkdir(exist_ok=True)
        Path(folder, name).write_text(content)
    template = ShellOPTemplate("read", image="alpine", script="cat /tmp/in/*/*.txt > /tmp/out.txt")
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/out.txt")
    wf = Workflow("reading")
    data = upload_artifact([f"{folder}/a.txt", f"{folder}/b.txt"])
    wf.add(Step("read", template, artifacts={"in": data}, key="read"))
    wf.submit(**how)
    return wf


def test_input_artifacts_are_compared_by_what_is_in_them():
    made = _reading("a", "one").query_step(key="read")[0]
    same = _reading("a", "two", reuse_step=[made], reuse="strict").query_step(key="read")[0]
    assert (same.phase, same.reusedFrom) == ("Succeeded", made.workflow)
    other = _reading("A", "three", reuse_step=[made], reuse="strict").query_step(key="read")[0]
    assert other.phase == "Error"
    assert "differs in: input artifact in; leave it out" in other.message
    warned = _reading("A", "three", reuse_step=[made]).query_step(key="read")[0]
    assert warned.reusedFrom == made.workflow, "contents are read only where that was asked for"


def test_an_input_that_is_gone_cannot_be_compared():
    made = _reading("a", "one").query_step(key="read")[0]
    Path("one", "a.txt").unlink()
    refused = _reading("a", "two", reuse_step=[made], reuse="strict").query_step(key="read")[0]
    assert refused.phase == "Error"
    assert "input artifact in (it cannot be compared:" in refused.message
