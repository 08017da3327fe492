"""The guide, 1.1: OPs, templates, steps and the first workflow."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import download_artifact

CLASS_OP = """\
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
                "foo": Artifact(Path),
            }
        )

    @classmethod
    def get_output_sign(cls):
        return OPIOSign(
            {
                "msg": str,
                "bar": Artifact(Path),
            }
        )

    @OP.exec_sign_check
    def execute(
        self,
        op_in: OPIO,
    ) -> OPIO:
        shutil.copy(op_in["foo"], "bar.txt")
        out_msg = op_in["msg"]
        op_out = OPIO(
            {
                "msg": out_msg,
                "bar": Path("bar.txt"),
            }
        )
        return op_out
"""

FUNCTION_OP = """\
from dflow.python import OP, Artifact
from pathlib import Path
import shutil

@OP.function
def SimpleExample(
\t\tmsg: str,
\t\tfoo: Artifact(Path),
) -> {"msg": str, "bar": Artifact(Path)}:
    shutil.copy(foo, "bar.txt")
    out_msg = msg
    return {"msg": out_msg, "bar": Path("bar.txt")}
"""

TEMPLATE = """\
from dflow.python import PythonOPTemplate

simple_example_templ = PythonOPTemplate(SimpleExample, image="python:3.8")
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

# What the guide leaves to the reader: "foo here is an artifact either uploaded locally or output of another step".
UPLOADED_FOO = """\
from dflow import upload_artifact

Path("foo.txt").write_text("what foo says")
foo = upload_artifact("foo.txt")
"""

SAME_NAME = ('artifacts={"inp_art": foo}', 'artifacts={"foo": foo}', "the OP above calls its input artifact foo")


@pytest.mark.parametrize("op", [CLASS_OP, FUNCTION_OP], ids=["class", "function"])
def test_1_1_the_op_copies_foo_to_bar_and_repeats_the_message(run, tmp_path, op):
    wf = run(op, TEMPLATE, UPLOADED_FOO, STEP, WORKFLOW, SUBMIT, differences=[SAME_NAME])

    assert wf.query_status() == "Succeeded"
    step = wf.query_step(name="step0")[0]
    assert step.phase == "Succeeded"
    assert step.inputs.parameters["msg"].value == "HelloWorld!"
    assert step.outputs.parameters["msg"].value == "HelloWorld!"
    (bar,) = download_artifact(step.outputs.artifacts["bar"], path=tmp_path / "downloaded")
    assert Path(bar).read_text() == "what foo says"


def test_1_1_2_a_class_op_runs_by_itself_with_its_types_checked(execute):
    ended = execute(
        CLASS_OP,
        'Path("foo.txt").write_text("foo")',
        'print(SimpleExample().execute(OPIO({"msg": "hi", "foo": Path("foo.txt")}))["msg"])',
        'SimpleExample().execute(OPIO({"msg": 1, "foo": Path("foo.txt")}))',
    )

    assert ended.stdout == "hi\n"
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "'msg'" in last
    assert "str" in last


def test_1_1_2_a_parameter_that_breaks_the_output_sign_fails_the_step(run):
    wf = run(
        FUNCTION_OP,
        TEMPLATE,
        UPLOADED_FOO,
        STEP,
        WORKFLOW,
        SUBMIT,
        differences=[SAME_NAME, ("out_msg = msg", "out_msg = 1", "to break the sign on purpose")],
    )

    assert wf.query_status() == "Failed"
    assert wf.query_step(name="step0").phase == "Failed"
    assert "msg" in wf.query_step(name="step0").message


def test_1_1_3_a_name_that_the_template_does_not_have_is_told_before_anything_runs(execute):
    """The guide's block as it stands."""
    ended = execute(CLASS_OP, TEMPLATE, UPLOADED_FOO, STEP)

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "step 'step0'" in last
    assert "'inp_art'" in last
    assert "'foo'" in last


SIGNS = """\
from pathlib import Path
from typing import Dict, List

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, NestedDict, PythonOPTemplate

for name in "abc":
    Path(name).write_text(name)


@OP.function
def read(
    one: Artifact(Path),
    several: Artifact(List[Path]),
    named: Artifact(Dict[str, Path]),
    deep: Artifact(NestedDict[Path]),
) -> {"text": str, "several": Artifact(List[Path]), "named": Artifact(Dict[str, Path])}:
    text = [one.read_text(), several[0].read_text() + several[1].read_text(), named["x"].read_text()]
    text.append(deep["outer"]["inner"][0].read_text())
    for name in "123":
        Path(name).write_text(name)
    return {"text": " ".join(text), "several": [Path("1"), Path("2")], "named": {"last": Path("3")}}


wf = Workflow(name="signs")
wf.add(
    Step(
        name="read",
        template=PythonOPTemplate(read),
        artifacts={
            "one": upload_artifact("a"),
            "several": upload_artifact(["b", "a"]),
            "named": upload_artifact({"x": "c"}),
            "deep": upload_artifact({"outer": {"inner": ["b"]}}),
        },
    )
)
wf.submit()
"""


def test_1_1_2_an_artifact_is_a_path_a_list_a_dict_or_nested_as_its_sign_says(run, tmp_path):
    wf = run(SIGNS)

    step = wf.query_step(name="read")
    assert step.phase == "Succeeded"
    assert step.outputs.parameters["text"].value == "a ba c b"
    several = download_artifact(step.outputs.artifacts["several"], path=tmp_path / "several")
    assert [Path(p).read_text() for p in several] == ["1", "2"]
    named = download_artifact(step.outputs.artifacts["named"], path=tmp_path / "named")
    assert {name: Path(p).read_text() for name, p in named.items()} == {"last": "3"}


SERIAL_AND_CONCURRENT = """\
from dflow import InputParameter, ShellOPTemplate, Step, Workflow, config

config["debug_pool_workers"] = -1
note = ShellOPTemplate(
    name="note", script="echo {{inputs.parameters.what}} >> ../../order; sleep 0.2; echo - >> ../../order"
)
note.inputs.parameters["what"] = InputParameter()
wf = Workflow(name="order")
wf.add(Step(name="first", template=note, parameters={"what": "first"}))
wf.add([Step(name=name, template=note, parameters={"what": name}) for name in ("left", "right")])
wf.submit()
"""


def test_1_1_4_steps_run_in_sequence_and_a_list_of_steps_side_by_side(run, tmp_path):
    wf = run(SERIAL_AND_CONCURRENT)

    assert wf.query_status() == "Succeeded"
    order = (tmp_path / wf.id / "order").read_text().split()
    assert order[:2] == ["first", "-"]
    assert sorted(order[2:4]) == ["left", "right"]
    assert order[4:] == ["-", "-"]
