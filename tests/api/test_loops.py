"""Loops: one copy of a step for each item."""

from __future__ import annotations

import pytest
from dflow import (
    DAG,
    InputParameter,
    Inputs,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Task,
    Workflow,
    argo_concat,
    argo_enumerate,
    argo_len,
    argo_range,
    argo_sequence,
    argo_sum,
)
from dflow.engine.errors import CompileError


def echo() -> ShellOPTemplate:
    return ShellOPTemplate(
        "echo",
        script="printf %s '{{inputs.parameters.x}}' > /tmp/x",
        inputs=Inputs(parameters={"x": InputParameter()}),
        outputs=Outputs(parameters={"x": OutputParameter(value_from_path="/tmp/x")}),
    )


def picky() -> ShellOPTemplate:
    """Fails for 2."""
    return ShellOPTemplate(
        "picky", script="test '{{inputs.parameters.x}}' != 2", inputs=Inputs(parameters={"x": InputParameter()})
    )


def run(*steps: Step) -> Workflow:
    wf = Workflow("loop")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def texts(wf: Workflow, name: str) -> list[str]:
    return [step.outputs.parameters["x"].value for step in wf.query_step(rf"{name}\(")]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (["a", 1, True, None, {"k": [1]}, [2]], ["a", "1", "true", "null", '{"k":[1]}', "[2]"]),
        (range(3), ["0", "1", "2"]),
        (("a", "b"), ["a", "b"]),
        (argo_range(3), ["0", "1", "2"]),
        (argo_range(5, 0, -2), ["5", "3", "1"]),
        (argo_range(argo_len([7, 8])), ["0", "1"]),
        ("[3, 4]", ["3", "4"]),
    ],
)
def test_each_item_has_a_copy(items, expected):
    wf = run(Step("s", echo(), parameters={"x": "{{item}}"}, with_param=items))
    assert wf.query_status() == "Succeeded"
    assert sorted(texts(wf, "s")) == sorted(expected)


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (argo_sequence(count=3), ["0", "1", "2"]),
        (argo_sequence(count="2", start=5, format="n%03d"), ["n005", "n006"]),
        (argo_sequence(start=3, end=1), ["1", "2", "3"]),
        (argo_sequence(argo_len(["a", "b"])), ["0", "1"]),
    ],
)
def test_a_sequence_has_a_copy_for_each_number(sequence, expected):
    assert sorted(texts(run(Step("s", echo(), parameters={"x": "{{item}}"}, with_sequence=sequence)), "s")) == expected


def test_fields_of_an_item_and_keys_with_items():
    step = Step(
        "s",
        echo(),
        parameters={"x": "{{item.order}}:{{item.value}}"},
        with_param=argo_enumerate(["p", "q"]),
        key="it-{{item.value}}",
    )
    wf = run(step)
    assert wf.query_step(key="it-q").outputs.parameters["x"].value == "1:q"
    assert set(wf.query_keys_of_steps()) == {"it-p", "it-q"}


def test_outputs_are_gathered_in_the_order_of_the_items():
    loop = Step("loop", echo(), parameters={"x": "{{item}}"}, with_param=["c", "a", "b"])
    after = Step("after", echo(), parameters={"x": loop.outputs.parameters["x"]})
    assert run(loop, after).query_step("after").outputs.parameters["x"].value == '["c", "a", "b"]'


def test_sum_and_concat_of_what_a_loop_gives():
    numbers = Step("numbers", echo(), parameters={"x": "{{item}}"}, with_param=[1, 2.5])
    lists = Step("lists", echo(), parameters={"x": "{{item}}"}, with_param=[[1], [2, 3]])
    total = Step("total", echo(), parameters={"x": argo_sum(numbers.outputs.parameters["x"])})
    joined = Step("joined", echo(), parameters={"x": argo_concat(lists.outputs.parameters["x"])})
    wf = run(numbers, lists, total, joined)
    assert wf.query_step("total").outputs.parameters["x"].value == "3.5"
    assert wf.query_step("joined").outputs.parameters["x"].value == "[1,2,3]"


def test_an_empty_list_is_skipped():
    wf = run(Step("s", echo(), parameters={"x": "{{item}}"}, with_param=[]), Step("t", echo(), parameters={"x": "y"}))
    assert [(s.displayName, s.phase) for s in wf.query_step()] == [("s", "Skipped"), ("t", "Succeeded")]


def test_a_condition_on_items_is_decided_by_each_copy():
    step = Step("s", echo(), parameters={"x": "{{item}}"}, with_param=["u", "v"], when="{{item}} == u")
    wf = run(step)
    assert {s.displayName: s.phase for s in wf.query_step()} == {"s(0:u)": "Succeeded", "s(1:v)": "Skipped"}


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({}, "Failed"),
        ({"continue_on_num_success": 2}, "Succeeded"),
        ({"continue_on_num_success": 3}, "Failed"),
        ({"continue_on_success_ratio": 0.6}, "Succeeded"),
        ({"continue_on_success_ratio": 0.7}, "Failed"),
        ({"continue_on_failed": True}, "Succeeded"),
    ],
)
def test_so_many_copies_must_succeed(arguments, status):
    wf = run(Step("s", picky(), parameters={"x": "{{item}}"}, with_param=[1, 2, 3], **arguments))
    assert wf.query_status() == status
    assert sorted(s.phase for s in wf.query_step()) == ["Failed", "Succeeded", "Succeeded"]


def test_no_more_copies_than_allowed_run_at_once(tmp_path):
    script = f"echo + >> {tmp_path}/w; sleep 0.1; echo - >> {tmp_path}/w"
    step = Step("s", ShellOPTemplate("slow", script=script), with_sequence=argo_sequence(count=5), parallelism=1)
    run(step)
    assert (tmp_path / "w").read_text().split() == ["+", "-"] * 5


def test_in_a_dag_the_copies_have_a_node_above_them():
    loop = Task("loop", echo(), parameters={"x": "{{item}}"}, with_param=[1, 2])
    after = Task("after", echo(), parameters={"x": loop.outputs.parameters["x"]})
    wf = Workflow("loop", dag=DAG(tasks=[after, loop]))
    wf.submit()
    group = wf.query_step(type="TaskGroup")
    assert group.outputs.parameters["x"].value == ["1", "2"]
    assert [s.boundaryID for s in wf.query_step(r"loop\(")] == [group.id] * 2
    assert wf.query_step("after").outputs.parameters["x"].value == '["1", "2"]'


def test_what_is_no_list_is_an_error_of_the_step():
    first = Step("first", echo(), parameters={"x": "word"})
    wf = run(first, Step("s", echo(), parameters={"x": "{{item}}"}, with_param=first.outputs.parameters["x"]))
    assert wf.query_status() == "Error"


def test_both_kinds_of_loop_are_refused():
    step = Step("s", echo(), parameters={"x": "{{item}}"}, with_param=[1], with_sequence=argo_sequence(1))
    with pytest.raises(CompileError, match="both with_param and with_sequence"):
        run(step)


def test_an_item_outside_of_a_loop_is_refused():
    with pytest.raises(CompileError, match="it exists only in loops"):
        run(Step("s", echo(), parameters={"x": "{{item}}"}))
