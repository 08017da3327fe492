"""How a scheduler is asked: rarely, patiently, and never taken at its first word."""

from __future__ import annotations

import itertools
import logging
import time

import anyio
import pytest
from dflow.executors.batch.shell import Shell

pytestmark = pytest.mark.waiting


async def _all(executor, jobs):
    outcomes = {}

    async def one(job):
        outcomes[job.step.name] = await executor.run(job)

    async with anyio.create_task_group() as group:
        for job in jobs:
            group.start_soon(one, job)
    return outcomes


def test_one_query_serves_all_jobs_and_comes_once_in_an_interval(executor, fake, job):
    began = time.time()
    outcomes = anyio.run(_all, executor(first=0.4, interval=0.4), [job(f"j{n}", "sleep 1") for n in range(20)])
    assert [outcome.exit_code for outcome in outcomes.values()] == [0] * 20
    took, calls = time.time() - began, fake.calls("squeue")
    assert 2 <= len(calls) <= took / (0.4 * 0.9) + 1
    assert min(later - earlier for earlier, later in itertools.pairwise(calls)) >= 0.4 * 0.85


def test_queries_become_rarer_while_nothing_happens(executor, fake, job):
    anyio.run(_all, executor(first=0.1, interval=10), [job("a", "sleep 1.2")])
    calls = fake.calls("squeue")
    gaps = [later - earlier for earlier, later in itertools.pairwise(calls)]
    assert len(calls) <= 5
    assert gaps == sorted(gaps)


def test_submissions_are_so_many_in_a_second(executor, fake, job):
    anyio.run(_all, executor(rate=10.0, array=1), [job(f"j{n}") for n in range(8)])
    calls = sorted(fake.calls("sbatch"))
    assert 0.6 <= calls[-1] - calls[0] <= 3


def test_a_scheduler_that_does_not_answer_is_waited_for(executor, fake, job, caplog):
    caplog.set_level(logging.WARNING, "dflow.executors")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            return await _all(executor(grace=0.3), [job("a", "sleep 0.6; exit 5"), job("b", "sleep 1.5")])

    async def fail():
        await anyio.sleep(0.2)
        fake.set("squeue-down")
        await anyio.sleep(1.0)
        fake.unset("squeue-down")

    outcomes = anyio.run(main)
    assert {name: outcome.exit_code for name, outcome in outcomes.items()} == {"a": 5, "b": 0}
    texts = [record.getMessage() for record in caplog.records]
    assert texts == [
        "slurm: squeue: error: Unable to contact slurm controller (connect failure); its jobs are waited for",
        "slurm answers again",
    ]


def test_jobs_are_submitted_when_the_scheduler_answers_again(executor, fake, job):
    fake.set("down")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            return await _all(executor(), [job(f"j{n}", "echo x >> ../ran") for n in range(3)])

    async def work():
        await anyio.sleep(0.7)
        fake.unset("down")

    assert [outcome.exit_code for outcome in anyio.run(main).values()] == [0, 0, 0]


def test_jobs_wait_while_the_scheduler_takes_no_more(executor, fake, job, caplog):
    fake.set("full")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            return await _all(executor(), [job("a"), job("b")])

    async def work():
        await anyio.sleep(0.5)
        fake.unset("full")

    assert [outcome.exit_code for outcome in anyio.run(main).values()] == [0, 0]
    assert sum("takes no more jobs for now" in record.getMessage() for record in caplog.records) == 1


def test_a_submission_without_an_answer_is_not_repeated_when_it_was_heard(executor, fake, job, tmp_path):
    fake.set("mute")
    outcomes = anyio.run(_all, executor(), [job("a", "echo x >> ../ran")])
    assert outcomes["a"].exit_code == 0
    assert (tmp_path / "run/a/ran").read_text() == "x\n"
    assert len(fake.events("S")) == 1


def test_a_job_that_vanished_is_lost_only_after_some_time(executor, fake, job, until):
    fake.set("hold")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            return await executor(grace=0.8).run(job("a"))

    async def work():
        while not fake.events("S"):  # noqa: ASYNC110 - a program writes it
            await anyio.sleep(0.02)
        vanished.append(time.monotonic())
        fake.set("events")

    vanished = []
    outcome = anyio.run(main)
    assert (outcome.lost, outcome.message) == (True, "the scheduler no longer knows the job, and it left no result")
    assert time.monotonic() - vanished[0] >= 0.8


def test_a_result_that_appears_late_counts(executor, fake, job, tmp_path):
    fake.set("hold")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            return await executor(grace=5).run(job("a"))

    async def work():
        while not fake.events("S"):  # noqa: ASYNC110 - a program writes it
            await anyio.sleep(0.02)
        fake.set("events")
        await anyio.sleep(0.8)
        (tmp_path / "run/a/.exit").write_text('{"code":6}')

    assert anyio.run(main).exit_code == 6


def test_cancelling_ends_all_jobs_with_one_command(executor, fake, job, tmp_path):
    async def main():
        with anyio.move_on_after(1.0):
            await _all(executor(), [job(f"j{n}", "sleep 60") for n in range(12)])

    anyio.run(main)
    assert len(fake.events("S")) == 12
    assert fake.active() == []
    assert len(fake.calls("scancel")) == 1


def test_a_job_that_waits_never_begins_after_it_was_cancelled(executor, fake, job, tmp_path):
    fake.set("hold")

    async def main():
        with anyio.move_on_after(0.5):
            await executor().run(job("a", "echo x >> ../ran"))

    anyio.run(main)
    fake.unset("hold")
    time.sleep(0.2)
    assert not (tmp_path / "run/a/ran").exists()
    assert fake.active() == []


def test_a_job_cancelled_while_it_is_submitted_is_cancelled(executor, fake, job, tmp_path):
    fake.set("slow", "0.4")

    async def main():
        with anyio.move_on_after(0.3):
            await executor().run(job("a", "sleep 60"))

    anyio.run(main)
    assert len(fake.events("S")) == 1
    assert fake.active() == []


def test_a_job_that_may_have_been_submitted_is_cancelled_by_its_name(executor, fake, job):
    fake.set("mute")

    async def main():
        with anyio.move_on_after(0.3):
            await executor(first=0.5).run(job("a", "sleep 60"))

    anyio.run(main)
    assert len(fake.events("S")) == 1
    assert fake.active() == []


def test_a_cancelled_job_is_not_adopted_but_begun_anew(executor, fake, job):
    async def main():
        with anyio.move_on_after(0.5):
            await executor().run(job("a", "sleep 60"))

    anyio.run(main)
    assert not executor().adopt(job("a").step)
    assert anyio.run(executor().run, job("a", "exit 9")).exit_code == 9


def test_processes_of_this_machine_are_bounded(executor, job):
    script = "sleep 0.2"
    began = time.monotonic()
    outcomes = anyio.run(_all, executor(Shell(2)), [job(f"j{n}", script) for n in range(6)])
    assert time.monotonic() - began >= 0.6
    assert [outcome.exit_code for outcome in outcomes.values()] == [0] * 6


@pytest.mark.parametrize("rotation", [1, 50])
def test_a_result_is_noticed_while_the_scheduler_still_lists_the_job(executor, fake, job, rotation):
    fake.set("hold")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            return await _all(executor(rotation=rotation), [job("a"), job("b")])

    async def work():
        while len(fake.events("S")) < 2:  # noqa: ASYNC110 - a program writes it
            await anyio.sleep(0.02)
        for name in "ab":
            (job(name).step / ".exit").write_text('{"code":2}')

    assert [outcome.exit_code for outcome in anyio.run(main).values()] == [2, 2]


def test_the_number_of_a_job_is_not_trusted_without_its_name(executor, fake, job):
    fake.set("hold")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            return await executor().run(job("a"))

    async def work():
        while not fake.events("S"):  # noqa: ASYNC110 - a program writes it
            await anyio.sleep(0.02)
        fake.set("events", f"S {fake.events('S')[0][0]} another\n")

    outcome = anyio.run(main)
    assert (outcome.lost, outcome.message) == (True, "the scheduler no longer knows the job, and it left no result")
