"""Processes that an engine which was killed has left are ended before steps start; a new run does not look for any."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from dflow.engine.model import Call
from dflow.engine.process import STEP_VARIABLE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the environment of processes is known on Linux only")


@contextmanager
def process_of_step(step: Path):
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, STEP_VARIABLE: str(step)})
    environ = Path(f"/proc/{process.pid}/environ")
    while environ.read_bytes() == b"":  # in the middle of its exec it shows none
        time.sleep(0.001)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("status", ["Running", "Terminated", "Failed", "", None])
def test_what_a_killed_engine_left_is_ended(runner, steps, shell, status):
    layout = runner.create(steps(Call("a", "t"), templates=[shell("t", "true")]))
    if status is None:
        layout.status.unlink()
    else:
        layout.status.write_text(status)
    with process_of_step(layout.root / "a") as process:
        assert runner.go().phase.is_ok
        assert process.wait(10) == -signal.SIGKILL


def test_a_run_that_no_engine_has_begun_does_not_look_at_the_processes_of_the_host(runner, steps, shell):
    layout = runner.create(steps(Call("a", "t"), templates=[shell("t", "true")]))
    with process_of_step(layout.root / "a") as process:
        assert runner.go().phase.is_ok
        assert process.poll() is None


def test_a_run_says_that_it_has_begun_before_its_first_step_starts(runner, steps, shell, tmp_path):
    script = f"cat {runner.layout.status} > {tmp_path}/seen"
    assert runner.go(steps(Call("a", "t"), templates=[shell("t", script)])).phase.is_ok
    assert (tmp_path / "seen").read_text() == "Running"
