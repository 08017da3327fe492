"""What jobs of a scheduler have used is said by the shell around them, and by the runtime of Python OPs."""

import json
import os
import shutil
import sys
from pathlib import Path

import anyio
import pytest
from dflow import Step, Workflow
from dflow.engine.ports import Usage
from dflow.executors.batch.places import Exit, exit_of
from dflow.executors.usage import cpu_of, usage_of, with_usage
from dflow.python import OP, PythonOPTemplate
from dflow.slurm import SlurmExecutor

BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def _run(executor, job):
    async def main():
        return await executor.run(job)

    return anyio.run(main)


@pytest.mark.parametrize("shell", [s for s in ("sh", "bash", "dash", "ksh", "zsh") if shutil.which(s)])
def test_the_time_of_a_program_is_measured_where_it_runs(shell, executor, fake, job):
    (tmp := job("a").cwd).mkdir(parents=True, exist_ok=True)
    (tmp / "busy.py").write_text(BUSY)
    outcome = _run(executor(head=(f"#!{shutil.which(shell)}",)), job("a", f"{sys.executable} -S busy.py; exit 3"))
    assert outcome.exit_code == 3
    assert 0.28 < outcome.usage.cpu < 2
    assert outcome.usage.max_rss is None, "nobody has measured it"
    assert outcome.host == os.uname().nodename


def test_the_runtime_of_an_op_says_what_it_used(executor, fake, job):
    program = 'echo "1.5 70000000" > "$DFLOW_USAGE"'
    outcome = _run(executor(), job("a", program, runtime=("op.json", "step")))
    assert outcome.usage == Usage(1.5, 70_000_000)
    assert not (job("a").step / ".usage").exists()


def test_what_is_no_usage_is_passed_over(executor, fake, job):
    program = """printf '"}\\n' > "$DFLOW_USAGE"; exit 4"""
    outcome = _run(executor(), job("a", program, runtime=("op.json", "step")))
    assert (outcome.exit_code, outcome.usage) == (4, None)


def test_a_program_that_is_no_op_is_not_asked(job):
    assert with_usage(job("a"), job("a").step) == job("a")


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"times": "0m1.50s 1m0.02s"}, Usage(61.52)),
        ({"times": "0m1,50s 0m0,50s"}, Usage(2.0)),
        ({"times": "0m1.50s 0m0.02s", "usage": "2.5 1000"}, Usage(2.5, 1000)),
        ({"times": "", "usage": ""}, None),
        ({"times": 5, "usage": []}, None),
        ({}, None),
    ],
)
def test_how_a_job_ended_is_read_with_what_it_used(said, usage):
    assert exit_of(json.dumps({"code": 1, "host": "n1", **said})) == Exit(1, host="n1", usage=usage)


@pytest.mark.parametrize("text", ["", "1", "a b", "1 b", "1 2 3", "nan 1", "1 2.5"])
def test_anything_else_is_no_usage(text):
    assert usage_of(text) is None
    assert cpu_of(text) is None


NUMBER = {"n": int}


def square(n: int) -> NUMBER:
    assert bytearray(80_000_000)
    return {"n": n * n}


def test_an_op_that_runs_as_a_job_is_measured(fake):
    wf = Workflow("jobs")
    template = PythonOPTemplate(OP.function(square), image="i")
    wf.add(Step("a", template, parameters={"n": 3}, key="a", executor=SlurmExecutor(interval=0.2)))
    wf.submit()
    [step] = wf.query_step(key="a")
    assert step.phase == "Succeeded"
    assert 0.01 < step.usage.cpu < 10
    assert 80e6 < step.usage.maxRss < 200e6
    assert not Path(step.path, ".usage").exists()
