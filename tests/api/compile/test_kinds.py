"""A value of a wrong kind is named with its place, whatever attribute has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import (
    DAG,
    ContainerOPTemplate,
    HTTPOPTemplate,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
)
from dflow.engine.errors import CompileError, DflowError


def shell(**fields: object) -> ShellOPTemplate:
    made = ShellOPTemplate("leaf", script="true", image="img")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def in_workflow(template: object = None, **fields: object) -> Workflow:
    workflow = Workflow("wf")
    workflow.add(Step("s", template or shell(), **fields))  # type: ignore[arg-type]
    return workflow


WRONG = {
    "command": (
        lambda: in_workflow(shell(command="bash -e")),
        "template 'leaf': command is 'bash -e'; it must be a list of words",
    ),
    "image": (lambda: in_workflow(shell(image=3)), "template 'leaf': image is 3; it must be a text"),
    "envs": (lambda: in_workflow(shell(envs=["A"])), "template 'leaf': envs is ['A']; it must be a dict by name"),
    "mounts": (lambda: in_workflow(shell(mounts="m")), "template 'leaf': mounts is 'm'; it must be a list"),
    "bytes": (lambda: in_workflow(shell(script=b"true")), "script is b'true'; it must be a text, not bytes"),
    "slices": (lambda: in_workflow(slices="n"), "step 's': slices is 'n'; it must be Slices(…)"),
    "slices of a template": (
        lambda: in_workflow(shell(slices=3)),
        "template 'leaf': slices is 3; it must be Slices(…)",
    ),
    "labels": (
        lambda: Workflow("wf", steps=Steps("s"), labels=["a"]),
        "workflow 'wf': labels is ['a']; it must be a dict",
    ),
    "steps": (lambda: Workflow("wf", steps=3), "workflow 'wf': steps= or dag= is 3; it must be a template"),
    "on_exit": (
        lambda: Workflow("wf", dag=DAG("d"), on_exit="x"),
        "workflow 'wf': on_exit is 'x'; it must be a template",
    ),
    "parallelism": (
        lambda: in_workflow(Steps("inner", parallelism="two")),
        "parallelism is 'two'; it must be a whole number",
    ),
    "http": (
        lambda: in_workflow(HTTPOPTemplate(name="leaf", url="u", timeout="x")),
        "timeout is 'x'; it must be a number",
    ),
    "args": (
        lambda: in_workflow(ContainerOPTemplate(name="leaf", command="c", args=3)),
        "args is 3; it must be a list",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_kinds_are_problems_of_the_workflow(what):
    make, text = WRONG[what]
    with pytest.raises(CompileError) as caught:
        make().to_graph()
    assert text in str(caught.value)


def test_all_wrong_kinds_are_reported_in_one_go():
    workflow = Workflow("wf")
    workflow.add(Step("a", shell(image=3)))
    workflow.add(Step("b", shell(command="x y", envs=7)))
    with pytest.raises(CompileError) as caught:
        workflow.to_graph()
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("side", "kind", "port", "text"),
    [
        ("inputs", "artifacts", lambda: InputArtifact(path=3), "input artifact 'x': path is 3; it must be a path"),
        ("outputs", "artifacts", lambda: OutputArtifact(path=3), "output artifact 'x': path is 3; it must be a path"),
        (
            "outputs",
            "parameters",
            lambda: OutputParameter(value_from_path=3),
            "output parameter 'x': value_from_path is 3",
        ),
        ("inputs", "parameters", lambda: InputParameter(type=[int]), "input parameter 'x': type is [<class 'int'>]"),
    ],
)
def test_wrong_kinds_of_inputs_and_outputs(side, kind, port, text):
    template = shell()
    getattr(getattr(template, side), kind)["x"] = port()
    with pytest.raises(CompileError) as caught:
        in_workflow(template).to_graph()
    assert text in str(caught.value)


def test_a_path_object_is_a_path():
    template = shell()
    template.inputs.artifacts["x"] = InputArtifact(path=Path("/tmp/x"), optional=True)
    template.outputs.parameters["y"] = OutputParameter(value_from_path=Path("/tmp/y"))
    templates = in_workflow(template).to_graph()["templates"]
    assert "/tmp/x" in str(templates)
    assert "PosixPath" not in str(templates)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Steps("s", steps=3),
        lambda: Steps("s", inputs=3),
        lambda: DAG("d", tasks="ab"),
        lambda: Step("s", shell(), parameters="x"),
        lambda: Step("s", shell(), artifacts=["x"]),
        lambda: shell(outputs=[]),
        lambda: Workflow.from_yaml(None),
        lambda: Workflow.from_dict(None),
        lambda: Workflow.from_graph(None),
        lambda: Workflow.from_graph_json("{}"),
        lambda: Workflow.from_graph_yaml("a: ["),
        lambda: in_workflow(shell(labels=object())).to_graph(),
    ],
)
def test_what_is_no_argument_at_all_is_said_at_once(make):
    with pytest.raises(DflowError, match=r"must be|holds no|no YAML|there is no workflow in|cannot be written|takes"):
        make()
