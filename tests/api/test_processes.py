"""A run has as many processes as places for steps, and a few of its own, however many steps there are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.waiting,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc"),
]

PLACES = 2
SERVERS = 3
"""The first one, the one that has loaded the runtime, and the one that has loaded the OP."""
SCRIPT = """
import sys, time
from dflow import InputParameter, Inputs, ShellOPTemplate, Step, Workflow, argo_range
from dflow.python import OP, PythonOPTemplate, Slices

NUMBER = {"n": int}

@OP.function
def wait(n: int) -> NUMBER:
    time.sleep(0.02)
    return {"n": n}

kind, count = sys.argv[1], int(sys.argv[2])
if kind == "shell":
    inputs = Inputs(parameters={"n": InputParameter()})
    template = ShellOPTemplate("s", script="exec sleep 0.02", inputs=inputs)
    step = Step("s", template, parameters={"n": "{{item}}"}, with_param=argo_range(count))
else:
    slices = Slices("{{item}}", input_parameter=["n"], output_parameter=["n"])
    template = PythonOPTemplate(wait, image="i", slices=slices, isolation=kind)
    step = Step("s", template, parameters={"n": list(range(count))}, with_param=argo_range(count))
wf = Workflow("many", id="many")
wf.add(step)
wf.submit()
"""


def parent_of(pid: int) -> tuple[int, int]:
    """A process and its parent; of one that has ended, 0."""
    try:
        return pid, int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return pid, 0


def below(engine: int) -> set[int]:
    """The processes that descend from one."""
    parents = dict(map(parent_of, [int(path.name) for path in Path("/proc").glob("[0-9]*")]))
    found, fresh = set(), {engine}
    while fresh:
        found |= fresh
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
    return found - {engine}


@pytest.mark.parametrize(("kind", "count"), [("shell", 300), ("fork", 300), ("warm", 300), ("spawn", 30)])
def test_processes_are_as_many_as_places_not_as_many_as_steps(tmp_path, kind, count):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", kind, str(count)]
    env = {**os.environ, "DFLOW_DEBUG_POOL_WORKERS": str(PLACES)}
    seen = []
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as engine:
        while engine.poll() is None:
            seen.append(len(below(engine.pid)))
            time.sleep(0.01)
        assert engine.stdout is not None
        assert engine.stdout.read().endswith("Workflow many Succeeded\n")
    assert len(seen) > 20
    assert PLACES < max(seen) <= PLACES + SERVERS + 2, "two more may be about to end"
