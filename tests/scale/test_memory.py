"""What the engine holds in memory grows by the record of each finished slice, and by nothing else."""

from __future__ import annotations

import json
import os

import pytest

SCRIPT = """
import json, sys, threading, time
from dflow import Step, Workflow, argo_range, config
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate, Slices

count, early = int(sys.argv[1]), int(sys.argv[2])
config["isolation"] = "warm"

class Same(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"y": op_in["x"]})

def status(name):
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) * 1024 for line in stream if line.startswith(name))

seen = {}

def watch():
    import dflow.engine.groups as groups
    settled = groups.LoopGroup._settled
    def count_them(self, child):
        settled(self, child)
        if len(self._done) in (early, count - 1):
            seen[len(self._done)] = status("VmRSS")
    groups.LoopGroup._settled = count_them

watch()
wf = Workflow("wide", id="wide")
template = PythonOPTemplate(Same, slices=Slices("{{item}}", input_parameter=["x"], output_parameter=["y"]))
fan = Step("fan", template, parameters={"x": list(range(count))}, with_param=argo_range(count))
wf.add(fan)
begun = time.perf_counter()
wf.submit()
seconds = time.perf_counter() - begun
steps = wf.query_step(type="Pod")
print(json.dumps({
    "phase": wf.query_status(), "steps": len(steps), "seconds": seconds, "peak": status("VmHWM"),
    "growth": (seen[count - 1] - seen[early]) / (count - 1 - early),
}))
"""
RECORD = 1024
"""Bytes of a finished node with its name, id, text of one output, and its places in lists."""


@pytest.mark.scale
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")  # noqa: PTH110
@pytest.mark.parametrize("count", [10_000, 100_000])
def test_memory_grows_by_the_record_of_each_slice(run_script, count, capsys):
    if count > 10_000 and os.environ.get("DFLOW_SCALE") != "full":
        pytest.skip("a hundred thousand slices: set DFLOW_SCALE=full (minutes, and 1.3 million inodes)")
    done = run_script(SCRIPT, str(count), str(count // 5), timeout=1700)
    told = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        print(f"\n{count} slices: {told}")  # the numbers are the point
    assert (told["phase"], told["steps"]) == ("Succeeded", count)
    assert told["growth"] < RECORD + 1024
    assert count > 10_000 or told["peak"] < 300e6
