"""The journal says how many copies a loop will have when it begins."""

from __future__ import annotations

import pytest
from dflow.engine.journal import read_events
from dflow.engine.model import Call, DagTemplate, Literal, Loop, StepsTemplate, WorkflowGraph


def _loops(runner):
    return [event for event in read_events(runner.layout.journal) if event["event"] == "loop"]


def _graph(shell, *, script="exit 0", dag=False, items='["a", "b", "c"]'):
    call = Call("sq", "leaf", loop=Loop(Literal(items), parallelism=1))
    inner = DagTemplate("inner", (call,)) if dag else StepsTemplate("inner", ((call,),))
    main = StepsTemplate("main", ((Call("in", "inner"),),))
    return WorkflowGraph("wf", "main", (inner, shell("leaf", script), main))


@pytest.mark.parametrize("dag", [False, True])
def test_a_loop_says_how_many_copies_it_has_and_whose_they_are(runner, shell, dag):
    runner.go(_graph(shell, dag=dag))
    name = "wf-1[0].in.sq" if dag else "wf-1[0].in[0].sq"
    (loop,) = _loops(runner)
    copies = [node for node in runner.nodes.values() if node["name"].startswith(f"{name}(")]
    assert {copy["parent"] for copy in copies} == {loop["parent"]}
    assert (loop["name"], loop["count"], len(copies)) == (name, 3, 3)


def test_it_is_said_before_the_first_copy_begins(runner, shell):
    runner.go(_graph(shell))
    names = [event.get("name", "") for event in read_events(runner.layout.journal)]
    assert names.index("wf-1[0].in[0].sq") < min(n for n, name in enumerate(names) if ".sq(" in name)


def test_a_resume_says_it_again(runner, shell, tmp_path):
    runner.go(_graph(shell, script=f"test -e {tmp_path}/ready"))
    (tmp_path / "ready").touch()
    runner.go(again=lambda node: node.phase.is_failure)
    assert [loop["count"] for loop in _loops(runner)] == [3, 3]


def test_a_loop_over_nothing_says_nothing(runner, shell):
    runner.go(_graph(shell, items="[]"))
    assert not _loops(runner)
