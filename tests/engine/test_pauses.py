"""Suspend templates: steps that wait for a time or for somebody (SU-01)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dflow.engine.control import post_request
from dflow.engine.model import (
    Call,
    Expr,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Ref,
    StepsTemplate,
    SuspendTemplate,
    Text,
    WorkflowGraph,
)
from dflow.engine.runner import run
from dflow.executors import make_executor

P = Inputs((InputParameter("p"),))


@contextlib.contextmanager
def running(argo, graph=None):
    """A run in another thread, until its steps wait; it must end by itself."""
    if graph is not None:
        argo.create(graph)
    thread = threading.Thread(target=run, args=(argo.layout, make_executor))
    thread.start()
    try:
        until(lambda: "Suspend" in {node["type"] for node in argo.nodes.values()})
        yield
        thread.join(15)
    finally:
        alive = thread.is_alive()
        if alive:
            post_request(argo.layout, "terminate")
            thread.join(15)
    assert not alive, "the run did not end"


def until(holds, seconds=10):
    deadline = time.time() + seconds
    while time.time() < deadline:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if holds():
                return
        time.sleep(0.02)
    pytest.fail("it did not come about")


def seconds(argo, node):
    return argo.nodes[node]["finished"] - argo.nodes[node]["started"]


@pytest.mark.parametrize(("duration", "least"), [("0.4", 0.4), ("400ms", 0.4), ("0m0.4s", 0.4), ("0", 0.0)])
def test_a_pause_ends_after_its_duration(argo, steps, shell, duration, least):
    pause = SuspendTemplate("wait", Literal(duration))
    argo.go(steps(Call("w", "wait"), Call("b", "b"), templates=[pause, shell("b", "true")]))
    assert argo.phases == {"": "Succeeded", "[0].w": "Succeeded", "[1].b": "Succeeded"}
    assert least <= seconds(argo, "[0].w") < least + 2
    assert argo.nodes["[0].w"]["type"] == "Suspend"


def test_the_duration_can_come_from_an_input_and_pauses_run_side_by_side(argo, steps):
    pause = SuspendTemplate("wait", Text("{{inputs.parameters.p}}00ms"), inputs=P)
    call = Call("w", "wait", (("p", Ref("item")),), loop=Loop(Literal("[5, 6, 7]")))
    began = time.time()
    argo.go(steps(call, templates=[pause]))
    assert argo.status == "Succeeded"
    assert time.time() - began < 2.5


def test_pauses_take_no_place_of_leaf_steps(argo, steps, shell):
    pause = SuspendTemplate("wait", Literal("2"))
    graph = steps(
        (*(Call(f"w{i}", "wait") for i in range(5)), Call("b", "b")),
        templates=[pause, shell("b", "true")],
        parallelism=1,
    )
    argo.go(graph)
    assert argo.nodes["[0].b"]["finished"] - argo.nodes["[0].w0"]["started"] < 1.9


@pytest.mark.parametrize("duration", ["soon", "", "-3", "nan"])
def test_a_duration_that_is_none_is_an_error(argo, steps, duration):
    argo.go(steps(Call("w", "wait"), templates=[SuspendTemplate("wait", Literal(duration))]))
    assert argo.phases["[0].w"] == "Error"
    assert f"the duration {duration!r} of 'w' is none" in argo.nodes["[0].w"]["message"]


def test_a_pause_without_duration_says_how_to_resume_and_waits_for_that(argo, steps, shell, caplog):
    graph = steps(Call("w", "wait"), Call("b", "b"), templates=[SuspendTemplate("wait"), shell("b", "true")])
    with running(argo, graph):
        until(lambda: "dflow resume wf-1" in caplog.text)
        post_request(argo.layout, "resume")
    assert (argo.status, argo.nodes["[0].w"]["message"]) == ("Succeeded", "resumed")


SUPPLIED = Outputs((OutputParameter("v", supplied=True), OutputParameter("d", supplied=True, default=Literal("def"))))


def approval(shell):
    use = (("p", Text("{{steps.w.outputs.parameters.v}} {{steps.w.outputs.parameters.d}}")),)
    tell = shell("tell", "echo '{{inputs.parameters.p}}'", inputs=P, result=True)
    return {
        "calls": (Call("w", "wait"), Call("t", "tell", use)),
        "templates": [SuspendTemplate("wait", outputs=SUPPLIED), tell],
    }


def test_who_resumes_gives_the_outputs(argo, steps, shell, caplog):
    made = approval(shell)
    with running(argo, steps(*made["calls"], templates=made["templates"])):
        post_request(argo.layout, "resume")  # without what it needs it is not resumed
        until(lambda: "step 'w' is not resumed: it needs a value for 'v'" in caplog.text)
        post_request(argo.layout, "resume", outputs={"v": "yes"})
    assert argo.directory("[1].t").joinpath("outputs", "result").read_text() == "yes def"


def test_only_the_steps_that_are_named_are_resumed(argo, steps):
    graph = steps(
        (Call("w", "wait"), Call("x", "wait"), Call("y", "wait", key=Literal("yy"))),
        templates=[SuspendTemplate("wait")],
    )
    with running(argo, graph):
        until(lambda: len(argo.nodes) == 4)
        post_request(argo.layout, "resume", steps=["x", "yy"])
        until(lambda: argo.phases["[0].x"] == argo.phases["[0].y"] == "Succeeded")
        assert argo.phases["[0].w"] == "Running"
        post_request(argo.layout, "resume")
    assert argo.status == "Succeeded"


def test_defaults_are_given_when_the_time_is_over(argo, steps):
    outputs = Outputs((OutputParameter("v", supplied=True, default=Literal("none"), global_name="v"),))
    argo.go(steps(Call("w", "wait"), templates=[SuspendTemplate("wait", Literal("0.1"), outputs=outputs)]))
    assert argo.outputs()["parameters"] == {"v": "none"}


def test_without_a_default_nobody_giving_a_value_is_an_error(argo, steps):
    argo.go(steps(Call("w", "wait"), templates=[SuspendTemplate("wait", Literal("0.1"), outputs=SUPPLIED)]))
    assert argo.phases["[0].w"] == "Error"
    assert argo.nodes["[0].w"]["message"] == "its time is over, and nobody gave a value for 'v'"


@pytest.mark.parametrize(("verb", "status"), [("terminate", "Terminated"), ("stop", "Failed")])
def test_a_run_that_waits_can_be_ended(argo, steps, verb, status):
    graph = steps(Call("w", "wait"), Call("b", "wait"), templates=[SuspendTemplate("wait")])
    with running(argo, graph):
        post_request(argo.layout, verb)
    assert (argo.status, argo.phases["[0].w"]) == (status, "Failed")
    assert "[1].b" not in argo.phases


def test_a_pause_in_a_branch_leaves_others_alone(argo, dag, shell):
    tasks = (
        Call("w", "wait"),
        Call("a", "a"),
        Call("b", "a", dependencies=("a",)),
        Call("c", "a", dependencies=("w",)),
    )
    argo.go(dag(*tasks, templates=[SuspendTemplate("wait", Literal("1.5")), shell("a", "true")]))
    assert argo.nodes[".b"]["finished"] < argo.nodes[".w"]["finished"] <= argo.nodes[".c"]["started"]


def killed_while_waiting(argo, graph):
    """Run a graph in another process, and kill that while it waits."""
    argo.create(graph)
    code = (
        "import sys; from pathlib import Path; from dflow.engine.layout import RunLayout;"
        "from dflow.engine.runner import run; from dflow.executors import make_executor;"
        "run(RunLayout(Path(sys.argv[1])), make_executor)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(argo.layout.root)])
    try:
        until(lambda: argo.nodes["[0].w"]["phase"] == "Running")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.waiting
def test_after_a_kill_the_rest_of_the_time_is_waited(argo, steps):
    killed_while_waiting(argo, steps(Call("w", "wait"), templates=[SuspendTemplate("wait", Literal("3"))]))
    started = argo.nodes["[0].w"]["started"]
    time.sleep(1.5)
    began = time.time()
    argo.go()
    assert time.time() - began < 2.5
    assert argo.nodes["[0].w"]["started"] == started
    assert 3.0 <= seconds(argo, "[0].w") < 4.5
    assert not list(argo.layout.attempts.glob("*"))


def test_a_pause_that_is_over_is_not_waited_for_again_and_keeps_what_was_given(argo, steps, shell):
    made = approval(shell)
    templates = [
        made["templates"][0],
        shell("tell", "test -e ../../ok && echo '{{inputs.parameters.p}}'", inputs=P, result=True),
    ]
    with running(argo, steps(*made["calls"], templates=templates)):
        post_request(argo.layout, "resume", outputs={"v": "yes"})
    assert argo.status == "Failed"
    Path(argo.layout.root, "ok").touch()
    argo.go(again=lambda node: node.phase.is_failure)
    assert argo.status == "Succeeded"
    assert argo.directory("[1].t").joinpath("outputs", "result").read_text() == "yes def"


def test_a_condition_on_what_was_given_decides(argo, shell):
    made = approval(shell)
    calls = (
        made["calls"][0],
        Call("t", "tell", (("p", Literal("")),), when=Expr("steps.w.outputs.parameters.v == 'yes'")),
    )
    main = StepsTemplate("main", tuple((call,) for call in calls))
    graph = WorkflowGraph("wf", "main", (main, made["templates"][1], made["templates"][0]))
    with running(argo, graph):
        post_request(argo.layout, "resume", outputs={"v": "no"})
    assert argo.phases["[1].t"] == "Skipped"
