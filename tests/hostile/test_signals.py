"""Signals, several runners at once, and systems with few file descriptors."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SLEEPS = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("slow", id="slow")
script = "echo {name} >> ../../witness; touch ../../begun; test {name} = a || test -e ../../go || sleep 7NUMBER"
for name in "ab":
    wf.add(Step(name, ShellOPTemplate(name, script=script.format(name=name)), key=name))
wf.submit()
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc")


def start(number: int) -> subprocess.Popen[bytes]:
    """A run whose second step lasts until it is ended; its ``sleep`` has this number."""
    Path("script.py").write_text(SLEEPS.replace("NUMBER", str(number)))
    return subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def sleeping(number: int) -> bool:
    return subprocess.run(["pgrep", "-f", f"sleep 7{number}"], capture_output=True, check=False).stdout != b""


@linux
@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        [signal.SIGHUP],
        [signal.SIGINT],
        [signal.SIGINT, signal.SIGINT],
        [signal.SIGHUP, signal.SIGTERM],
        [signal.SIGTERM, signal.SIGINT],
    ],
    ids=lambda signals: "-".join(s.name for s in signals),
)
def test_signals_end_all_steps_and_the_run_goes_on_later(signals, until, dflow_cli):
    number = 8000 + sum(signals) * 10 + len(signals)
    with start(number) as engine:
        until(lambda: sleeping(number))
        for one in signals:
            engine.send_signal(one)
            time.sleep(0.1)
        _, said = engine.communicate(timeout=30)
    assert engine.returncode != 0
    assert not sleeping(number)
    assert Path("slow/status").read_text() == "Terminated"
    assert b"dflow resume slow" in said
    assert Path("slow/b/phase").read_text() == "Pending"
    assert not Path("slow/.dflow/lease").exists()
    Path("slow/go").touch()
    assert dflow_cli("resume", "slow").returncode == 0
    assert Path("slow/witness").read_text().split() == ["a", "b", "b"]


@linux
def test_of_two_resumes_at_once_one_wins_and_the_other_is_told_who_did(until, dflow_cli):
    number = 8900
    with start(number) as engine:
        until(lambda: sleeping(number))
        engine.kill()
        engine.communicate()
    command = [sys.executable, "-m", "dflow.cli", "resume", "slow"]
    where = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    runners = [subprocess.Popen(command, **where) for _ in range(4)]
    until(lambda: len([r for r in runners if r.poll() is None]) == 1)
    winner = next(r for r in runners if r.poll() is None)
    for loser in [r for r in runners if r is not winner]:
        assert loser.returncode == 1
        assert f"is being run by process {winner.pid} on " in loser.communicate()[1]
    until(lambda: sleeping(number))
    winner.terminate()
    winner.communicate(timeout=30)
    Path("slow/go").touch()
    assert dflow_cli("resume", "slow").returncode == 0
    assert Path("slow/witness").read_text().split() == ["a", "b", "b", "b"], "losers must have started nothing"


MANY = """
from dflow import InputParameter, Inputs, OutputParameter, Outputs, ShellOPTemplate, Step, Workflow, argo_range, config
config["debug_pool_workers"] = 64
template = ShellOPTemplate("s", script="sleep 0.1; echo {{inputs.parameters.x}} > /tmp/x",
    inputs=Inputs(parameters={"x": InputParameter()}),
    outputs=Outputs(parameters={"x": OutputParameter(value_from_path="/tmp/x")}))
wf = Workflow("many", id="many")
wf.add(Step("s", template, parameters={"x": "{{item}}"}, with_param=argo_range(200)))
wf.submit()
print(wf.query_status(), len(wf.query_step(type="Pod", phase="Succeeded")))
"""


@pytest.mark.parametrize("limit", [256, 48])
def test_few_file_descriptors_are_enough_for_many_steps(limit):
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    Path("script.py").write_text(MANY)
    command = [sys.executable, "script.py"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, preexec_fn=few)
    assert result.stdout.split()[-2:] == ["Succeeded", "200"], result.stderr[-2000:]
