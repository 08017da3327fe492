"""The guides on loops: 3.1.6 and 3.1.9 of the guide; 3.1.5 and 3.1.8 of the guide of version 1.0.

Time limits and going on after a failure, 3.1.7 and 3.1.8, are tested with conditions.
"""

from __future__ import annotations

import pytest

# The same in both guides, and the next one too.
WITH_PARAM = """\
step = Step(
    ...
    parameters={"msg": "{{item}}"},
    with_param=steps.inputs.parameters["msg_list"]
)
"""

WITH_SEQUENCE = """\
step = Step(
    ...
    parameters={"i": "{{item}}"},
    with_sequence=argo_sequence(argo_len(steps.inputs.parameters["msg_list"]))
)
"""

TEMPLATES = """\
from dflow import (
    InputParameter, OutputParameter, ShellOPTemplate, Step, Steps, Workflow, argo_len, argo_range, argo_sequence
)


def template(name):
    made = ShellOPTemplate(name="say", script="printf %s '<{{inputs.parameters." + name + "}}>' > /tmp/said")
    made.inputs.parameters[name] = InputParameter()
    made.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said")
    return made


steps = Steps(name="steps")
steps.inputs.parameters["msg_list"] = InputParameter(type=list)
"""

RUN = """\
steps.add(step)
steps.outputs.parameters["all"] = OutputParameter(value_from_parameter=step.outputs.parameters["said"])
wf = Workflow(name="loops")
wf.add(Step(name="loop", template=steps, parameters={"msg_list": ["one", "two", "three"]}))
wf.submit()
"""

OF_MESSAGES = [("    ...\n", '    name="say", template=template("msg"),\n', "the guide leaves the rest to the reader")]
OF_NUMBERS = [("    ...\n", '    name="say", template=template("i"),\n', "the guide leaves the rest to the reader")]


def test_3_1_6_with_param_makes_a_step_for_each_item_of_a_list(run):
    wf = run(TEMPLATES, WITH_PARAM, RUN, differences=OF_MESSAGES)

    assert wf.query_status() == "Succeeded"
    names = sorted(step.displayName for step in wf.query_step(name=r"say\("))
    assert names == ["say(0:one)", "say(1:two)", "say(2:three)"]
    assert wf.query_step(name=r"say\(1").inputs.parameters["msg"].value == "two"
    assert wf.query_step(name="loop").outputs.parameters["all"].value == '["<one>", "<two>", "<three>"]'


def test_3_1_6_with_sequence_makes_a_step_for_each_number(run):
    wf = run(TEMPLATES, WITH_SEQUENCE, RUN, differences=OF_NUMBERS)

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="loop").outputs.parameters["all"].value == '["<0>", "<1>", "<2>"]'


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ('with_param=["a", "b"]', '["<a>", "<b>"]'),  # a constant list
        ("with_param=FIRST", '["<p>", "<q>"]'),  # an output parameter of another step
        ("with_sequence=argo_sequence(count=2, start=5)", '["<5>", "<6>"]'),
        ("with_sequence=argo_sequence(start=2, end=3)", '["<2>", "<3>"]'),
        ('with_sequence=argo_sequence(2, format="no %02d")', '["<no 00>", "<no 01>"]'),
        ("with_sequence=argo_sequence(count=NUMBER, start=NUMBER)", '["<2>", "<3>"]'),  # each with a parameter
        ("with_sequence=argo_sequence(start=NUMBER, end=argo_len(FIRST))", '["<2>"]'),
        ("with_param=argo_range(NUMBER)", '["<0>", "<1>"]'),
    ],
)
def test_3_1_6_what_a_loop_can_be_over(run, items, said):
    first = """\
wrote = ShellOPTemplate(name="first", script='''echo '["p", "q"]' > /tmp/list; echo 2 > /tmp/number''')
wrote.outputs.parameters["list"] = OutputParameter(value_from_path="/tmp/list", type=list)
wrote.outputs.parameters["number"] = OutputParameter(value_from_path="/tmp/number", type=int)
first = Step(name="first", template=wrote)
steps.add(first)
FIRST, NUMBER = first.outputs.parameters["list"], first.outputs.parameters["number"]
"""
    differences = [*OF_MESSAGES, ('with_param=steps.inputs.parameters["msg_list"]', items, "what else is told of")]
    wf = run(TEMPLATES, first, WITH_PARAM, RUN, differences=differences)

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="loop").outputs.parameters["all"].value == said


def test_3_1_6_a_loop_in_a_dag(run):
    wf = run(
        "from dflow import DAG, Task",
        TEMPLATES,
        WITH_PARAM,
        RUN,
        differences=[
            *OF_MESSAGES,
            ("step = Step(\n", "step = Task(\n", "a DAG is made of tasks"),
            ('steps = Steps(name="steps")', 'steps = DAG(name="steps")', "the list may be an input of a DAG"),
        ],
    )

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="loop").outputs.parameters["all"].value == '["<one>", "<two>", "<three>"]'


# Sections whose only blocks are phrases: the test holds the phrases.
ENOUGH = """\
from dflow import InputParameter, ShellOPTemplate, Step, Workflow, argo_sequence

odd = ShellOPTemplate(name="odd", script="test $(({{inputs.parameters.i}} % 2)) = 1")
odd.inputs.parameters["i"] = InputParameter()
good = ShellOPTemplate(name="good", script="true")
n, r = SUCCESSES
wf = Workflow(name="enough")
wf.add(Step("odd", odd, parameters={"i": "{{item}}"}, with_sequence=argo_sequence(5), RULE))
wf.add(Step("good", good))
wf.submit()
"""


@pytest.mark.parametrize(
    ("rule", "enough", "too_few"),
    [("continue_on_num_success=n", "2, None", "3, None"), ("continue_on_success_ratio=r", "None, 0.4", "None, 0.5")],
    ids=["number", "ratio"],
)
def test_3_1_9_a_workflow_goes_on_when_enough_parallel_steps_succeed(run, rule, enough, too_few):
    wf = run(ENOUGH.replace("RULE", rule).replace("SUCCESSES", enough))

    assert [step.phase for step in wf.query_step(name=r"odd\(")].count("Succeeded") == 2
    assert [step.phase for step in wf.query_step(name=r"odd\(")].count("Failed") == 3
    assert wf.query_step(name="good").phase == "Succeeded"
    assert wf.query_status() == "Succeeded"

    wf = run(ENOUGH.replace("RULE", rule).replace("SUCCESSES", too_few))

    assert len(wf.query_step(name=r"odd\(")) == 5
    assert wf.query_step(name="good") == []
    assert wf.query_status() == "Failed"
