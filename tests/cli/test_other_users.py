"""Runs that another user has made, in a directory that several share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dflow as package
import pytest
from dflow import ShellOPTemplate, Step, Workflow

DROP = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown", "--inh-caps=-all"]
pytestmark = pytest.mark.skipif(
    os.getuid() == 0 and shutil.which("setpriv") is None, reason="this user may read everything"
)


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """``dflow`` of a user who may not read everything."""
    env = {**os.environ, "PYTHONPATH": str(Path(next(iter(package.__path__))).parent)}
    command = [*(DROP if os.getuid() == 0 else []), sys.executable, "-m", "dflow.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def shared():
    """A run of one's own, and one that is closed."""
    for name in ("mine-1", "theirs-1"):
        wf = Workflow(name, id=name)
        wf.add(Step("a", ShellOPTemplate("a", script="echo text; exit 1"), key="a"))
        wf.submit()
    private = Path("theirs-1/.dflow")
    private.chmod(0)
    yield
    private.chmod(0o700)


def test_closed_run_hides_no_others(shared):
    done = dflow("list")
    assert "mine-1" in done.stdout
    assert "theirs-1" not in done.stdout
    assert done.stderr == "dflow: 1 run of other users cannot be looked into\n"
    assert dflow("getkeys", "@latest").stdout == "a\n"
    assert dflow("getkeys", "mi").stdout == "a\n"
    done = dflow("gc", "--phase", "Failed", "--delete")
    assert "kept: theirs-1 cannot be looked into: it is another user's" in done.stdout
    assert not Path("mine-1").exists()
    assert Path("theirs-1").exists()


@pytest.mark.parametrize(
    "verb", ["get", "getsteps", "logs", "doctor", "terminate", "resume", "retry", "delete", "pack"]
)
def test_closed_run_is_called_so(shared, verb):
    error = dflow(verb, "theirs-1", status=1).stderr
    assert error.startswith("dflow: cannot look into run ")
    assert error.endswith("theirs-1: Permission denied; it is another user's\n")
    assert Path("theirs-1").exists()


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        ("a/log.txt", ["logs", "mine-1"]),
        ("a/log.txt", ["logs", "mine-1", "a", "--json"]),
        (".dflow/settings.json", ["resume", "mine-1"]),
        (".dflow/settings.json", ["retry", "mine-1", "-s", "a"]),
    ],
)
def test_file_that_cannot_be_read_is_named(shared, closed, words):
    Path("mine-1", closed).chmod(0)
    error = dflow(*words, status=1).stderr
    assert closed.rpartition("/")[2] in error
    assert error.startswith("dflow: ")
    assert "Permission denied" in error
    Path("mine-1", closed).chmod(0o600)
