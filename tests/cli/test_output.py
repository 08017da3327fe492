"""Standard output that is closed, full, or read by nobody: what runs, runs; what only looks, says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dflow as package
import pytest

SCRIPT = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("said", id="said")
wf.add(Step("step", ShellOPTemplate("step", script="exit {code}")))
wf.submit()
"""


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """What bash does with a command in which ``dflow`` is the program; the status is that of ``dflow``."""
    env = {**os.environ, "PYTHONPATH": str(Path(next(iter(package.__path__))).parent)}
    text = f'dflow() {{ "{sys.executable}" -m dflow.cli "$@"; }}; {command}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full", ">&- 2>&-", ">/dev/full 2>&1", "| true", "2>&1 | true"])
@pytest.mark.parametrize(("code", "status"), [(0, "Succeeded"), (1, "Failed")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_exit_status_of_a_run_is_that_of_the_workflow(monkeypatch, redirected, code, status, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    Path("script.py").write_text(SCRIPT.format(code=code))
    done = shell(f"dflow run script.py {redirected}")
    assert (Path("said/status").read_text(), done.returncode) == (status, code)


def test_script_that_cannot_print_has_not_succeeded():
    Path("script.py").write_text("import sys\nprint('x' * 1_000_000)\nsys.stdout.flush()\nopen('after', 'w')\n")
    assert shell("dflow run script.py 2>&1 | true").returncode == 1
    assert not Path("after").exists()


@pytest.mark.parametrize("verb", ["resume", "retry", "resubmit", "wait"])
def test_reader_that_has_gone_changes_no_exit_status(wf, verb):
    assert shell(f"dflow {verb} {wf.id} --json | true").returncode == 1
    assert shell(f"PYTHONUNBUFFERED=1; export PYTHONUNBUFFERED; dflow {verb} {wf.id} --json | true").returncode == 1


@pytest.mark.parametrize("verb", ["list", "getsteps @latest --json", "get @latest", "logs @latest", "graph @latest"])
def test_looking_at_nothing_that_can_be_written(wf, verb):
    done = shell(f"dflow {verb} >/dev/full")
    assert (done.returncode, done.stderr) == (1, "dflow: standard output: No space left on device\n")
    done = shell(f"dflow {verb} >&-")
    assert (done.returncode, done.stderr) == (1, "dflow: standard output is closed\n")
    assert shell(f"dflow {verb} >&- 2>&-").returncode == 1


def test_reader_that_has_seen_enough_is_no_failure(wf):
    (log,) = Path(wf.id).glob("*bad*/log.txt")
    log.write_text("x\n" * 1_000_000)
    done = shell(f"dflow logs {wf.id} | head -1")
    assert (done.returncode, done.stderr) == (0, "")
