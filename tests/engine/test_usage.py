"""What steps have used, and where they ran, stands in their records and in the journal."""

from __future__ import annotations

import socket

import pytest
from dflow.engine.model import Call, Literal, Loop, Retry
from dflow.engine.model_templates import Pod
from dflow.engine.ports import Capabilities, Outcome, Usage
from dflow.engine.runner import run

BUSY = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"


class Elsewhere:
    """An executor whose machine has another name."""

    capabilities = Capabilities()

    def __init__(self, *outcomes):
        self._outcomes = list(outcomes)

    async def run(self, job):
        del job
        return self._outcomes.pop(0)

    def close(self):
        pass


def test_a_step_is_measured(runner, steps, shell):
    runner.go(steps(Call("busy", "busy"), templates=[shell("busy", f"{BUSY}; exit 7")]))
    event, record = runner.nodes["[0].busy"], runner.record("[0].busy")
    assert event["usage"] == record["usage"]
    assert 0.01 < record["usage"]["cpu"] < 5
    assert 1e6 < record["usage"]["maxRss"] < 30e6
    assert event["exitCode"] == record["exitCode"] == 7
    assert record["host"] == socket.gethostname()
    assert "host" not in event, "the journal names other machines only"


def test_groups_and_copies_that_never_began_use_nothing(runner, steps, shell):
    call = Call("l", "leaf", when=Literal("false"), loop=Loop(Literal("[1]")))
    runner.go(steps(call, templates=[shell("leaf", "true")]))
    assert not any("usage" in node or "host" in node for node in runner.nodes.values())


def test_another_machine_is_named(runner, steps, shell):
    runner.create(steps(Call("a", "leaf"), templates=[shell("leaf", "true")]))
    run(runner.layout, lambda _: Elsewhere(Outcome(0, usage=Usage(1.23456), host="n17")))
    event, record = runner.nodes["[0].a"], runner.record("[0].a")
    assert event["host"] == record["host"] == "n17"
    assert event["usage"] == record["usage"] == {"cpu": 1.2346}


def test_of_attempts_the_last_counts(runner, steps, shell):
    leaf = shell("leaf", "true", pod=Pod(retry=Retry(limit=1)))
    runner.create(steps(Call("a", "leaf"), templates=[leaf]))
    ends = Outcome(1, usage=Usage(5.0, 77), host="n1"), Outcome(0)
    run(runner.layout, lambda _: Elsewhere(*ends))
    event, record = runner.nodes["[0].a"], runner.record("[0].a")
    assert (event["phase"], event["retries"]) == ("Succeeded", 1)
    assert "usage" not in event
    assert "usage" not in record
    assert (event.get("host"), record["host"]) == (None, socket.gethostname())


@pytest.mark.parametrize("lost", [True, False])
def test_a_resume_keeps_what_was_measured(runner, steps, shell, lost):
    runner.create(steps(Call("a", "leaf"), Call("b", "leaf"), templates=[shell("leaf", "true")]))
    run(runner.layout, lambda _: Elsewhere(Outcome(0, usage=Usage(1.0, 5), host="n1"), Outcome(1)))
    if lost:
        runner.layout.journal.unlink()
    run(runner.layout, lambda _: Elsewhere(Outcome(0)), again=lambda node: node.display == "b")
    event = runner.nodes["[0].a"]
    assert (event["usage"], event["host"], runner.status) == ({"cpu": 1.0, "maxRss": 5}, "n1", "Succeeded")
