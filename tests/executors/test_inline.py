"""``inline``: an OP in this process, which is afterwards as it was."""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from dflow.engine.ports import Job
from dflow.engine.settings import RunSettings
from dflow.executors import make_executor
from dflow.executors.fork import ForkExecutor
from dflow.executors.inline import RUNTIME, InlineExecutor


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a function in place of the runtime's ``main``."""

    def go(function, **fields):
        monkeypatch.setattr(importlib.import_module(RUNTIME), "main", function)
        (tmp_path / "work").mkdir(exist_ok=True)
        defaults = {"env": dict(os.environ), "log": tmp_path / "log.txt", "runtime": ("op.json", "step")}
        job = Job("wf[0].a", ("never-started",), cwd=tmp_path / "work", **{**defaults, **fields})
        return anyio.run(InlineExecutor().run, job)

    return go


def _world():
    return Path.cwd(), dict(os.environ), list(sys.path), sys.stdout, sys.stderr


def _disturb(arguments):
    os.chdir("/")
    os.environ["NEW"] = "1"
    del os.environ["PATH"]
    sys.path.insert(0, "/somewhere")
    print("something")
    return 0


def test_the_runtime_gets_its_arguments_and_its_status_is_the_exit_code(run):
    seen = []
    assert run(lambda arguments: seen.append(arguments) or 75).exit_code == 75
    assert seen == [["op.json", "step"]]


def test_the_program_is_in_the_directory_and_environment_of_its_job(run, tmp_path):
    seen = []
    run(lambda _: seen.extend([Path.cwd(), os.environ["GREETING"]]) or 0, env={**os.environ, "GREETING": "hi"})
    assert seen == [tmp_path / "work", "hi"]


def test_everything_is_as_before_afterwards(run):
    before = _world()
    run(_disturb)
    assert _world() == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_everything_is_as_before_after_an_exception(run, error):
    def fail(arguments):
        _disturb(arguments)
        raise error

    before = _world()
    with pytest.raises(error):
        run(fail)
    assert _world() == before


def test_output_stands_in_the_log_and_is_shown(run, tmp_path, capsys):
    def speak(arguments):
        print("out é")
        print("err", file=sys.stderr)
        return 0

    run(speak)
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "out é\nerr\n"
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("out é\n", "err\n")


def test_output_before_an_exception_stands_in_the_log(run, tmp_path):
    def fail(arguments):
        print("before")
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the test's own
        run(fail)
    assert (tmp_path / "log.txt").read_text() == "before\n"


def test_a_script_of_another_language_has_a_process(tmp_path):
    job = Job("a", ("sh", "-c", "echo $PPID"), cwd=tmp_path, env=dict(os.environ), log=tmp_path / "log.txt")
    assert anyio.run(InlineExecutor().run, job).exit_code == 0
    assert (tmp_path / "log.txt").read_text() == f"{os.getpid()}\n"


def test_only_one_job_runs_at_a_time():
    assert not InlineExecutor().capabilities.parallel


@pytest.mark.parametrize(("isolation", "kind"), [("inline", InlineExecutor), ("spawn", ForkExecutor)])
def test_the_isolation_chooses_the_executor(isolation, kind):
    assert type(make_executor(RunSettings(isolation=isolation))) is kind


def test_usage_is_what_this_process_used_meanwhile(run):
    def work(arguments):
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
        subprocess.run([sys.executable, "-S", "-c", "import time\nwhile time.process_time() < 0.2: pass"], check=True)
        return 0

    usage = run(work).usage
    assert 0.38 < usage.cpu < 2


def test_memory_is_told_if_this_process_has_never_been_as_large(run):
    def grow(arguments):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        assert bytearray(before + 20_000_000)
        return 0

    assert run(grow).usage.max_rss > 20e6
    assert run(lambda _: 0).usage.max_rss is None
