"""A step that does not run keeps its key, so that a query finds it."""

from __future__ import annotations

import pytest
from dflow.engine.model import Call, Literal, Loop, Ref, Text


@pytest.fixture
def templates(shell):
    return [shell("ok", "true"), shell("bad", "exit 1")]


def test_a_skipped_step_keeps_its_key(runner, steps, templates):
    runner.go(steps(Call("s", "ok", when=Literal("1 > 2"), key=Text("k-{{workflow.name}}")), templates=templates))
    node = runner.nodes["[0].s"]
    assert (node["phase"], node["key"]) == ("Skipped", "k-wf-1")
    assert "dir" not in node


def test_an_omitted_task_keeps_its_key(runner, dag, templates):
    runner.go(dag(Call("a", "bad"), Call("b", "ok", dependencies=("a",), key=Literal("kb")), templates=templates))
    assert (runner.nodes[".b"]["phase"], runner.nodes[".b"]["key"]) == ("Omitted", "kb")


def test_a_skipped_copy_keeps_its_key(runner, steps, templates):
    call = Call("s", "ok", when=Text("{{item}} > 1"), key=Text("k-{{item}}"), loop=Loop(Literal("[1, 2]")))
    runner.go(steps(call, templates=templates))
    found = {name: (node["phase"], node["key"]) for name, node in runner.nodes.items() if "s(" in name}
    assert found == {"[0].s(0:1)": ("Skipped", "k-1"), "[0].s(1:2)": ("Succeeded", "k-2")}


def test_a_key_with_an_item_of_a_loop_that_is_skipped_is_none(runner, steps, templates):
    runner.go(steps(Call("s", "ok", key=Text("k-{{item}}"), loop=Loop(Literal("[]"))), templates=templates))
    assert runner.phases["[0].s"] == "Skipped"
    assert "key" not in runner.nodes["[0].s"]


def test_a_key_that_cannot_be_resolved_does_no_harm(runner, steps, templates):  # WH-05
    call = Call("s", "ok", when=Literal("1 > 2"), key=Text("{{=asInt('word')}}-k"))
    runner.go(steps(call, templates=templates))
    assert runner.phases == {"": "Succeeded", "[0].s": "Skipped"}


def test_the_key_of_a_skipped_step_is_free_for_others(runner, steps, templates, caplog):
    first = Call("s", "ok", when=Literal("1 > 2"), key=Literal("k"))
    runner.go(
        steps(
            first,
            Call("t", "ok", key=Literal("k"), when=Ref("workflow.parameters.yes")),
            templates=templates,
            parameters=(("yes", "true"),),
        )
    )
    assert runner.nodes["[1].t"]["dir"] == "k"
    assert "same key" not in caplog.text
