"""The exit handler: after every end but a terminate, and what it knows (HK-02)."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import pytest
from dflow.engine.control import post_request
from dflow.engine.model import (
    ArtifactFrom,
    Call,
    Hook,
    InputArtifact,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Ref,
    StepsTemplate,
)
from until import until


def with_exit(graph, *templates):
    """The graph with the first of these templates as its exit handler."""
    every = {t.name: t for t in (*graph.templates, *templates)}
    return replace(graph, on_exit=templates[0].name, templates=tuple(every[name] for name in sorted(every)))


@pytest.fixture
def leave(shell, tmp_path):
    """An exit handler that writes down the status and takes a while when ``slow`` exists."""
    return shell("leave", f"echo {{{{workflow.status}}}} >> {tmp_path}/left; test ! -e {tmp_path}/slow || sleep 60")


@pytest.fixture
def left(tmp_path):
    return lambda: (tmp_path / "left").read_text().split() if (tmp_path / "left").exists() else []


@pytest.fixture
def started(runner, steps, shell, leave):
    """A run in a thread, whose step sleeps."""
    runner.create(with_exit(steps(Call("s", "long"), templates=[shell("long", "sleep 60")]), leave))
    thread = threading.Thread(target=runner.go)
    thread.start()
    until(lambda: runner.phases.get("[0].s") == "Running")
    yield thread
    post_request(runner.layout, "terminate")
    thread.join(20)


def test_it_runs_after_a_stop(runner, started, left):
    post_request(runner.layout, "stop")
    started.join(20)
    assert not started.is_alive()
    assert left() == ["Failed"]
    assert runner.phases == {"": "Failed", "[0].s": "Failed", ".onExit": "Succeeded"}
    assert runner.status == "Failed"


def test_it_does_not_run_after_a_terminate(runner, started, left):
    post_request(runner.layout, "terminate")
    started.join(20)
    assert left() == []
    assert runner.status == "Terminated"


def test_a_second_stop_leaves_it_alone_and_a_terminate_ends_it(runner, started, left, tmp_path):
    (tmp_path / "slow").touch()
    post_request(runner.layout, "stop")
    until(left)
    post_request(runner.layout, "stop")
    time.sleep(1)
    assert started.is_alive()
    assert runner.phases[".onExit"] == "Running"
    post_request(runner.layout, "terminate")
    started.join(20)
    assert not started.is_alive()
    assert (runner.phases[".onExit"], runner.status) == ("Failed", "Terminated")


def test_a_terminate_after_a_stop_wins(runner, started, left):
    post_request(runner.layout, "stop")
    post_request(runner.layout, "terminate")
    started.join(20)
    assert left() == []


def test_hooks_that_run_are_ended_with_their_step_and_it_runs_once(runner, steps, shell, leave, left, tmp_path):
    hook = Hook("running", Call("hook", "long"), ("Running",))
    calls = (Call("s", "long", hooks=(hook,)), Call("t", "long"))
    runner.create(with_exit(steps(calls, templates=[shell("long", "sleep 60")], parallelism=5), leave))
    thread = threading.Thread(target=runner.go)
    thread.start()
    until(lambda: runner.phases.get("[0].s.hooks.running") == runner.phases.get("[0].t") == "Running")
    post_request(runner.layout, "stop")
    thread.join(20)
    assert not thread.is_alive()
    assert left() == ["Failed"]
    assert set(runner.phases.values()) == {"Failed", "Succeeded"}
    assert [name for name, phase in runner.phases.items() if phase == "Succeeded"] == [".onExit"]


def test_it_runs_again_when_the_workflow_ends_otherwise(runner, steps, shell, leave, left, tmp_path):
    graph = with_exit(steps(Call("s", "try"), templates=[shell("try", f"test -e {tmp_path}/go")]), leave)
    runner.go(graph)
    assert left() == ["Failed"]
    (tmp_path / "go").touch()
    runner.go(again=lambda node: node.phase.is_failure)
    assert left() == ["Failed", "Succeeded"]
    runner.go()
    assert left() == ["Failed", "Succeeded"]


def test_it_knows_what_failed_and_what_the_workflow_gave(runner, steps, shell, tmp_path):
    names = ("failures", "duration", "outputs.parameters.g", "name")
    show = "; ".join(f"echo '{{{{workflow.{name}}}}}' > {tmp_path}/{name}" for name in names)
    give = Outputs((OutputParameter("x", path="/tmp/x", global_name="g"),))
    calls = (Call("good", "give"), Call("bad", "bad"))
    templates = [shell("give", "echo 7 > /tmp/x", outputs=give), shell("bad", "exit 3")]
    runner.go(with_exit(steps(calls, templates=templates), shell("leave", show)))
    (failure,) = json.loads((tmp_path / "failures").read_text())
    node = runner.nodes["[0].bad"]
    assert failure["podName"] == f"wf-1-bad-{node['id'].rpartition('-')[2]}"
    assert failure["finishedAt"].startswith("20")
    del failure["podName"], failure["finishedAt"]
    assert failure == {"displayName": "bad", "message": "exit code 3", "templateName": "bad", "phase": "Failed"}
    assert float((tmp_path / "duration").read_text()) >= 0
    assert (tmp_path / "outputs.parameters.g").read_text() == "7\n"
    assert (tmp_path / "name").read_text() == "wf-1\n"


def test_it_gets_the_artifacts_of_the_workflow(runner, steps, shell, tmp_path):
    give = Outputs(artifacts=(OutputArtifact("f", path="/tmp/f", global_name="g"),))
    read = shell(
        "read", f"cat /tmp/in > {tmp_path}/seen", inputs=Inputs(artifacts=(InputArtifact("f", path="/tmp/in"),))
    )
    source = ArtifactFrom(Ref("workflow.outputs.artifacts.g"))
    leave = StepsTemplate("leave", ((Call("r", "read", artifacts=(("f", source),)),),))
    make = shell("give", "echo made > /tmp/f", outputs=give)
    runner.go(with_exit(steps(Call("s", "give"), templates=[make]), leave, read))
    assert runner.status == "Succeeded"
    assert (tmp_path / "seen").read_text() == "made\n"
