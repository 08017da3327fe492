"""The guides on slices: 3.2.1 of both."""

from __future__ import annotations

from pathlib import Path

import pytest

SLICES = """\
step = Step(name="parallel-tasks",
    template=PythonOPTemplate(
        ...,
        slices=Slices(
            input_parameter=["msg"],
            input_artifact=["data"],
            output_artifact=["log"])
    ),
    parameters = {
        "msg": msg_list
    },
    artifacts={
        "data": data_list
    },
    with_param=argo_range(5)
)
"""

SLICES_1_0 = """\
step = Step(name="parallel-tasks",
    template=PythonOPTemplate(
        ...,
        slices=Slices("{{item}}",
            input_parameter=["msg"],
            input_artifact=["data"],
            output_artifact=["log"])
    ),
    parameters = {
        "msg": msg_list
    },
    artifacts={
        "data": data_list
    },
    with_param=argo_range(5)
)
"""

PSEUDOCODE = """\
log = [None] * 5
for item in range(5):
    log[item] = my_op(msg=msg_list[item], data=data_list[item])
"""

SUB_PATH = """\
step = Step(name="parallel-tasks",
    template=PythonOPTemplate(
        ...,
        slices=Slices(sub_path=True,
            input_parameter=["msg"],
            input_artifact=["data"],
            output_artifact=["log"])
    ),
    parameters = {
        "msg": msg_list
    },
    artifacts={
        "data": data_list
    })
"""

# What the guide leaves to the reader. The OP names its log after the data, or, when told, always the same.
OP_AND_LISTS = """\
from pathlib import Path

from dflow import Step, Workflow, argo_range, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate, Slices


@OP.function
def my_op(msg: str, data: Artifact(Path)) -> {"log": Artifact(Path)}:
    log = Path("same.log" if msg == "same" else data.stem + ".log")
    log.write_text(msg + " " + data.read_text())
    return {"log": log}


msg_list = ["hello", "how", "are", "you", "bye"]
Path("there").mkdir(exist_ok=True)
files = [Path("there") / (name + ".txt") for name in "vwxyz"]
for file in files:
    file.write_text(file.stem)
"""

UPLOAD = """\
data_list = upload_artifact(files)
"""

# "specify upload_artifact(..., archive=None)", "declare Artifact(..., archive=None)", and the setting for all
UPLOAD_AS_IS = """\
data_list = upload_artifact(files, archive=None)
"""

NO_ARCHIVES = """\
import dflow
dflow.config["archive_mode"] = None
"""

MAKE = """\
from typing import List


@OP.function
def make() -> {"data": Artifact(List[Path], archive=None)}:
    made = [Path(name + ".txt") for name in "vwxyz"]
    for file in made:
        file.write_text(file.stem)
    return {"data": made}


making = Step(name="make", template=PythonOPTemplate(make))
data_list = making.outputs.artifacts["data"]
"""

RUN = """\
wf = Workflow(name="slices")
wf.add(step)
wf.submit()
"""

THE_OP = ("        ...,\n", "        my_op,\n", "the guide leaves the OP to the reader")
LOGS = ["hello v", "how w", "are x", "you y", "bye z"]


GATHER = """\
from typing import List


@OP.function
def gather(log: Artifact(List[Path])) -> {"texts": List[str], "names": List[str]}:
    return {"texts": [path.read_text() for path in log], "names": [path.name for path in log]}


wf = Workflow(name="slices")
for before in BEFORE:
    wf.add(before)
wf.add(step)
wf.add(Step(name="gather", template=PythonOPTemplate(gather), artifacts={"log": step.outputs.artifacts["log"]}))
wf.submit()
"""

ONLY_THE_SLICES = GATHER.replace("BEFORE", "[]")


@pytest.mark.parametrize("block", [SLICES, SLICES_1_0], ids=["guide", "guide-1-0"])
def test_3_2_1_each_step_gets_its_slice_and_the_logs_are_one_artifact(run, block):
    wf = run(OP_AND_LISTS, UPLOAD, block, ONLY_THE_SLICES, differences=[THE_OP])

    assert wf.query_status() == "Succeeded"
    assert len(wf.query_step(name="parallel-tasks")) == 5
    second = wf.query_step(name=r"parallel-tasks\(1")
    assert second.inputs.parameters["msg"].value == "how"
    assert wf.query_step(name="gather").outputs.parameters["texts"].value == LOGS
    assert wf.query_step(name="gather").outputs.parameters["names"].value == [f"{name}.log" for name in "vwxyz"]


def test_3_2_1_the_pseudocode_gives_the_same(execute):
    ended = execute(
        OP_AND_LISTS,
        "data_list = files\noperate = my_op\nmy_op = lambda **inputs: operate(**inputs)['log'].read_text()",
        PSEUDOCODE,
        "print(log)",
    )

    assert ended.returncode == 0
    assert ended.stdout == f"{LOGS}\n"


SAME_NAMES = ('["hello", "how", "are", "you", "bye"]', '["same"] * 5', "so that all logs have one name")


def test_3_2_1_logs_of_one_name_are_not_overwritten(run):
    wf = run(OP_AND_LISTS, UPLOAD, SLICES, RUN, differences=[THE_OP, SAME_NAMES])

    assert wf.query_status() in ("Failed", "Error")
    messages = " ".join(step.message or "" for step in wf.query_step(name="parallel-tasks"))
    assert "'same.log'" in messages
    assert "create_dir=True" in messages


@pytest.mark.parametrize("block", [SLICES, SUB_PATH], ids=["slices", "sub-path"])
def test_3_2_1_create_dir_gives_each_slice_a_directory(run, block):
    create_dir = ('output_artifact=["log"])', 'output_artifact=["log"], create_dir=True)', "what the guide advises")
    wf = run(OP_AND_LISTS, UPLOAD, block, ONLY_THE_SLICES, differences=[THE_OP, SAME_NAMES, create_dir])

    assert wf.query_status() == "Succeeded"
    gather = wf.query_step(name="gather")
    assert gather.outputs.parameters["texts"].value == [f"same {name}" for name in "vwxyz"]
    assert gather.outputs.parameters["names"].value == ["same.log"] * 5


@pytest.mark.parametrize(
    ("before", "upload"),
    [("", UPLOAD_AS_IS), (NO_ARCHIVES, UPLOAD), ("", UPLOAD)],
    ids=["upload-as-is", "setting", "packed"],
)
def test_3_2_1_in_sub_path_mode_the_lists_say_how_many_steps_there_are(run, before, upload):
    wf = run(before, OP_AND_LISTS, upload, SUB_PATH, ONLY_THE_SLICES, differences=[THE_OP])

    assert wf.query_status() == "Succeeded"
    steps = wf.query_step(name="parallel-tasks")
    assert len(steps) == 5
    assert wf.query_step(name="gather").outputs.parameters["texts"].value == LOGS
    for step in steps:
        passed = Path(step.path, "inputs", "artifacts", "data")
        assert len(list(passed.rglob("*.txt"))) == 1


def test_3_2_1_in_sub_path_mode_the_artifact_may_be_the_output_of_an_op(run):
    with_the_maker = GATHER.replace("BEFORE", "[making]")
    wf = run(OP_AND_LISTS, MAKE, SUB_PATH, with_the_maker, differences=[THE_OP])

    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="gather").outputs.parameters["texts"].value == LOGS


def test_3_2_1_in_sub_path_mode_the_lists_must_be_of_one_length(run):
    shorter = (', "bye"]', "]", "one message less than there are files")
    wf = run(OP_AND_LISTS, UPLOAD, SUB_PATH, RUN, differences=[THE_OP, shorter])

    assert wf.query_status() == "Error"
    message = wf.query_step(name="parallel-tasks").message
    assert "'msg' has 4" in message
    assert "'data' has 5" in message
