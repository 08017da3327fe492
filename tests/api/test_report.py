"""What a run says is not what decides whether it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dflow
import pytest

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
