"""``spawn``: a process for each job, of which nothing is left."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import anyio
import pytest
from dflow.engine.ports import Job
from dflow.executors.subprocess import SubprocessExecutor


@pytest.fixture
def job(tmp_path):
    """A job that runs a shell script."""

    def make(script, **fields):
        argv = fields.pop("argv", ("sh", "-c", script))
        defaults = {"cwd": tmp_path, "env": dict(os.environ), "log": tmp_path / "log.txt", "grace": 0.3}
        return Job("wf[0].a", argv, **{**defaults, **fields})

    return make


def _run(job):
    return anyio.run(SubprocessExecutor().run, job)


def _gone(pid, seconds=2.0):
    """Whether a process ends within some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def _open_files():
    return {file.name for file in Path("/proc/self/fd").iterdir()}


async def _appears(path):
    while not path.exists() or not path.read_text().endswith("\n"):  # noqa: ASYNC110 - a program writes it
        await anyio.sleep(0.01)
    return path.read_text().split()


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 1", 1), ("exit 75", 75), ("exit 255", 255), ("no-such-command", 127), ("exit 256", 0)],
)
def test_the_exit_code_is_the_programs(job, script, code):
    outcome = _run(job(script))
    assert (outcome.exit_code, outcome.timed_out, outcome.message) == (code, False, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGINT])
def test_a_program_that_a_signal_ended_has_128_plus_its_number(job, number):
    assert _run(job(f"kill -{int(number)} $$")).exit_code == 128 + number


def test_a_program_that_does_not_exist_cannot_start(job):
    outcome = _run(job("", argv=("/no/such/program",)))
    assert outcome.exit_code == 126
    assert outcome.message == "cannot start '/no/such/program': No such file or directory"


def test_a_file_that_is_no_program_cannot_start(job, tmp_path):
    (tmp_path / "data").write_text("x")
    assert _run(job("", argv=(str(tmp_path / "data"),))).message.endswith("Permission denied")


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_an_argument_that_no_program_can_get_cannot_start(job, word):
    outcome = _run(job("", argv=("echo", word)))
    assert outcome.exit_code == 126
    assert outcome.message.startswith("cannot start 'echo'")


def test_output_and_errors_stand_in_the_log_in_the_order_of_writing(job, tmp_path):
    _run(job("echo 1; echo 2 >&2; echo 3; echo 4 >&2"))
    assert (tmp_path / "log.txt").read_text() == "1\n2\n3\n4\n"


def test_the_log_is_appended_to(job, tmp_path):
    _run(job("echo 1"))
    _run(job("echo 2"))
    assert (tmp_path / "log.txt").read_text() == "1\n2\n"


def test_standard_input_is_empty(job):
    assert _run(job('test -z "$(cat)"')).exit_code == 0


def test_the_environment_and_the_directory_are_the_jobs(job, tmp_path):
    (tmp_path / "w").mkdir()
    _run(job("echo $GREETING; pwd; echo ${HOME-none}", env={"GREETING": "hi"}, cwd=tmp_path / "w"))
    assert (tmp_path / "log.txt").read_text() == f"hi\n{tmp_path}/w\nnone\n"


def test_usage_is_what_the_program_used(job):
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    code = f"import time\nx = bytearray({own + 60_000_000})\nwhile time.process_time() < 0.15: pass"
    usage = _run(job("", argv=(sys.executable, "-S", "-c", code))).usage
    assert 0.14 < usage.cpu < 3
    assert own + 55e6 < usage.max_rss < own + 200e6


def test_memory_is_not_told_where_it_is_hidden_by_that_of_the_engine(job):
    large = bytearray(100_000_000)
    usage = _run(job("echo 1")).usage
    assert large
    assert usage.max_rss is None
    assert usage.cpu < 0.5


def test_a_program_that_takes_too_long_is_ended(job):
    begin = time.monotonic()
    outcome = _run(job("sleep 30", timeout=0.1))
    assert outcome.timed_out
    assert outcome.exit_code == 128 + signal.SIGTERM
    assert time.monotonic() - begin < 5


def test_a_program_that_is_out_of_time_may_clean_up(job, tmp_path):
    _run(job("trap 'echo cleaned; exit 3' TERM; sleep 30 & wait", timeout=0.2, grace=5))
    assert (tmp_path / "log.txt").read_text() == "cleaned\n"


def test_a_timeout_ends_a_program_that_ignores_sigterm_and_its_background_child(job, tmp_path):
    script = "trap '' TERM; (trap '' TERM; sleep 60) & echo $! $$ > pids; sleep 60; sleep 60"
    outcome = _run(job(script, timeout=0.3, grace=0.2))
    assert outcome.timed_out
    assert outcome.exit_code == 128 + signal.SIGKILL
    assert all(_gone(pid) for pid in (tmp_path / "pids").read_text().split())


def test_what_a_program_left_in_the_background_is_ended_with_it(job, tmp_path):
    outcome = _run(job("sleep 60 & echo $! > pids"))
    assert outcome.exit_code == 0
    assert all(_gone(pid) for pid in (tmp_path / "pids").read_text().split())


def test_cancellation_ends_the_whole_group(job, tmp_path):
    async def cancelled():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                SubprocessExecutor().run, job("trap '' TERM; sleep 60 & echo $! $$ > pids; wait; sleep 60")
            )
            with anyio.fail_after(5):
                pids = await _appears(tmp_path / "pids")
            tasks.cancel_scope.cancel()
        return pids

    assert all(_gone(pid) for pid in anyio.run(cancelled))


def _children() -> set[str]:
    """Processes of this one, zombies too; a server that another test has started may be among them."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


def test_a_hundred_runs_leave_no_zombie_and_no_open_file(job):
    children = _children()

    async def many():
        executor = SubprocessExecutor()
        await executor.run(job("exit 0"))
        before = _open_files()
        async with anyio.create_task_group() as tasks:
            for number in range(100):
                tasks.start_soon(executor.run, job("exit 0", timeout=30 if number % 2 else None))
        assert _open_files() - before == set()

    anyio.run(many)
    assert _children() - children == set()


def test_jobs_run_side_by_side(job):
    async def several():
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(SubprocessExecutor().run, job("sleep 0.4"))

    begin = time.monotonic()
    anyio.run(several)
    assert time.monotonic() - begin < 1.6
