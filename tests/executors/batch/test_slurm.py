"""With a real Slurm scheduler."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import anyio
import pytest
from dflow.executors.batch import Resources

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]
MANY = int(os.environ.get("DFLOW_TEST_SLURM_JOBS", "100"))
REAL = {"interval": 2.0, "first": 0.5, "grace": 10.0, "rate": 50.0, "collect": 0.2}


@pytest.fixture
def service(slurm):
    """The scheduler."""
    return slurm


@pytest.fixture
def calls(service, tmp_path, monkeypatch):
    """The times at which commands were called, and a file that has ``squeue`` fail while it is there."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("squeue", "sbatch", "scancel"):
        text = f'#!/bin/sh\ndate +%s.%N >> "{programs}/{name}.calls"\n'
        text += f'test ! -e "{programs}/{name}-down" || {{ echo "Unable to contact" >&2; exit 1; }}\n'
        (programs / name).write_text(f'{text}exec {shutil.which(name)} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def times(name):
        file = programs / f"{name}.calls"
        return [float(line) for line in file.read_text().split()] if file.exists() else []

    times.programs = programs
    return times


def _run(executor, job):
    return anyio.run(executor.run, job)


def test_exit_codes_and_logs(service, executor, job):
    wanted = job("a", "echo hello; exit 7")
    outcome = _run(executor(**REAL), wanted)
    assert (outcome.exit_code, outcome.message) == (7, None)
    assert wanted.log.read_text() == "hello\n"


def test_a_step_directory_of_any_name(service, executor, job):
    wanted = job("a b'%j\\c", "echo hello")
    assert _run(executor(**REAL), wanted).exit_code == 0
    assert wanted.log.read_text() == "hello\n"


def test_what_is_asked_for_is_given(service, executor, job):
    asked = Resources(cpus=3, gpus=1, memory="100M", queue="debug", nodes=1, extra=("--comment=hi",))
    wanted = job("a", 'echo $SLURM_CPUS_PER_TASK; scontrol show job $SLURM_JOB_ID | grep -o "Comment=hi\\|gres:gpu:1"')
    assert _run(executor(**REAL, resources=asked), wanted).exit_code == 0
    assert sorted(wanted.log.read_text().split()) == ["3", "Comment=hi", "gres:gpu:1"]


def test_a_queue_that_there_is_not_is_refused_at_once(service, executor, job):
    outcome = _run(executor(**REAL, resources=Resources(queue="nowhere")), job("a"))
    assert outcome.exit_code == 126
    assert "invalid partition specified: nowhere" in outcome.message


def test_a_job_cancelled_from_outside_says_so(service, executor, job, ended_by):
    outcome = ended_by(executor(**REAL), job("a", "sleep 60"), lambda number: _call("scancel", number))
    assert outcome.hint == "the scheduler ended it: cancelled from outside"
    assert outcome.exit_code == 143


def test_a_job_cancelled_while_it_waits_says_so(service, executor, job, until):
    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, act)
            return await executor(**{**REAL, "grace": 1.0}, resources=Resources(extra=("--hold",))).run(job("a"))

    def act():
        until(lambda: " PENDING" in "".join(service.queue()))
        _call("scancel", service.queue()[0].split()[0])

    outcome = anyio.run(main)
    assert (outcome.exit_code, outcome.hint) == (143, "the scheduler ended it: cancelled from outside")


def test_a_job_that_the_scheduler_ends_after_its_time_says_so(service, executor, job, ended_by):
    outcome = ended_by(
        executor(**REAL, resources=Resources(time=60)),
        job("a", "sleep 300"),
        lambda number: _call("scontrol", "update", f"JobId={number}", "TimeLimit=0:01"),
    )
    assert outcome.hint == "the scheduler ended it: time limit"
    assert not outcome.lost


def test_our_own_time_limit_is_exact(service, executor, job):
    began = time.monotonic()
    outcome = _run(executor(**REAL), job("a", "sleep 60", timeout=1.0))
    assert outcome.timed_out
    assert time.monotonic() - began < 20


def test_a_job_whose_node_is_gone_is_lost(service, executor, job, ended_by):
    def act(number):
        _call("scontrol", "update", f"NodeName={os.uname().nodename}", "State=DOWN", "Reason=test")

    outcome = ended_by(executor(**{**REAL, "grace": 3.0}), job("a", "sleep 60"), act)
    assert outcome.lost
    assert "node failure" in outcome.message
    service.start()


def test_many_jobs_one_query_in_an_interval(service, calls, executor, job):
    async def main():
        async with anyio.create_task_group() as group:
            for number in range(MANY):
                group.start_soon(one, number)

    async def one(number):
        codes.append((await run(job(f"j{number}", "echo x >> ../ran; sleep 1"))).exit_code)

    codes, run = [], executor(**{**REAL, "first": 2.0}).run
    began = time.time()
    anyio.run(main)
    took, asked = time.time() - began, calls("squeue")
    print(f"{MANY} jobs in {took:.1f} s, {len(asked)} queries, {len(calls('sbatch'))} submissions")
    assert codes == [0] * MANY
    assert all((job(f"j{number}").step / "ran").read_text() == "x\n" for number in range(MANY))
    assert 1 <= len(asked) <= took / (REAL["interval"] * 0.9) + 1


def test_squeue_fails_for_a_while(service, calls, executor, job, until, ended_by):
    def act(_):
        (calls.programs / "squeue-down").touch()
        before = len(calls("squeue"))
        until(lambda: len(calls("squeue")) >= before + 2)
        (calls.programs / "squeue-down").unlink()

    outcome = ended_by(executor(**{**REAL, "grace": 1.0}), job("a", "sleep 3; exit 4"), act)
    assert (outcome.exit_code, outcome.message) == (4, None)


def test_the_controller_is_restarted_while_jobs_run(service, executor, job, ended_by):
    def act(_):
        pid = int(Path("/tmp/slurm-local/slurmctld.pid").read_text())
        os.kill(pid, signal.SIGTERM)  # after SIGKILL it may have forgotten jobs of the last seconds
        time.sleep(3)
        service.start()

    outcome = ended_by(executor(**{**REAL, "grace": 1.0}), job("a", "sleep 6; exit 4"), act)
    assert (outcome.exit_code, outcome.message) == (4, None)


def test_killed_engines_lose_no_job_and_run_none_twice(service, engine, tmp_path):
    jobs = {f"j{number}": "echo x >> ../ran; sleep 2; exit 3" for number in range(MANY)}
    for pause in (1.0, 1.5, 2.5):
        one = engine(jobs, **REAL)
        time.sleep(pause)
        one.kill()
    results = engine(jobs, **REAL).results(seconds=800)
    assert {name: result[1:] for name, result in results.items()} == dict.fromkeys(jobs, (3, None, False))
    ran = {name: (tmp_path / "run" / name / "ran").read_text() for name in jobs}
    assert ran == dict.fromkeys(jobs, "x\n")


def test_nothing_is_left_in_the_queue_when_it_is_ended(service, calls, executor, job):
    async def main():
        with anyio.move_on_after(4):
            async with anyio.create_task_group() as group:
                for number in range(MANY):
                    group.start_soon(executor_.run, job(f"j{number}", "sleep 300"))

    executor_ = executor(**REAL)
    anyio.run(main)
    assert calls("sbatch")
    assert service.queue() == []
    assert len(calls("scancel")) <= 2


def _call(*argv):
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
