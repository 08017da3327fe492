"""Steps, tasks, hooks, inline templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dflow.engine.model import ContinueOn, DagTemplate, Literal, Ref, Retry, StepsTemplate, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import WorkflowGraph

    First = Callable[..., Any]
    Found = Callable[..., tuple[str, ...]]
    Graph = Callable[..., WorkflowGraph]

ECHO = {"name": "echo", "container": {"image": "a", "command": ["echo"]}}
KEYED = {**ECHO, "name": "keyed", "inputs": {"parameters": [{"name": "dflow_key"}]}}


def dag(*tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "main", "dag": {"tasks": [{"template": "echo", **task} for task in tasks], **fields}}


def steps(*rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "main", "steps": [[{"template": "echo", **row}] for row in rows], **fields}


def test_steps_are_groups(first: First) -> None:
    main = {"name": "main", "steps": [[{"name": "a", "template": "echo"}, {"name": "b", "template": "echo"}]]}
    main["steps"].append([{"name": "c", "template": "echo"}])
    made = first({**main, "parallelism": 2, "failFast": True, "retryStrategy": {"limit": 1}}, ECHO)
    assert isinstance(made, StepsTemplate)
    assert [[call.name for call in group] for group in made.groups] == [["a", "b"], ["c"]]
    assert (made.parallelism, made.fail_fast, made.retry) == (2, True, Retry(1))


def test_a_step_that_stands_alone_is_a_group_and_noted(first: First, notes: Found) -> None:
    main = {"name": "main", "steps": [{"name": "a", "template": "echo"}]}
    assert [[call.name for call in group] for group in first(main, ECHO).groups] == [["a"]]
    main = {"name": "main", "steps": [{"name": "a", "template": "echo"}]}
    assert any("list around the step 'a'" in note for note in notes(main, ECHO))


@pytest.mark.parametrize(
    ("task", "dependencies", "text"),
    [
        ({"dependencies": ["a", "b"]}, ("a", "b"), None),
        ({"depends": "a && b"}, ("a", "b"), None),
        ({"depends": "a"}, ("a",), None),
        ({"depends": "b.Failed || a"}, ("b", "a"), "b.Failed || a"),
        ({"depends": "a.Succeeded && b"}, ("a", "b"), "a.Succeeded && b"),
        ({"depends": "!a"}, ("a",), "!a"),
        ({}, (), None),
    ],
)
def test_what_a_task_waits_for(
    first: First, task: dict[str, Any], dependencies: tuple[str, ...], text: str | None
) -> None:
    made = first(dag({"name": "a"}, {"name": "b"}, {"name": "c", **task}), ECHO)
    assert isinstance(made, DagTemplate)
    assert (made.tasks[2].dependencies, made.tasks[2].depends) == (dependencies, text)


def test_targets_may_be_parameters_of_the_workflow(first: First, problems: Found) -> None:
    tasks = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    arguments = {"parameters": [{"name": "goal", "value": "b"}]}
    assert first(dag(*tasks, target="a {{workflow.parameters.goal}}"), ECHO, arguments=arguments).targets == ("a", "b")
    inputs = {"parameters": [{"name": "goal", "value": "b"}]}
    (problem,) = problems({**dag(*tasks, target="{{inputs.parameters.goal}}"), "inputs": inputs}, ECHO)
    assert problem.startswith("template 'main': target is '{{inputs.parameters.goal}}'")


def test_a_failure_of_a_task_stops_others_only_where_the_template_says_so(first: First) -> None:
    assert not first(dag({"name": "a"}), ECHO).fail_fast
    assert not first(dag({"name": "a"}, failFast=True), ECHO).fail_fast
    assert first({**dag({"name": "a"}), "failFast": True}, ECHO).fail_fast


def test_going_on_after_a_failure(first: First) -> None:
    made = first(
        steps({"name": "a", "continueOn": {"failed": True}}, {"name": "b", "continueOn": {"error": True}}), ECHO
    )
    assert [group[0].continue_on for group in made.groups] == [ContinueOn(failed=True), ContinueOn(error=True)]


def test_arguments_that_the_template_does_not_take_are_dropped(first: First) -> None:
    made = first(
        steps(
            {"name": "a"},
            {"name": "b", "arguments": {"parameters": [{"name": "after", "value": "{{steps.a.status}}"}]}},
        ),
        ECHO,
    )
    assert made.groups[1][0].parameters == ()


def test_the_key_of_a_step_is_an_argument(first: First) -> None:
    arguments = {"parameters": [{"name": "dflow_key", "value": "k-{{item}}"}]}
    call = first(steps({"name": "a", "template": "keyed", "withItems": [1], "arguments": arguments}), KEYED).groups[0][
        0
    ]
    assert call.key == Text("k-{{item}}")
    assert call.parameters == (("dflow_key", Text("k-{{item}}")),)
    helper = {**KEYED, "metadata": {"annotations": {"dflow/helper": "true"}}}
    made = first(steps({"name": "a", "template": "keyed", "withItems": [1], "arguments": arguments}), helper)
    assert made.groups[0][0].key is None


def test_a_template_of_an_exporter_is_a_helper(graph: Graph) -> None:
    mark = {"metadata": {"annotations": {"dflow/helper": "true"}}}
    made = graph({**steps({"name": "a"}), **mark}, {**ECHO, **mark})
    assert [found.helper for found in made.templates] == [True, True]  # type: ignore[union-attr]
    assert [found.helper for found in graph(steps({"name": "a"}), ECHO).templates] == [False, False]  # type: ignore[union-attr]


def test_hooks_of_a_step(first: First) -> None:
    hooks = {"running": {"template": "echo", "expression": "steps.a.status == 'Running'"}, "exit": {"template": "echo"}}
    running, at_exit = first(steps({"name": "a", "hooks": hooks}), ECHO).groups[0][0].hooks
    assert (running.name, running.call.name, running.expression, running.phases) == (
        "running",
        "a.hooks.running",
        "steps.a.status == 'Running'",
        (),
    )
    assert (at_exit.name, at_exit.call.name, at_exit.expression) == ("exit", "a.onExit", None)
    assert at_exit.phases == ("Succeeded", "Failed", "Error")


def test_the_old_way_of_a_hook_at_the_end_takes_the_arguments_of_the_step(first: First) -> None:
    takes = {**ECHO, "name": "takes", "inputs": {"parameters": [{"name": "x"}]}}
    arguments = {"parameters": [{"name": "x", "value": "{{workflow.name}}"}]}
    (hook,) = (
        first(steps({"name": "a", "template": "takes", "onExit": "takes", "arguments": arguments}), takes)
        .groups[0][0]
        .hooks
    )
    assert (hook.name, hook.call.template, hook.call.parameters) == ("exit", "takes", (("x", Ref("workflow.name")),))


def test_only_results_that_somebody_mentions_are_kept(graph: Graph) -> None:
    def kept(text: str, prefix: str = "steps") -> list[str]:
        takes = {**ECHO, "name": "takes", "inputs": {"parameters": [{"name": "x"}]}}
        arguments = {"parameters": [{"name": "x", "value": text}]}
        rows = [{"name": "a-b", "template": "one"}, {"name": "c", "template": "two"}]
        last = {"name": "d", "template": "takes", "arguments": arguments}
        if prefix == "steps":
            main = {"name": "main", "steps": [rows, [last]]}
        else:
            main = {"name": "main", "dag": {"tasks": [*rows, {**last, "depends": "a-b && c"}]}}
        made = graph(main, {**ECHO, "name": "one"}, {**ECHO, "name": "two"}, takes)
        return [found.name for found in made.templates if getattr(found, "result", False)]

    assert kept("{{steps.a-b.outputs.result}}") == ["one"]
    assert kept("{{=steps['a-b'].outputs.result + steps.c.outputs.result}}") == ["one", "two"]
    assert kept("x {{ tasks.c.outputs.result }}", "dag") == ["two"]
    assert kept("{{steps.c.status}}") == []


def test_a_result_in_an_output_or_a_hook_is_wanted_too(graph: Graph) -> None:
    outputs = {"parameters": [{"name": "o", "valueFrom": {"expression": "steps.a.outputs.result"}}]}
    assert graph({**steps({"name": "a"}), "outputs": outputs}, ECHO).templates[0].result  # type: ignore[union-attr]
    outputs = {"parameters": [{"name": "o", "valueFrom": {"parameter": "{{steps.a.outputs.result}}"}}]}
    assert graph({**steps({"name": "a"}), "outputs": outputs}, ECHO).templates[0].result  # type: ignore[union-attr]
    takes = {**ECHO, "name": "takes", "inputs": {"parameters": [{"name": "x"}]}}
    argument = {"parameters": [{"name": "x", "value": "{{steps.a.outputs.result}}"}]}
    hooks = {"exit": {"template": "takes", "arguments": argument}}
    made = graph(steps({"name": "a", "hooks": hooks}), ECHO, takes)
    assert {found.name: getattr(found, "result", None) for found in made.templates} == {
        "echo": True,
        "main": None,
        "takes": False,
    }


def test_only_templates_that_are_used_are_in_the_graph(graph: Graph) -> None:
    unused = {**ECHO, "name": "unused"}
    assert [found.name for found in graph(steps({"name": "a"}), ECHO, unused).templates] == ["echo", "main"]


def test_templates_may_call_themselves(graph: Graph) -> None:
    again = {"name": "again", "template": "main", "when": "1 == 2"}
    made = graph({"name": "main", "steps": [[{"name": "a", "template": "echo"}], [again]]}, ECHO)
    assert [found.name for found in made.templates] == ["echo", "main"]


def test_a_template_that_is_chosen_too_late_is_a_problem(problems: Found, first: First) -> None:
    inputs = {"parameters": [{"name": "t", "value": "echo"}]}
    (problem,) = problems({**steps({"name": "a", "template": "{{inputs.parameters.t}}"}), "inputs": inputs}, ECHO)
    assert problem.startswith("template 'main', step 'a': the template that is called is")
    arguments = {"parameters": [{"name": "t", "value": "echo"}]}
    made = first(steps({"name": "a", "template": "{{workflow.parameters.t}}"}), ECHO, arguments=arguments)
    assert made.groups[0][0].template == "echo"


def test_a_template_inside_of_a_call_has_a_name_of_its_own(graph: Graph) -> None:
    inline = {"container": ECHO["container"]}
    rows = [{"name": name, "inline": inline} for name in "ab"]
    made = graph({"name": "main", "steps": [rows]})
    assert [found.name for found in made.templates] == ["inline", "inline-2", "main"]


def test_a_template_inside_of_a_call_sees_what_is_around_it(graph: Graph) -> None:
    container = {"image": "a", "command": ["echo"], "args": ["{{item}} {{inputs.parameters.p}} {{=asInt(item) + 1}}"]}
    inline = {"inputs": {"parameters": [{"name": "own", "value": "{{inputs.parameters.own}}"}]}, "container": container}
    main = {
        "name": "main",
        "inputs": {"parameters": [{"name": "p", "value": "1"}]},
        "steps": [[{"name": "a", "inline": inline, "withItems": [1, 2]}]],
    }
    made = {found.name: found for found in graph(main).templates}
    call = made["main"].groups[0][0]  # type: ignore[union-attr]
    names = [name for name, _ in call.parameters]
    assert made["inline"].args == (" ".join(f"{{{{inputs.parameters.{name}}}}}" for name in names),)  # type: ignore[union-attr]
    assert [value for _, value in call.parameters][:2] == [Ref("item"), Ref("inputs.parameters.p")]
    assert call.parameters[2][1].source == "asInt(item) + 1"
    assert [row.name for row in made["inline"].inputs.parameters] == ["own", *names]


def test_defaults_of_all_templates_are_below_each(graph: Graph) -> None:
    defaults = {
        "timeout": "30s",
        "retryStrategy": {"limit": 2},
        "container": {"image": "base", "command": ["cat"], "env": [{"name": "A", "value": "1"}]},
    }
    own = {"name": "own", "container": {"command": ["ls"], "env": [{"name": "B", "value": "2"}]}, "timeout": "5s"}
    script = {"name": "script", "script": {"image": "i", "command": ["sh"], "source": "true"}}
    main = steps({"name": "a", "template": "own"}, {"name": "b", "template": "script"})
    made = {found.name: found for found in graph(main, own, script, templateDefaults=defaults).templates}
    pod = made["own"].pod  # type: ignore[union-attr]
    assert (pod.image, pod.command, pod.env) == ("base", ("ls",), (("A", "1"), ("B", "2")))
    assert (pod.timeout, pod.retry) == (Literal("5"), Retry(2))
    assert made["script"].pod.env == ()  # type: ignore[union-attr]
    assert made["script"].pod.timeout == Literal("30")  # type: ignore[union-attr]
    assert made["main"].retry == Retry(2)  # type: ignore[union-attr]


def test_a_loop_whose_results_nobody_wants_has_a_template_that_keeps_none(graph: Graph) -> None:
    takes = {**ECHO, "name": "takes", "inputs": {"parameters": [{"name": "x", "value": "1"}]}}
    argument = {"parameters": [{"name": "x", "value": "{{steps.one.outputs.result}}"}]}
    rows = [{"name": "one"}, {"name": "last", "template": "takes", "arguments": argument}]
    rows += [{"name": "many", "withItems": [1, 2]}]
    made = {found.name: found for found in graph(steps(*rows), ECHO, takes).templates}
    assert {name: getattr(found, "result", None) for name, found in made.items()} == {
        "echo": True,
        "echo-unread": False,
        "main": None,
        "takes": False,
    }
    assert [group[0].template for group in made["main"].groups] == ["echo", "takes", "echo-unread"]  # type: ignore[union-attr]


def test_the_limit_of_a_template_is_that_of_its_loops(first: First) -> None:
    made = first(steps({"name": "a", "withItems": [1, 2]}, parallelism=1), ECHO)
    assert (made.parallelism, made.groups[0][0].loop.parallelism) == (1, 1)
