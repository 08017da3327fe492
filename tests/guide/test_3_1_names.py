"""The guide, 3.1.18: which names are allowed, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
)
from dflow.engine.errors import CompileError


def template(**kwargs):
    return ShellOPTemplate(**{"name": "echo", "script": "true", **kwargs})


def make_workflow(name):
    Workflow(name=name)


def make_template(name):
    template(name=name)


def make_steps(name):
    Steps(name=name)


def make_step(name):
    Step(name=name, template=template())


def make_task(name):
    Task(name=name, template=template())


def compiled(step):
    """Compile a workflow of one step."""
    wf = Workflow(name="names")
    wf.add(step)
    return wf.to_graph()


def declare_parameter(name):
    taking = template()
    taking.inputs.parameters[name] = InputParameter()
    taking.outputs.parameters[name] = OutputParameter(value_from_path="/tmp/x")
    compiled(Step(name="a", template=taking, parameters={name: "x"}))


def declare_artifact(name):
    taking = template()
    taking.inputs.artifacts[name] = InputArtifact(path="/tmp/x", optional=True)
    taking.outputs.artifacts[name] = OutputArtifact(path="/tmp/y", optional=True)
    compiled(Step(name="a", template=taking))


def use_key(name):
    compiled(Step(name="a", template=template(), key=name))


SUBDOMAINS = ["my-name", "a", "0", "a.b-c.d", "1-2"]
NO_SUBDOMAINS = ["", "-a", "a-", ".a", "a.", "my_name", "a b", "a/b", "naïve", "a\n"]
LABELS = ["my_param_1", "MY-PARAM-1", "_", "1"]
NO_LABELS = ["", "a.b", "a b", "a/b", "ä", "a\n"]
STEPS = ["My-name1-2", "123-NAME", "a", "a-"]
NO_STEPS = ["", "-a", "my_name", "a.b", "a b", "a/b", "é", "a\n"]

ALLOWED = [
    (make_workflow, [*SUBDOMAINS, "x" * 57]),
    (make_template, [*SUBDOMAINS, "x" * 57]),
    (make_steps, [*SUBDOMAINS, "x" * 57]),
    (make_step, STEPS),
    (make_task, STEPS),
    (declare_parameter, LABELS),
    (declare_artifact, LABELS),
    (use_key, [*SUBDOMAINS, "My-name", "my_name", "a b", "a/b"]),
]

FORBIDDEN = [
    (make_workflow, [*NO_SUBDOMAINS, "My-name", "x" * 58]),
    (make_template, [*NO_SUBDOMAINS, "x" * 58]),
    (make_steps, [*NO_SUBDOMAINS, "x" * 58]),
    (make_step, NO_STEPS),
    (make_task, NO_STEPS),
    (declare_parameter, NO_LABELS),
    (declare_artifact, NO_LABELS),
    (use_key, ["", "a\n", "x" * 254]),
]


def cases(table):
    return [pytest.param(make, name, id=f"{make.__name__}-{name[:12]!r}") for make, names in table for name in names]


@pytest.mark.parametrize(("make", "name"), cases(ALLOWED))
def test_3_1_18_allowed_names(make, name):
    make(name)


@pytest.mark.parametrize(("make", "name"), cases(FORBIDDEN))
def test_3_1_18_other_names_are_refused_with_the_name_and_the_rule(make, name):
    with pytest.raises((ValueError, CompileError)) as caught:
        make(name)

    assert repr(name) in str(caught.value)
    assert "must consist of" in str(caught.value)


def test_3_1_18_a_parameter_that_an_op_declares_follows_the_same_rule(execute):
    ended = execute(
        "from dflow import Step, Workflow",
        "from dflow.python import OP, PythonOPTemplate",
        "@OP.function",
        'def op() -> {"my param": int}:',
        '    return {"my param": 1}',
        'wf = Workflow(name="names")',
        'wf.add(Step(name="a", template=PythonOPTemplate(op)))',
        "wf.submit()",
    )

    assert ended.returncode == 1
    assert "'my param'" in ended.stderr.splitlines()[-1]


DYNAMIC_KEY = """\
from dflow import InputParameter, Inputs, ShellOPTemplate, Step, Steps, Workflow

steps = Steps(name="main", inputs=Inputs(parameters={"key": InputParameter()}))
key = "part-%s" % steps.inputs.parameters["key"]
steps.add(Step(name="keyed", template=ShellOPTemplate(name="nothing", script="true"), key=key))
wf = Workflow(name="keys")
wf.add(Step(name="good", template=steps, parameters={"key": "my-name"}))
wf.add(Step(name="other", template=steps, parameters={"key": "My_name"}))
wf.submit()
"""


CONSTANT_KEYS = """\
from dflow import InputParameter, Inputs, OutputParameter, ShellOPTemplate, Step, Workflow

shell = ShellOPTemplate(name="nothing", script="printf {{inputs.parameters.x}} | tee -a /tmp/out")
shell.inputs.parameters["x"] = InputParameter()
shell.outputs.parameters["y"] = OutputParameter(value_from_path="/tmp/out")
wf = Workflow(name="keys")
wf.add([Step(f"s-{i}", shell, parameters={"x": i}, key=key) for i, key in enumerate(["Upper_Key", "a/b c"])])
wf.submit()
again = Workflow(name="again")
again.add([Step(f"s-{i}", shell, parameters={"x": i}, key=key) for i, key in enumerate(["Upper_Key", "a/b c"])])
again.submit(reuse_step=wf.query_step(key=["Upper_Key", "a/b c"]))
"""


def test_3_1_18_a_constant_key_may_hold_any_printable_text_too(run):
    again = run(CONSTANT_KEYS)

    assert again.query_status() == "Succeeded"
    assert sorted(again.query_keys_of_steps()) == ["Upper_Key", "a/b c"]
    plain, other = (again.query_step_by_key(key)[0] for key in ("Upper_Key", "a/b c"))
    assert (plain.outputs.parameters["y"].value, other.outputs.parameters["y"].value) == ("0", "1")
    assert (plain.type, other.type) == ("Pod", "Pod")
    assert Path(plain.path).name == "Upper_Key"
    assert Path(other.path).parent.resolve() == Path(again.id).resolve()


def test_3_1_18_a_dynamic_key_may_hold_what_its_values_do(run):
    """The guide asks for a subdomain; packages make keys of names of files, and upstream runs them."""
    wf = run(DYNAMIC_KEY)

    assert wf.query_status() == "Succeeded"
    assert [step.key for step in wf.query_step(name="keyed")] == ["part-my-name", "part-My_name"]
    assert wf.query_step(key="part-My_name")[0].phase == "Succeeded"


def test_3_1_18_a_dynamic_key_names_a_directory_whatever_it_holds(run):
    keys = ["a..b", "../up", "a/b", "ä b"]
    wf = run(
        DYNAMIC_KEY,
        differences=[
            (
                'wf.add(Step(name="other", template=steps, parameters={"key": "My_name"}))',
                f'wf.add([Step("other-%s" % i, steps, parameters={{"key": key}}) for i, key in enumerate({keys})])',
                "other keys",
            )
        ],
    )

    assert wf.query_status() == "Succeeded"
    for key in keys:
        (step,) = wf.query_step(key=f"part-{key}")
        assert Path(step.path).parent.resolve() == Path(wf.id).resolve()


def test_3_1_18_a_dynamic_key_that_is_none_is_an_error(run):
    wf = run(DYNAMIC_KEY, differences=[('"My_name"', '"two\\nlines"', "a key that cannot be printed")])

    assert wf.query_status() in ("Failed", "Error")
    good, bad = wf.query_step(name="keyed")
    assert (good.phase, bad.phase) == ("Succeeded", "Error")
    assert "must have 1 to 253 printable characters" in bad.message
