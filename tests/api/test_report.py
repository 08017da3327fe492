"""What a run says is not what decides whether it runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import dflow
import pytest
from dflow import ShellOPTemplate, Step, Workflow
from dflow.cli import main

SCRIPT = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("said", id="said")
wf.add(Step("step", ShellOPTemplate("step", script="exit {code}")))
wf.submit()
"""


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full", ">&- 2>&-", ">/dev/full 2>&1", "| true"])
@pytest.mark.parametrize(("code", "status"), [(0, "Succeeded"), (1, "Failed")])
def test_a_workflow_runs_where_nothing_can_be_printed(redirected, code, status):
    Path("script.py").write_text(SCRIPT.format(code=code))
    env = {**os.environ, "PYTHONPATH": str(Path(next(iter(dflow.__path__))).parent)}
    subprocess.run(["bash", "-c", f"{sys.executable} script.py {redirected}"], env=env, timeout=60, check=False)
    assert Path("said/status").read_text() == status


@pytest.mark.parametrize(("key", "words"), [("-x", "--step=-x"), ("a b", "--step 'a b'"), ("-a b", "--step='-a b'")])
def test_the_retry_that_is_advised_can_be_typed(key, words, capfd):
    wf = Workflow("said", id="said")
    script = f"echo x >> {Path.cwd()}/tries; exit 1"
    wf.add(Step("step", ShellOPTemplate("step", script=script), key=key))
    wf.submit()
    advice = capfd.readouterr().err.splitlines()[-1].strip()
    assert advice == f"retry: dflow retry said {words}"
    assert main(shlex.split(advice)[2:]) == 1
    assert Path("tries").read_text().split() == ["x", "x"]
