"""Suspending a run and going on with it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow
from dflow.engine.errors import StateError
from until import until


def dflow(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dflow.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def detached() -> Workflow:
    wf = Workflow("suspended")
    here = Path.cwd()
    wf.add(Step("first", ShellOPTemplate("first", script=f"until test -e {here}/go; do sleep 0.05; done")))
    wf.add(Step("second", ShellOPTemplate("second", script=f"touch {here}/second")))
    wf.submit(detach=True)
    until(lambda: bool(wf.query_step("first")))
    return wf


@pytest.mark.parametrize("by", ["python", "command"])
def test_no_step_starts_until_the_run_is_resumed(by):
    wf = detached()
    if by == "python":
        wf.suspend()
    else:
        assert f"go on with: dflow resume {wf.id}" in dflow("suspend", wf.id).stdout
    until(Path(wf.id, ".dflow", "suspended").exists)
    Path("go").touch()
    until(lambda: wf.query_step("first").phase == "Succeeded")
    time.sleep(0.5)
    assert not Path("second").exists()
    if by == "python":
        wf.resume()
    else:
        assert dflow("resume", wf.id).returncode == 0
    assert dflow("wait", wf.id).returncode == 0
    assert Path("second").exists()


def test_a_run_that_is_over_cannot_be_suspended():
    wf = Workflow("over")
    wf.add(Step("s", ShellOPTemplate("s", script="true")))
    wf.submit()
    with pytest.raises(StateError, match="is not running"):
        wf.suspend()
