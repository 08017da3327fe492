"""The guides on watching a workflow, ending it, and finding steps by key.

3.1.1 and 3.1.12 of the guide, 3.1.1 and 3.1.11 of the guide of version 1.0.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dflow import Workflow, download_artifact
from dflow.engine.errors import RunNotFound

TWO_STEPS = """\
from dflow import OutputArtifact, OutputParameter, ShellOPTemplate, Step, Workflow

made = ShellOPTemplate(name="made", script="printf 42 > /tmp/foo; printf text > /tmp/bar.txt")
made.outputs.parameters["foo"] = OutputParameter(value_from_path="/tmp/foo")
made.outputs.artifacts["bar"] = OutputArtifact(path="/tmp/bar.txt")
failing = ShellOPTemplate(name="failing", script="exit 3")

wf = Workflow(name="managed")
wf.add(Step(name="hello", template=made, key="some-key"))
wf.add(Step(name="hello-again", template=made))
wf.add(Step(name="bad", template=failing))
wf.submit()
"""


def names_of(steps):
    return [step.displayName for step in steps]


@pytest.fixture
def wf(run):
    """A workflow of two good steps and a bad one, looked up by its id from another process."""
    return run(TWO_STEPS)


def test_3_1_1_a_history_workflow_is_retrieved_by_its_id(wf):
    assert Workflow(id=wf.id).id == wf.id
    assert wf.id.startswith("managed-")


def test_3_1_1_query_status_tells_the_phase_of_the_workflow(wf):
    assert wf.query_status() == "Failed"


def test_3_1_1_an_unknown_id_is_told_with_the_place_that_was_searched(tmp_path):
    with pytest.raises(RunNotFound, match="xxx") as caught:
        Workflow(id="xxx").query_status()

    assert str(tmp_path) in str(caught.value)


def test_3_1_1_query_step_by_name_takes_a_regular_expression(wf):
    assert names_of(wf.query_step(name="hello")) == ["hello", "hello-again"]
    assert names_of(wf.query_step(name="hello$")) == ["hello"]
    assert names_of(wf.query_step(name=".*again")) == ["hello-again"]
    assert names_of(wf.query_step(name="(hello|bad)$")) == ["hello", "bad"]
    assert names_of(wf.query_step(name="no-such-step")) == []


def test_3_1_1_query_step_by_phase_id_and_type(wf):
    (bad,) = wf.query_step(phase="Failed", type="Pod")

    assert bad.displayName == "bad"
    assert names_of(wf.query_step(id=bad.id)) == ["bad"]
    assert names_of(wf.query_step(type="Pod")) == ["hello", "hello-again", "bad"]
    assert names_of(wf.query_step(phase="Succeeded", name="hello$|bad")) == ["hello"]


def test_3_1_1_a_step_has_a_phase_parameters_and_artifacts(wf, tmp_path):
    """The guide gets the value of a parameter from ``step.outputs.artifacts["foo"].value``: it means ``parameters``."""
    step = wf.query_step(name="hello$")[0]

    assert step.phase == "Succeeded"
    assert step.outputs.parameters["foo"].value == "42"
    (bar,) = download_artifact(step.outputs.artifacts["bar"])
    assert Path(bar).resolve().parent == tmp_path
    assert Path(bar).read_text() == "text"
    assert step["phase"] == "Succeeded"


GUIDE_1_0_DOWNLOAD = """\
step = wf.query_step(name="hello")
download_artifact(step.outputs.artifacts["bar"])
"""


def test_1_0_3_1_2_the_one_step_that_a_query_found_can_be_used_itself(execute):
    ended = execute(
        "from dflow import download_artifact",
        TWO_STEPS,
        GUIDE_1_0_DOWNLOAD,
        "print(open(path).read())",
        differences=[
            ('name="hello-again"', 'name="again"', "so that one step alone is called hello"),
            ("download_artifact(step", "(path,) = download_artifact(step", "to read what was downloaded"),
        ],
    )

    assert ended.stdout.splitlines()[-1] == "text"


def test_1_0_3_1_2_an_ambiguous_query_says_so_when_it_is_used_as_one_step(execute):
    ended = execute("from dflow import download_artifact", TWO_STEPS, GUIDE_1_0_DOWNLOAD)

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert "2 steps" in last
    assert "hello-again" in last


def test_3_1_12_a_unique_key_finds_a_singleton_list(wf):
    found = wf.query_step(key="some-key")

    assert len(found) == 1
    assert found[0].displayName == "hello"
    assert found.phase == "Succeeded"
    assert found["phase"] == "Succeeded"
    assert [step.phase for step in found] == ["Succeeded"]


def test_3_1_12_a_key_that_no_step_has_finds_an_empty_list_that_says_so(wf):
    found = wf.query_step(key="other-key")

    assert list(found) == []
    with pytest.raises(AttributeError, match="no step"):
        _ = found.phase
    with pytest.raises(IndexError):
        _ = found[0]


def test_3_1_12_a_keyed_step_lives_in_the_directory_of_its_key(wf, tmp_path):
    assert (tmp_path / wf.id / "some-key" / "phase").read_text() == "Succeeded"
    assert wf.query_keys_of_steps() == ["some-key"]
    assert wf.query_step_by_key("some-key")[0].displayName == "hello"


DYNAMIC_KEYS = """\
from dflow import InputParameter, Inputs, OutputParameter, ShellOPTemplate, Step, Steps, Workflow

add_one = ShellOPTemplate(name="add-one", script="echo $(({{inputs.parameters.i}} + 1)) > /tmp/i")
add_one.inputs.parameters["i"] = InputParameter()
add_one.outputs.parameters["i"] = OutputParameter(value_from_path="/tmp/i")

loop = Steps(name="loop", inputs=Inputs(parameters={"i": InputParameter()}))
step = Step(name="add", template=add_one, parameters={"i": loop.inputs.parameters["i"]},
            key="iter-%s" % loop.inputs.parameters["i"])
loop.add(step)
following = step.outputs.parameters["i"]
loop.add(Step(name="next", template=loop, parameters={"i": following}, when="%s < 3" % following))

wf = Workflow(name="keys", steps=Steps(name="main"))
wf.add(Step(name="start", template=loop, parameters={"i": 0}))
wf.submit()
"""


def test_3_1_12_a_key_changes_with_the_iterations_of_a_dynamic_loop(run):
    wf = run(DYNAMIC_KEYS)

    assert wf.query_status() == "Succeeded"
    assert wf.query_keys_of_steps() == ["iter-0", "iter-1", "iter-2"]
    assert wf.query_step(key="iter-2").outputs.parameters["i"].value == "3"
    assert [s.key for s in wf.query_step(key=["iter-0", "iter-1"])] == ["iter-0", "iter-1"]


LONG = """\
from dflow import ShellOPTemplate, Step, Workflow

template = ShellOPTemplate(name="long", script="echo $$ > ../../child; sleep 30; touch ../../too-late")
wf = Workflow(name="long")
wf.add(Step(name="wait", template=template, key="wait"))
wf.add(Step(name="after", template=template))
wf.submit(detach=True)
"""


@pytest.fixture
def long_running(run):
    """A workflow that waits in the background for half a minute, if nobody ends it; its script has ended."""
    wf = run(LONG)
    yield wf
    wf.terminate()


def test_3_1_1_status_and_steps_are_seen_while_the_workflow_runs(long_running, until):
    until(lambda: [step.phase for step in long_running.query_step(name="wait")] == ["Running"])

    assert long_running.query_status() == "Running"
    assert long_running.query_step(name="after") == []


TERMINATE = (
    "import sys; from dflow import Workflow; wf = Workflow(id=sys.argv[1]); wf.terminate(); print(wf.query_status())"
)


def test_3_1_1_terminate_from_another_process_ends_the_workflow_and_its_programs(
    long_running, until, wait_until_gone, tmp_path
):
    child = tmp_path / long_running.id / "child"
    until(lambda: child.exists() and child.read_text().endswith("\n"))

    ended = subprocess.run(
        [sys.executable, "-c", TERMINATE, long_running.id], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert ended.stdout == "Terminated\n"
    assert long_running.query_status() == "Terminated"
    assert long_running.wait() == "Terminated"
    wait_until_gone(child.read_text())
    assert long_running.query_step(key="wait").phase == "Failed"
    assert not (tmp_path / long_running.id / "too-late").exists()


def test_3_1_1_terminate_from_a_thread_of_the_process_that_submitted(execute):
    ended = execute(
        LONG,
        "import threading",
        "thread = threading.Thread(target=wf.terminate)",
        "thread.start()",
        "thread.join(10)",
        "print(thread.is_alive(), wf.query_status())",
    )

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "False Terminated"


def test_3_1_1_a_detached_submit_returns_at_once_and_wait_tells_how_it_ended(execute):
    """Also: it leaves nothing open behind that Python warns of."""
    ended = execute(
        "import gc, warnings",
        "from pathlib import Path",
        LONG,
        "Path(wf.id, 'returned').touch()",
        "gc.collect()",
        "print(wf.wait(interval=0.05))",
        differences=[
            ("sleep 30; touch ../../too-late", "until [ -e ../../returned ]; do sleep 0.05; done", "to see it end")
        ],
    )

    assert ended.stdout.splitlines()[-1] == "Succeeded"
    assert ended.stderr == ""


def test_3_1_1_terminate_of_a_workflow_that_has_ended_changes_nothing(wf):
    wf.terminate()

    assert wf.query_status() == "Failed"
