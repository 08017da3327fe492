"""Objects from pieces of manifests."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from dflow import (
    DAG,
    ContainerOPTemplate,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    PythonScriptOPTemplate,
    Secret,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
)
from dflow.compile import compile_workflow
from dflow.engine.errors import CompileError, UnsupportedError
from dflow.exporters.argo.lint import Severity, lint
from dflow.op_template import OPTemplate, ScriptOPTemplate

if TYPE_CHECKING:
    from dflow.engine import model

MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: w-}
spec:
  entrypoint: main
  templates:
  - name: main
    inputs: {parameters: [{name: least, value: "3"}]}
    outputs:
      parameters: [{name: all, valueFrom: {parameter: "{{steps.flow.outputs.parameters.said}}"}}]
      artifacts: [{name: made, from: "{{steps.say.outputs.artifacts.file}}"}]
    steps:
    - - name: say
        template: say
        arguments: {parameters: [{name: text, value: "{{inputs.parameters.least}}"}]}
      - name: each
        template: say
        withParam: "[1, 2]"
        continueOn: {failed: true}
        arguments: {parameters: [{name: text, value: "{{item}}"}]}
    - - name: flow
        template: flow
        when: "{{inputs.parameters.least}} > 2"
        arguments: {artifacts: [{name: file, from: "{{steps.say.outputs.artifacts.file}}"}]}
  - name: flow
    parallelism: 2
    inputs: {artifacts: [{name: file}]}
    outputs: {parameters: [{name: said, valueFrom: {expression: "tasks['b'].outputs.parameters['said']"}}]}
    dag:
      tasks:
      - name: a
        template: look
        withSequence: {count: "1"}
        arguments: {artifacts: [{name: file, from: "{{inputs.artifacts.file}}"}]}
      - name: b
        template: say
        dependencies: [a]
        arguments: {parameters: [{name: text, value: b}]}
  - name: say
    activeDeadlineSeconds: 30
    retryStrategy: {limit: 2}
    nodeSelector: {disk: ssd}
    metadata: {labels: {l: x}, annotations: {a: b}}
    inputs: {parameters: [{name: text, description: what}]}
    outputs:
      parameters: [{name: said, valueFrom: {path: /tmp/said, default: nothing}}]
      artifacts: [{name: file, path: /tmp/file, archive: {none: {}}, optional: true}]
    script:
      image: alpine
      command: [sh, -e]
      source: echo {{inputs.parameters.text}} | tee /tmp/file > /tmp/said
      env: [{name: A, value: "1"}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k}}}]
      resources: {requests: {cpu: 500m}, limits: {memory: 1Gi}}
  - name: look
    inputs: {artifacts: [{name: file, path: /tmp/in, mode: 420}]}
    container: {image: alpine, command: [cat], args: [/tmp/in], imagePullPolicy: Always}
"""


def templates() -> dict[str, Any]:
    return {row["name"]: row for row in yaml.safe_load(MANIFEST)["spec"]["templates"]}


def objects() -> dict[str, Any]:
    given = templates()
    say, look = ShellOPTemplate.from_dict(given["say"]), ContainerOPTemplate.from_dict(given["look"])
    flow = DAG.from_dict(given["flow"], {"say": say, "look": look})
    main = Steps.from_dict(given["main"], [say, flow])
    return {"say": say, "look": look, "flow": flow, "main": main}


def on_this_machine(graph: model.WorkflowGraph) -> model.WorkflowGraph:
    """A graph without what only a cluster uses, which reading a whole manifest leaves out."""

    def plain(template: Any) -> Any:
        if not hasattr(template, "pod"):
            return template
        return replace(template, pod=replace(template.pod, kubernetes=None))

    return replace(graph, templates=tuple(map(plain, graph.templates)))


def test_the_pieces_of_a_manifest_make_the_workflow_of_the_manifest() -> None:
    wf = Workflow("w", steps=objects()["main"])
    whole = compile_workflow(Workflow.from_yaml(MANIFEST))
    assert on_this_machine(compile_workflow(wf)) == whole


def test_what_a_cluster_needs_is_in_the_export_again() -> None:
    made = Workflow("w", steps=objects()["main"]).to_dict()
    found = {row["name"]: row for row in made["spec"]["templates"]}
    assert found["say"]["nodeSelector"] == {"disk": "ssd"}
    assert found["say"]["metadata"] == {"labels": {"l": "x"}, "annotations": {"a": "b"}}
    assert found["say"]["script"]["resources"] == {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}
    assert found["look"]["container"]["imagePullPolicy"] == "Always"
    assert [str(one) for one in lint(made) if one.severity is Severity.ERROR] == []


def test_a_script_is_the_template_of_its_language() -> None:
    say = templates()["say"]
    assert type(ScriptOPTemplate.from_dict(say)) is ShellOPTemplate
    assert (
        type(OPTemplate.from_dict({**say, "script": {"command": ["python3"], "source": "1"}})) is PythonScriptOPTemplate
    )
    with pytest.raises(TypeError, match=r"ContainerOPTemplate.from_dict: template 'say' is a ShellOPTemplate"):
        ContainerOPTemplate.from_dict(say)
    made = ShellOPTemplate.from_dict(say)
    assert (made.image, made.command, made.labels) == ("alpine", ["sh", "-e"], {"l": "x"})
    assert isinstance(made.envs["B"], Secret)


def test_a_template_that_only_takes_and_gives_is_a_plain_one() -> None:
    made = OPTemplate.from_dict(
        {"name": "q", "inputs": {"parameters": [{"name": "a"}]}, "metadata": {"labels": {"x": "y"}}}
    )
    assert (type(made), list(made.inputs.parameters), made.labels) == (OPTemplate, ["a"], {"x": "y"})


def test_single_inputs_and_outputs_are_read() -> None:
    p = InputParameter.from_dict({"name": "a", "value": 3, "description": None})
    assert (p.name, p.value, p.description) == ("a", "3", None)
    o = OutputParameter.from_dict({"name": "a", "valueFrom": {"path": "/x", "default": "1"}, "globalName": "g"})
    assert (o.value_from_path, o.default, o.global_name) == ("/x", "1", "g")
    a = InputArtifact.from_dict({"name": "a", "path": "/x", "s3": {"key": "u"}, "optional": True, "mode": 7})
    assert (a.path, a.source.key, a.optional, a.mode) == ("/x", "u", True, 7)
    b = OutputArtifact.from_dict({"name": "a", "path": "/x", "archive": {"none": {}}})
    assert (b.path, b.archive) == ("/x", None)
    assert list(Inputs.from_dict({"parameters": [{"name": "a"}]}).parameters) == ["a"]
    assert list(Outputs.from_dict({"artifacts": [{"name": "b", "path": "/x"}]}).artifacts) == ["b"]


def test_the_key_of_an_output_is_in_the_manifest_again() -> None:
    made = ShellOPTemplate.from_dict(
        {
            "name": "t",
            "outputs": {"artifacts": [{"name": "o", "path": "/tmp/o", "s3": {"key": "k/{{workflow.name}}"}}]},
            "script": {"command": ["sh"], "source": "true"},
        }
    )
    rows = {
        row["name"]: row
        for row in Workflow("w", steps=Steps("m", steps=[Step("a", made)])).to_dict()["spec"]["templates"]
    }
    assert rows["t"]["outputs"]["artifacts"][0]["s3"] == {"key": "k/{{workflow.name}}"}


def test_single_steps_and_tasks_are_read() -> None:
    say = ShellOPTemplate.from_dict(templates()["say"])
    step = Step.from_dict(templates()["main"]["steps"][0][1], {"say": say})
    assert (step.parameters, step.continue_on_failed) == ({"text": "{{item}}"}, True)
    task = Task.from_dict({**templates()["flow"]["dag"]["tasks"][1], "withSequence": {"count": 2}}, [say])
    assert (task.dependencies, task.with_sequence.count) == (["a"], "2")
    more = {"arguments": {"parameters": [{"name": "text", "value": "x"}, {"name": "unknown", "value": "y"}]}}
    assert Step.from_dict({"name": "a", "template": "say", **more}, [say]).parameters == {"text": "x"}


def change(name: str, **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(templates()[name]), **fields}


def test_wrong_fields_are_all_named_with_their_places() -> None:
    with pytest.raises(CompileError) as caught:
        ShellOPTemplate.from_dict(change("say", colour="red", script={"image": "a", "sourc": "x", "source": "x"}))
    text = str(caught.value)
    assert "colour: unknown field 'colour'" in text
    assert (
        "script.sourc: unknown field 'sourc'; the server refuses fields it does not know; did you mean 'source'" in text
    )
    with pytest.raises(CompileError, match="the piece: the field 'name' is required here"):
        InputParameter.from_dict({"value": "1"})


@pytest.mark.parametrize(
    ("name", "fields", "wanted"),
    [
        (
            "flow",
            {"dag": {"tasks": [{"name": "a", "template": "say", "depends": "b.Failed"}]}},
            "has a task with 'depends'",
        ),
        (
            "main",
            {"steps": [[{"name": "a", "template": "say", "hooks": {"exit": {"template": "say"}}}]]},
            "a hook 'exit'",
        ),
    ],
)
def test_what_the_api_has_no_words_for_is_refused(name: str, fields: dict[str, Any], wanted: str) -> None:
    say = ShellOPTemplate.from_dict(templates()["say"])
    with pytest.raises(UnsupportedError, match=f"{wanted}; Workflow.from_dict runs a whole manifest"):
        (Steps if name == "main" else DAG).from_dict(change(name, **fields), [say])


def test_what_is_called_must_be_there_by_its_name() -> None:
    with pytest.raises(KeyError, match="'say' calls 'say', which is not among templates; did you mean 'says'"):
        Steps.from_dict(templates()["main"], {"says": objects()["say"]})
    with pytest.raises(
        CompileError, match="it calls templateRef; a piece by itself can call a template by its name only"
    ):
        Step.from_dict({"name": "a", "templateRef": {"name": "x", "template": "y"}}, {})


def test_a_piece_that_is_no_dict_is_refused() -> None:
    for read in (InputParameter.from_dict, OPTemplate.from_dict, Outputs.from_dict):
        with pytest.raises(TypeError, match="must be a dict by name"):
            read("name: a")
    with pytest.raises(TypeError, match="must be a dict by name"):
        Step.from_dict(["a"], {})
