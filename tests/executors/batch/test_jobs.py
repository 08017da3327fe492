"""Jobs of a batch scheduler: what they get, how they end, and what is said of that."""

from __future__ import annotations

import ast
import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from dflow.executors.batch import Resources
from dflow.executors.batch.shell import Shell


def _run(executor, *jobs):
    async def main():
        outcomes = [None] * len(jobs)

        async def one(number, job):
            outcomes[number] = await executor.run(job)

        async with anyio.create_task_group() as group:
            for number, job in enumerate(jobs):
                group.start_soon(one, number, job)
        return outcomes

    outcomes = anyio.run(main)
    return outcomes if len(jobs) > 1 else outcomes[0]


def _codes(outcomes):
    return [(outcome.exit_code, outcome.timed_out, outcome.message) for outcome in outcomes]


@pytest.fixture(params=["slurm", "shell"])
def either(request, fake, executor):
    """An executor of either scheduler."""
    return executor() if request.param == "slurm" else executor(Shell(8))


def test_the_exit_code_is_the_programs(either, job):
    scripts = {"zero": "exit 0", "one": "exit 1", "last": "exit 128", "none": "no-such-command", "kill": "kill -9 $$"}
    outcomes = _run(either, *(job(name, script) for name, script in scripts.items()))
    assert _codes(outcomes) == [(code, False, None) for code in (0, 1, 128, 127, 137)]


def test_a_program_that_does_not_exist_has_the_code_of_the_shell(either, job):
    assert _run(either, job("a", argv=("/no/such/program",))).exit_code == 127


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_an_argument_that_no_program_can_get_cannot_start(executor, fake, job, word):
    outcome = _run(executor(), job("a", argv=("echo", word)))
    assert outcome.exit_code == 126
    assert outcome.message.startswith("cannot start 'echo'")
    assert fake.calls("sbatch") == []


def test_arguments_environment_and_directory_arrive_as_they_are(either, job, tmp_path):
    odd = 'it\'s "a" $HOME `x` \\ %j\n#\u00e9\udcff *'
    program = "import os, sys; print([sys.argv[1:], os.environ.copy(), os.getcwd()])"
    wanted = job("a b'c", argv=(sys.executable, "-c", program, odd, ""))
    env = {**os.environ, "ODD": odd, "BASH_FUNC_f%%": "() { :; }", "UID": "7", "DFLOW_STEP_PATH": "/elsewhere"}
    assert _run(either, replace(wanted, env=env)).exit_code == 0
    arguments, found, cwd = ast.literal_eval(wanted.log.read_text())
    assert arguments == [odd, ""]
    assert cwd == f"{tmp_path}/run/a b'c/workdir"
    assert (found["ODD"], found["BASH_FUNC_f%%"], found["PATH"]) == (odd, "() { :; }", env["PATH"])
    assert "DFLOW_STEP_PATH" not in found


def test_what_the_scheduler_sets_is_not_overwritten(executor, fake, job, monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_JOB_ID", "of the engine")
    assert _run(executor(), job("a", "echo $SLURM_JOB_ID")).exit_code == 0
    [[number, _]] = fake.events("S")
    assert (tmp_path / "run/a/log.txt").read_text() == f"{number}\n"


def test_secrets_of_the_environment_are_for_the_user_alone(executor, fake, job, tmp_path):
    _run(executor(), job("a"))
    modes = {name: stat.S_IMODE((tmp_path / "run/a" / name).stat().st_mode) for name in (".job.env", ".job.sh", ".job")}
    assert modes == {".job.env": 0o600, ".job.sh": 0o700, ".job": 0o600}


def test_the_log_is_appended_to_and_has_errors_too(either, job, tmp_path):
    wanted = job("a", "echo 1; echo 2 >&2; echo 3")
    wanted.log.write_text("0\n")
    _run(either, wanted)
    assert wanted.log.read_text() == "0\n1\n2\n3\n"


def test_what_a_program_left_behind_is_ended_with_it(either, job, tmp_path, until):
    _run(either, job("a", "sleep 77 & echo $!"))
    pid = int((tmp_path / "run/a/log.txt").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists() or ") Z " in Path(f"/proc/{pid}/stat").read_text())


def test_a_job_ends_after_its_time_even_if_it_ignores_that(either, job):
    polite, stubborn = "sleep 60", "trap '' TERM; sleep 60"
    outcomes = _run(either, job("a", polite, timeout=0.3), job("b", stubborn, timeout=0.3), job("c", "", timeout=60))
    assert _codes(outcomes) == [(143, True, None), (137, True, None), (0, False, None)]


def test_a_time_limit_does_not_count_while_the_job_waits(executor, fake, job, until):
    fake.set("hold")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(release)
            return await executor().run(job("a", "", timeout=0.3))

    async def release():
        await anyio.sleep(0.8)
        fake.unset("hold")

    assert anyio.run(main).exit_code == 0


def test_a_job_says_where_and_when_it_ran(executor, fake, job, tmp_path):
    _run(executor(), job("a", "exit 3"))
    said = json.loads((tmp_path / "run/a/.exit").read_text())
    assert (said["code"], said["signal"], said["host"]) == (3, None, os.uname().nodename)
    assert 0 <= said["end"] - said["begin"] <= 5
    told = json.loads((tmp_path / "run/a/.job").read_text())
    [[number, tag]] = fake.events("S")
    assert told == {"tag": tag, "scheduler": "slurm", "state": "submitted", "id": number, "options": {}}


def test_the_script_asks_for_what_the_options_say(executor, fake, job):
    asked = Resources(
        nodes=2, cpus=4, gpus=1, memory="8G", queue="long", time=90, account="lab", extra=("--exclusive",)
    )
    _run(executor(resources=asked), job("a"))
    lines = [line for line in fake.submitted().splitlines() if line.startswith("#SBATCH")]
    words = (
        "nodes=2 cpus-per-task=4 gpus-per-node=1 mem=8G partition=long time=0:02:00 account=lab no-requeue exclusive"
    )
    assert lines == [f"#SBATCH --{word}" for word in words.split()]


def test_the_time_limit_of_a_job_is_told_to_the_scheduler(executor, fake, job):
    _run(executor(), job("a", timeout=3600))
    assert "#SBATCH --time=1:01:00\n" in fake.submitted()


def test_a_refused_job_fails_at_once_in_the_words_of_the_scheduler(executor, fake, job):
    fake.set("refuse", "bad")
    outcome = _run(executor(resources=Resources(queue="bad")), job("a"))
    assert outcome.exit_code == 126
    assert outcome.message == (
        "slurm refuses the job: invalid partition specified: bad; Invalid partition name specified"
    )
    assert len(fake.calls("sbatch")) == 1


@pytest.mark.parametrize(
    ("state", "words", "lost"),
    [
        ("TIMEOUT", "time limit", False),
        ("OUT_OF_MEMORY", "out of memory", False),
        ("NODE_FAIL", "node failure", True),
        ("PREEMPTED", "preempted", True),
        ("CANCELLED", "cancelled from outside", False),
    ],
)
@pytest.mark.parametrize("kill", [15, 9])
def test_the_reason_is_the_schedulers_when_it_ended_a_job(executor, fake, job, until, state, words, lost, kill):
    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.to_thread.run_sync, end)
            return await executor().run(job("a", "sleep 60"))

    def end():
        until(lambda: fake.events("R") and (fake.state / f"job.{fake.events('S')[0][0]}").read_text())
        anyio.from_thread.run(anyio.sleep, 0.1)
        fake.end(fake.events("S")[0][0], state, kill=kill)

    outcome = anyio.run(main)
    code = outcome.exit_code
    assert code > 128
    text = f"the scheduler ended it: {words}"
    assert (outcome.hint, outcome.message) == ((None, f"{text} (exit code {code})") if lost else (text, None))
    assert outcome.lost is lost


def test_a_program_killed_for_its_memory_is_told_from_one_that_fails(executor, fake, job, tmp_path):
    fake.set("hold")

    async def main():
        async with anyio.create_task_group() as group:
            group.start_soon(mark)
            return await executor().run(job("a", "kill -9 $$"))

    async def mark():
        while not fake.events("S"):  # noqa: ASYNC110 - a program writes it
            await anyio.sleep(0.02)
        fake.set(f"end.{fake.events('S')[0][0]}", "OUT_OF_MEMORY")
        fake.unset("hold")

    outcome = anyio.run(main)
    assert (outcome.exit_code, outcome.message, outcome.hint) == (137, None, "the scheduler ended it: out of memory")


def test_a_result_is_trusted_over_the_scheduler(executor, fake, job, tmp_path):
    (tmp_path / "run/a").mkdir(parents=True)
    fake.set("forget")
    outcome = _run(executor(), job("a", "exit 4"))
    assert (outcome.exit_code, outcome.message, outcome.lost) == (4, None, False)


@pytest.mark.waiting
def test_a_job_that_was_given_up_says_nothing_of_the_next_one_in_its_place(executor, fake, job, tmp_path):
    first = job("a", "trap '' TERM; touch ../../began; sleep 2; exit 9", grace=30.0)

    async def main():
        ours = executor(cancelling=0.3)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(ours.run, first)
                while not (tmp_path / "run" / "began").exists():  # noqa: ASYNC110 - a program makes it
                    await anyio.sleep(0.02)
                scope.cancel()
        first.step.rename(first.step.with_name("a.bk1"))
        return await ours.run(job("a", "sleep 3; exit 5"))

    assert anyio.run(main).exit_code == 5
