"""A runner on another host that is taken over stops and writes nothing more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest
from dflow.engine.layout import RunLayout
from dflow.engine.lease import holder

if TYPE_CHECKING:
    from pathlib import Path

UNSHARE = shutil.which("unshare")


def _can_have_another_hostname() -> bool:
    if UNSHARE is None:
        return False
    words = [UNSHARE, "--map-root-user", "--uts", "hostname", "elsewhere"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


SCRIPT = """
    from dflow import ShellOPTemplate, Step, Workflow
    wf = Workflow("wf", id="wf-1")
    wait = "echo {step} $(hostname) >> {folder}/witness; until test -e {folder}/go; do sleep 0.05; done"
    first = ShellOPTemplate("first", script="echo first $(hostname) >> {folder}/witness")
    wf.add(Step("first", first))
    wf.add(Step("second", ShellOPTemplate("t", script=wait.format(step="second"))))
    wf.submit()
"""


@pytest.mark.skipif(not _can_have_another_hostname(), reason="needs a UTS namespace")
def test_a_run_is_taken_over_from_a_live_host_which_stops(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT).replace("{folder}", str(tmp_path)).replace("{step}", "second"))
    inside = f'hostname elsewhere; exec "{sys.executable}" "{script}"'
    other = subprocess.Popen(
        [str(UNSHARE), "--map-root-user", "--uts", "sh", "-c", inside], stderr=subprocess.PIPE, text=True
    )
    layout, witness = RunLayout(tmp_path / "wf-1"), tmp_path / "witness"
    deadline = time.monotonic() + 30
    while not witness.exists() or witness.read_text().count("\n") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert holder(layout)["host"] == "elsewhere"
    os.utime(layout.lease, (time.time() - 100,) * 2)  # as if it hung: the takeover does not wait for it
    mine = subprocess.Popen([sys.executable, "-m", "dflow.cli", "resume", "wf-1", "--takeover"])
    _, stderr = other.communicate(timeout=30)
    assert "workflow wf-1 was taken over by process" in stderr
    assert other.returncode != 0
    while witness.read_text().count("\n") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = _contents(layout.root)
    time.sleep(0.5)
    assert _contents(layout.root) == before
    (tmp_path / "go").touch()
    assert mine.wait(timeout=30) == 0
    here = os.uname().nodename
    assert witness.read_text().split() == ["first", "elsewhere", "second", "elsewhere", "second", here]
    assert layout.status.read_text() == "Succeeded"


def _contents(root: Path) -> dict[str, str]:
    files = [p for p in root.rglob("*") if p.is_file() and p.parts[-2:] != (".dflow", "lease")]
    return {str(p): p.read_text(errors="replace") for p in files}


def test_a_runner_whose_lease_is_anothers_commits_nothing(runner, steps, shell, tmp_path):
    """The lease changes while a step runs: the step is ended, its directory stays as it is."""
    from dflow.engine.errors import LeaseLost
    from dflow.engine.model import Call

    data = json.dumps({"host": "elsewhere", "pid": 7, "start": "1", "fence": 9})
    script = f"printf '%s' '{data}' > {tmp_path}/new; mv {tmp_path}/new {runner.layout.lease}; exec sleep 30"
    graph = steps(Call("a", "t"), Call("b", "t"), templates=[shell("t", script)])
    begun = time.monotonic()
    with pytest.raises(LeaseLost, match="was taken over by process 7 on elsewhere"):
        runner.go(graph)
    assert time.monotonic() - begun < 10
    assert runner.status == "Running"
    assert runner.phases["[0].a"] == "Running"
    assert (runner.directory("[0].a") / "phase").read_text() == "Running"
    assert holder(runner.layout)["fence"] == 9
