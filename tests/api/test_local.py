"""Ending, deleting, detaching: workflows that run in another process."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Task, Workflow
from dflow.compile import compile_workflow
from dflow.engine.around import Around
from dflow.engine.errors import LeaseHeld, RunNotFound
from dflow.engine.lease import is_running, lease
from dflow.engine.run_directory import create_run
from dflow.engine.runner import run
from dflow.engine.state import read_text
from dflow.executors import make_executor
from dflow.local_mode import LocalRun
from dflow.run_settings import run_settings


def detached(script: str) -> Workflow:
    """A workflow of one step that runs in the background, with that step running."""
    wf = Workflow("bg")
    wf.add(Step("wait", ShellOPTemplate("t", script=f"touch ../../started; {script}"), key="wait"))
    wf.submit(detach=True)
    deadline = time.monotonic() + 20
    while not Path(wf.id, "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return wf


def test_detached_workflow_runs_on_and_can_be_waited_for():
    wf = detached("sleep 0.3")
    assert wf.query_status() == "Running"
    assert wf.wait(interval=0.05) == "Succeeded"


def test_terminate_ends_the_steps_of_another_process():
    wf = detached("echo $$ > ../../child; exec sleep 60")
    while not (child := Path(wf.id, "child")).exists() or not child.read_text().strip():
        time.sleep(0.01)
    wf.terminate()
    assert wf.query_status() == "Terminated"
    assert wf.query_step("wait").phase == "Failed"
    assert "terminated on request" in wf.query_step("wait").message
    with pytest.raises(ProcessLookupError):
        os.kill(int(child.read_text()), 0)


def test_stop_makes_the_workflow_failed():
    wf = detached("exec sleep 60")
    wf.stop()
    assert wf.query_status() == "Failed"
    assert "stopped on request" in wf.query_step("wait").message


def test_running_workflow_is_not_deleted_and_not_run_twice():
    from dflow import local

    wf = detached("exec sleep 60")
    with pytest.raises(LeaseHeld, match=f"is running; end it first with: dflow terminate {wf.id}"):
        wf.delete()
    with pytest.raises(LeaseHeld, match="is being run by process"):
        local.continue_run(LocalRun(wf).layout())
    wf.terminate()
    wf.delete()
    assert not Path(wf.id).exists()


def test_deleted_workflow_is_not_found():
    wf = Workflow("w")
    wf.add(Step("a", ShellOPTemplate("t", script="true")))
    wf.submit()
    wf.delete()
    with pytest.raises(RunNotFound):
        wf.query_status()


@pytest.mark.parametrize("verb", ["terminate", "stop"])
def test_ending_a_workflow_that_has_ended_changes_nothing(verb):
    wf = Workflow("w")
    wf.add(Step("a", ShellOPTemplate("t", script="true")))
    wf.submit()
    getattr(wf, verb)()
    assert wf.query_status() == "Succeeded"


def test_terminating_a_run_whose_runner_died_settles_its_status(tmp_path):
    wf = Workflow("w")
    wf.add(Step("a", ShellOPTemplate("t", script="true")))
    wf.submit()
    (tmp_path / wf.id / "status").write_text("Running")
    wf.terminate()
    assert (tmp_path / wf.id / "status").read_text() == "Terminated"


def test_config_detach_is_the_default_of_submit(tmp_path):
    from dflow import config

    config["detach"] = True
    wf = Workflow("bg")
    wf.add([Task("a", ShellOPTemplate("t", script="true"))])
    wf.submit()
    assert wf.wait(interval=0.05) == "Succeeded"
    assert (tmp_path / wf.id / ".dflow" / "runner.log").read_text().strip().endswith("Succeeded")


def test_a_run_has_said_all_before_it_is_let_go(tmp_path):
    wf = Workflow("w")
    wf.add(Step("a", ShellOPTemplate("t", script="true")))
    graph = compile_workflow(wf)
    layout, told = create_run(tmp_path / "w-1", graph, run_settings(graph)), []
    result = run(layout, make_executor, around=Around(tell=lambda found: told.append((found, is_running(layout)))))
    assert told == [(result, True)]
    assert not is_running(layout)


def test_wait_ends_when_the_runner_has_let_go_of_the_run():
    wf = Workflow("w")
    wf.add(Step("a", ShellOPTemplate("t", script="true")))
    wf.submit()
    layout, found = LocalRun(wf).layout(), []
    waiting = threading.Thread(target=lambda: found.append(wf.wait(interval=0.01)))
    with lease(layout):
        waiting.start()
        time.sleep(0.3)
        assert read_text(layout.status) == "Succeeded"
        assert found == []
    waiting.join(10)
    assert found == ["Succeeded"]


def test_what_was_waited_for_can_be_deleted_at_once():
    for _ in range(3):
        wf = Workflow("bg")
        wf.add(Step("a", ShellOPTemplate("t", script="true")))
        wf.submit(detach=True)
        wf.wait(interval=0.001)
        wf.delete()
        assert not Path(wf.id).exists()
