"""Deadlines of what is around a step hold while its job waits in the queue; the step's own time limit does not."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import dflow
import pytest
from dflow.engine.around import Around
from dflow.engine.layout import RunLayout
from dflow.engine.model import (
    Call,
    ContinueOn,
    ExecutorSpec,
    Literal,
    Pod,
    Retry,
    ScriptTemplate,
    StepsTemplate,
    WorkflowGraph,
)
from dflow.engine.phase import Phase
from dflow.engine.run_directory import create_run
from dflow.engine.runner import run
from dflow.engine.settings import RunSettings
from dflow.engine.state import read_record
from dflow.executors import make_executor, make_other

pytestmark = pytest.mark.waiting
SLURM = ExecutorSpec("slurm", '{"interval": 0.2, "first": 0.05, "grace": 0.6, "collect": 0.05}')


@pytest.fixture
def create(tmp_path):
    """The directory of a run."""

    def make(*templates, **fields):
        layout = RunLayout(tmp_path / "graphs" / "of-batch" / "wf")
        layout.root.parent.mkdir(parents=True)
        settings = RunSettings(library=str(Path(dflow.__file__).parent), kill_grace=0.3)
        create_run(layout.root, WorkflowGraph("wf", "main", templates, **fields), settings)
        return layout

    return make


def _main(*calls, **fields):
    return StepsTemplate("main", groups=tuple((call,) for call in calls), **fields)


def _job(script="sleep 60", **pod):
    return ScriptTemplate("job", "shell", script, pod=Pod(**pod))


def _record(layout, name):
    [found] = (place for place in layout.root.iterdir() if f"-{name}-" in place.name and ".bk" not in place.name)
    return read_record(layout.step(found.name))


def _run(layout, executor):
    """Run, and say how long that took."""
    began = time.monotonic()
    return run(layout, lambda _: executor()).phase, time.monotonic() - began


def _run_with_others(layout):
    """Run, with the executors that calls name, and say how long that took."""
    began = time.monotonic()
    result = run(layout, make_executor, around=Around(make_other=make_other))
    return result.phase, time.monotonic() - began


_RUN = """
import sys
from pathlib import Path
from dflow.engine.around import Around
from dflow.engine.layout import RunLayout
from dflow.engine.runner import run
from dflow.executors import make_executor, make_other
run(RunLayout(Path(sys.argv[1])), make_executor, around=Around(make_other=make_other))
"""


def test_a_job_that_waits_past_the_deadline_of_the_workflow_is_cancelled(create, fake, executor):
    fake.set("hold")
    layout = create(_main(Call("a", "job")), _job(), deadline=Literal("2"))
    phase, seconds = _run(layout, executor)
    assert phase is Phase.FAILED
    assert 2 <= seconds < 10
    assert len(fake.events("S")) == len(fake.events("C")) == 1
    assert (fake.events("R"), fake.active()) == ([], [])
    assert _record(layout, "a")["message"] == "the workflow was ended after its deadline of 2 s"


def test_a_job_that_waits_past_the_time_of_the_steps_around_it_is_cancelled_and_the_workflow_goes_on(create, fake):
    fake.set("hold")
    inner = replace(_main(Call("a", "job", executor=SLURM)), name="inner", retry=Retry(limit=3, max_duration=2.0))
    after = ScriptTemplate("after", "shell", "echo > ../../after")
    main = _main(Call("in", "inner", continue_on=ContinueOn(failed=True)), Call("after", "after"))
    layout = create(main, inner, _job(), after)
    phase, seconds = _run_with_others(layout)
    assert phase is Phase.SUCCEEDED
    assert 2 <= seconds < 15
    assert (layout.root / "after").exists()
    assert len(fake.events("S")) == len(fake.events("C")) == 1, "no other attempt was begun"
    assert (fake.events("R"), fake.active()) == ([], [])
    record = _record(layout, "a")
    assert record["phase"] == "Failed"
    assert re.fullmatch(r"it was ended after its time limit of (1\.\d+|2) s", record["message"])


def test_a_job_that_runs_past_the_time_of_its_own_strategy_is_cancelled(create, fake, executor):
    layout = create(_main(Call("a", "job")), _job("echo x >> ../../ran; sleep 60", retry=Retry(max_duration=3.0)))
    phase, seconds = _run(layout, executor)
    assert phase is Phase.FAILED
    assert 3 <= seconds < 12
    assert (layout.root / "ran").read_text() == "x\n"
    assert (len(fake.events("R")), fake.active()) == (1, [])
    assert re.fullmatch(r"it was ended after its time limit of (2\.\d+|3) s", _record(layout, "a")["message"])


def test_the_time_limit_of_a_step_does_not_count_while_its_job_waits(create, fake, executor, until):
    fake.set("hold")
    layout = create(_main(Call("a", "job")), _job("echo x >> ../../ran", timeout=Literal("1")), deadline=Literal("60"))

    def free():
        until(lambda: fake.events("S"))
        time.sleep(2)
        fake.unset("hold")

    thread = threading.Thread(target=free)
    thread.start()
    phase, seconds = _run(layout, executor)
    thread.join()
    assert phase is Phase.SUCCEEDED
    assert seconds > 2
    assert (layout.root / "ran").read_text() == "x\n"


def test_a_job_left_behind_that_still_waits_is_cancelled_at_the_deadline(create, fake, until):
    fake.set("hold")
    layout = create(_main(Call("a", "job", executor=SLURM)), _job(retry=Retry(max_duration=4.0)))
    with subprocess.Popen([sys.executable, "-c", _RUN, str(layout.root)]) as first:
        until(lambda: fake.events("S"))
        time.sleep(0.5)
        first.kill()
    assert len(fake.active()) == 1
    phase, seconds = _run_with_others(layout)
    assert phase is Phase.FAILED
    assert 3.9 <= seconds < 15
    assert len(fake.events("S")) == 1, "it was gone on with, and not submitted again"
    assert (fake.events("R"), fake.active()) == ([], [])
