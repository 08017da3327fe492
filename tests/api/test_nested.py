"""Workflows that steps submit: part of the step, resumed with it, ended with it, and no burden to the machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow, config
from dflow.engine.layout import RunLayout
from dflow.engine.slots import Slots
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate

CHILD = """
from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow, argo_range

def child(witness, count=4, fail_at=-1, seconds=0.0, name="inner"):
    script = '''
echo start {{inputs.parameters.i}} >> %s
sleep %s
test {{inputs.parameters.i}} != %d || test -e %s.again || exit 3
echo $(( {{inputs.parameters.i}} * 10 )) > out.txt
echo end {{inputs.parameters.i}} >> %s
''' % (witness, seconds, fail_at, witness, witness)
    wf = Workflow(name)
    template = ShellOPTemplate("square", script=script)
    template.inputs.parameters["i"] = InputParameter(type=int)
    template.outputs.parameters["o"] = OutputParameter(value_from_path="out.txt")
    wf.add(Step("fan", template, parameters={"i": "{{item}}"}, with_param=argo_range(count)))
    wf.submit()
    return wf
"""

PARENT = """
import sys
sys.path.insert(0, {here!r})
from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate, Slices
from child import child

class Outer(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({{"k": int}})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({{"id": str, "phase": str}})

    @OP.exec_sign_check
    def execute(self, op_in):
        wf = child({witness!r} + str(op_in["k"]), **{arguments!r})
        wf.raise_for_status()
        return OPIO({{"id": wf.id, "phase": wf.query_status()}})

wf = Workflow("outer", id="outer")
wf.add(Step("o", PythonOPTemplate(Outer, slices=Slices(input_parameter=["k"], output_parameter=["id", "phase"])),
            parameters={{"k": {ks!r}}}, with_param=list(range(len({ks!r})))))
wf.submit()
"""


@pytest.fixture
def outer(tmp_path):
    """Writes a workflow whose OPs submit a workflow each, and gives the way to start it."""

    def make(ks=(0,), **arguments):
        (tmp_path / "child.py").write_text(CHILD)
        text = PARENT.format(here=str(tmp_path), witness=str(tmp_path / "witness"), arguments=arguments, ks=list(ks))
        (tmp_path / "outer.py").write_text(text)
        return [sys.executable, "outer.py"]

    return make


def lines(k=0):
    return Path(f"witness{k}").read_text().splitlines()


def parent():
    return Workflow(id="outer")


def test_a_workflow_in_an_op_lies_in_the_directory_of_its_step(outer):
    subprocess.run(outer(), check=True)
    assert parent().query_status() == "Succeeded"
    step = parent().query_step(type="Pod")[0]
    name = step.outputs.parameters["id"].value
    assert (Path(step.path) / "workflows" / name / "status").read_text() == "Succeeded"
    assert [p.name for p in Path().iterdir() if p.is_dir() and p.name.startswith("inner")] == []
    assert sorted(lines()) == sorted(f"{what} {i}" for i in range(4) for what in ("start", "end"))


def test_after_a_failure_inside_the_next_attempt_goes_on_with_the_same_run(outer):
    subprocess.run(outer(fail_at=2), check=True)
    assert parent().query_status() == "Failed"
    first = lines()
    Path("witness0.again").touch()
    parent().retry()
    assert parent().query_status() == "Succeeded"
    assert lines()[len(first) :] == ["start 2", "end 2"]


@pytest.mark.skipif(sys.platform != "linux", reason="steps are found in /proc")
def test_after_a_kill_of_everything_the_inner_run_goes_on_too(outer):
    command = outer(count=6, seconds=0.4)
    config["debug_pool_workers"] = 2
    engine = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (Path("witness0").exists() and "end 3" in lines()):
        time.sleep(0.02)
    engine.kill()
    engine.wait()
    finished = [
        (step.parent / "inputs/parameters/i").read_text()
        for step in Path("outer").glob("*/workflows/*/*/phase")
        if step.read_text() == "Succeeded"
    ]
    assert finished, "the test must have something that may not run again"
    subprocess.run([sys.executable, "-m", "dflow.cli", "resume", "outer"], check=True)
    assert parent().query_status() == "Succeeded"
    assert {line for line in lines() if line.startswith("end")} == {f"end {i}" for i in range(6)}
    assert [lines().count(f"start {i}") for i in finished] == [1] * len(finished), "a finished step ran again"


@pytest.mark.skipif(sys.platform != "linux", reason="steps are found in /proc")
def test_terminate_ends_the_inner_run_with_its_parent(outer):
    engine = subprocess.Popen(outer(seconds=7733), start_new_session=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not Path("witness0").exists():
        time.sleep(0.02)
    parent().terminate()
    engine.wait(30)
    assert parent().query_status() == "Terminated"
    assert subprocess.run(["pgrep", "-f", "sleep 7733"], capture_output=True, check=False).stdout == b""


def test_runs_inside_steps_share_the_places_and_all_of_them_end(outer):
    """Two steps hold both places and each starts a run of four: nobody waits for ever, and never do three run."""
    env = {**os.environ, "DFLOW_DEBUG_POOL_WORKERS": "2"}
    subprocess.run(outer(ks=(0, 1, 2), seconds=0.1), check=True, env=env, timeout=120)
    assert parent().query_status() == "Succeeded"
    spans = []
    for step in parent().query_step(type="Pod"):
        for inner in (Path(step.path) / "workflows").iterdir():
            for record in inner.glob("*/.step"):
                data = json.loads(record.read_text())
                spans.append((data["started"], data["finished"]))
    assert len(spans) == 12
    for start, _ in spans:
        assert sum(a <= start < b for a, b in spans) <= 2, "more leaf steps at once than there are places"


def test_two_runs_of_one_name_in_one_step_have_ids_of_their_own_and_the_same_ones_again(outer, tmp_path):
    class Twice(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"marker": str})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"ids": list})

        @OP.exec_sign_check
        def execute(self, op_in):
            ids = []
            for _ in range(2):
                wf = Workflow("inner")
                wf.add(Step("s", ShellOPTemplate("s", script="true")))
                wf.submit()
                ids.append(wf.id)
            if not Path(op_in["marker"]).exists():
                Path(op_in["marker"]).write_text(json.dumps(ids))
                raise RuntimeError("once more")
            return OPIO({"ids": ids})

    wf = Workflow("twice")
    marker = tmp_path / "marker"
    wf.add(Step("s", PythonOPTemplate(Twice), parameters={"marker": str(marker)}))
    wf.submit()
    wf.retry()
    ids = wf.query_step(name="s")[0].outputs.parameters["ids"].value
    assert len(set(ids)) == 2
    assert ids == json.loads(marker.read_text())


def test_a_place_of_a_process_that_was_killed_is_free_again(tmp_path):
    layout = RunLayout(tmp_path / "r")
    layout.private.mkdir(parents=True)
    slots = Slots.make(layout, 1)
    holder = (
        "import sys, time; from pathlib import Path; from dflow.engine.slots import Slots\n"
        "slots = Slots(Path(sys.argv[1]), 1, inside=False); print(slots.take(), flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holder, str(layout.slots)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "0\n"
        assert slots.take() is None
        other.send_signal(signal.SIGKILL)
    taken = slots.take()
    assert taken == 0
    slots.give(taken)
    assert slots.take() == 0
    slots.close()
