"""Jobs of Slurm as scripts ask for them: ``Step(..., executor=SlurmExecutor(...))``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import OutputParameter, ShellOPTemplate, Step, Workflow, config
from dflow.executors.batch.script import environment_text
from dflow.python import OP, PythonOPTemplate, Slices
from dflow.slurm import SlurmExecutor

pytestmark = [pytest.mark.waiting, pytest.mark.usefixtures("own_settings")]
NUMBER = {"n": int}


@OP.function
def square(n: int) -> NUMBER:
    import time

    time.sleep(1)
    return {"n": n * n}


def shell(script: str) -> ShellOPTemplate:
    template = ShellOPTemplate("say", image="alpine", script=script)
    template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n")
    return template


def test_steps_of_one_workflow_run_here_and_as_jobs_that_take_no_place_here(fake):
    config["debug_pool_workers"] = 1
    executor = SlurmExecutor(header="#SBATCH -p debug", cpus=1, interval=0.2)
    wf = Workflow("jobs")
    here = Step("here", shell("echo 1 > /tmp/n"), key="here")
    there = Step("there", shell("echo 2 > /tmp/n"), key="there", executor=executor)
    template = PythonOPTemplate(
        square, image="i", slices=Slices("{{item}}", input_parameter=["n"], output_parameter=["n"])
    )
    many = Step(
        "many",
        template,
        parameters={"n": list(range(8))},
        with_param=list(range(8)),
        key="q-{{item}}",
        executor=executor,
    )
    wf.add([here, there])
    wf.add(many)
    wf.submit()
    assert wf.query_status() == "Succeeded", [(s.name, s.message) for s in wf.query_step()]
    assert [wf.query_step(key=f"q-{i}")[0].outputs.parameters["n"].value for i in range(8)] == [i * i for i in range(8)]
    assert len(fake.events("S")) == 9, "one job for each step that asks for one"
    assert fake.active() == []
    jobs = [step for step in wf.query_step() if step.key and step.key.startswith("q-")]
    last_begun, first_ended = max(job.startedAt for job in jobs), min(job.finishedAt for job in jobs)
    assert last_begun <= first_ended, "all of them have begun before the first has ended"


SCRIPT = """
import sys
from dflow import OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.slurm import SlurmExecutor

template = ShellOPTemplate("say", image="alpine", script="echo x >> {mark}; sleep 3; echo 5 > /tmp/n")
template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n")
wf = Workflow("jobs", id="jobs-1")
executor = SlurmExecutor(interval=0.2)
wf.add([Step("keyed", template, key="keyed", executor=executor), Step("free", template, executor=executor)])
wf.submit()
"""


def test_jobs_of_an_engine_that_was_killed_are_gone_on_with(fake, tmp_path, until):
    mark = tmp_path / "marks"
    (tmp_path / "script.py").write_text(SCRIPT.format(mark=mark))
    engine = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, start_new_session=True)
    until(lambda: mark.exists() and len(mark.read_text().split()) == 2)
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    resumed = subprocess.run(
        [sys.executable, "-m", "dflow.cli", "resume", "jobs-1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    wf = Workflow(id="jobs-1")
    assert wf.query_status() == "Succeeded"
    assert [step.outputs.parameters["n"].value for step in wf.query_step(type="Pod")] == ["5", "5"]
    assert mark.read_text().split() == ["x", "x"], "no job ran twice"
    assert len(fake.events("S")) == 2


def test_jobs_are_cancelled_with_their_workflow(fake, tmp_path, until):
    (tmp_path / "script.py").write_text(SCRIPT.format(mark=tmp_path / "marks").replace("sleep 3", "sleep 60"))
    engine = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path)
    until(lambda: len(fake.active()) == 2)
    began = time.monotonic()
    Workflow(id="jobs-1").terminate()
    engine.wait(timeout=30)
    assert time.monotonic() - began < 20
    until(lambda: fake.active() == [])
    assert Workflow(id="jobs-1").query_status() == "Terminated"


@pytest.mark.slurm
@pytest.mark.timeout(300)
def test_a_real_slurm_runs_scripts_unchanged(slurm, tmp_path):
    executor = SlurmExecutor(cpus=1, interval=2)
    wf = Workflow("jobs")
    wf.add(Step("one", shell("hostname; echo $SLURM_JOB_ID > /tmp/n"), key="one", executor=executor))
    template = PythonOPTemplate(
        square, image="i", slices=Slices("{{item}}", input_parameter=["n"], output_parameter=["n"])
    )
    wf.add(
        Step("many", template, parameters={"n": [1, 2, 3]}, with_param=[0, 1, 2], key="q-{{item}}", executor=executor)
    )
    wf.submit()
    assert wf.query_status() == "Succeeded", [(s.name, s.message) for s in wf.query_step()]
    assert int(wf.query_step(key="one")[0].outputs.parameters["n"].value) > 0
    assert [wf.query_step(key=f"q-{i}")[0].outputs.parameters["n"].value for i in range(3)] == [1, 4, 9]
    assert not (Path.cwd() / "slurm-1.out").exists()


def test_a_limit_of_the_workflow_holds_for_steps_here_and_jobs_together(fake, tmp_path):
    mark = tmp_path / "marks"
    script = f"echo b >> {mark}; sleep 0.3; echo e >> {mark}; echo 1 > /tmp/n"
    executor = SlurmExecutor(interval=0.2)
    wf = Workflow("jobs", parallelism=1)
    wf.add([Step(f"s{i}", shell(script), executor=executor if i % 2 else None) for i in range(4)])
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert mark.read_text().split() == ["b", "e"] * 4


def test_a_job_that_was_made_from_something_else_is_cancelled(fake, tmp_path, until):
    script = SCRIPT.format(mark=tmp_path / "marks").replace("sleep 3", "sleep $WAIT")
    (tmp_path / "script.py").write_text(script)
    engine = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, start_new_session=True, env={**os.environ, "WAIT": "60"}
    )
    until(lambda: (tmp_path / "marks").exists() and len((tmp_path / "marks").read_text().split()) == 2)
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    (tmp_path / "script.py").write_text(script.replace("echo 5", "echo 6"))
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env={**os.environ, "WAIT": "0"}, check=False)
    assert done.returncode == 0
    assert [s.outputs.parameters["n"].value for s in Workflow(id="jobs-1").query_step(type="Pod")] == ["6", "6"]
    until(lambda: fake.active() == [])


def test_passwords_for_machines_are_not_given_to_jobs():
    env = {
        "DFLOW_DISPATCHER_PASSWORD": "hunter2",
        "DFLOW_SSH_PASSWORD": "hunter2",
        "DFLOW_KEPT_SECRETS": "hunter2",
        "A": "1",
    }
    assert environment_text(env, ()) == "export A=1\n"
