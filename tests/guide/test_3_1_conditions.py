"""The guides on conditional steps and outputs, on time limits, and on going on after a failure.

3.1.5, 3.1.7, 3.1.8 and 3.1.11 of the guide; 3.1.4, 3.1.6, 3.1.7 and 3.1.10 of the guide of version 1.0.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import download_artifact

# The same in both guides, and the next one too.
CONDITIONAL_PARAMETER = """\
steps.outputs.parameters["msg"].value_from_expression = if_expression(
    _if=par1 < par2,
    _then=par3,
    _else=par4
)
"""

CONDITIONAL_ARTIFACT = """\
steps.outputs.artifacts["foo"].from_expression = if_expression(
    _if=par1 < par2,
    _then=art1,
    _else=art2
)
"""

TWO_BRANCHES = """\
import sys

from dflow import (
    InputParameter, OutputArtifact, OutputParameter, ShellOPTemplate, Step, Steps, Workflow, if_expression
)

say = ShellOPTemplate(name="say", script="echo {{inputs.parameters.word}} | tee /tmp/file > /tmp/msg")
say.inputs.parameters["word"] = InputParameter()
say.outputs.parameters["msg"] = OutputParameter(value_from_path="/tmp/msg")
say.outputs.artifacts["file"] = OutputArtifact(path="/tmp/file")

steps = Steps(name="steps")
steps.inputs.parameters["a"] = InputParameter(type=int)
steps.inputs.parameters["b"] = InputParameter(type=int)
par1, par2 = steps.inputs.parameters["a"], steps.inputs.parameters["b"]
smaller = Step(name="smaller", template=say, parameters={"word": "less"}, when="%s < %s" % (par1, par2))
not_smaller = Step(name="not-smaller", template=say, parameters={"word": "not less"}, when=par1 >= par2)
steps.add([smaller, not_smaller])
par3, par4 = smaller.outputs.parameters["msg"], not_smaller.outputs.parameters["msg"]
art1, art2 = smaller.outputs.artifacts["file"], not_smaller.outputs.artifacts["file"]
steps.outputs.parameters["msg"] = OutputParameter()
steps.outputs.artifacts["foo"] = OutputArtifact()
"""

COMPARE = """\
wf = Workflow(name="conditions")
wf.add(Step(name="compare", template=steps, parameters={"a": FIRST, "b": SECOND}))
wf.submit()
"""


@pytest.mark.parametrize(
    ("numbers", "ran", "skipped", "said"),
    [
        ((1, 2), "smaller", "not-smaller", "less"),
        ((2, 1), "not-smaller", "smaller", "not less"),
        ((9, 10), "smaller", "not-smaller", "less"),
    ],
    ids=["less", "not-less", "numbers-not-texts"],
)
def test_3_1_5_a_condition_chooses_the_step_the_parameter_and_the_artifact(run, tmp_path, numbers, ran, skipped, said):
    wf = run(
        TWO_BRANCHES,
        CONDITIONAL_PARAMETER,
        CONDITIONAL_ARTIFACT,
        COMPARE.replace("FIRST", str(numbers[0])).replace("SECOND", str(numbers[1])),
    )

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name=ran).phase == "Succeeded"
    assert wf.query_step(name=skipped).phase == "Skipped"
    compare = wf.query_step(name="compare")
    assert compare.outputs.parameters["msg"].value == said
    (path,) = download_artifact(compare.outputs.artifacts["foo"], path=tmp_path / "got")
    assert Path(path).read_text() == said + "\n"


TWO_TASKS = """\
dag = DAG(name="dag")
left = Task("left", say, parameters={"word": "left"})
right = Task("right", say, parameters={"word": "right"}, when="%s == right" % left.outputs.parameters["msg"])
dag.add([left, right])
said = left.outputs.parameters["msg"]
dag.outputs.parameters["msg"] = OutputParameter(value_from_expression=if_expression(said == "left", said, "other"))
wf = Workflow(name="tasks")
wf.add(Step(name="dag", template=dag))
wf.submit()
"""


def test_3_1_5_conditions_work_in_a_dag_too(run):
    wf = run("from dflow import DAG, Task", TWO_BRANCHES, TWO_TASKS)

    assert wf.query_step(name="right").phase == "Skipped"
    assert wf.query_step(name="dag").outputs.parameters["msg"].value == "left"


# Sections whose only block is a phrase: the test holds the phrase.
DEFAULT = """\
op_template.outputs.parameters["msg"].default = default_value
"""

SKIPPED_WITH_DEFAULT = """\
from dflow import OutputParameter, ShellOPTemplate, Step, Steps, Workflow, if_expression

op_template = ShellOPTemplate(name="say", script="echo said > /tmp/msg")
op_template.outputs.parameters["msg"] = OutputParameter(value_from_path="/tmp/msg")
default_value = "the default"
"""

SKIP_AND_USE = """\
skipped = Step(name="skipped", template=op_template, when="1 > 2")
main = Steps(name="main", steps=[skipped, Step(name="not-skipped", template=op_template)])
main.outputs.parameters["msg"] = OutputParameter(value_from_parameter=skipped.outputs.parameters["msg"])
wf = Workflow(name="defaults")
wf.add(Step(name="main", template=main))
wf.submit()
"""


def test_3_1_11_the_default_of_an_output_parameter_is_used_when_the_step_is_skipped(run):
    wf = run(SKIPPED_WITH_DEFAULT, DEFAULT, SKIP_AND_USE)

    assert wf.query_step(name="skipped").phase == "Skipped"
    assert wf.query_step(name="skipped").outputs.parameters["msg"].value == "the default"
    assert wf.query_step(name="not-skipped").outputs.parameters["msg"].value == "said"
    assert wf.query_step(name="main").outputs.parameters["msg"].value == "the default"


FAILING_EXPRESSION = """\
word = Step(name="word", template=op_template)
main = Steps(name="main", steps=[word])
main.outputs.parameters["msg"] = OutputParameter()
main.outputs.parameters["msg"].value_from_expression = if_expression(
    _if=word.outputs.parameters["msg"] < 3, _then="a small number", _else="a large number"
)
op_template = main
wf = Workflow(name="defaults")
wf.add(Step(name="main", template=main))
"""


def test_3_1_11_the_default_of_an_output_parameter_is_used_when_its_expression_fails(run):
    wf = run(SKIPPED_WITH_DEFAULT, FAILING_EXPRESSION, DEFAULT, "wf.submit()")

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="main").outputs.parameters["msg"].value == "the default"


def test_3_1_11_without_a_default_an_expression_that_fails_is_an_error_that_names_the_parameter(run):
    wf = run(SKIPPED_WITH_DEFAULT, FAILING_EXPRESSION, "wf.submit()")

    assert wf.query_status() in ("Failed", "Error")
    assert "'msg'" in wf.query_step(name="main").message


TIMEOUT = """\
from dflow import ShellOPTemplate, Step, Workflow
from dflow.python import OP, PythonOPTemplate


@OP.function
def sleepy(seconds: float) -> {"done": bool}:
    import time
    time.sleep(seconds)
    return {"done": True}


t = 0.5
shell = ShellOPTemplate(name="sleepy", script="sleep 20 & echo $! > ../../child; wait; touch ../../too-late")
python = PythonOPTemplate(sleepy)
wf = Workflow(name="timeout")
wf.add(
    [
        Step(name="shell", template=shell, timeout=t),
        Step(name="python", template=python, parameters={"seconds": 20}, timeout=t),
        Step(name="quick", template=python, parameters={"seconds": 0}, timeout=20),
    ]
)
wf.submit()
"""


def test_3_1_7_a_step_that_takes_longer_than_its_timeout_is_ended_and_failed(run, wait_until_gone, tmp_path):
    wf = run(TIMEOUT)

    assert wf.query_status() == "Failed"
    for name in ("shell", "python"):
        step = wf.query_step(name=name)
        assert step.phase == "Failed"
        assert "time" in step.message
        assert step.get_duration() < 10
    assert wf.query_step(name="quick").phase == "Succeeded"
    wait_until_gone((tmp_path / wf.id / "child").read_text())
    assert not (tmp_path / wf.id / "too-late").exists()


CONTINUE = """\
from dflow import DAG, ShellOPTemplate, Step, Steps, Task, Workflow

bad = ShellOPTemplate(name="bad", script="exit 1")
good = ShellOPTemplate(name="good", script="true")
"""

CONTINUE_IN_STEPS = """\
wf = Workflow(name="continue")
wf.add(Step(name="bad", template=bad, continue_on_failed=True))
wf.add(Step(name="good", template=good))
wf.submit()
"""

CONTINUE_IN_A_DAG = """\
first = Task(name="bad", template=bad, continue_on_failed=True)
wf = Workflow(name="continue")
wf.add([first, Task(name="good", template=good, dependencies=[first])])
wf.submit()
"""

both_kinds = pytest.mark.parametrize("script", [CONTINUE_IN_STEPS, CONTINUE_IN_A_DAG], ids=["steps", "dag"])


@both_kinds
def test_3_1_8_a_workflow_goes_on_after_a_step_that_may_fail(run, script):
    wf = run(CONTINUE, script)

    assert wf.query_step(name="bad").phase == "Failed"
    assert wf.query_step(name="good").phase == "Succeeded"
    assert wf.query_status() == "Succeeded"


@both_kinds
def test_3_1_8_a_workflow_ends_after_a_step_that_may_not_fail(run, script):
    wf = run(CONTINUE, script, differences=[(", continue_on_failed=True", "", "to see the difference")])

    assert wf.query_step(name="bad").phase == "Failed"
    assert [step.phase for step in wf.query_step(name="good")] in ([], ["Omitted"])
    assert wf.query_status() == "Failed"
