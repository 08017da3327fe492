"""Kinds of documents, several of them, what is given at the start, and what is refused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from dflow.engine.errors import CompileError
from dflow.engine.model import Literal, RawArtifact
from dflow.exporters.argo.load import load, load_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Manifest = Callable[..., dict[str, Any]]

ECHO = {"name": "echo", "container": {"image": "a", "command": ["echo"]}}
TEXT = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  generateName: hello-
spec:
  entrypoint: main
  arguments:
    parameters:
    - {name: "n", value: 3}
    - {name: kind, value: small, enum: [small, large]}
  templates:
  - name: main
    container: {image: a, command: [echo, "{{workflow.parameters.n}}"]}
"""


def other(kind: str, name: str, *templates: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"templates": [*templates], **spec},
    }


def test_a_text(manifest: Manifest) -> None:
    graph = load_text(TEXT).graph
    assert (graph.name, graph.entrypoint) == ("hello", "main")
    assert graph.parameters == (("n", "3"), ("kind", "small"))
    assert load(manifest(ECHO)).graph.name == "wf"


def test_parameters_that_are_given_come_before_those_of_the_manifest() -> None:
    loaded = load_text(TEXT, parameters={"n": "7", "kind": "large"})
    assert loaded.graph.parameters == (("n", "7"), ("kind", "large"))
    with pytest.raises(CompileError, match="SPEC-07"):
        load_text(TEXT, parameters={"kind": "huge"})


def test_a_parameter_that_is_not_declared_is_noted() -> None:
    loaded = load_text(TEXT, parameters={"m": "7"})
    assert dict(loaded.graph.parameters)["m"] == "7"
    assert any("'m'" in note for note in loaded.notes)


def test_a_parameter_without_a_value_is_a_problem() -> None:
    text = TEXT.replace(", value: 3}", "}")
    with pytest.raises(CompileError) as caught:
        load_text(text)
    assert caught.value.problems == ("workflow parameter 'n': it has no value; give one, as with -p n=VALUE",)
    assert load_text(text, parameters={"n": ""}).graph.parameters[0] == ("n", "")


def test_documents_that_are_given_are_not_changed(manifest: Manifest) -> None:
    given = manifest(ECHO)
    before = copy.deepcopy(given)
    load(given, parameters={"a": "b"}, entrypoint="echo")
    assert given == before


def test_another_entrypoint(manifest: Manifest) -> None:
    assert load(manifest(ECHO, {**ECHO, "name": "b"}), entrypoint="b").graph.entrypoint == "b"
    with pytest.raises(CompileError, match="SPEC-02"):
        load(manifest(ECHO), entrypoint="none")


def test_what_the_linter_finds_is_raised_with_its_rule_and_line() -> None:
    with pytest.raises(CompileError) as caught:
        load_text(TEXT.replace("workflow.parameters.n}}", "workflow.parameters.m}}"))
    (problem,) = caught.value.problems
    assert problem.startswith("VAR-03 line 13, spec.templates[0].container.command[1]: ")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: [", "DOC-02 line"),
        (TEXT.replace("  entrypoint: main\n", "  entrypoint: main\n  entrypoint: main\n"), "DOC-01 line 6, spec.entry"),
        (
            "",
            "there is no workflow in a text that is empty; a workflow has a name and steps or tasks at its top, or is",
        ),
        ("# nothing\n", "there is no workflow in a text that is empty"),
        (
            "nmae: x\n",
            "there is no workflow among the 1 documents; a workflow has a name and steps or tasks at its top",
        ),
        ("kind: ConfigMap\napiVersion: v1\n", "there is no workflow among the 1 documents"),
        (f"{TEXT}---\n{TEXT}", "these are several documents that can be run, 'hello-', 'hello-'"),
    ],
)
def test_what_is_no_workflow_is_refused(text: str, start: str) -> None:
    with pytest.raises(CompileError) as caught:
        load_text(text)
    assert caught.value.problems[0].startswith(start)


def test_a_workflow_template_can_be_run(manifest: Manifest) -> None:
    given = other("WorkflowTemplate", "lib", ECHO)
    with pytest.raises(CompileError, match="names no entrypoint"):
        load(given)
    assert load(given, entrypoint="echo").graph.name == "lib"
    assert load(other("ClusterWorkflowTemplate", "lib", ECHO, entrypoint="echo")).graph.entrypoint == "echo"


def test_a_workflow_may_be_all_in_a_template() -> None:
    arguments = {"parameters": [{"name": "a", "value": "1", "enum": ["1", "2"]}, {"name": "b", "value": "1"}]}
    takes = {**ECHO, "inputs": {"parameters": [{"name": "a"}]}}
    base = other("WorkflowTemplate", "lib", takes, entrypoint="echo", arguments=arguments, onExit="echo", parallelism=3)
    ref = {"workflowTemplateRef": {"name": "lib"}, "arguments": {"parameters": [{"name": "b", "value": "2"}]}}
    user = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "u"}, "spec": ref}
    graph = load([user, base]).graph
    assert (graph.name, graph.entrypoint, graph.on_exit, graph.parallelism) == ("u", "echo", "echo", 3)
    assert graph.parameters == (("a", "1"), ("b", "2"))
    assert dict(load([user, base], parameters={"a": "2"}).graph.parameters) == {"a": "2", "b": "2"}
    with pytest.raises(CompileError, match="SPEC-07"):
        load([user, base], parameters={"a": "3"})


def test_templates_of_other_documents_keep_apart_from_those_of_the_same_name(manifest: Manifest) -> None:
    inner = {"name": "echo", "steps": [[{"name": "i", "template": "leaf"}]]}
    lib = other("WorkflowTemplate", "lib", inner, {**ECHO, "name": "leaf"})
    shared = other("ClusterWorkflowTemplate", "lib", {**ECHO, "name": "leaf"})
    rows = [
        {"name": "a", "template": "echo"},
        {"name": "b", "templateRef": {"name": "lib", "template": "echo"}},
        {"name": "c", "templateRef": {"name": "lib", "template": "leaf", "clusterScope": True}},
    ]
    graph = load([manifest({"name": "main", "steps": [rows]}, ECHO), lib, shared]).graph
    assert [found.name for found in graph.templates] == ["echo", "leaf", "lib-echo", "lib-leaf", "main"]
    main = graph.templates[-1]
    assert [call.template for call in main.groups[0]] == ["echo", "lib-echo", "leaf"]  # type: ignore[union-attr]
    (inside,) = graph.templates[2].groups[0]  # type: ignore[union-attr]
    assert inside.template == "lib-leaf"


def test_a_cron_workflow_runs_once(manifest: Manifest) -> None:
    spec = {"schedules": ["0 5 * * *"], "workflowSpec": manifest(ECHO)["spec"]}
    loaded = load({**other("CronWorkflow", "nightly"), "spec": spec})
    assert (loaded.graph.name, loaded.graph.entrypoint) == ("nightly", "echo")
    assert any("'0 5 * * *'" in note for note in loaded.notes)


def test_the_settings_of_a_workflow(manifest: Manifest) -> None:
    given = manifest(
        ECHO,
        {**ECHO, "name": "bye"},
        onExit="bye",
        parallelism=2,
        activeDeadlineSeconds=9,
        arguments={"artifacts": [{"name": "f", "raw": {"data": "x"}}]},
        hooks={"run": {"template": "bye", "expression": "workflow.status == 'Running'"}},
    )
    given["metadata"].update(labels={"l": "1"}, annotations={"a": "2"})
    graph = load(given).graph
    assert (graph.on_exit, graph.parallelism, graph.deadline) == ("bye", 2, Literal("9"))
    assert graph.artifacts == (("f", RawArtifact(Literal("x"))),)
    assert (graph.labels, graph.annotations) == ((("l", "1"),), (("a", "2"),))
    (hook,) = graph.hooks
    assert (hook.name, hook.call.name, hook.expression) == ("run", "wf.hooks.run", "workflow.status == 'Running'")


def test_the_hook_at_the_end_of_a_workflow_is_its_exit_handler(manifest: Manifest) -> None:
    bye = {**ECHO, "name": "bye"}
    graph = load(manifest(ECHO, bye, hooks={"exit": {"template": "bye"}})).graph
    assert (graph.on_exit, graph.hooks) == ("bye", ())
    takes = {**bye, "inputs": {"parameters": [{"name": "x"}]}}
    arguments = {"parameters": [{"name": "x", "value": "1"}]}
    graph = load(manifest(ECHO, takes, hooks={"exit": {"template": "bye", "arguments": arguments}})).graph
    assert graph.on_exit is None
    assert graph.hooks[0].call.parameters == (("x", Literal("1")),)


def test_all_problems_are_found_at_once(manifest: Manifest) -> None:
    rows = [{"name": name, "template": name} for name in "ab"]
    broken = [{"name": name, "container": {"image": "i"}} for name in "ab"]
    with pytest.raises(CompileError) as caught:
        load(manifest({"name": "main", "steps": [rows]}, *broken))
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["template 'a'", "template 'b'"]
