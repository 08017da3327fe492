"""The guides on templates made of steps and of tasks.

3.1.3 and 3.1.4 of the guide, 3.1.3 of the guide of version 1.0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import download_artifact

DECLARE = """\
steps.inputs.parameters["msg"] = InputParameter()
steps.inputs.artifacts["foo"] = InputArtifact()
steps.outputs.parameters["msg"] = OutputParameter()
steps.outputs.parameters["bar"] = OutputArtifact()
"""

ADD_STEP = """\
steps.add(step)
"""

# Both guides have these two lines; "step must be contained in steps".
OUTPUT_PARAMETER = """\
steps.outputs.parameters["msg"].value_from_parameter = step.outputs.parameters["msg"]
"""

OUTPUT_ARTIFACT = """\
steps.outputs.artifacts["foo"]._from = step.outputs.parameters["foo"]
"""

INNER = """\
from dflow import (
    InputArtifact, InputParameter, OutputArtifact, OutputParameter, ShellOPTemplate, Step, Steps, Workflow
)

double = ShellOPTemplate(
    name="double",
    script="echo {{inputs.parameters.msg}}{{inputs.parameters.msg}} > /tmp/msg; cat /tmp/foo /tmp/foo > /tmp/bar",
)
double.inputs.parameters["msg"] = InputParameter()
double.inputs.artifacts["foo"] = InputArtifact(path="/tmp/foo")
double.outputs.parameters["msg"] = OutputParameter(value_from_path="/tmp/msg")
double.outputs.artifacts["foo"] = OutputArtifact(path="/tmp/bar")
steps = Steps(name="steps")
"""

STEP = """\
step = Step(
    name="double",
    template=double,
    parameters={"msg": steps.inputs.parameters["msg"]},
    artifacts={"foo": steps.inputs.artifacts["foo"]},
)
"""

USE_IT_TWICE = """\
make = ShellOPTemplate(name="make", script="printf x > /tmp/x")
make.outputs.artifacts["x"] = OutputArtifact(path="/tmp/x")
made = Step(name="make", template=make)
once = Step(name="once", template=steps, parameters={"msg": "ab"}, artifacts={"foo": made.outputs.artifacts["x"]})
twice = Step(
    name="twice",
    template=steps,
    parameters={"msg": once.outputs.parameters["msg"]},
    artifacts={"foo": once.outputs.artifacts["foo"]},
)
wf = Workflow(name="nested")
for each in (made, once, twice):
    wf.add(each)
wf.submit()
"""


def test_3_1_3_a_steps_is_a_template_with_inputs_and_outputs_of_its_own(run, tmp_path):
    """The guide declares the output artifact under one name, bar, and assigns it under another, foo."""
    wf = run(
        INNER,
        DECLARE,
        STEP,
        ADD_STEP,
        OUTPUT_PARAMETER,
        OUTPUT_ARTIFACT,
        USE_IT_TWICE,
        differences=[
            ('parameters["bar"] =', 'parameters["foo"] =', "the artifact that is assigned below is called foo")
        ],
    )

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="once").type == "Steps"
    assert wf.query_step(name="once").outputs.parameters["msg"].value == "abab"
    assert wf.query_step(name="twice").outputs.parameters["msg"].value == "abababab"
    (path,) = download_artifact(wf.query_step(name="twice").outputs.artifacts["foo"], path=tmp_path / "got")
    assert Path(path).read_text() == "xxxx"


def test_3_1_3_declarations_without_a_source_are_told_before_anything_runs(execute):
    """The guide's declarations as they stand, with nothing assigned to the output bar."""
    ended = execute(
        INNER,
        DECLARE,
        STEP,
        ADD_STEP,
        OUTPUT_PARAMETER,
        USE_IT_TWICE.replace('outputs.artifacts["foo"]', 'outputs.artifacts["bar"]'),
    )

    assert ended.returncode == 1
    assert "'bar'" in ended.stderr
    assert "_from" in ended.stderr


def test_3_1_3_inputs_and_outputs_can_be_declared_in_any_order_with_the_steps(run):
    """The guide assigns ``_from`` after steps that use the template may have been made."""
    wf = run(
        INNER,
        DECLARE,
        STEP,
        ADD_STEP,
        USE_IT_TWICE.replace("wf.submit()\n", ""),
        OUTPUT_PARAMETER,
        OUTPUT_ARTIFACT,
        "wf.submit()",
        differences=[
            ('parameters["bar"] =', 'parameters["foo"] =', "the artifact that is assigned below is called foo")
        ],
    )

    assert wf.query_step(name="twice").outputs.parameters["msg"].value == "abababab"


CONCURRENT = """\
from dflow import InputParameter, ShellOPTemplate, Step, Steps, Workflow, config

config["debug_pool_workers"] = -1
note = ShellOPTemplate(
    name="note", script="echo {{inputs.parameters.n}} >> ../../order; sleep 0.15; echo - >> ../../order"
)
note.inputs.parameters["n"] = InputParameter()
s00, s01, s10, s11, s12 = [
    Step(name=name, template=note, parameters={"n": name}) for name in ("s00", "s01", "s10", "s11", "s12")
]
wf = Workflow(name="arrays", steps=Steps(name="main", steps=[[s00, s01], [s10, s11, s12]]))
wf.submit()
"""


def test_3_1_3_inner_arrays_are_concurrent_and_outer_arrays_sequential(run, tmp_path):
    wf = run(CONCURRENT)

    order = (tmp_path / wf.id / "order").read_text().split()
    assert sorted(order[:2]) == ["s00", "s01"]
    assert order[2:4] == ["-", "-"]
    assert sorted(order[4:7]) == ["s10", "s11", "s12"]
    assert order[7:] == ["-", "-", "-"]


RECURSION = """\
from dflow import InputParameter, Inputs, OutputParameter, Step, Steps, Workflow
from dflow.python import OP, PythonOPTemplate


@OP.function
def add_one(i: int) -> {"i": int, "go_on": bool}:
    return {"i": i + 1, "go_on": i + 1 < 3}


steps = Steps(name="loop", inputs=Inputs(parameters={"i": InputParameter(type=int)}))
add = Step(name="add", template=PythonOPTemplate(add_one), parameters={"i": steps.inputs.parameters["i"]})
steps.add(add)
again = Step(
    name="again",
    template=steps,
    parameters={"i": add.outputs.parameters["i"]},
    when="%s == true" % add.outputs.parameters["go_on"],
)
steps.add(again)
wf = Workflow(name="recursion")
wf.add(Step(name="start", template=steps, parameters={"i": 0}))
wf.submit()
"""


@pytest.mark.parametrize(
    "when",
    [
        '"%s == true" % add.outputs.parameters["go_on"]',
        'add.outputs.parameters["go_on"] == True',
        'add.outputs.parameters["i"] < 3',
        '"%s < %s" % (add.outputs.parameters["i"], 3)',
    ],
)
def test_3_1_3_a_steps_that_uses_itself_is_a_loop_until_when_is_false(run, when):
    wf = run(
        RECURSION,
        differences=[('"%s == true" % add.outputs.parameters["go_on"]', when, "other spellings of the condition")],
    )

    assert wf.query_status() == "Succeeded"
    assert [s.outputs.parameters["i"].value for s in wf.query_step(name="add")] == [1, 2, 3]
    assert [s.phase for s in wf.query_step(name="again")] == ["Succeeded", "Succeeded", "Skipped"]


ADD_TASK = """\
dag.add(task)
"""

DEPENDENCIES = """\
task_3 = Task(..., dependencies=[task_1, task_2])
"""

TASKS = """\
from dflow import DAG, InputArtifact, InputParameter, OutputArtifact, OutputParameter, ShellOPTemplate, Task, Workflow

note = ShellOPTemplate(
    name="note",
    script="sleep {{inputs.parameters.seconds}}; echo {{inputs.parameters.what}} | tee -a ../../order > /tmp/said",
)
note.inputs.parameters["what"] = InputParameter()
note.inputs.parameters["seconds"] = InputParameter(value=0)
note.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said")
note.outputs.artifacts["file"] = OutputArtifact(path="/tmp/said")
dag = DAG(name="dag")
"""

TASKS_WITH_DEPENDENCIES = """\
task_1 = Task("task-1", note, parameters={"what": "one", "seconds": 0.3})
task_2 = Task("task-2", note, parameters={"what": "two"})
"""

ADD_THREE_AND_SUBMIT = """\
for task in (task_3, task_2, task_1):
    dag.add(task)
wf = Workflow(name="dag", dag=dag)
wf.submit()
"""


def test_3_1_4_a_task_waits_for_its_dependencies_whatever_the_order_of_adding(run, tmp_path):
    wf = run(
        TASKS,
        TASKS_WITH_DEPENDENCIES,
        DEPENDENCIES,
        ADD_THREE_AND_SUBMIT,
        differences=[
            ("Task(...,", 'Task("task-3", note, parameters={"what": "three"},', "left to the reader"),
        ],
    )

    assert wf.query_status() == "Succeeded"
    assert (tmp_path / wf.id / "order").read_text().split() == ["two", "one", "three"]
    assert (tmp_path / wf.id / "type").read_text() == "DAG"


AUTOMATIC = """\
show = ShellOPTemplate(name="show", script="cat /tmp/in > /tmp/out; echo {{inputs.parameters.prefix}} >> /tmp/out")
show.inputs.parameters["prefix"] = InputParameter()
show.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
show.outputs.parameters["out"] = OutputParameter(value_from_path="/tmp/out")
first = Task("first", note, parameters={"what": "first", "seconds": 0.1})
second = Task("second", note, parameters={"what": "%s, second" % first.outputs.parameters["said"]})
task = Task(
    "third",
    show,
    parameters={"prefix": second.outputs.parameters["said"]},
    artifacts={"in": first.outputs.artifacts["file"]},
)
"""

ADD_THE_REST_AND_SUBMIT = """\
dag.add(second)
dag.add(first)
wf = Workflow(name="dag", dag=dag)
wf.submit()
"""


def test_3_1_4_dependencies_are_found_from_parameters_and_artifacts(run):
    wf = run(TASKS, AUTOMATIC, ADD_TASK, ADD_THE_REST_AND_SUBMIT)

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="third").outputs.parameters["out"].value == "first\nfirst, second"


def test_3_1_4_a_task_makes_the_workflow_a_dag(run):
    wf = run(
        TASKS,
        AUTOMATIC,
        'wf = Workflow(name="dag")',
        "wf.add([task, second])",
        "wf.add(first)",
        "wf.submit()",
    )

    assert wf.query_step(name="third").outputs.parameters["out"].value == "first\nfirst, second"


def test_3_1_4_a_circle_of_tasks_is_told_with_its_path(execute):
    ended = execute(
        TASKS,
        TASKS_WITH_DEPENDENCIES,
        DEPENDENCIES,
        "task_1.dependencies.append(task_3)",
        ADD_THREE_AND_SUBMIT,
        differences=[("Task(...,", 'Task("task-3", note, parameters={"what": "three"},', "left to the reader")],
    )

    assert ended.returncode == 1
    assert "task-1 → task-3 → task-1" in ended.stderr or "task-3 → task-1 → task-3" in ended.stderr


def test_3_1_4_a_dag_is_a_template_like_steps(run):
    wf = run(
        TASKS,
        TASKS_WITH_DEPENDENCIES,
        "from dflow import Step",
        'dag.outputs.parameters["last"] = OutputParameter(value_from_parameter=task_1.outputs.parameters["said"])',
        "dag.add([task_1, task_2])",
        'wf = Workflow(name="outer")',
        'wf.add(Step(name="inner", template=dag))',
        "wf.submit()",
    )

    assert wf.query_step(name="inner").type == "DAG"
    assert wf.query_step(name="inner").outputs.parameters["last"].value == "one"
