"""Steps and tasks: one use of a template."""

# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import (
    DAG,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    upload_artifact,
)
from dflow.python import OP


@pytest.fixture
def template() -> ShellOPTemplate:
    made = ShellOPTemplate("train", script="true")
    made.inputs.parameters["epochs"] = InputParameter(type=int, value=3)
    made.inputs.artifacts["data"] = InputArtifact(path="/tmp/data", optional=True)
    made.outputs.parameters["loss"] = OutputParameter(value_from_path="/tmp/loss")
    return made


def test_step_knows_its_name_in_every_form(template):
    step = Step("st", template)
    assert (step.name, step.id, str(step), repr(step), step.expr) == ("st", "st", "st", "st", "steps['st']")
    assert Task("ta", template).expr == "tasks['ta']"


def test_step_keeps_the_very_template(template):
    assert Step("st", template).template is template


def test_input_of_a_step_holds_what_it_was_given(template, tmp_path):
    (tmp_path / "d").write_text("")
    data = upload_artifact("d")
    step = Step("st", template, parameters={"epochs": 5}, artifacts={"data": data})
    assert step.inputs.parameters["epochs"].value == 5
    assert step.inputs.artifacts["data"].source is data
    assert template.inputs.parameters["epochs"].value == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": {"epoch": 1}}, "no input parameter 'epoch'; did you mean 'epochs'"),
        ({"parameters": {"zz": 1}}, "no input parameter 'zz'; it has 'epochs'"),
        ({"artifacts": {"dat": None}}, "no input artifact 'dat'; did you mean 'data'"),
    ],
)
@pytest.mark.parametrize("kind", [Step, Task])
def test_argument_that_the_template_does_not_declare_is_refused(template, kind, arguments, message):
    with pytest.raises(KeyError, match=message):
        kind("st", template, **arguments)


@pytest.mark.parametrize("wrong", [None, "train", 3, ShellOPTemplate])
def test_what_is_no_template_is_refused(wrong):
    with pytest.raises(TypeError, match="is no template"):
        Step("st", wrong)


def test_function_op_is_refused_with_what_to_write():
    @OP.function
    def add(n: int) -> {"m": int}:
        return {"m": n}

    with pytest.raises(TypeError, match=r"PythonOPTemplate\(\.\.\.\) around"):
        Step("st", add)


def test_steps_template_that_is_still_being_built_may_gain_inputs():
    loop = Steps("loop")
    step = Step("again", loop, parameters={"n": 1})
    loop.inputs.parameters["n"] = InputParameter()
    assert step.parameters == {"n": 1}
    assert str(step.inputs.parameters["n"]) == "{{steps.again.inputs.parameters.n}}"


def test_task_takes_dependencies_as_objects_and_names(template):
    first = Task("a", template)
    task = Task("b", template, dependencies=[first, "c"], parameters={"epochs": 1})
    assert task.dependencies == [first, "c"]
    assert Task("d", template).dependencies == []


def test_steps_takes_steps_and_parallel_lists(template):
    a, b, c = (Step(n, template) for n in "abc")
    steps = Steps("s", steps=[a, [b, c]])
    assert steps.steps == [a, [b, c]]
    assert Steps("s").add(a) is None


@pytest.mark.parametrize("wrong", [None, "a", ShellOPTemplate("x"), [[]]])
def test_steps_refuses_what_is_no_step(template, wrong):
    with pytest.raises(TypeError, match=r"Steps\.add takes a Step"):
        Steps("s").add(wrong)


def test_dag_takes_tasks_only(template):
    dag = DAG("d", tasks=[Task("a", template), Task("b", template)])
    dag.add([Task("c", template)])
    assert [t.name for t in dag.tasks] == ["a", "b", "c"]
    with pytest.raises(TypeError, match=r"DAG\.add takes a Task"):
        dag.add(Step("d", template))


def test_tasks_are_accepted_in_steps(template):
    Steps("s").add(Task("a", template))


def test_steps_subclass_builds_itself(template):
    class Loop(Steps):
        def __init__(self, name):
            super().__init__(
                name=name,
                inputs=Inputs(parameters={"n": InputParameter(value=0)}),
                outputs=Outputs(parameters={"n": OutputParameter()}),
            )
            self.add(Step("train", template, parameters={"epochs": self.inputs.parameters["n"]}))

    loop = Loop("loop")
    assert str(loop.steps[0].parameters["epochs"]) == "{{inputs.parameters.n}}"
    assert loop.inputs.parameters["n"].template is loop


def test_inputs_can_be_replaced_as_a_whole(template):
    template.inputs = Inputs(parameters={"x": InputParameter()})
    template.outputs = Outputs(parameters={"y": OutputParameter()})
    assert list(template.inputs.parameters) == ["x"]
    assert template.outputs.parameters["y"].template is template


def test_command_may_be_one_word():
    assert ShellOPTemplate("t", command="bash").command == ["bash"]
    assert ShellOPTemplate("t", command=["bash", "-x"]).command == ["bash", "-x"]


def test_what_is_set_on_an_input_of_a_step_is_what_it_gives():
    say = ShellOPTemplate(
        "say",
        script="cat {{inputs.parameters.x}} /tmp/f.txt > /tmp/o || printf %s {{inputs.parameters.x}} > /tmp/o",
        inputs=Inputs(
            parameters={"x": InputParameter(value="template")}, artifacts={"f": InputArtifact(path="/tmp/f.txt")}
        ),
        outputs=Outputs(parameters={"o": OutputParameter(value_from_path="/tmp/o")}),
    )
    steps = {name: Step(name, say, parameters={"x": "made"}) for name in ("one", "two", "three")}
    for name, step in steps.items():
        Path(name).write_text(name)
        step.set_artifacts({"f": upload_artifact(name)})
    steps["one"].inputs.parameters["x"].value = "/dev/null"
    steps["two"].set_parameters({"x": "/dev/null"})
    steps["two"].inputs.artifacts["f"].source = upload_artifact("one")
    wf = Workflow("set")
    wf.add(list(steps.values()))
    wf.submit()
    found = {name: wf.query_step(name=name)[0].outputs.parameters["o"].value for name in steps}
    assert found == {"one": "one", "two": "one", "three": "made"}
    assert say.inputs.parameters["x"].value == "template"
    with pytest.raises(KeyError, match="no input parameter 'y'"):
        steps["one"].set_parameters({"y": 1})
