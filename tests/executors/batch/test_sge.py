"""With a real Grid Engine."""

from __future__ import annotations

import subprocess
import time

import anyio
import pytest
from dflow.executors.batch import Resources
from dflow.executors.batch.sge import Sge
from needed import need
from sge import SgeService, why_not

pytestmark = [pytest.mark.sge, pytest.mark.timeout(60)]
REAL = {"interval": 2.0, "first": 0.5, "grace": 10.0, "rate": 50.0, "collect": 0.2}
MANY = 20


@pytest.fixture(scope="module")
def started():
    need(why_not())
    with SgeService() as service:
        yield service


@pytest.fixture
def service(started, monkeypatch, until):
    """The scheduler, known to this process."""
    for name, value in started.environment.items():
        monkeypatch.setenv(name, value)
    yield started
    until(lambda: started.queue() == [])


@pytest.fixture
def sge(service, executor):
    """An executor that is in more of a hurry than a real one may be."""
    return lambda **options: executor(Sge(), **{**REAL, **options})


def _run(executor, job):
    return anyio.run(executor.run, job)


def _call(*argv):
    subprocess.run(argv, check=True, capture_output=True, timeout=30)


def test_exit_codes_and_logs(sge, job):
    wanted = job("a", "echo hello; echo word >&2; exit 7")
    outcome = _run(sge(), wanted)
    assert (outcome.exit_code, outcome.message) == (7, None)
    assert wanted.log.read_text() == "hello\nword\n"


@pytest.mark.parametrize("name", ["a b'%j\\c", "2nd", "a,b:c@d", "$HOME"])
def test_a_step_directory_of_any_name(sge, job, name):
    wanted = job(name, "echo hello")
    outcome = _run(sge(), wanted)
    assert (outcome.exit_code, outcome.message) == (0, None)
    assert wanted.log.read_text() == "hello\n"


def test_what_is_asked_for_is_given(sge, job):
    asked = Resources(cpus=3, memory="3G", queue="all.q", time=600, extra=("-l arch=lx-amd64", "#$ -ac word=given"))
    wanted = job("a", 'echo $NSLOTS $PE; qstat -j $JOB_ID | grep -o "h_rt=[0-9]*\\|h_vmem=[0-9MG]*\\|word=given"')
    outcome = _run(sge(resources=asked), wanted)
    assert outcome.exit_code == 0, wanted.log.read_text()
    assert sorted(wanted.log.read_text().split()) == ["3", "h_rt=600", "h_vmem=1024M", "smp", "word=given"]


@pytest.mark.parametrize(("asked", "share"), [("8gb", "2048M"), ("1G", "256M"), ("100M", "25M"), ("max", "max")])
def test_memory_of_a_node_is_asked_for_by_the_core(asked, share):
    assert f"#$ -l h_vmem={share}" in Sge().header(Resources(cpus=4, memory=asked))


def test_a_queue_that_there_is_not_is_refused_at_once(sge, job):
    outcome = _run(sge(resources=Resources(queue="nowhere")), job("a"))
    assert outcome.exit_code == 126
    assert 'Job was rejected because job requests unknown queue "nowhere"' in outcome.message


def test_a_parallel_environment_that_there_is_not_is_refused_at_once(service, executor, job):
    outcome = _run(executor(Sge(environment="mpi"), **REAL, resources=Resources(cpus=2)), job("a"))
    assert outcome.exit_code == 126
    assert 'the requested parallel environment "mpi" does not exist' in outcome.message


def test_a_job_cancelled_from_outside_ends_at_once(sge, job, ended_by):
    """Grid Engine kills it, and does not remember that somebody wanted that."""
    outcome = ended_by(sge(), job("a", "sleep 60"), lambda number: _call("qdel", number))
    assert (outcome.exit_code, outcome.hint) == (137, "the scheduler says that it failed")


def test_a_job_that_cannot_be_begun_fails_and_does_not_stay_in_the_queue(sge, job, caplog):
    outcome = _run(sge(grace=1.0, resources=Resources(extra=("-S /no/such/shell",))), job("a"))
    assert outcome.exit_code == 1
    assert "could not be begun" in caplog.text
    assert "/no/such/shell" in caplog.text


def test_a_job_cancelled_while_it_waits_says_so(service, sge, job, until):
    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, act)
            return await sge(grace=1.0, resources=Resources(extra=("-h",))).run(job("a"))

    def act():
        until(lambda: " hqw " in "".join(service.queue()))
        _call("qdel", service.queue()[0].split()[0])

    outcome = anyio.run(main)
    assert outcome.exit_code != 0
    assert not (job("a").step / ".claim").exists()
    assert outcome.message or outcome.hint


def test_a_job_that_the_scheduler_ends_after_its_time_says_so(sge, job):
    outcome = _run(sge(resources=Resources(extra=("-l h_rt=2",))), job("a", "sleep 300"))
    assert outcome.hint == "the scheduler ended it: time limit"
    assert outcome.exit_code in {137, 143}
    assert not outcome.lost


def test_our_own_time_limit_is_exact(sge, job):
    began = time.monotonic()
    outcome = _run(sge(), job("a", "sleep 60", timeout=1.0))
    assert outcome.timed_out
    assert time.monotonic() - began < 20


def test_many_jobs_run_once_each(sge, job):
    async def main():
        async with anyio.create_task_group() as group:
            for number in range(MANY):
                group.start_soon(one, number)

    async def one(number):
        codes.append((await run(job(f"j{number}", "echo x >> ../ran; sleep 1"))).exit_code)

    codes, run = [], sge().run
    anyio.run(main)
    assert codes == [0] * MANY
    assert all((job(f"j{number}").step / "ran").read_text() == "x\n" for number in range(MANY))


def test_killed_engines_lose_no_job_and_run_none_twice(service, engine, tmp_path):
    jobs = {f"j{number}": "echo x >> ../ran; sleep 2; exit 3" for number in range(MANY)}
    for pause in (1.0, 1.5, 2.5):
        one = engine(jobs, "sge", **REAL)
        time.sleep(pause)
        one.kill()
    results = engine(jobs, "sge", **REAL).results(seconds=300)
    assert {name: result[1:] for name, result in results.items()} == dict.fromkeys(jobs, (3, None, False))
    ran = {name: (tmp_path / "run" / name / "ran").read_text() for name in jobs}
    assert ran == dict.fromkeys(jobs, "x\n")


def test_nothing_is_left_in_the_queue_when_it_is_ended(service, sge, job):
    async def main():
        with anyio.move_on_after(4):
            async with anyio.create_task_group() as group:
                for number in range(MANY):
                    group.start_soon(one.run, job(f"j{number}", "sleep 300"))
            seen.append("ended")

    one, seen = sge(), []
    anyio.run(main)
    assert seen == []
    assert all(line.split()[4] in {"dr", "dt"} for line in service.queue()), "what it has begun to end"


def test_a_scheduler_that_is_away_for_a_while_loses_no_job(service, sge, job, ended_by):
    def act(_):
        service.crash()
        time.sleep(4)
        service.start()

    outcome = ended_by(sge(grace=1.0), job("a", "sleep 3; exit 4"), act)
    assert (outcome.exit_code, outcome.message) == (4, None)
