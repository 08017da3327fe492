"""What is said of a whole workflow: its deadline, what cannot be run here, and templates that are not shown."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from dflow.engine.errors import CompileError
from dflow.engine.model import (
    Call,
    DagTemplate,
    Expr,
    Hook,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    Ref,
    ResourceTemplate,
    StepsTemplate,
    SuspendTemplate,
    Text,
    WorkflowGraph,
)
from dflow.engine.runnable import problems
from dflow.query import read_nodes

# -- the deadline (TM-01) ---------------------------------------------------------------------------------------------


def test_at_its_deadline_a_workflow_fails_and_its_exit_handler_runs(argo, steps, shell):
    templates = [shell("slow", "sleep 20"), shell("end", "echo {{workflow.status}}", result=True)]
    graph = steps(
        (Call("a", "slow"), Call("w", "wait")), Call("b", "slow"), templates=[*templates, SuspendTemplate("wait")]
    )
    graph = replace(graph, deadline=Text("{{workflow.parameters.d}}"), on_exit="end", parameters=(("d", "500ms"),))
    graph = replace(graph, templates=tuple(sorted((*graph.templates, templates[1]), key=lambda t: t.name)))
    began = time.time()
    argo.go(graph)
    assert time.time() - began < 8
    assert argo.phases == {"": "Failed", "[0].a": "Failed", "[0].w": "Failed", ".onExit": "Succeeded"}
    assert argo.status == "Failed"
    assert argo.nodes["[0].a"]["message"] == "the workflow was ended after its deadline of 0.5 s"
    assert argo.directory(".onExit").joinpath("outputs", "result").read_text() == "Failed"


def test_a_workflow_that_ends_before_its_deadline_does_not_wait_for_it(argo, steps, shell):
    began = time.time()
    argo.go(replace(steps(Call("a", "a"), templates=[shell("a", "true")]), deadline=Literal("60")))
    assert argo.status == "Succeeded"
    assert time.time() - began < 10


def test_the_deadline_does_not_end_the_exit_handler(argo, steps, shell):
    graph = steps(Call("a", "a"), templates=[shell("a", "sleep 0.2")])
    end = shell("end", "sleep 1.5")
    argo.go(
        replace(graph, deadline=Literal("1"), on_exit="end", templates=(graph.templates[0], end, graph.templates[1]))
    )
    assert (argo.status, argo.phases[".onExit"]) == ("Succeeded", "Succeeded")


def test_a_deadline_that_is_none_is_an_error(argo, steps, shell):
    argo.go(replace(steps(Call("a", "a"), templates=[shell("a", "true")]), deadline=Literal("soon")))
    assert (argo.status, list(argo.phases)) == ("Error", [""])
    assert "the deadline 'soon' of the workflow is none" in argo.nodes[""]["message"]


# -- what cannot be run here ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["step", "task", "hook", "exit", "workflow hook", "entrypoint"])
def test_resource_templates_are_refused_before_anything_starts(argo, shell, where):
    ok, job = shell("ok", "true"), ResourceTemplate("job", "create", "kind: Job")
    call = Call(
        "a",
        "job" if where in ("step", "task") else "ok",
        hooks=(Hook("exit", Call("x", "job")),) if where == "hook" else (),
    )
    main = DagTemplate("main", (call,)) if where == "task" else StepsTemplate("main", ((call,),))
    graph = WorkflowGraph(
        "wf",
        "job" if where == "entrypoint" else "main",
        (job, main, ok),
        on_exit="job" if where == "exit" else None,
        hooks=(Hook("h", Call("h", "job"), expression="true"),) if where == "workflow hook" else (),
    )
    with pytest.raises(CompileError, match=r"template 'job': a resource template \(create\) needs a cluster"):
        argo.go(graph)
    assert not argo.layout.root.exists()


def test_a_resource_template_that_nothing_calls_does_no_harm(argo, steps, shell):
    graph = steps(Call("a", "ok"), templates=[shell("ok", "true")])
    graph = replace(graph, templates=(ResourceTemplate("job", "get"), *graph.templates))
    assert problems(graph) == []
    argo.go(graph)
    assert argo.status == "Succeeded"


def test_all_problems_are_told_at_once(shell):
    calls = (Call("a", "one"), Call("b", "two"))
    graph = WorkflowGraph(
        "wf",
        "main",
        (StepsTemplate("main", (calls,)), ResourceTemplate("one", "get"), ResourceTemplate("two", "patch")),
    )
    assert [text.partition(":")[0] for text in problems(graph)] == ["template 'one'", "template 'two'"]


# -- helper templates -------------------------------------------------------------------------------------------------


def test_nodes_of_helper_templates_run_and_are_not_shown(argo, shell):
    n = Inputs((InputParameter("n"),))
    user = shell("user", "true", inputs=n)
    prepare = shell("prepare", "echo '[1, 2]'", result=True, helper=True)
    loop = Call("u", "user", (("n", Ref("item")),), loop=Loop(Ref("steps.p.outputs.result")), key=Text("k-{{item}}"))
    skipped = Call("s", "prepare", when=Expr("false"))
    wrapped = StepsTemplate("wrapped", ((Call("p", "prepare"), skipped), (loop,)), helper=True)
    main = DagTemplate("main", (Call("t", "wrapped"),))
    argo.go(WorkflowGraph("wf", "main", (main, prepare, user, wrapped)))
    assert argo.status == "Succeeded"
    helpers = {name for name, node in argo.nodes.items() if node.get("helper")}
    assert helpers == {".t", ".t[0].p", ".t[0].s"}
    assert argo.record(".t[0].p")["helper"] is True
    assert "helper" not in argo.record(".t[1].u(0:1)")
    shown = read_nodes(argo.layout)
    assert {(node.display, node.key, node.parent) for node in shown} == {
        ("u(0:1)", "k-1", "wf-1"),
        ("u(1:2)", "k-2", "wf-1"),
    }


def test_the_node_of_a_loop_can_be_hidden(argo, dag, shell):
    loop = Loop(Literal("[1, 2]"), helper=True)
    argo.go(
        dag(
            Call("a", "a", (("n", Ref("item")),), loop=loop),
            templates=[shell("a", "true", inputs=Inputs((InputParameter("n"),)))],
        )
    )
    assert {name for name, node in argo.nodes.items() if node.get("helper")} == {".a"}
    assert [(node.display, node.parent) for node in read_nodes(argo.layout)] == [("a(0:1)", "wf-1"), ("a(1:2)", "wf-1")]
