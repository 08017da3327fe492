"""A step that is ended leaves no process, whatever it did to get away."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes that left their session are found in /proc")

RUNAWAYS = """\
trap '' TERM
setsid sh -c "trap '' TERM; sleep {n}" &
(setsid sh -c "trap '' TERM; (sleep {n} &) ; sleep {n}" &)
sleep {n}
"""


def alive(text: str) -> str:
    return subprocess.run(["pgrep", "-f", text], capture_output=True, text=True, check=False).stdout


@pytest.mark.waiting
@linux
def test_a_step_out_of_time_leaves_nothing_even_of_those_that_double_forked():
    wf = Workflow("kill")
    wf.add(Step("s", ShellOPTemplate("s", script=RUNAWAYS.format(n=7731)), timeout=1))
    wf.submit()
    assert wf.query_status() == "Failed"
    assert alive("sleep 7731") == ""


def gone(text: str, seconds: float = 2.0) -> bool:
    deadline = time.monotonic() + seconds
    while alive(text) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(text)


@linux
def test_steps_end_with_an_engine_that_is_killed_and_a_resume_runs_them_again(run_script):
    script = """
    import os, signal, sys
    from dflow import ShellOPTemplate, Step, Workflow
    wf = Workflow("killed", id="killed")
    wf.add(Step("s", ShellOPTemplate("s", script="test -e ../../again || setsid sleep 7732")))
    wf.submit()
    """
    Path("script.py").write_text("\n".join(line.strip() for line in script.splitlines()))
    with subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.DEVNULL) as engine:
        deadline = time.monotonic() + 20
        while not alive("sleep 7732") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive("sleep 7732"), "there must be something to end"
        engine.kill()
    assert gone("sleep 7732")
    Path("killed/again").touch()
    resumed = subprocess.run([sys.executable, "-m", "dflow.cli", "resume", "killed"], check=False)
    assert resumed.returncode == 0


@linux
@pytest.mark.parametrize("verb", ["terminate", "delete"])
def test_ending_a_run_whose_engine_was_killed_ends_its_steps(verb):
    Path("script.py").write_text(
        "from dflow import ShellOPTemplate, Step, Workflow\n"
        "wf = Workflow('orphan', id='orphan')\n"
        "wf.add(Step('s', ShellOPTemplate('s', script='sleep 7734')))\n"
        "wf.submit()\n"
    )
    with subprocess.Popen([sys.executable, "script.py"], stdout=subprocess.DEVNULL) as engine:
        deadline = time.monotonic() + 20
        while not alive("sleep 7734") and time.monotonic() < deadline:
            time.sleep(0.05)
        engine.kill()
    assert subprocess.run([sys.executable, "-m", "dflow.cli", verb, "orphan"], check=False).returncode == 0
    assert alive("sleep 7734") == ""
