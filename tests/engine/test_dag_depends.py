"""DAGs whose tasks say which ends of others they want, and DAGs with targets (DG-01 to DG-05)."""

from __future__ import annotations

import pytest
from dflow.engine.model import (
    Call,
    ContinueOn,
    DagTemplate,
    Hook,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Ref,
    Text,
    WorkflowGraph,
)

N = Inputs((InputParameter("n"),))
EACH = (("n", Ref("item")),)
ITEMS = Loop(Literal("[0, 1, 2]"))


@pytest.fixture
def go(argo, dag, shell):
    """Run a DAG of these tasks; the phase of the workflow, and those of the tasks without copies."""
    templates = [
        shell("ok", "true"),
        shell("bad", "exit 1"),
        shell("wrong", "true", outputs=Outputs((OutputParameter("p", path="/tmp/none"),))),
        shell("first-only", 'test "{{inputs.parameters.n}}" = 0', inputs=N),
        shell("none", "exit {{inputs.parameters.n}}9", inputs=N),
    ]

    def run(*tasks, **fields):
        result = argo.go(dag(*tasks, templates=templates, **fields))
        tasks = {name[1:]: phase for name, phase in argo.phases.items() if name.startswith(".") and "(" not in name}
        return str(result.phase), tasks

    return run


SKIPPED = Text("1 == 2")


@pytest.mark.parametrize(
    ("before", "depends", "runs"),
    [
        (Call("a", "ok"), "a", True),
        (Call("a", "ok"), "a.Succeeded", True),
        (Call("a", "ok"), "a.Failed", False),
        (Call("a", "ok"), "!a.Failed", True),
        (Call("a", "bad"), "a", False),
        (Call("a", "bad"), "a.Failed", True),
        (Call("a", "bad"), "a.Errored", False),
        (Call("a", "bad"), "a.Succeeded || a.Failed", True),
        (Call("a", "wrong"), "a.Errored", True),
        (Call("a", "wrong"), "a.Failed", False),
        (Call("a", "bad", continue_on=ContinueOn(failed=True)), "a", True),
        (Call("a", "ok", when=SKIPPED), "a", True),
        (Call("a", "ok", when=SKIPPED), "a.Skipped", True),
        (Call("a", "ok", when=SKIPPED), "a.Succeeded", False),
        (Call("a", "ok"), "a.Daemoned", False),
        (Call("a", "ok"), "a.AnySucceeded", False),
        (Call("a", "first-only", EACH, loop=ITEMS), "a.AnySucceeded", True),
        (Call("a", "first-only", EACH, loop=ITEMS), "a.AllFailed", False),
        (Call("a", "first-only", EACH, loop=ITEMS), "a.Failed", True),
        (Call("a", "none", EACH, loop=ITEMS), "a.AllFailed", True),
        (Call("a", "none", EACH, loop=ITEMS), "a.AnySucceeded", False),
        (Call("a", "none", EACH, loop=Loop(Literal("[]"))), "a.AllFailed", False),
        (Call("a", "none", EACH, loop=Loop(Literal("[]"))), "a.Skipped", True),
    ],
)
def test_a_task_runs_when_what_it_depends_on_ended_as_it_says(go, before, depends, runs):  # DG-02, DG-03
    _, phases = go(before, Call("b", "ok", depends=depends))
    assert phases["b"] == ("Succeeded" if runs else "Omitted")


def test_a_task_that_waits_for_a_failure_runs_after_it_and_the_dag_succeeds(go):  # DG-05
    phase, phases = go(Call("a", "bad"), Call("b", "ok", depends="a.Failed"))
    assert (phase, phases) == ("Succeeded", {"a": "Failed", "b": "Succeeded"})


def test_an_omitted_target_makes_the_dag_fail_for_what_it_waited_for(go):  # DG-05
    phase, phases = go(Call("a", "bad"), Call("b", "ok", depends="a.Succeeded"), Call("c", "ok", depends="a.Failed"))
    assert (phase, phases) == ("Failed", {"a": "Failed", "b": "Omitted", "c": "Succeeded"})


def test_omitted_can_be_asked_for(go):  # DG-03
    phase, phases = go(
        Call("a", "ok"), Call("b", "ok", depends="a.Failed"), Call("c", "ok", depends="b.Omitted && a.Succeeded")
    )
    assert (phase, phases["c"]) == ("Succeeded", "Succeeded")


def test_all_that_is_mentioned_is_awaited_even_when_it_decides_nothing(go, argo):  # DG-02
    go(Call("a", "ok"), Call("b", "bad"), Call("c", "ok", depends="a || b"))
    nodes = argo.nodes
    assert nodes[".c"]["started"] >= max(nodes[".a"]["finished"], nodes[".b"]["finished"])
    assert nodes[".c"]["phase"] == "Succeeded"


def test_the_hooks_of_what_is_mentioned_are_awaited(go, argo, shell):  # DG-02
    hook = Hook("done", Call("done", "late"), expression="tasks.a.status == 'Failed'")
    main = DagTemplate("main", (Call("a", "bad", hooks=(hook,)), Call("b", "ok", depends="a.Failed")))
    templates = (shell("bad", "exit 1"), shell("late", "sleep 0.3"), main, shell("ok", "true"))
    argo.go(WorkflowGraph("wf", "main", templates))
    assert argo.nodes[".b"]["started"] >= argo.nodes[".a.hooks.done"]["finished"]


def test_other_dependencies_are_awaited_beside_depends(go, argo):
    phase, phases = go(Call("a", "ok"), Call("b", "bad"), Call("c", "ok", depends="a", dependencies=("a", "b")))
    assert phases["c"] == "Succeeded"
    assert argo.nodes[".c"]["started"] >= argo.nodes[".b"]["finished"]
    assert phase == "Succeeded"


def test_the_message_says_how_the_tasks_ended(go, argo):
    go(Call("a", "bad"), Call("b", "ok", depends="a.Succeeded && !a.Skipped"))
    assert argo.nodes[".b"]["message"] == "depends 'a.Succeeded && !a.Skipped' is false: 'a' ended Failed"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            Call("b", "ok", depends="a &&"),
            "depends 'a &&' of task 'b' cannot be read: it ends where a task is expected",
        ),
        (Call("b", "ok", depends="aa.Failed"), "depends 'aa.Failed' of task 'b' names 'aa', which is no task"),
        (Call("b", "ok", depends="a.Fine"), "asks for 'Fine'; use one of Succeeded, Failed"),
    ],
)
def test_a_dag_with_a_depends_that_makes_no_sense_is_an_error(go, argo, task, message):
    phase, phases = go(Call("a", "ok"), task)
    assert (phase, phases) == ("Error", {})
    assert message in argo.nodes[""]["message"]


# -- targets ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def chain(argo, shell):
    """Run a DAG a → b → c, with d beside, that has these targets."""

    def run(*targets, bad=(), **fields):
        names = ("a", "b", "c", "d")
        before = {"b": ("a",), "c": ("b",)}
        tasks = tuple(Call(n, "bad" if n in bad else "ok", dependencies=before.get(n, ())) for n in names)
        main = DagTemplate("main", tasks, targets=targets, **fields)
        graph = WorkflowGraph("wf", "main", (shell("bad", "exit 1"), main, shell("ok", "true")), (("t", "c d"),))
        result = argo.go(graph)
        return str(result.phase), {name[1:]: phase for name, phase in argo.phases.items() if name}

    return run


def test_tasks_that_lead_to_no_target_get_no_node(chain):  # DG-04
    assert chain("b") == ("Succeeded", {"a": "Succeeded", "b": "Succeeded"})


def test_the_phase_is_that_of_the_targets(chain):  # DG-04
    assert chain("d", bad=("c",)) == ("Succeeded", {"d": "Succeeded"})


def test_a_target_that_others_of_the_targets_need_counts_itself(chain):  # DG-05
    phase, phases = chain("b", "c", bad=("b",))
    assert (phase, phases) == ("Failed", {"a": "Succeeded", "b": "Failed", "c": "Omitted"})


def test_targets_can_come_from_a_parameter(chain):
    phase, phases = chain("{{workflow.parameters.t}}", bad=("d",))
    assert (phase, sorted(phases)) == ("Failed", ["a", "b", "c", "d"])


def test_a_target_that_is_no_task_is_an_error(chain, argo):
    assert chain("bb")[0] == "Error"
    assert argo.nodes[""]["message"].startswith("target 'bb' is no task of this DAG")
