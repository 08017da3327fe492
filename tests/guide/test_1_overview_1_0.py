"""The guide of version 1.0, 1.2 and 1.3: script templates, steps, the first workflow and Python OPs."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import OutputArtifact, OutputParameter, ShellOPTemplate, download_artifact

SHELL_TEMPLATE = """\
from dflow import ShellOPTemplate

simple_example_templ = ShellOPTemplate(
    name="Hello",
    image="alpine:latest",
    script="cp /tmp/foo.txt /tmp/bar.txt && echo {{inputs.parameters.msg}} > /tmp/msg.txt",
)
"""

# The guide has this one in a comment of its source.
PYTHON_TEMPLATE = (
    """\
simple_example=PythonScriptOPTemplate(name = "Hello",
                                image = "alpine:latest",
"""
    r"""                                script = "import shutil,sys\nshutil.copy('/tmp/foo.txt','/tmp/bar.txt')"""
    r"""\nf=open('/tmp/msg.txt','w')\nf.write({{inputs.parameters.msg}})\nf.close()")"""
)

DECLARATIONS = """\
from dflow import InputParameter, InputArtifact, OutputParameter, OutputArtifact

# define input
simple_example_templ.inputs.parameters = {"msg": InputParameter()}
simple_example_templ.inputs.artifacts = {"inp_art": InputArtifact(path="/tmp/foo.txt")}
# define output
simple_example_templ.outputs.parameters = {
    "msg": OutputParameter(value_from_path="/tmp/msg.txt")
}
simple_example_templ.outputs.parameters = {
    "out_art": OutputArtifact(path="/tmp/bar.txt")
}
"""

STEP = """\
from dflow import Step

simple_example_step = Step(
    name="step0",
    template=simple_example_templ,
    parameters={"msg": "HelloWorld!"},
    artifacts={"inp_art": foo},
)
"""

WORKFLOW = """\
from dflow import Workflow

wf = Workflow(name="hello-world")
wf.add(simple_example_step)
"""

SUBMIT = """\
wf.submit()
"""

PYTHON_OP = """\
from dflow.python import OP, OPIO, OPIOSign, Artifact
from pathlib import Path
import shutil


class SimpleExample(OP):
    def __init__(self):
        pass

    @classmethod
    def get_input_sign(cls):
        return OPIOSign(
            {
                "msg": str,
                "inp_art": Artifact(Path),
            }
        )

    @classmethod
    def get_output_sign(cls):
        return OPIOSign(
            {
                "msg": str,
                "out_art": Artifact(Path),
            }
        )

    @OP.exec_sign_check
    def execute(
        self,
        op_in: OPIO,
    ) -> OPIO:
        shutil.copy(op_in["inp_art"], "bar.txt")
        out_msg = op_in["msg"]
        op_out = OPIO(
            {
                "msg": out_msg,
                "out_art": Path("bar.txt"),
            }
        )
        return op_out
"""

PYTHON_OP_TEMPLATE = """\
from dflow.python import PythonOPTemplate

simple_example_templ = PythonOPTemplate(SimpleExample, image="dptechnology/dflow")
"""

# What the guide leaves to the reader: "foo is an artifact either uploaded from local or output of another step".
UPLOADED_FOO = """\
from pathlib import Path

from dflow import upload_artifact

Path("foo.txt").write_text("what foo says")
foo = upload_artifact("foo.txt")
"""

FOO_OF_ANOTHER_STEP = """\
from dflow import OutputArtifact, ShellOPTemplate, Step

make_foo = ShellOPTemplate(name="make-foo", script="printf 'what foo says' > /tmp/made.txt")
make_foo.outputs.artifacts["foo"] = OutputArtifact(path="/tmp/made.txt")
before = Step(name="before", template=make_foo)
foo = before.outputs.artifacts["foo"]
"""

BEFORE = ("wf.add(simple_example_step)", "wf.add(before)\nwf.add(simple_example_step)", "the step that makes foo")

both_kinds_of_foo = pytest.mark.parametrize(
    ("foo", "differences"),
    [(UPLOADED_FOO, []), (FOO_OF_ANOTHER_STEP, [BEFORE])],
    ids=["uploaded", "of-another-step"],
)


def assert_hello_world(wf, folder):
    """The step has copied foo and repeated the message."""
    assert wf.query_status() == "Succeeded"
    step = wf.query_step(name="step0")
    assert step.phase == "Succeeded"
    assert step.outputs.parameters["msg"].value == "HelloWorld!"
    (copy,) = download_artifact(step.outputs.artifacts["out_art"], path=folder)
    assert Path(copy).read_text() == "what foo says"


@both_kinds_of_foo
def test_1_2_the_shell_template_copies_foo_and_writes_the_message(run, tmp_path, foo, differences):
    wf = run(SHELL_TEMPLATE, DECLARATIONS, foo, STEP, WORKFLOW, SUBMIT, differences=differences)

    assert_hello_world(wf, tmp_path / "downloaded")


@both_kinds_of_foo
def test_1_2_2_the_same_operation_as_a_python_script(run, tmp_path, foo, differences):
    wf = run(
        "from dflow import PythonScriptOPTemplate",
        PYTHON_TEMPLATE,
        DECLARATIONS,
        foo,
        STEP,
        WORKFLOW,
        SUBMIT,
        differences=[
            *differences,
            ("simple_example=Python", "simple_example_templ = Python", "the following blocks use this name"),
            ("f.write({{inputs.parameters.msg}})", "f.write('{{inputs.parameters.msg}}')", "the text has no quotes"),
        ],
    )

    assert_hello_world(wf, tmp_path / "downloaded")


def test_1_2_2_an_upper_case_template_name_is_made_lower_case():
    assert ShellOPTemplate(name="Hello", image="alpine:latest", script="true").name == "hello"


def test_1_2_2_an_artifact_assigned_to_output_parameters_is_an_output_artifact():
    """The guide assigns ``outputs.parameters`` twice; the second time, with an artifact, takes nothing away."""
    template = ShellOPTemplate(name="hello", image="alpine:latest", script="true")
    template.outputs.parameters = {"msg": OutputParameter(value_from_path="/tmp/msg.txt")}
    template.outputs.parameters = {"out_art": OutputArtifact(path="/tmp/bar.txt")}

    assert list(template.outputs.parameters) == ["msg"]
    assert list(template.outputs.artifacts) == ["out_art"]
    assert template.outputs.artifacts["out_art"].path == "/tmp/bar.txt"


def test_1_2_2_the_value_of_an_input_parameter_is_a_default_that_a_step_can_override(run):
    wf = run(
        SHELL_TEMPLATE,
        DECLARATIONS,
        FOO_OF_ANOTHER_STEP,
        'simple_example_templ.inputs.parameters["msg"] = InputParameter(value="the default")',
        STEP,
        WORKFLOW,
        'wf.add(Step(name="plain", template=simple_example_templ, artifacts={"inp_art": foo}))',
        SUBMIT,
        differences=[BEFORE],
    )

    assert wf.query_step(name="plain").outputs.parameters["msg"].value == "the default"
    assert wf.query_step(name="step0").outputs.parameters["msg"].value == "HelloWorld!"


@both_kinds_of_foo
def test_1_3_the_python_op_copies_its_artifact_and_repeats_the_message(run, tmp_path, foo, differences):
    wf = run(PYTHON_OP, PYTHON_OP_TEMPLATE, foo, STEP, WORKFLOW, SUBMIT, differences=differences)

    assert_hello_world(wf, tmp_path / "downloaded")
