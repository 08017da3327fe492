"""Hooks of steps and of the workflow: at which ends they run, what they see, and what waits for them (HK-01, HK-02)."""

from __future__ import annotations

import pytest
from dflow.engine.model import (
    Call,
    Hook,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Ref,
    StepsTemplate,
    Text,
    WorkflowGraph,
)

P = Inputs((InputParameter("p"),))


def says(name, value, **fields):
    return Call(name, "say", (("p", value),), **fields)


@pytest.fixture
def templates(shell):
    return [
        shell("ok", "echo out; echo 7 > /tmp/v", outputs=Outputs((OutputParameter("v", path="/tmp/v"),)), result=True),
        shell("bad", "echo out; exit 3", result=True),
        shell("say", "echo '{{inputs.parameters.p}}'", inputs=P, result=True),
        shell("slow", "sleep 0.3"),
    ]


def said(argo, node):
    return argo.directory(node).joinpath("outputs", "result").read_text()


@pytest.mark.parametrize(("template", "status"), [("ok", "Succeeded"), ("bad", "Failed")])
def test_an_exit_hook_runs_after_any_completion_and_sees_it(argo, steps, templates, template, status):  # HK-02
    value = Text("{{steps.a.status}} {{steps.a.outputs.result}}")
    argo.go(steps(Call("a", template, hooks=(Hook("exit", says("x", value)),)), templates=templates))
    assert said(argo, "[0].a.onExit") == f"{status} out"
    assert argo.nodes["[0].a.onExit"]["started"] >= argo.nodes["[0].a"]["finished"]


def test_an_exit_hook_does_not_run_after_a_step_that_was_skipped(argo, steps, templates):  # HK-02
    call = Call("a", "ok", when=Text("1 == 2"), hooks=(Hook("exit", says("x", Literal(""))),))
    argo.go(steps(call, templates=templates))
    assert argo.phases == {"": "Succeeded", "[0].a": "Skipped"}


def test_an_exit_hook_can_have_a_condition(argo, steps, templates):
    def hook(expression):
        return (Hook("exit", says("x", Literal("ran")), expression=expression),)

    calls = (
        Call("a", "ok", hooks=hook("steps.a.status == 'Succeeded'")),
        Call("b", "ok", hooks=hook("steps['b'].outputs.parameters.v == '8'")),
    )
    argo.go(steps(calls, templates=templates))
    assert "[0].a.onExit" in argo.phases
    assert "[0].b.onExit" not in argo.phases


def test_what_comes_after_waits_for_the_exit_hook_and_its_failure_changes_nothing(
    argo, steps, templates, shell
):  # HK-01
    hook = Hook("exit", Call("x", "late"))
    templates = [*templates, shell("late", "sleep 0.3; exit 1")]
    argo.go(steps(Call("a", "ok", hooks=(hook,)), Call("b", "ok"), templates=templates))
    assert argo.status == "Succeeded"
    assert argo.phases["[0].a.onExit"] == "Failed"
    assert argo.nodes["[1].b"]["started"] >= argo.nodes["[0].a.onExit"]["finished"]


def test_each_copy_of_a_loop_has_its_exit_hook_with_its_own_outputs(argo, steps, templates):
    hook = Hook("exit", says("x", Ref("steps.a.outputs.result")))
    call = Call("a", "say", (("p", Ref("item")),), loop=Loop(Literal("[1, 2]")), hooks=(hook,))
    argo.go(steps(call, templates=templates))
    assert [said(argo, f"[0].a({i}:{n}).onExit") for i, n in enumerate([1, 2])] == ["1", "2"]


@pytest.mark.parametrize("prefix", ["steps", "tasks"])
def test_hooks_of_any_name_run_once_when_their_expression_is_true(argo, steps, dag, templates, prefix):  # HK-01
    hooks = tuple(
        Hook(name, says(name, Literal(name)), expression=f"{prefix}.a.status == '{status}'")
        for name, status in [("begun", "Running"), ("good", "Succeeded"), ("bad", "Failed")]
    )
    make = steps if prefix == "steps" else dag
    argo.go(make(Call("a", "slow", hooks=hooks), templates=templates))
    stem = "[0].a.hooks." if prefix == "steps" else ".a.hooks."
    assert sorted(name for name in argo.phases if "hooks" in name) == [f"{stem}begun", f"{stem}good"]


def of_all(*hooks, root="ok", **fields):
    def make(templates):
        main = StepsTemplate("main", ((Call("a", root),),))
        used = sorted([main, *templates], key=lambda t: t.name)
        return WorkflowGraph("wf", "main", tuple(used), hooks=hooks, **fields)

    return make


def wf_hook(name, expression, value=None, template="say"):
    call = Call(name, template) if template != "say" else says(name, value or Literal(name))
    return Hook(name, call, expression=expression)


@pytest.mark.parametrize(("root", "fired"), [("ok", ["begun", "good"]), ("bad", ["begun", "failed"])])
def test_hooks_of_the_workflow_run_as_its_status_says(argo, templates, root, fired):
    hooks = [
        wf_hook("begun", "workflow.status == 'Running'"),
        wf_hook("good", "workflow.status == 'Succeeded'", Text("{{workflow.status}}")),
        wf_hook("failed", 'workflow.status == "Failed"', Text("{{workflow.status}} {{workflow.failures}}")),
    ]
    result = argo.go(of_all(*hooks, root=root)(templates))
    assert sorted(name for name in argo.phases if "hooks" in name) == [f".hooks.{name}" for name in fired]
    assert str(result.phase) == ("Succeeded" if root == "ok" else "Failed")
    if root == "bad":
        assert said(argo, ".hooks.failed").startswith('Failed [{"')
    else:
        assert said(argo, ".hooks.good") == "Succeeded"


def test_the_run_waits_for_a_hook_that_began_with_it(argo, templates):
    argo.go(of_all(wf_hook("begun", "workflow.status == 'Running'", template="slow"))(templates))
    assert argo.phases[".hooks.begun"] == "Succeeded"


def test_hooks_come_before_the_exit_handler(argo, templates):
    hook = wf_hook("good", "workflow.status == 'Succeeded'", template="slow")
    argo.go(of_all(hook, on_exit="ok")(templates))
    assert argo.nodes[".onExit"]["started"] >= argo.nodes[".hooks.good"]["finished"]


def test_an_exit_hook_of_the_workflow_is_its_exit_handler_with_arguments(argo, templates):  # HK-02
    hook = Hook("exit", says("x", Text("{{workflow.status}}")))
    argo.go(of_all(hook, root="bad")(templates))
    assert (said(argo, ".onExit"), argo.status) == ("Failed", "Failed")


@pytest.mark.parametrize(("status", "runs"), [("Succeeded", True), ("Failed", False)])
def test_an_exit_hook_of_the_workflow_can_have_a_condition(argo, templates, status, runs):
    hook = Hook("exit", says("x", Literal("")), expression=f"workflow.status == '{status}'")
    argo.go(of_all(hook)(templates))
    assert (".onExit" in argo.phases) is runs
    assert argo.status == "Succeeded"


def test_an_exit_hook_that_fails_makes_the_workflow_fail(argo, templates):  # PH-06
    assert str(argo.go(of_all(Hook("exit", Call("x", "bad")))(templates)).phase) == "Failed"


def test_the_exit_handler_has_the_workflows_parameters_as_inputs(argo, templates):
    argo.go(of_all(on_exit="say", parameters=(("p", "given"),))(templates))
    assert said(argo, ".onExit") == "given"


def test_an_exit_hook_is_not_run_again_by_a_resume_and_is_for_another_end(argo, steps, templates, shell):
    templates = [*templates, shell("once", "test -e ../../ok")]
    hook = Hook("exit", Call("x", "note"))
    templates.append(shell("note", "echo ran >> ../../noted"))
    argo.go(steps((Call("a", "once", hooks=(hook,)), Call("b", "ok", hooks=(hook,))), templates=templates))
    noted = argo.layout.root / "noted"
    assert noted.read_text() == "ran\nran\n"
    argo.layout.root.joinpath("ok").touch()
    argo.go(again=lambda node: node.phase.is_failure)
    assert (argo.status, noted.read_text()) == ("Succeeded", "ran\nran\nran\n")
