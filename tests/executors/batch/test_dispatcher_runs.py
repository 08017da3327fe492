"""Workflows through the dispatcher executor with a real Slurm, on this machine and by SSH, whose engines are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dflow
import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(1500)]
MANY = int(os.environ.get("DFLOW_TEST_SLURM_JOBS", "60"))
INTERVAL = 3.0
SCRIPT = """
import json, os, sys, time
from pathlib import Path
from dflow import Step, Workflow, argo_range, config
from dflow.plugins.dispatcher import DispatcherExecutor
from dflow.python import OP, PythonOPTemplate, Slices

config["dispatcher_interval"] = {interval}

@OP.function
def double(number: int, ran: str, seconds: float) -> {{"twice": int}}:
    with open(os.path.join(ran, str(number)), "a") as file:
        file.write("x")
    time.sleep(seconds)
    return {{"twice": 2 * number}}

if __name__ == "__main__":
    many, ran, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    executor = DispatcherExecutor(
        machine_dict={machine!r}, resources_dict={resources!r}, queue_name="debug", **{more!r}
    )
    template = PythonOPTemplate(
        double, slices=Slices(input_parameter=["number"], output_parameter=["twice"]), {extra}
    )
    step = Step("double", template, parameters={{"number": list(range(many)), "ran": ran, "seconds": seconds}},
                with_param=argo_range(many), key="n-{{{{item}}}}", executor=executor)
    wf = Workflow("many", id="many")
    wf.add(step)
    wf.submit()
    found = wf.query_step(name="double", type="StepGroup") or wf.query_step(name="double")
    print(json.dumps({{"status": wf.query_status(),
        "mb": int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024}}))
"""


class Site:
    """A way to the scheduler, a workflow that goes it, and what it has done."""

    def __init__(self, place, machine, server=None):
        self.place, self.machine, self.server = place, machine, server
        self.ran = place / "ran"
        self.ran.mkdir()
        self.root = place / "many"

    def start(self, *words):
        """Start a program in the place of the runs."""
        library = str(Path(next(iter(dflow.__path__))).parent)
        path = f"{self.place / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "PYTHONPATH": library, "DFLOW_DISPATCHER_INTERVAL": str(INTERVAL)}
        return subprocess.Popen(
            [sys.executable, *words], cwd=self.place, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def script(self, many, seconds, resources=None, extra="", **more):
        """The user's script, started."""
        program = SCRIPT.format(
            interval=INTERVAL, machine=self.machine, resources=resources or {}, more=more, extra=extra
        )
        (self.place / "script.py").write_text(program)
        return self.start("script.py", str(many), str(self.ran), str(seconds))

    def times(self):
        """How often each slice ran."""
        return {int(file.name): len(file.read_text()) for file in self.ran.iterdir()}

    def asked(self):
        """When the queue was asked for."""
        file = self.place / "bin" / "squeue.calls"
        return [float(line) for line in file.read_text().split()] if file.exists() else []

    def outputs(self, many):
        """What the slices gave."""
        return [(self.root / f"n-{n}/outputs/parameters/twice").read_text() for n in range(many)]


@pytest.fixture(params=["here", "ssh"])
def site(request, slurm, tmp_path):
    """Slurm of this machine, with shared files or by SSH with a directory of its own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    text = f'#!/bin/sh\ndate +%s.%N >> "{programs}/squeue.calls"\nexec {shutil.which("squeue")} "$@"\n'
    (programs / "squeue").write_text(text)
    (programs / "squeue").chmod(0o755)
    if request.param == "here":
        return Site(tmp_path, {"batch_type": "Slurm", "context_type": "LazyLocalContext"})
    server = request.getfixturevalue("ssh_server")
    profile = {
        "hostname": server.host,
        "port": server.port,
        "username": server.user,
        "key_filename": str(server.key),
        "known_hosts": str(server.known_hosts),
        "execute_command": f"export PATH={programs}:$PATH",
    }
    machine = {"batch_type": "Slurm", "context_type": "SSHContext", "remote_root": str(tmp_path / "away")}
    return Site(tmp_path, {**machine, "remote_profile": profile}, server)


def _ended(process, seconds=900):
    output, errors = process.communicate(timeout=seconds)
    return process.returncode, output, errors


def test_many_slices_one_query_in_an_interval(site, slurm, until):
    began = time.time()
    code, output, errors = _ended(site.script(MANY, 1))
    took, asked = time.time() - began, site.asked()
    print(f"{MANY} slices in {took:.0f} s, {len(asked)} queries; {output.splitlines()[-1]}")
    assert code == 0, errors
    assert '"status": "Succeeded"' in output, output + errors
    assert int(output.rpartition('"mb": ')[2].rstrip("}\n")) < 300
    assert site.times() == dict.fromkeys(range(MANY), 1)
    assert site.outputs(MANY) == [str(2 * n) for n in range(MANY)]
    assert 1 <= len(asked) <= took / (INTERVAL * 0.9) + 1, asked
    until(lambda: slurm.queue() == [], 60)  # they are completing


def test_a_killed_engine_loses_no_job_and_runs_none_twice(site, slurm, until):
    process = site.script(MANY, 2)
    for part in (0.2, 0.5):
        until(lambda least=part: len(site.times()) >= MANY * least, 300)
        process.kill()
        process.communicate()
        if site.server is not None:
            site.server.kill()
            time.sleep(1)
            site.server.start()
        process = site.start("-m", "dflow.cli", "resume", "many")
    code, output, errors = _ended(process)
    assert code == 0, output + errors
    assert site.times() == dict.fromkeys(range(MANY), 1)
    assert site.outputs(MANY) == [str(2 * n) for n in range(MANY)]


def test_terminate_leaves_nothing_in_the_queue(site, slurm, until):
    process = site.script(MANY, 600)
    until(lambda: len(slurm.queue()) >= MANY, 300)
    done = site.start("-m", "dflow.cli", "terminate", "many")
    assert _ended(done, 60)[0] == 0
    _ended(process, 200)
    assert slurm.queue() == []


def test_an_interrupt_leaves_nothing_in_the_queue(site, slurm, until):
    process = site.script(10, 600)
    until(lambda: len(slurm.queue()) >= 10, 120)
    process.send_signal(signal.SIGINT)
    _ended(process, 200)
    assert slurm.queue() == []


def test_slices_are_grouped_into_jobs(site, slurm):
    code, output, errors = _ended(site.script(20, 0, {"group_size": 5, "para_deg": 2}))
    assert code == 0, errors
    assert '"status": "Succeeded"' in output
    assert site.outputs(20) == [str(2 * n) for n in range(20)]
    ids = {(site.root / f"n-{n}/.claim").read_text().split()[0] for n in range(20)}
    assert len(ids) == 4


def test_slices_are_merged_into_one_job(site, slurm):
    code, _, errors = _ended(site.script(8, 0, merge_sliced_step=True))
    assert code == 0, errors
    assert len({(site.root / f"n-{n}/.claim").read_text().split()[0] for n in range(8)}) == 1


def test_a_failed_job_says_why_and_its_siblings_are_collected(site, slurm):
    (site.ran / "3").mkdir()  # so that the OP fails
    _, output, errors = _ended(site.script(6, 0))
    assert '"status": "Failed"' in output, errors
    assert [n for n in range(6) if (site.root / f"n-{n}/outputs/parameters/twice").exists()] == [0, 1, 2, 4, 5]
    assert "IsADirectoryError" in (site.root / "n-3/log.txt").read_text()
    assert "IsADirectoryError" in errors + output


def test_a_partition_that_there_is_not_is_an_error_in_words(site, slurm):
    site.machine["batch_type"] = "SlurmJobArray"
    _, output, errors = _ended(site.script(2, 0, {"queue_name": "nowhere"}))
    assert '"status": "Failed"' in output or '"status": "Error"' in output
    assert "invalid partition specified: nowhere" in output + errors


def test_a_time_limit_of_the_scheduler_is_the_reason(site, slurm):
    _, output, errors = _ended(site.script(1, 600, {"custom_flags": ["#SBATCH --time=0:01"]}), 300)
    assert "time limit" in output + errors


NO_OUTPUT = """
from dflow import OutputArtifact, OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.plugins.dispatcher import DispatcherExecutor

template = ShellOPTemplate("forgets", image="none", script="echo 1 > /tmp/number")
template.outputs.parameters["number"] = OutputParameter(value_from_path="/tmp/number")
template.outputs.artifacts["curve"] = OutputArtifact(path="/tmp/curve.txt")
wf = Workflow("forgets", id="forgets")
executor = DispatcherExecutor(machine_dict={machine!r}, queue_name="debug")
wf.add(Step("forgets", template, key="forgets", executor=executor))
wf.submit()
"""


def test_an_output_that_was_not_made_is_named(site, slurm):
    _, output, errors = _ended(site.start("-c", NO_OUTPUT.format(machine=site.machine)), 120)
    assert "output artifact 'curve'" in output + errors
    assert "/tmp/curve.txt" in output + errors
    assert (site.place / "forgets/forgets/workdir/tmp/number").read_text() == "1\n"
