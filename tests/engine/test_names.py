"""Names that templates can use of the workflow, of themselves and of others (TG-11, TG-12, RT-03)."""

from __future__ import annotations

import json
import re

import pytest
from dflow.engine.model import (
    Call,
    Expr,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Pod,
    Ref,
    Retry,
    ScriptTemplate,
    StepsTemplate,
    Text,
    WorkflowGraph,
)


@pytest.fixture
def printed(argo, steps, shell):
    """What a step ``a`` prints whose script is a here-document of this text."""

    def run(text, before=(), templates=(), fields=None, **more):
        template = shell("a", f"cat <<'END'\n{text}\nEND", result=True, **(fields or {}))
        argo.go(
            steps(
                *before, Call("a", "a", **more), templates=[template, *templates], parameters=(("x", 'a"b'), ("y", "2"))
            )
        )
        assert argo.status == "Succeeded", argo.nodes
        return argo.directory(f"[{len(before)}].a").joinpath("outputs", "result").read_text()

    return run


P = Inputs((InputParameter("p", default=Literal('<"1">')), InputParameter("q", default=Literal("2"))))
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("{{workflow.name}} {{workflow.uid}}", "wf-1 wf-1"),
        ("{{workflow.creationTimestamp}}", TIME),
        ("{{workflow.creationTimestamp.RFC3339}}", TIME),
        ("{{workflow.creationTimestamp.s}}", r"\d{10}"),
        ("{{workflow.creationTimestamp.Y}}-{{workflow.creationTimestamp.m}}", r"\d{4}-\d\d"),
        ("{{workflow.duration}}", r"\d+\.\d{6}"),
        ("{{workflow.parameters.y}}", "2"),
        ("{{node.name}} {{steps.name}}", re.escape("wf-1[0].a a")),
        ("{{pod.name}}", r"wf-1-a-\d+"),
        ("{{retries}}{{lastRetry.exitCode}}{{lastRetry.status}}{{lastRetry.duration}}{{lastRetry.message}}", "000"),
        ("{{workflow.creationTimestamp.?}} {{workflow.nothing}}", r"\{\{.*\}\} \{\{.*\}\}"),
    ],
)
def test_a_program_knows_its_workflow_and_itself(printed, text, pattern):
    assert re.fullmatch(pattern, printed(text))


@pytest.mark.parametrize("name", ["workflow.parameters", "workflow.parameters.json"])
def test_all_parameters_of_the_workflow_are_a_json_list(printed, name):  # TG-11
    assert json.loads(printed(f"{{{{{name}}}}}")) == [{"name": "x", "value": 'a"b'}, {"name": "y", "value": "2"}]


def test_all_parameters_of_a_template_are_a_json_list(printed):  # TG-11
    expected = [{"name": "p", "value": '<"1">'}, {"name": "q", "value": "7"}]
    text = printed("{{inputs.parameters}}", fields={"inputs": P}, parameters=(("q", Literal("7")),))
    assert sorted(json.loads(text), key=lambda one: one["name"]) == expected


def test_paths_are_no_parameters(printed):
    inputs = Inputs((InputParameter("p", default=Literal("1"), path="/tmp/p"),))
    assert json.loads(printed("{{inputs.parameters}}", fields={"inputs": inputs})) == [{"name": "p", "value": "1"}]


def test_all_parameters_can_be_an_argument(argo, shell):
    leaf = shell(
        "leaf", "cat <<'END'\n{{inputs.parameters.p}}\nEND", inputs=Inputs((InputParameter("p"),)), result=True
    )
    call = Call("l", "leaf", (("p", Ref("inputs.parameters")),))
    inner = StepsTemplate("inner", ((call,),), P)
    main = StepsTemplate("main", ((Call("i", "inner"),),))
    argo.go(WorkflowGraph("wf", "main", (inner, leaf, main)))
    text = argo.directory("[0].i[0].l").joinpath("outputs", "result").read_text()
    assert json.loads(text) == [{"name": "p", "value": '<"1">'}, {"name": "q", "value": "2"}]


def test_command_arguments_image_and_environment_have_tags_too(argo, steps):
    pod = Pod("image:{{inputs.parameters.p}}", ("sh", "-c"), (("V", "{{inputs.parameters.p}}/{{workflow.name}}"),))
    template = ScriptTemplate("a", "container", None, ("echo $V {{inputs.parameters.q}}",), P, pod=pod, result=True)
    argo.go(steps(Call("a", "a", (("p", Literal("v")),)), templates=[template]))
    assert argo.directory("[0].a").joinpath("outputs", "result").read_text() == "v/wf-1 2"


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("status", "Succeeded"),
        ("exitCode", "0"),
        ("id", r"wf-1-\d+"),
        ("startedAt", TIME),
        ("finishedAt", TIME),
        ("outputs.result", "said"),
    ],
)
def test_a_step_knows_how_another_ended(printed, shell, name, pattern):
    text = printed(
        "{{inputs.parameters.v}}",
        before=(Call("b-b", "b"),),
        templates=[shell("b", "echo said", result=True)],
        fields={"inputs": Inputs((InputParameter("v"),))},
        parameters=(("v", Ref(f"steps.b-b.{name}")),),
    )
    assert re.fullmatch(pattern, text)


def test_expressions_know_exit_codes_as_texts(argo, dag, shell):
    call = Call("b", "b", depends="a.Failed", when=Expr("asInt(tasks.a.exitCode) > 2"))
    argo.go(dag(Call("a", "a"), call, templates=[shell("a", "exit 3"), shell("b", "true")]))
    assert argo.phases[".b"] == "Succeeded"


def test_an_attempt_knows_how_the_last_one_ended(argo, steps, shell):  # RT-03
    script = "echo '{{retries}} {{lastRetry.exitCode}} {{lastRetry.status}}'; exit $((4 - {{retries}} * 4))"
    argo.go(steps(Call("a", "a"), templates=[shell("a", script, pod=Pod(retry=Retry(limit=1)), result=True)]))
    assert argo.directory("[0].a").joinpath("outputs", "result").read_text() == "1 4 Failed"


def test_a_group_knows_its_own_name(argo, shell):
    leaf = shell("leaf", "echo '{{inputs.parameters.p}}'", inputs=Inputs((InputParameter("p"),)), result=True)
    call = Call("l", "leaf", (("p", Text("{{node.name}} {{steps.name}}")),))
    inner = StepsTemplate("inner", ((call,),))
    main = StepsTemplate("main", ((Call("i", "inner", loop=Loop(Literal('["z"]'))),),))
    argo.go(WorkflowGraph("wf", "main", (inner, leaf, main)))
    text = argo.directory("[0].i(0:z)[0].l").joinpath("outputs", "result").read_text()
    assert text == "wf-1[0].i(0:z) i"


def test_a_later_step_knows_what_was_made_global_before(argo, shell):  # OU-07
    gives = shell(
        "gives", "echo 5 > /tmp/g", outputs=Outputs((OutputParameter("g", path="/tmp/g", global_name="glob"),))
    )
    leaf = shell(
        "leaf",
        "echo {{workflow.outputs.parameters.glob}}{{inputs.parameters.p}}",
        inputs=Inputs((InputParameter("p"),)),
        result=True,
    )
    inner = StepsTemplate("inner", ((Call("g", "gives"),),))
    call = Call("l", "leaf", (("p", Ref("workflow.outputs.parameters.glob")),))
    main = StepsTemplate("main", ((Call("i", "inner"),), (call,)))
    argo.go(WorkflowGraph("wf", "main", (gives, inner, leaf, main)))
    assert argo.directory("[1].l").joinpath("outputs", "result").read_text() == "55"
