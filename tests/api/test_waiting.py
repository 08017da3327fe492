"""Steps that wait for somebody, and for what they need from them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dflow import Workflow
from dflow.engine.errors import ConfigError, StateError
from dflow.engine.lease import is_running
from dflow.local_mode import LocalRun
from dflow.waiting import Waiting, choose, waiting_steps
from until import until

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: asks-}
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - [{name: approve, template: approve}, {name: pause, template: pause}]
    - - name: say
        template: say
        arguments: {parameters: [{name: x, value: "{{steps.approve.outputs.parameters.decision}}"}]}
  - name: approve
    suspend: {}
    outputs:
      parameters:
      - {name: decision, valueFrom: {supplied: {}}}
      - {name: why, valueFrom: {supplied: {}, default: none}}
  - name: pause
    suspend: {}
  - name: say
    inputs: {parameters: [{name: x}]}
    script: {image: alpine, command: [sh], source: "cat <<'END'\\nit is {{inputs.parameters.x}}\\nEND\\n"}
"""


def dflow(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dflow.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done


def phases(wf: Workflow) -> dict[str, str]:
    return {step.displayName: step.phase for step in wf.query_step()}


@pytest.fixture
def wf() -> Iterator[Workflow]:
    """A run in the background, with two steps that wait."""
    made = Workflow.from_yaml(MANIFEST)
    made.submit(detach=True)
    until(lambda: phases(made) == {"approve": "Running", "pause": "Running"})
    yield made
    if Path(made.id).exists() and made.query_status() not in ("Succeeded", "Failed"):
        made.terminate()


def test_outputs_go_to_the_steps_that_take_them_and_the_others_wait_on(wf):
    wf.resume(outputs={"decision": {"go": True}})
    assert phases(wf) == {"approve": "Succeeded", "pause": "Running"}
    wf.resume(steps=["pause"])
    assert wf.wait(0.1) == "Succeeded"
    assert wf.logs("say") == 'it is {"go": true}\n'
    found = wf.query_step("approve").outputs.parameters
    assert {name: parameter.value for name, parameter in found.items()} == {"decision": '{"go": true}', "why": "none"}


def test_the_command_gives_outputs_to_steps_by_name(wf):
    done = dflow("resume", wf.id, "--step", "approve", "--output", "decision=a=b c", "--output", "why=because")
    assert (done.returncode, done.stdout) == (0, f"{wf.id} goes on\n")
    assert phases(wf)["pause"] == "Running"
    assert dflow("resume", wf.id).returncode == 0
    assert dflow("wait", wf.id).returncode == 0
    assert wf.logs("say") == "it is a=b c\n"


def test_a_plain_resume_moves_what_needs_nothing_and_says_what_the_others_need(wf):
    done = dflow("resume", wf.id)
    assert done.returncode == 0
    assert f"dflow resume {wf.id} --step approve --output decision=VALUE" in done.stderr
    until(lambda: phases(wf) == {"approve": "Running", "pause": "Succeeded"})


def test_what_no_step_takes_and_steps_that_do_not_wait_are_refused(wf):
    with pytest.raises(ConfigError, match=r"a value for 'decison'; .*'decision', 'why'; did you mean 'decision'\?"):
        wf.resume(outputs={"decison": "x"})
    with pytest.raises(ConfigError, match=r"step 'approve' of .* needs a value for 'decision', too"):
        wf.resume(outputs={"why": "x"})
    with pytest.raises(ConfigError, match=r"no step of .* takes a value for 'why'; steps that wait take: none"):
        wf.resume(outputs={"why": "x"}, steps=["pause"])
    with pytest.raises(
        StateError, match=r"no step 'say' of .* waits for somebody; steps that wait: 'approve', 'pause'"
    ):
        wf.resume(steps=["say"])
    done = dflow("resume", wf.id, "--output", "decision")
    assert (done.returncode, done.stderr) == (2, "dflow: --output decision: it must be NAME=VALUE\n")
    assert phases(wf) == {"approve": "Running", "pause": "Running"}


def test_a_run_whose_process_is_gone_gets_a_new_one_and_then_the_values(wf):
    layout = LocalRun(wf).layout()
    os.kill(int(layout.pid.read_text()), signal.SIGKILL)
    until(lambda: not is_running(layout))
    assert [step.display for step in waiting_steps(layout)] == ["approve", "pause"]
    wf.resume(outputs={"decision": "yes"}, steps=["approve", "pause"])
    assert wf.wait(0.1) == "Succeeded"
    assert wf.logs("say") == "it is yes\n"


def test_a_run_in_which_nothing_waits_cannot_be_given_anything(wf):
    wf.resume(outputs={"decision": "yes"}, steps=["approve", "pause"])
    wf.wait(0.1)
    with pytest.raises(StateError, match=f"no step of {wf.id} waits for somebody"):
        wf.resume(outputs={"decision": "yes"})


def test_steps_that_wait_are_counted_as_steps(wf):
    assert json.loads(dflow("get", wf.id, "--json").stdout)["phases"] == {"Running": 2}
    wf.resume(outputs={"decision": "yes"}, steps=["approve", "pause"])
    wf.wait(0.1)
    assert json.loads(dflow("get", wf.id, "--json").stdout)["phases"] == {"Succeeded": 3}
    assert json.loads(dflow("list", "--json").stdout)[0]["steps"] == 3
    assert " 3/3" in dflow("list").stdout
    shown = dflow("getsteps", wf.id, "--type", "Suspend").stdout
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["approve", "pause"]


def test_of_copies_with_the_same_name_those_are_meant_that_take_the_output():
    def step(number, **more):
        return Waiting(f"id-{number}", f"wf[0].a({number})", "k", frozenset({"k", f"id-{number}"}), **more)

    takes, takes_not = step(0, supplied=("x",), needed=("x",)), step(1)
    assert choose([takes, takes_not], ["x"], [], "wf") == [(takes, ["x"])]
    assert choose([takes, takes_not], ["x"], ["k"], "wf") == [(takes, ["x"]), (takes_not, [])]
    with pytest.raises(ConfigError, match="needs a value for 'x'"):
        choose([takes, takes_not], [], ["k"], "wf")
