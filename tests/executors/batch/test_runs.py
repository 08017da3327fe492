"""Workflows whose leaf steps are jobs of a scheduler."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import dflow
import pytest
from dflow.engine.layout import RunLayout
from dflow.engine.model import Call, Pod, Retry, ScriptTemplate, StepsTemplate, WorkflowGraph
from dflow.engine.phase import Phase
from dflow.engine.run_directory import create_run
from dflow.engine.runner import run
from dflow.engine.settings import RunSettings
from dflow.engine.state import read_record
from dflow.executors.batch import Resources

pytestmark = pytest.mark.waiting


@pytest.fixture
def create(tmp_path):
    """A run of scripts, one after the other."""

    def make(*scripts, **pod):
        layout = RunLayout(tmp_path / "graphs" / "of-batch" / "wf")
        layout.root.parent.mkdir(parents=True)
        templates = [ScriptTemplate(f"t{n}", "shell", text, pod=Pod(**pod)) for n, text in enumerate(scripts)]
        calls = tuple((Call(f"s{n}", f"t{n}"),) for n in range(len(scripts)))
        main = StepsTemplate("main", groups=calls)
        settings = RunSettings(library=str(Path(dflow.__file__).parent), kill_grace=0.3)
        create_run(layout.root, WorkflowGraph("wf", "main", (main, *templates)), settings)
        return layout

    return make


def _step(layout, name):
    [found] = (place for place in layout.root.iterdir() if f"-{name}-" in place.name and ".bk" not in place.name)
    return layout.step(found.name)


def test_a_run_of_several_steps(create, fake, executor):
    layout = create("echo a > ../../a.txt", "cat ../../a.txt")
    result = run(layout, lambda _: executor())
    assert result.phase is Phase.SUCCEEDED
    assert _step(layout, "s1").log.read_text() == "a\n"
    assert len(fake.events("S")) == 2


def test_a_failed_job_is_tried_again_in_a_directory_of_its_own(create, fake, executor):
    layout = create("echo x >> ../../ran; test $(wc -l < ../../ran) = 3", retry=Retry(limit=5))
    assert run(layout, lambda _: executor()).phase is Phase.SUCCEEDED
    assert (layout.root / "ran").read_text() == "x\nx\nx\n"


def test_a_lost_job_is_run_again(create, fake, executor):
    layout = create("echo x >> ../../ran; test $(wc -l < ../../ran) = 2 || sleep 60")

    def kill():
        while not fake.events("R") or not (layout.root / "ran").exists():
            time.sleep(0.02)
        fake.end(fake.events("S")[0][0], "NODE_FAIL")

    thread = threading.Thread(target=kill)
    thread.start()
    assert run(layout, lambda _: executor()).phase is Phase.SUCCEEDED
    thread.join()
    assert (layout.root / "ran").read_text() == "x\nx\n"


def test_the_reason_of_the_scheduler_is_the_message_of_the_step(create, fake, executor):
    fake.set("refuse", "bad")
    layout = create("true")
    run(layout, lambda _: executor(resources=Resources(queue="bad")))
    record = read_record(_step(layout, "s0"))
    assert record["phase"] == "Error"
    assert "slurm refuses the job: invalid partition specified: bad" in record["message"]


_RUN = """
import sys
from pathlib import Path
from dflow.engine.layout import RunLayout
from dflow.engine.runner import run
from dflow.executors.batch import BatchExecutor, BatchOptions, scheduler_named
options = BatchOptions(interval=0.2, first=0.05, grace=0.6, rate=1000.0)
print(run(RunLayout(Path(sys.argv[1])), lambda _: BatchExecutor(scheduler_named(sys.argv[2]), options)).phase.value)
"""


@pytest.fixture
def process():
    """A run in a process of its own."""
    started = []

    def start(layout, scheduler="slurm"):
        command = [sys.executable, "-c", _RUN, str(layout.root), scheduler]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.parametrize("scheduler", ["slurm", "shell"])
def test_a_run_that_is_killed_goes_on_with_its_jobs(create, fake, process, until, scheduler):
    layout = create("echo x >> ../../ran; sleep 1; echo done", "echo y >> ../../ran")
    first = process(layout, scheduler)
    until((layout.root / "ran").exists)
    first.kill()
    first.wait()
    second = process(layout, scheduler)
    assert second.communicate(timeout=30)[0] == "Succeeded\n"
    assert (layout.root / "ran").read_text() == "x\ny\n"
    assert _step(layout, "s0").log.read_text() == "done\n"


def test_a_run_that_is_interrupted_leaves_no_job(create, fake, process, until):
    layout = create("echo x >> ../../ran; sleep 60")
    first = process(layout)
    until((layout.root / "ran").exists)
    first.send_signal(signal.SIGINT)
    first.wait(timeout=20)
    assert fake.active() == []


def test_a_step_that_failed_is_run_again_when_the_run_is_retried(create, fake, executor):
    layout = create("echo x >> ../../ran; test $(wc -l < ../../ran) = 2")
    assert run(layout, lambda _: executor()).phase is Phase.FAILED
    assert run(layout, lambda _: executor(), again=lambda node: node.phase is Phase.FAILED).phase is Phase.SUCCEEDED
    assert (layout.root / "ran").read_text() == "x\nx\n"
