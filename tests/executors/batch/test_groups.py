"""Jobs that are submitted together: as arrays, and as groups that are one job."""

from __future__ import annotations

import time

import anyio
import pytest
from dflow.executors.batch import Resources
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


def _codes(executor, jobs):
    return {name: outcome.exit_code for name, outcome in anyio.run(_all, executor, jobs).items()}


def test_jobs_that_ask_for_the_same_are_one_array(executor, fake, job):
    assert _codes(executor(), [job(f"j{n}", f"exit {n}") for n in range(5)]) == {f"j{n}": n for n in range(5)}
    assert len(fake.calls("sbatch")) == 1
    assert len({words[0].partition("_")[0] for words in fake.events("S")}) == 1


def test_jobs_that_ask_for_different_things_are_not_one_array(executor, fake, job):
    jobs = [job("a", "true"), job("b", "true", timeout=100), job("c", "true", timeout=10_000)]
    assert set(_codes(executor(), jobs).values()) == {0}
    assert len(fake.calls("sbatch")) == 3


def test_an_array_has_so_many_jobs(executor, fake, job):
    _codes(executor(array=2), [job(f"j{n}") for n in range(5)])
    assert len(fake.calls("sbatch")) == 3


def test_arrays_become_shorter_until_the_scheduler_takes_them(executor, fake, job):
    fake.set("array", "2")
    assert set(_codes(executor(), [job(f"j{n}") for n in range(7)]).values()) == {0}
    assert max(sum(words[0].startswith(f"{number}_") for words in fake.events("S")) for number in _ids(fake)) <= 2


def test_a_scheduler_without_arrays_gets_single_jobs(executor, fake, job):
    fake.set("array", "0")
    assert set(_codes(executor(), [job(f"j{n}") for n in range(3)]).values()) == {0}
    assert all("_" not in words[0] for words in fake.events("S"))


def test_arrays_that_are_too_many_jobs_at_once_become_shorter(executor, fake, job):
    fake.set("most", "3")
    assert set(_codes(executor(), [job(f"j{n}") for n in range(6)]).values()) == {0}


def test_jobs_that_have_ended_are_told_of_while_others_wait_for_room(executor, fake, job):
    fake.set("most", "2")
    first, second = [job(f"a{n}") for n in range(2)], [job(f"b{n}", "true", timeout=50) for n in range(3)]

    async def main():
        ours, told = executor(), []

        async def one(wanted):
            await ours.run(wanted)
            told.append((wanted.step.name, fake.active() != [] or (fake.state / "full").exists()))
            if len(told) == 2:
                fake.unset("full")

        async with anyio.create_task_group() as tasks:
            for wanted in first:
                tasks.start_soon(one, wanted)
            while len(fake.events("S")) < 2:  # noqa: ASYNC110 - a program writes it
                await anyio.sleep(0.02)
            fake.set("full")
            for wanted in second:
                tasks.start_soon(one, wanted)
        return [name for name, _ in told]

    assert set(anyio.run(main)[:2]) == {"a0", "a1"}


def test_processes_that_end_are_told_of_while_others_wait_for_their_turn(executor, job):
    seconds = []

    async def main():
        ours = executor(Shell(at_once=1))

        async def one(wanted):
            await ours.run(wanted)
            seconds.append(anyio.current_time())

        async with anyio.create_task_group() as tasks:
            for number in range(3):
                tasks.start_soon(one, job(f"j{number}", "sleep 1"))

    anyio.run(main)
    assert seconds[1] - seconds[0] > 0.5
    assert seconds[2] - seconds[1] > 0.5


def test_all_jobs_of_an_array_are_refused_together(executor, fake, job):
    fake.set("refuse", "bad")
    outcomes = anyio.run(_all, executor(resources=Resources(queue="bad")), [job(f"j{n}") for n in range(3)])
    assert {outcome.exit_code for outcome in outcomes.values()} == {126}
    assert len(fake.calls("sbatch")) == 1


def test_a_refused_submission_is_tried_again_if_that_is_wanted(executor, fake, job):
    fake.set("refuse", "bad")
    outcomes = anyio.run(_all, executor(resources=Resources(queue="bad"), tries=2), [job("a")])
    assert outcomes["a"].exit_code == 126
    assert len(fake.calls("sbatch")) == 3


def test_a_group_is_one_job_that_runs_one_after_the_other(executor, fake, job, tmp_path):
    text = f"echo {{}} >> {tmp_path}/order; sleep 0.1; echo {{}} >> {tmp_path}/order; exit {{}}"
    jobs = [job(f"j{n}", text.format(n, n, n)) for n in range(4)]
    assert _codes(executor(group=4), jobs) == {"j0": 0, "j1": 1, "j2": 2, "j3": 3}
    order = (tmp_path / "order").read_text().split()
    assert order[0::2] == order[1::2]
    assert len(fake.events("S")) == 1


def test_some_of_a_group_run_at_the_same_time(executor, fake, job):
    begin = time.monotonic()
    assert set(_codes(executor(group=6, together=3), [job(f"j{n}", "sleep 1") for n in range(6)]).values()) == {0}
    assert len(fake.events("S")) == 1
    assert 2 <= time.monotonic() - begin < 5.5


def test_groups_are_an_array(executor, fake, job):
    assert set(_codes(executor(group=2), [job(f"j{n}") for n in range(6)]).values()) == {0}
    assert len(fake.calls("sbatch")) == 1
    assert len(fake.events("S")) == 3


@pytest.mark.parametrize("group", [1, 3])
def test_all_are_cancelled_with_one_command(executor, fake, job, tmp_path, group):
    jobs = [job(f"j{n}", "sleep 60") for n in range(6)]

    async def main():
        async with anyio.create_task_group() as tasks:
            ours = executor(group=group)
            for one in jobs:
                tasks.start_soon(ours.run, one)
            while len(fake.events("R")) < 6 // group:  # noqa: ASYNC110 - a program writes it
                await anyio.sleep(0.02)
            tasks.cancel_scope.cancel()

    anyio.run(main)
    assert fake.active() == []
    assert len(fake.calls("scancel")) == 1


def test_one_of_a_group_that_is_not_wanted_leaves_the_others_alone(executor, fake, job, tmp_path):
    first, second = job("a", "sleep 2"), job("b", f"echo x > {tmp_path}/ran")

    async def main():
        ours, outcomes = executor(group=2, cancelling=5.0, collect=0.5), []

        async def one():
            outcomes.append(await ours.run(first))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            while not (first.step / ".job.sh").exists():  # noqa: ASYNC110 - so that it is the first of them
                await anyio.sleep(0.02)
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as inner:
                    inner.start_soon(ours.run, second)
                    while not fake.events("R"):  # noqa: ASYNC110 - a program writes it
                        await anyio.sleep(0.02)
                    scope.cancel()
        return outcomes

    [outcome] = anyio.run(main)
    assert outcome.exit_code == 0
    assert not (tmp_path / "ran").exists()
    assert fake.calls("scancel") == []


def test_an_array_that_was_submitted_by_a_killed_engine_is_found_by_its_name(fake, engine, until, tmp_path):
    fake.set("slow", "0.6")
    fake.set("hold")
    jobs = {f"j{n}": "echo x >> ../ran; exit 4" for n in range(3)}
    first = engine(jobs)
    until(lambda: fake.events("S"))
    first.kill()  # sbatch has not answered yet
    fake.unset("slow")
    second = engine(jobs)
    time.sleep(0.5)
    fake.unset("hold")
    assert {name: result[:2] for name, result in second.results().items()} == dict.fromkeys(jobs, (True, 4))
    assert [(tmp_path / "run" / name / "ran").read_text() for name in jobs] == ["x\n"] * 3


def _ids(fake):
    return {words[0].partition("_")[0] for words in fake.events("S")}
